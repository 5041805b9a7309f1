/**
 * Presence: who is on, hour by hour, and how long a restore takes to meet enough friends.
 *
 * Losses take years and are the engine's; a restore takes hours or days, in which machines go on and off by
 * their rhythms. Whoever is on for an hour is asked for all that it holds; how long the bytes take is
 * another matter, that of lines.
 */

import type { Engine } from './engine.ts'
import type { Gathered } from './share-book.ts'
import { Streams } from './streams.ts'
import { DAY_HOURS, WEEK_HOURS } from './world.ts'

const PURPOSE = { start: 3, peer: 1_500_000_000 } as const

/** Luck that lasts a day is drawn at this hour, when nearly everybody sleeps. */
const DAWN_HOUR = 4

export class Presence {
  /** For each peer 1 if it is on. */
  readonly on: Uint8Array
  readonly #engine: Engine
  readonly #streams: Streams
  readonly #luck: Float64Array
  readonly #backAt: Float64Array
  readonly #isMet: Uint8Array
  readonly #gathered: { -readonly [key in keyof Gathered]: Gathered[key] }
  #hour = 0

  constructor(engine: Engine) {
    const { world, book } = engine
    this.#engine = engine
    this.on = new Uint8Array(world.peers.length)
    this.#streams = new Streams(1 + world.peers.length)
    this.#luck = new Float64Array(world.peers.length)
    this.#backAt = new Float64Array(world.peers.length)
    this.#isMet = new Uint8Array(world.peers.length)
    this.#gathered = {
      stamps: new Int32Array(book.packs * book.total),
      stamp: 0,
      got: new Uint16Array(book.packs),
    }
  }

  /**
   * Begin at some hour of the week, with those who take part now.
   *
   * @param number - the same one gives the same luck
   * @param hour - 0 … 167; drawn where none is given
   */
  begin(number: number, hour?: number): void {
    const { world } = this.#engine
    this.#streams.seed(0, world.seed, number, PURPOSE.start)
    for (let peer = 0; peer < this.on.length; peer += 1) {
      this.#streams.seed(1 + peer, world.seed, number, PURPOSE.peer + peer)
      this.#luck[peer] = this.#streams.unit(1 + peer)
      const days = this.#engine.backAt(peer) - this.#engine.now
      this.#backAt[peer] = days * DAY_HOURS
    }
    this.#hour = hour ?? this.#streams.below(0, WEEK_HOURS)
    this.#show(0)
  }

  /** An hour later. */
  step(elapsed: number): void {
    this.#hour = (this.#hour + 1) % WEEK_HOURS
    this.#show(elapsed)
  }

  /**
   * How long a restore of everything has to wait for friends.
   *
   * @param hoursMax - longer it does not wait
   * @returns hours, 0 if enough are on at once; `Infinity` where it takes longer or something is lost
   */
  hoursToRestore(number: number, hoursMax: number, hour?: number): number {
    const { book, world } = this.#engine
    const gathered = this.#gathered
    gathered.stamp += 1
    gathered.got.fill(0)
    this.#isMet.fill(0)
    this.begin(number, hour)
    let complete = 0
    for (let elapsed = 0; ;) {
      for (let peer = 0; peer < this.on.length; peer += 1) {
        if (this.on[peer] === 0 || this.#isMet[peer] === 1) continue
        this.#isMet[peer] = 1
        complete += book.gather(peer, gathered, world.code.needed)
      }
      if (complete === book.packs) return elapsed
      elapsed += 1
      if (elapsed >= hoursMax) return Infinity
      this.step(elapsed)
    }
  }

  #show(elapsed: number): void {
    const { peers } = this.#engine.world
    for (let peer = 0; peer < this.on.length; peer += 1) {
      const { hours, zone, luckHours } = peers[peer]!.rhythm
      const local = (this.#hour + zone + WEEK_HOURS) % WEEK_HOURS
      if (elapsed > 0 && (local + WEEK_HOURS - DAWN_HOUR) % luckHours === 0) {
        this.#luck[peer] = this.#streams.unit(1 + peer)
      }
      const isOn = this.#luck[peer]! < hours[local]! && this.#backAt[peer]! <= elapsed
      this.on[peer] = isOn ? 1 : 0
    }
  }
}
