/**
 * Stage: the world of a plan: the laptop, the friends, and who of them is switched off for which reasons.
 */

import { DiskError } from '../src/base/errors.ts'
import { GridNotFoundError } from '../src/node/grid-link.ts'
import { Diary } from './diary.ts'
import { CAPACITY, Friends, type Friend, type FriendOptions } from './grid.ts'
import type { Machine, MachineOptions } from './machine.ts'
import { Owner } from './owner.ts'
import type { PeerKind } from './kind.ts'
import { PEER_KINDS } from './peer-kinds.ts'
import { Checks } from './plan-checks.ts'
import { Kinds } from './plan-kinds.ts'
import type { Plan, PlanEvent, PlanPeer } from './plan.ts'
import { packsOf } from './promises.ts'
import { drawCanaries } from './secrecy.ts'
import { Sometimes, type PathName } from './sometimes.ts'
import { World } from './world.ts'

const MINUTE_MS = 60_000
const DAY_MS = 24 * 60 * MINUTE_MS

export const LAPTOP = 'laptop'

/** Nights are skipped, so the rounds of a helper come closer to each other: one or two a day. */
const HELP_EVERY_MS = { min: 8 * MINUTE_MS, max: 20 * MINUTE_MS } as const

/** Why a machine is off; it is on while there is no reason. */
export type Reason = 'crash' | 'rhythm' | 'outage' | 'away' | 'gone'

export class Stage {
  readonly world: World
  readonly friends: Friends
  readonly owner: Owner
  readonly diary: Diary | undefined
  readonly checks: Checks
  readonly kinds: Kinds
  readonly sometimes = new Sometimes()
  readonly lines: string[] = []
  readonly #plan: Plan
  readonly #onLine: ((line: string) => void) | undefined
  readonly #startedAt: number
  /** When each day of the plan began, by true time. */
  readonly #dawns: { readonly day: number; readonly at: number }[] = []
  readonly #reasons = new Map<string, Set<Reason>>()
  /** True time until which a disk may fail its calls, by machine. */
  readonly #troubleUntil = new Map<string, number>()
  /** Today's events that are still to come. */
  #timers: { cancel(): void }[] = []
  /** Whether the laptop holds wrong bytes, so that the client may refuse to go on until it recovers. */
  isRotten = false
  /** What the client is doing. */
  run: string | undefined
  /** True time at which it began with what it did last. */
  runSince = 0
  crashes = 0
  /** Machines whose databases lost what was committed, until somebody has taken note. */
  readonly forgetful = new Set<string>()

  constructor(plan: Plan, onLine: ((line: string) => void) | undefined) {
    this.#plan = plan
    this.#onLine = onLine
    const world = new World(plan.seed)
    this.world = world
    this.#startedAt = world.scheduler.now
    this.sometimes.listen(world.trace)
    const founders = plan.peers.filter(({ isLate }) => isLate !== true)
    this.friends = new Friends(
      world,
      founders.map(({ name }) => name),
      (_, name) => optionsOf(founders.find((one) => one.name === name)!),
      (index) => {
        const capacity = kindOf(plan, this.friends.all[index]?.name)?.capacity
        return { helpEveryMs: HELP_EVERY_MS, ...(capacity === undefined ? {} : { capacity }) }
      },
    )
    this.kinds = new Kinds(this)
    this.friends.guiseOf = (friend) => this.kinds.guiseOf(friend)
    for (const { name, relay } of founders) {
      if (relay !== undefined) world.internet.limitRelay(name, relay)
    }
    const canaries = drawCanaries(world.random.fork('canaries'))
    this.owner = new Owner(world, world.addMachine(LAPTOP, laptopOptions(plan)), canaries)
    this.checks = new Checks({
      world,
      plan,
      canaries,
      host: () => this.owner.machine.name,
      packs: () => packsOf(this.friends).size,
      isDue: (event) => this.isDue(event),
      onBound: () => this.note('a backup was held against the bound of its cost'),
      quotaOf: () => undefined,
      isSpoiling: (name) => kindOf(plan, name)?.isSpoiling === true,
      capacityOf: ({ name }) => (kindOf(plan, name)?.capacity === undefined ? CAPACITY : Infinity),
    })
    this.owner.pauseMs = plan.options.pauseMs
    const { machine, person } = this.owner
    const chance = world.random.fork('diary')
    const isDiary = plan.options.files === 'diary'
    this.diary = isDiary ? new Diary(machine.tree, chance, person.home, canaries) : undefined
    this.friends.isExpected = (friend, error) => this.#isDiskTrouble(friend, error)
  }

  get plan(): Plan {
    return this.#plan
  }

  /** How somebody comes back in who has lost everything but the words. */
  door(): { invite: string } | { peer: string } {
    return this.friends.door(({ name }) => this.kinds.isHonest(name))
  }

  /** A day of the plan begins. */
  beginDay(day: number): void {
    this.#dawns.push({ day, at: this.world.scheduler.now })
  }

  /** Of the plan: vacations take none. 0 before the first. */
  get planDay(): number {
    return this.#dawns.at(-1)?.day ?? 0
  }

  /** @returns the day of the plan at a true time, ms since 1970 */
  planDayAt(time: number): number {
    return this.#dawns.findLast(({ at }) => at <= time)?.day ?? 0
  }

