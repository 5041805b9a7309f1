/**
 * The durability engine: years of many friends and many packs, share by share, from one seed.
 *
 * Friends leave for good, are away for days or weeks and come back; others come in their place, or nobody
 * does; shares are made again as the product does it, by its own clocks and thresholds, or as closed forms
 * have it. No promise is made and nothing is allocated while it runs: a hundred thousand friend-years
 * take about a second of one processor.
 *
 * What is modelled, and what is not: docs/adr/0080-durability-engine.md
 */

import { SEEN_LATELY_MS } from '../grid/standing.ts'
import { Fates } from './fates.ts'
import { HERE, Mender } from './mender.ts'
import { ShareBook, type PackListener } from './share-book.ts'
import { Timers } from './timers.ts'
import { YEAR_DAYS, type Shock, type Turn, type World } from './world.ts'

const DAY_MS = 86_400_000
const MISSED_DAYS = SEEN_LATELY_MS / DAY_MS

/** What may be the matter with a peer that is not here. */
const DEAD = 2
const MISSED = 4
const GIVEN_UP = 8

/** Somebody who looks at a run at the moments that were asked for. */
export type Observer = (engine: Engine, moment: number) => void

export class Engine implements PackListener {
  readonly world: World
  readonly book: ShareBook
  readonly days: number
  /** For each pack: the day on which it was first lost; `Infinity` where it never was. */
  readonly lostAt: Float64Array
  /** How long packs had so many living shares, days: index 0 … n. */
  readonly occupancy: Float64Array
  /** Of a run: packs lost, and houses that left. */
  losses = 0
  housesLeft = 0
  /** A place's peer was given up, and came back. */
  falseAlarms = 0
  /** Events of a run, for who measures speed. */
  events = 0

  readonly #timers: Timers
  readonly #mender: Mender
  readonly #fates: Fates
  /** For each place. */
  readonly #state: Uint8Array
  readonly #silentSince: Float64Array
  readonly #scriptAt: Int32Array
  readonly #domain: Int32Array
  /** For each house: its places, from here on in `#places`. */
  readonly #houseFrom: Int32Array
  readonly #places: Int32Array
  readonly #houses: number
  readonly #changedAt: Float64Array
  readonly #peer0: number
  readonly #silence0: number
  readonly #check: number
  readonly #shockTimer: number
  readonly #pack0: number
  readonly #needed: number
  readonly #threshold: number
  readonly #jobDays: number
  readonly #checkDays: number
  readonly #isDrawn: boolean
  readonly #isClocked: boolean
  readonly #isSticky: boolean

