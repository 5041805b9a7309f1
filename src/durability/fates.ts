/**
 * Fates: what chance has for each house and each peer, from streams of their own.
 */

import { gamma } from './closed-forms.ts'
import { Streams } from './streams.ts'
import { YEAR_DAYS, type World } from './world.ts'

/** Purposes of streams; each house and each peer adds its number. */
const PURPOSE = { places: 1, shock: 2, house: 1_000_000, peer: 2_000_000_000 } as const

/** Streams that are nobody's: for places and jobs, and for shocks. */
const PLACES = 0
const SHOCK = 1
const OWN = 2

export class Fates {
  readonly streams: Streams
  readonly #world: World
  readonly #houses: number
  /** For each house: its lifetime as a Weibull distribution's scale and 1 / shape. */
  readonly #lifeScale: Float64Array
  readonly #lifePower: Float64Array
  /** For each peer: mean days from one absence to the next. */
  readonly #absenceDays: Float64Array

  constructor(world: World, houses: number) {
    const { peers, lifetimes } = world
    const each = Array.from(
      { length: houses },
      (_, house) => lifetimes[Math.min(house, lifetimes.length - 1)]!,
    )
    this.streams = new Streams(OWN + houses + peers.length)
    this.#world = world
    this.#houses = houses
    this.#lifeScale = Float64Array.from(each, ({ mean, shape }) => mean / gamma(1 + 1 / shape))
    this.#lifePower = Float64Array.from(each, ({ shape }) => 1 / shape)
    this.#absenceDays = Float64Array.from(
      peers,
      ({ absences }) => YEAR_DAYS / absences.reduce((sum, { perYear }) => sum + perYear, 0),
    )
  }

  begin(seed: number, run: number): void {
    const { streams } = this
    streams.seed(PLACES, seed, run, PURPOSE.places)
    streams.seed(SHOCK, seed, run, PURPOSE.shock)
    for (let house = 0; house < this.#houses; house += 1) {
      streams.seed(OWN + house, seed, run, PURPOSE.house + house)
    }
    for (let peer = 0; peer < this.#absenceDays.length; peer += 1) {
      streams.seed(this.#streamOf(peer), seed, run, PURPOSE.peer + peer)
    }
  }

  /** @returns days until everybody in a house leaves for good */
  lifeOf(house: number): number {
    const drawn = -Math.log(this.streams.unit(OWN + house))
    const power = this.#lifePower[house]!
    return this.#lifeScale[house]! * (power === 1 ? drawn : drawn ** power)
  }

  /** @returns days until the next absence begins; `Infinity` for who is never away */
  absenceIn(peer: number): number {
    const mean = this.#absenceDays[peer]!
    return mean === Infinity ? Infinity : this.streams.exponential(this.#streamOf(peer), mean)
  }

  /** @returns how long this absence is, days */
  absenceOf(peer: number): number {
    const { absences } = this.#world.peers[peer]!
    let left = (this.streams.unit(this.#streamOf(peer)) * YEAR_DAYS) / this.#absenceDays[peer]!
    for (const { perYear, days } of absences) {
      left -= perYear
      if (left < 0) return days
    }
    return absences.at(-1)?.days ?? 0
  }

  /** @returns days until somebody takes the place */
  newcomerIn(peer: number, mean: number): number {
    return this.streams.exponential(this.#streamOf(peer), mean)
  }

  jobOf(mean: number): number {
    return this.streams.exponential(PLACES, mean)
  }

  shockIn(perYear: number): number {
    return this.streams.exponential(SHOCK, YEAR_DAYS / perYear)
  }

  isStruck(fraction: number): boolean {
    return this.streams.unit(SHOCK) < fraction
  }

  /** @returns days between two events of a world, about */
  spacing(hasJobs: boolean): number {
    const { packs, code } = this.#world
    const lives = this.#lifeScale.reduce((sum, days) => sum + 1 / days, 0)
    const absences = this.#absenceDays.reduce((sum, days) => sum + 4 / days, 0)
    const jobs = hasJobs ? (packs * code.total * lives) / this.#houses : 0
    return 1 / (lives + absences + jobs + 1e-3)
  }

  #streamOf(peer: number): number {
    return OWN + this.#houses + peer
  }
}
