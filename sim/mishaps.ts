/**
 * Mishaps: what goes wrong in the months of sim/histories.ts.
 *
 * Within a run: the power goes at one step of the laptop's disk or of a friend's, a program is killed, the
 * network splits, a clock is set. Between runs: friends go away and come back, or sleep less well.
 *
 * What takes shares away before their time (a clock that runs ahead, commits that are lost, a friend gone
 * for good) only ever hits the victims: as many friends as a safe pack can miss.
 */

import { codeFor, safeCount } from '../src/grid/code.ts'
import type { Friend, Friends } from './grid.ts'
import type { Machine } from './machine.ts'
import type { Owner } from './owner.ts'
import type { SimRandom } from './random.ts'
import type { World } from './world.ts'

const MINUTE_MS = 60_000
const DAY_MS = 24 * 60 * MINUTE_MS
const YEAR_DAYS = 365

/** Steps and milliseconds of a run of a kind that none has been seen of yet. */
const LENGTH = { steps: 150, ms: 4000 }

/** Disk steps of a friend in a run or a sweep, about. */
const FRIEND_STEPS = 60

type Mishap = 'laptopStep' | 'laptopKill' | 'friendStep' | 'friendKill' | 'split' | 'laptopClock'

const LIKELINESS: Readonly<Record<Mishap, number>> = {
  laptopStep: 6,
  laptopKill: 2,
  friendStep: 3,
  friendKill: 1,
  split: 2,
  laptopClock: 1,
}

export interface MishapParts {
  readonly world: World
  readonly friends: Friends
  readonly owner: Owner
  readonly say: (line: string) => void
}

export class Mishaps {
  readonly victims: readonly Friend[]
  readonly #parts: MishapParts
  readonly #random: SimRandom
  readonly #lengths = new Map<string, typeof LENGTH>()
  #timers: { cancel(): void }[] = []
  /** Crashes of friends. */
  crashes = 0

  constructor(parts: MishapParts) {
    this.#parts = parts
    this.#random = parts.world.random.fork('mishaps')
    const code = codeFor(parts.friends.all.length)
    const count = safeCount(code) - code.needed
    this.victims = this.#random.shuffle(parts.friends.all).slice(0, count)
  }

  /** Let something go wrong in a run of this kind, or not. */
  threaten(kind: string): void {
    if (this.#random.chance(0.55)) return
    this.#arrange(this.#random.weighted(LIKELINESS), kind)
    if (this.#random.chance(0.2)) this.#arrange(this.#random.weighted(LIKELINESS), kind)
  }

  /** The power of some friend goes while it sweeps, or whatever it does in the next hour. */
  threatenSweep(): void {
    if (this.#random.chance(0.1)) this.#cutFriend()
  }

  /** The run is over. */
  relent(): void {
    for (const timer of this.#timers.splice(0)) timer.cancel()
    this.#parts.owner.machine.diskTrouble.onStep = undefined
  }

  /** Tell how long a run of this kind takes, so that mishaps strike within it. */
  learn(kind: string, length: typeof LENGTH): void {
    this.#lengths.set(kind, length)
  }

  /** Only the power, only at a step of our own disk. */
  threatenPower(steps: number): void {
    this.#cut(this.#parts.owner.machine, this.#random.below(steps))
  }

  /** Friends go away or come back; somebody sets a clock. */
  async passDay(): Promise<void> {
    const { friends, say } = this.#parts
    const { up, left } = friends
    if (this.#random.chance(0.06) && up.length === left.length) {
      const friend = this.#random.pick(up)
      say(`${friend.name} goes away`)
      friends.crash(friend, 'kill')
    } else if (this.#random.chance(0.3)) this.bringBack()
    if (this.#random.chance(0.05)) this.#setClock(this.#random.pick(this.victims).machine)
  }

  /** Everybody who may come back is back, every way is open, and clocks are right. */
  async calmDown(): Promise<void> {
    const { world, friends, owner } = this.#parts
    this.relent()
    world.internet.heal()
    for (const { machine } of friends.left) machine.diskTrouble.onStep = undefined
    this.bringBack()
    owner.machine.boot()
    await world.scheduler.sleep(10 * MINUTE_MS)
  }

  bringBack(): void {
    const { friends } = this.#parts
    for (const friend of friends.left) if (!friend.machine.isUp) friends.start(friend)
  }

  /** A victim goes for good. */
  loseFriend(): void {
    const { friends, say } = this.#parts
    const friend = this.victims.find(({ isLost }) => !isLost)
    if (friend === undefined) return
    say(`${friend.name} is gone for good`)
    friends.lose(friend)
  }

  #arrange(mishap: Mishap, kind: string): void {
    const { world, owner } = this.#parts
    const { steps, ms } = this.#lengths.get(kind) ?? LENGTH
    if (mishap === 'friendStep') return this.#cutFriend()
    if (mishap === 'laptopStep') return this.#cut(owner.machine, this.#random.below(1.1 * steps))
    const at = this.#random.unit() * 1.1 * ms
    this.#timers.push(world.scheduler.after(at, () => this.#strike(mishap)))
  }

  #strike(mishap: Mishap): void {
    const { world, friends, owner, say } = this.#parts
    const { machine } = owner
    if (mishap === 'laptopKill' && machine.isUp) {
      say('the client is killed')
      machine.crash('kill')
    }
    if (mishap === 'laptopClock') this.#setClock(machine)
    const { up } = friends
    if (up.length === 0) return
    const friend = this.#random.pick(up)
    if (mishap === 'friendKill') {
      say(`${friend.name} is killed`)
      friends.crash(friend, 'kill')
      this.#startSoon(friend)
    }
    if (mishap === 'split') {
      say(`split ${friend.name}`)
      world.internet.split([friend.name])
      world.scheduler.after(this.#random.exponential(2 * MINUTE_MS), () => world.internet.heal())
    }
  }

  /** The power goes at a step of a friend's disk: in a sweep, a release, a head, a share. */
  #cutFriend(): void {
    const { friends } = this.#parts
    const { up } = friends
    if (up.length === 0) return
    const friend = this.#random.pick(up)
    const isVictim = this.victims.includes(friend)
    const losesCommits = isVictim ? 0.3 : 0
    const losesAll = isVictim ? 0.1 : 0
    friend.machine.databases.faults = { losesCommits, losesAll, damages: 0 }
    if (isVictim) friend.machine.databases.picture()
    this.#cut(friend.machine, this.#random.below(FRIEND_STEPS), () => this.#startSoon(friend))
  }

  #startSoon(friend: Friend): void {
    const { world, friends } = this.#parts
    this.crashes += 1
    world.scheduler.after(this.#random.exponential(5 * MINUTE_MS), () => {
      if (!friend.isLost && !friend.machine.isUp) friends.start(friend)
    })
  }

  #cut(machine: Machine, after: number, onCut: () => void = () => undefined): void {
    const { diskTrouble } = machine
    const at = diskTrouble.steps + after
    diskTrouble.onStep = (step) => {
      if (step.index < at) return 'pass'
      diskTrouble.onStep = undefined
      this.#parts.say(`${machine.name} loses power at ${step.operation} ${step.path}`)
      if (machine === this.#parts.owner.machine && this.#random.chance(0.5)) {
        machine.databases.picture()
      }
      onCut()
      return 'cut'
    }
  }

  /** By up to a year, either way; the next boot sets it right. */
  #setClock({ name, clock }: Machine): void {
    const days = this.#random.between(-YEAR_DAYS, YEAR_DAYS)
    this.#parts.say(`the clock of ${name} is set by ${days} days`)
    clock.jump(days * DAY_MS)
  }
}