  constructor(world: World) {
    const { peers, code, packs, repairing } = world
    this.world = world
    this.days = world.years * YEAR_DAYS
    this.book = new ShareBook({ code, packs, peers: peers.length }, this)
    this.#houses = peers.reduce((most, { domain }) => Math.max(most, domain + 1), 0)
    this.#fates = new Fates(world, this.#houses)
    this.lostAt = new Float64Array(packs)
    this.occupancy = new Float64Array(code.total + 1)
    this.#state = new Uint8Array(peers.length)
    this.#silentSince = new Float64Array(peers.length)
    this.#scriptAt = new Int32Array(peers.length)
    this.#domain = Int32Array.from(peers, ({ domain }) => domain)
    const byHouse = peers.map((_, peer) => peer)
    byHouse.sort((a, b) => this.#domain[a]! - this.#domain[b]! || a - b)
    this.#places = Int32Array.from(byHouse)
    this.#houseFrom = new Int32Array(this.#houses + 1)
    for (const { domain } of peers) this.#houseFrom[domain + 1]! += 1
    for (let house = 0; house < this.#houses; house += 1) {
      this.#houseFrom[house + 1]! += this.#houseFrom[house]!
    }
    this.#changedAt = new Float64Array(packs)
    this.#mender = new Mender({
      book: this.book,
      code,
      lostAt: this.lostAt,
      state: this.#state,
      houseOf: this.#domain,
      houses: this.#houses,
      streams: this.#fates.streams,
      packsPerCheck: repairing.type === 'clocks' ? repairing.packsPerCheck : 0,
    })
    this.#peer0 = this.#houses
    this.#silence0 = this.#peer0 + peers.length
    this.#check = this.#silence0 + peers.length
    this.#shockTimer = this.#check + 1
    this.#pack0 = this.#check + 2
    this.#isDrawn = repairing.type === 'drawn'
    this.#isSticky = this.#isDrawn && world.replacedDays === 0
    this.#isClocked = repairing.type === 'clocks'
    this.#needed = code.needed
    this.#threshold = repairing.type === 'drawn' ? repairing.threshold : -1
    this.#jobDays = repairing.type === 'drawn' ? repairing.meanDays : 0
    this.#checkDays = repairing.type === 'clocks' ? repairing.checkDays : 1
    this.#timers = new Timers(
      this.#pack0 + (this.#isDrawn ? packs : 0),
      this.#fates.spacing(this.#isDrawn),
    )
  }

  /** Repair jobs, each of which reads k shares if a stranger does it. */
  get jobs(): number {
    return this.#mender.jobs
  }

  get sharesMade(): number {
    return this.#mender.sharesMade
  }

  /** The day it is, from 0. */
  get now(): number {
    return this.#timers.now
  }

  /** Whether who is in this place takes part: not gone, and not away for days. */
  isHere(peer: number): boolean {
    return this.#state[peer] === HERE
  }

  isDead(peer: number): boolean {
    return (this.#state[peer]! & DEAD) !== 0
  }

  /** @returns the day on which somebody who is away will be back; `Infinity` for who is gone */
  backAt(peer: number): number {
    const state = this.#state[peer]!
    if ((state & DEAD) !== 0) return Infinity
    return (state & HERE) !== 0 ? this.now : this.#timers.at(this.#peer0 + peer)
  }

  /**
   * Play the world once; the same number gives the same run.
   *
   * @param lost - places whose peers are gone from the first moment on
   * @param moments - days at which `observer` looks, ascending
   */
  run(
    number: number,
    lost: readonly number[] = [],
    moments: readonly number[] = [],
    observer?: Observer,
  ): void {
    this.#begin(number)
    for (const peer of lost) this.#die(peer)
    for (const [index, moment] of moments.entries()) {
      this.#play(Math.min(moment, this.days))
      observer?.(this, index)
    }
    this.#play(this.days)
    this.#end()
  }

  livingChanged(pack: number, before: number): void {
    const { now } = this.#timers
    this.occupancy[before]! += now - this.#changedAt[pack]!
    this.#changedAt[pack] = now
    const living = this.book.living[pack]!
    if (living > before) return
    if (living < this.#needed) {
      if (before === this.#needed) this.#lose(pack)
    } else if (living <= this.#threshold) {
      const timer = this.#pack0 + pack
      if (this.#timers.at(timer) === Infinity) {
        this.#timers.set(timer, now + this.#fates.jobOf(this.#jobDays))
      }
    }
  }

  isWorse(pack: number): void {
    if (this.#isClocked && this.#mender.note(pack)) this.#expectCheck()
  }

  #begin(run: number): void {
    const { world, book } = this
    const { seed, peers, packs, shock } = world
    this.#timers.reset()
    book.clear()
    this.lostAt.fill(Infinity)
    this.#changedAt.fill(0)
    this.#state.fill(HERE)
    this.#scriptAt.fill(0)
    this.#mender.reset()
    this.#fates.begin(seed, run)
    for (let house = 0; house < this.#houses; house += 1) this.#live(house)
    for (let peer = 0; peer < peers.length; peer += 1) this.#expectAbsence(peer)
    for (let pack = 0; pack < packs; pack += 1) this.#placeFirst(pack)
    this.occupancy.fill(0)
    this.events = 0
    this.losses = 0
    this.housesLeft = 0
    this.falseAlarms = 0
    this.#expectShock(shock ?? {})
  }

  #end(): void {
    const { living } = this.book
    for (let pack = 0; pack < living.length; pack += 1) {
      this.occupancy[living[pack]!]! += this.days - this.#changedAt[pack]!
    }
  }

  #play(until: number): void {
    const timers = this.#timers
    for (;;) {
      const timer = timers.take(until)
      if (timer < 0) return
      this.events += 1
      if (timer >= this.#pack0) this.#finishJob(timer - this.#pack0)
      else if (timer < this.#peer0) this.#leave(timer)
      else if (timer < this.#silence0) this.#turn(timer - this.#peer0)
      else if (timer < this.#check) this.#grow(timer - this.#silence0)
      else if (timer === this.#check) this.#checkPacks()
      else this.#strike()
    }
  }

  /** Everybody in a house goes for good. */
  #leave(house: number): void {
    this.housesLeft += 1
    const end = this.#houseFrom[house + 1]!
    for (let index = this.#houseFrom[house]!; index < end; index += 1)
      this.#die(this.#places[index]!)
  }

  #die(peer: number): void {
    const state = this.#state[peer]!
    if ((state & DEAD) !== 0) return
    this.#timers.clear(this.#peer0 + peer)
    if (!this.#isClocked) {
      this.#state[peer] = DEAD | GIVEN_UP
      this.book.remove(peer)
      this.#expectNewcomer(peer)
      return
    }
    this.#state[peer] = (state & ~HERE) | DEAD
    this.book.kill(peer)
    if ((state & HERE) !== 0) this.#fallSilent(peer)
    else if ((state & GIVEN_UP) !== 0) this.#vacate(peer)
  }

  /** Nobody will miss what it had. */
  #vacate(peer: number): void {
    this.book.empty(peer)
    this.#expectNewcomer(peer)
  }

  #fallSilent(peer: number): void {
    this.#silentSince[peer] = this.#timers.now
    if (this.#isClocked) this.#timers.set(this.#silence0 + peer, this.#timers.now + MISSED_DAYS)
  }

  /** A silence has become three days long, or too long. */
  #grow(peer: number): void {
    const state = this.#state[peer]!
    if ((state & MISSED) === 0) {
      this.#state[peer] = state | MISSED
      this.book.miss(peer, this.#mender.bearable)
      const { peers, knownDays = Infinity } = this.world
      const { giveUpDays } = peers[peer]!
      const patience = (state & DEAD) === 0 ? giveUpDays : Math.min(giveUpDays, knownDays)
      const until = this.#silentSince[peer]! + patience
      this.#timers.set(this.#silence0 + peer, Math.max(until, this.#timers.now))
      return
    }
    this.#state[peer] = state | GIVEN_UP
    this.book.giveUp(peer)
    if ((state & DEAD) !== 0) this.#vacate(peer)
  }

  /** Somebody goes away for days, is back, or is new. */
  #turn(peer: number): void {
    if (this.world.script !== undefined) this.#follow(peer, this.world.script[peer] ?? [])
    else if (this.#state[peer] === HERE) this.#goAway(peer, this.#fates.absenceOf(peer))
    else this.#arrive(peer)
  }

  #follow(peer: number, script: readonly Turn[]): void {
    const turn = script[this.#scriptAt[peer]!]
    this.#scriptAt[peer]! += 1
    const next = (script[this.#scriptAt[peer]!]?.day ?? Infinity) - this.#timers.now
    if (turn?.to === 'gone') this.#die(peer)
    else if (turn?.to === 'away' && this.isHere(peer)) this.#goAway(peer, next)
    else if (turn?.to === 'here' && !this.isHere(peer)) this.#arrive(peer)
    else this.#timers.set(this.#peer0 + peer, this.#timers.now + next)
  }

  #goAway(peer: number, days: number): void {
    this.#state[peer] = 0
    this.#fallSilent(peer)
    this.#timers.set(this.#peer0 + peer, this.#timers.now + days)
  }

  #arrive(peer: number): void {
    const state = this.#state[peer]!
    this.#state[peer] = HERE
    if ((state & DEAD) !== 0) {
      const house = this.#domain[peer]!
      if (this.#timers.at(house) === Infinity) this.#live(house)
    } else {
      this.#timers.clear(this.#silence0 + peer)
      if ((state & GIVEN_UP) !== 0) {
        this.falseAlarms += 1
        this.book.takeBack(peer)
      } else if ((state & MISSED) !== 0) {
        this.book.see(peer)
      }
    }
    this.#expectAbsence(peer)
    // What waits for somebody to take it may have its turn.
    if (this.#mender.hasDue) this.#expectCheck()
  }

  #strike(): void {
    const { fraction = 0, perYear = 0 } = this.world.shock ?? {}
    for (let peer = 0; peer < this.#state.length; peer += 1) {
      if (this.#fates.isStruck(fraction)) this.#die(peer)
    }
    this.#expectShock({ perYear })
  }

  #lose(pack: number): void {
    this.losses += 1
    this.lostAt[pack] = Math.min(this.lostAt[pack]!, this.#timers.now)
    if (!this.#isDrawn) return
    const timer = this.#pack0 + pack
    if (this.world.isRenewed) this.#timers.set(timer, this.#timers.now)
    else this.#timers.clear(timer)
  }

  #checkPacks(): void {
    if (this.#mender.check()) this.#expectCheck()
  }

  #finishJob(pack: number): void {
    const isLost = this.book.living[pack]! < this.#needed
    const { living } = this.book
    const mender = this.#mender
    const made = this.#isSticky ? mender.refill(pack) : mender.fill(pack, living[pack]!)
    if (isLost) return
    mender.jobs += 1
    mender.sharesMade += made
  }

  #placeFirst(pack: number): void {
    const { placement } = this.world
    if (placement === 'drawn') {
      this.#mender.fill(pack, 0)
      return
    }
    const first = pack * this.book.total
    for (let index = 0; index < this.book.total; index += 1) {
      const isOwn = placement === 'own'
      const peer = isOwn ? (first + index) % this.#state.length : (placement[pack]?.[index] ?? -1)
      if (peer >= 0) this.book.place(pack, index, peer)
    }
    if (placement !== 'own') this.isWorse(pack)
  }

  #live(house: number): void {
    this.#timers.set(house, this.#timers.now + this.#fates.lifeOf(house))
  }

  #expectNewcomer(peer: number): void {
    const { replacedDays } = this.world
    if (replacedDays === 0) this.#arrive(peer)
    else if (replacedDays < Infinity) {
      const days = this.#fates.newcomerIn(peer, replacedDays)
      this.#timers.set(this.#peer0 + peer, this.#timers.now + days)
    }
  }

  #expectAbsence(peer: number): void {
    const { script } = this.world
    const days = this.#fates.absenceIn(peer)
    const turn = script?.[peer]?.[this.#scriptAt[peer]!]
    const day = script === undefined ? this.#timers.now + days : (turn?.day ?? Infinity)
    this.#timers.set(this.#peer0 + peer, day)
  }

  #expectShock({ day, perYear = 0 }: Partial<Shock>): void {
    const next = perYear > 0 ? this.#timers.now + this.#fates.shockIn(perYear) : Infinity
    this.#timers.set(this.#shockTimer, day ?? next)
  }

  #expectCheck(): void {
    if (this.#timers.at(this.#check) !== Infinity) return
    const turns = Math.floor(this.#timers.now / this.#checkDays) + 1
    this.#timers.set(this.#check, turns * this.#checkDays)
  }
}