  /** Whether the time of an event has come. */
  isDue({ day, ms }: PlanEvent): boolean {
    const dawn = this.#dawns.at(-1)
    if (dawn === undefined || day !== dawn.day) return day < this.planDay
    return dawn.at + ms <= this.world.scheduler.now
  }

  /** Days since the beginning, by true time; the first is 1. */
  get day(): number {
    return Math.floor((this.world.scheduler.now - this.#startedAt) / DAY_MS) + 1
  }

  friend(name: string): Friend | undefined {
    return this.friends.all.find((one) => one.name === name)
  }

  machine(name: string): Machine | undefined {
    return name === LAPTOP ? this.owner.machine : this.friend(name)?.machine
  }

  /** Have something happen today, unless the day is called off. */
  later(ms: number, action: () => void): void {
    this.#timers.push(this.world.scheduler.after(ms, action))
  }

  callOff(): void {
    for (const timer of this.#timers.splice(0)) timer.cancel()
  }

  switchOff(name: string, why: Reason, how: 'kill' | 'power' = 'kill'): void {
    const machine = this.machine(name)
    if (machine === undefined) return
    this.#reasonsOf(name).add(why)
    if (machine.isUp) machine.crash(how)
  }

  /** One reason less to be off; a machine that has none comes up. */
  switchOn(name: string, why: Reason): void {
    const reasons = this.#reasonsOf(name)
    if (!reasons.delete(why) || reasons.size > 0) return
    const friend = this.friend(name)
    if (friend !== undefined && !friend.isLost && !friend.machine.isUp) this.friends.start(friend)
    if (name === LAPTOP && !this.owner.machine.isUp) this.owner.machine.boot()
  }

  /** Everybody who may come back does. */
  switchAllOn(): void {
    this.#reasons.clear()
    for (const friend of this.friends.left) if (!friend.machine.isUp) this.friends.start(friend)
    if (!this.owner.machine.isUp) this.owner.machine.boot()
  }

  async untilLaptopIsUp(): Promise<void> {
    while (!this.owner.machine.isUp) await this.sleep(MINUTE_MS / 2)
  }

  /** The friend, and all it held, are gone. */
  lose(name: string): void {
    const friend = this.friend(name)
    if (friend === undefined || friend.isLost) return
    this.say(`${name} is gone for good`)
    this.friends.lose(friend)
    this.switchOff(name, 'gone')
  }

  join(peer: PlanPeer): void {
    if (this.world.machines.has(peer.name)) return
    this.friends.add(peer.name, optionsOf(peer))
    if (peer.relay !== undefined) this.world.internet.limitRelay(peer.name, peer.relay)
    this.say(`${peer.name} joins`)
  }

  /** The disk of this machine may fail for so long. */
  expectTrouble(name: string, forMs: number): void {
    const until = Math.max(this.#troubleUntil.get(name) ?? 0, this.world.scheduler.elapsed + forMs)
    this.#troubleUntil.set(name, until)
  }

  /** @param since - true time; or it was in trouble after that */
  isInTrouble(name: string, since = this.world.scheduler.elapsed): boolean {
    return (this.#troubleUntil.get(name) ?? -1) >= since
  }

  /** Whether the laptop's own trouble is the reason for an error. */
  isLaptopTrouble(error: unknown): boolean {
    if (this.isRotten && error instanceof GridNotFoundError) return true
    // A run may go on for a while after its disk failed.
    return error instanceof DiskError && (this.isRotten || this.isInTrouble(LAPTOP, this.runSince))
  }

  note(path: PathName): void {
    this.sometimes.note(path)
  }

  sleep(ms: number): Promise<void> {
    return this.world.scheduler.sleep(ms)
  }

  say(what: string): void {
    const minutes = Math.floor((this.world.scheduler.now - this.#startedAt) / MINUTE_MS)
    const two = (value: number): string => String(value).padStart(2, '0')
    const time = `${two(Math.floor(minutes / 60) % 24)}:${two(minutes % 60)}`
    const line = `day ${this.day} ${time}  ${what}`
    this.lines.push(line)
    this.checks.secrecy.hear(line)
    this.#onLine?.(line)
  }

  /** A program that cannot read its disk ends, and is started again a little later. */
  #isDiskTrouble(friend: Friend, error: Error): boolean {
    if (!(error instanceof DiskError) || !this.isInTrouble(friend.name)) return false
    this.say(`the program of ${friend.name} ends: ${error.message}`)
    this.switchOff(friend.name, 'crash')
    this.later(MINUTE_MS, () => this.switchOn(friend.name, 'crash'))
    return true
  }

  #reasonsOf(name: string): Set<Reason> {
    const known = this.#reasons.get(name) ?? new Set()
    this.#reasons.set(name, known)
    return known
  }
}

function kindOf({ peers }: Plan, name: string | undefined): PeerKind | undefined {
  return PEER_KINDS[peers.find((one) => one.name === name)?.kind ?? '']
}

function optionsOf({ line, way, clock, domain }: PlanPeer): FriendOptions {
  return { ...machineOptions({ line, way, clock }), domain }
}

function laptopOptions({ laptop }: Plan): MachineOptions {
  return { ...machineOptions(laptop), fileTimeStep: laptop.fileTimeStepNs }
}

function machineOptions({
  line,
  way,
  clock,
}: Pick<PlanPeer, 'line' | 'way' | 'clock'>): MachineOptions {
  return {
    line,
    isReachable: way === 'open',
    clock: { offset: clock.offsetMs, rate: 1 + clock.ratePpm / 1e6 },
  }
}
