/**
 * Weather: what goes wrong while the client runs.
 *
 * Faults are drawn for a run and strike at moments drawn from how long the last run took. What passes
 * by itself (crashes, splits, slow lines, full disks) may hit anybody at any time. What destroys for
 * good (a friend gone, rotten shares) only ever hits the victims: as many as a safe pack can miss.
 */

import { DiskError } from '../src/base/errors.ts'
import { codeFor, safeCount } from '../src/grid/code.ts'
import type { Friend, Friends } from './grid.ts'
import type { DiskStep, StepFate } from './disk.ts'
import type { Machine } from './machine.ts'
import type { Owner } from './owner.ts'
import type { SimRandom } from './random.ts'
import type { World } from './world.ts'

const MINUTE_MS = 60_000
const DAY_MS = 24 * 60 * MINUTE_MS

/** A line so slow that requests run into their limits, bytes per second. */
const SLOW = 3_000
const FAST = 10_000_000

export type Fault =
  | 'laptopPower'
  | 'laptopStep'
  | 'clientKill'
  | 'laptopFull'
  | 'laptopDisk'
  | 'laptopRot'
  | 'laptopClock'
  | 'friendCrash'
  | 'friendFull'
  | 'friendRot'
  | 'friendClock'
  | 'split'
  | 'oneWay'
  | 'disturb'
  | 'slow'

const LIKELINESS: Readonly<Record<Fault, number>> = {
  laptopPower: 3,
  laptopStep: 4,
  clientKill: 1,
  laptopFull: 1,
  laptopDisk: 1,
  laptopRot: 0.7,
  laptopClock: 0.7,
  friendCrash: 5,
  friendFull: 1,
  friendRot: 1,
  friendClock: 1,
  split: 3,
  oneWay: 1,
  disturb: 3,
  slow: 1,
}

export interface WeatherParts {
  readonly world: World
  readonly friends: Friends
  readonly owner: Owner
  readonly say: (line: string) => void
}

export class Weather {
  readonly #parts: WeatherParts
  readonly #random: SimRandom
  readonly #victims: readonly Friend[]
  #timers: { cancel(): void }[] = []
  /** How long a run takes, virtual ms and disk steps: as the last one that was left alone. */
  #length = { ms: 5000, steps: 200 }
  /** Whether our own disk is in trouble: then the client may say so and stop. */
  isDiskInTrouble = false
  /** Whether our own disk holds wrong bytes: then the client may refuse to go on until it recovers. */
  isLaptopRotten = false
  #hasRotten = false
  crashes = 0

  constructor(parts: WeatherParts) {
    this.#parts = parts
    this.#random = parts.world.random.fork('weather')
    const code = codeFor(parts.friends.all.length)
    this.#victims = this.#random.shuffle(parts.friends.all).slice(0, safeCount(code) - code.needed)
  }

  /** Let as many faults strike in the coming run as are drawn. */
  threaten(): void {
    for (const { machine } of this.#parts.friends.up) {
      if (this.#random.chance(0.2)) machine.databases.picture()
    }
    const count = this.#random.weighted({ 0: 3, 1: 4, 2: 3, 3: 1 })
    for (let left = Number(count); left > 0; left--) {
      this.#arrange(this.#random.weighted(LIKELINESS))
    }
  }

  /** Only the power, only at a step of our own disk. */
  threatenPower(steps: number): void {
    this.#cutAt(this.#parts.owner.machine.diskTrouble.steps + this.#random.below(steps))
  }

  /** No more faults of this run; those that last (slow lines, full friends) stay. */
  relent(): void {
    const { machine } = this.#parts.owner
    for (const timer of this.#timers.splice(0)) timer.cancel()
    machine.diskTrouble.onStep = undefined
    machine.diskTrouble.capacity = Number.MAX_SAFE_INTEGER
    this.isDiskInTrouble = false
  }

  /** Tell how long a run takes, so that faults strike within it. */
  learn(length: { ms: number; steps: number }): void {
    this.#length = length
  }

  /** Everybody who may come back is back, with room and a fast line, and every way is open. */
  async calmDown(): Promise<void> {
    const { world, friends } = this.#parts
    this.relent()
    world.internet.heal()
    for (const friend of friends.left) {
      this.#setLine(friend, FAST)
      friend.machine.diskTrouble.capacity = Number.MAX_SAFE_INTEGER
      if (!friend.machine.isUp) friends.start(friend)
    }
    await world.scheduler.sleep(10 * MINUTE_MS)
  }

  /** A victim goes for good. */
  loseFriend(): void {
    const friend = this.#victims.find(({ isLost }) => !isLost)
    if (friend === undefined) return
    this.#parts.say(`${friend.name} is gone for good`)
    this.#parts.friends.lose(friend)
  }

  /** Of all friends, so many that what is placed can just be brought back, are gone for good. */
  loseAllThatMayGo(): void {
    const { friends, say } = this.#parts
    const code = codeFor(friends.all.length)
    for (const friend of this.#random.shuffle(friends.all).slice(0, code.total - code.needed)) {
      say(`${friend.name} is gone for good`)
      friends.lose(friend)
    }
  }

  /** Whether anything was ever destroyed for good. */
  get hasDestroyed(): boolean {
    return this.#hasRotten || this.#parts.friends.left.length < this.#parts.friends.all.length
  }

  /** Everybody switches off and goes away. */
  async holiday(): Promise<void> {
    const { world, friends, say } = this.#parts
    const days = this.#random.between(10, 80)
    say(`everybody goes away for ${days} days`)
    for (const friend of friends.up) friends.crash(friend, 'kill')
    await world.scheduler.sleep(days * DAY_MS)
    for (const friend of friends.left) if (!friend.machine.isUp) friends.start(friend)
    await world.scheduler.sleep(MINUTE_MS)
  }

  #arrange(fault: Fault): void {
    const { machine } = this.#parts.owner
    const trouble = machine.diskTrouble
    const step = trouble.steps + this.#random.below(Math.ceil(1.3 * this.#length.steps))
    if (fault === 'laptopStep') return this.#cutAt(step)
    if (fault === 'laptopDisk') return this.#failAt(step)
    if (fault === 'laptopFull') return this.#fillUp()
    const ms = this.#random.unit() * 1.3 * this.#length.ms
    this.#timers.push(this.#parts.world.scheduler.after(ms, () => this.#strike(fault)))
  }

  #cutAt(at: number): void {
    this.#onStep((step) => {
      if (step.index !== at) return 'pass'
      this.#parts.say(`the laptop loses power at ${step.operation} ${step.path}`)
      this.#parts.owner.machine.databases.picture()
      return 'cut'
    })
  }

  #failAt(at: number): void {
    this.isDiskInTrouble = true
    this.#onStep((step) => {
      if (step.index !== at) return 'pass'
      this.#parts.say(`the laptop's disk fails at ${step.operation} ${step.path}`)
      return new DiskError(`${step.path}: input/output error`)
    })
  }

  #onStep(onStep: (step: DiskStep) => StepFate): void {
    const { diskTrouble } = this.#parts.owner.machine
    const before = diskTrouble.onStep
    diskTrouble.onStep = (step) => {
      const fate = before?.(step) ?? 'pass'
      return fate === 'pass' ? onStep(step) : fate
    }
  }

  #fillUp(): void {
    const { machine } = this.#parts.owner
    this.isDiskInTrouble = true
    const room = this.#random.below(100_000)
    machine.diskTrouble.capacity = machine.volume.used + room
    this.#parts.say(`the laptop's disk has room for ${room} bytes`)
  }

  #strike(fault: Fault): void {
    if (fault === 'laptopPower' || fault === 'clientKill') return this.#crashLaptop(fault)
    if (fault === 'laptopRot') {
      this.isLaptopRotten = true
      return this.#rot(this.#parts.owner.machine)
    }
    if (fault === 'laptopClock') return this.#setClock(this.#parts.owner.machine, 100)
    const friend = this.#drawFriend(fault)
    if (friend === undefined) return
    const { internet, scheduler } = this.#parts.world
    const { name, machine } = friend
    if (fault === 'friendCrash') return this.#crashFriend(friend)
    if (fault === 'friendRot') {
      this.#hasRotten = true
      return this.#rot(machine)
    }
    this.#parts.say(`${fault} ${name}`)
    if (fault === 'friendFull') machine.diskTrouble.capacity = machine.volume.used
    if (fault === 'friendClock') this.#setClock(machine, 500)
    if (fault === 'disturb') internet.disturb('laptop', name)
    if (fault === 'slow') this.#setLine(friend, SLOW)
    if (fault === 'oneWay') internet.block(name, 'laptop')
    if (fault === 'split') internet.split(this.#drawSide(friend))
    if (fault === 'split' || fault === 'oneWay') {
      scheduler.after(this.#random.exponential(5 * MINUTE_MS), () => internet.heal())
    }
  }

  #crashLaptop(fault: Fault): void {
    const { machine } = this.#parts.owner
    if (!machine.isUp) return
    const isKill = fault === 'clientKill'
    this.#parts.say(isKill ? 'the client is killed' : 'the laptop loses power')
    if (this.#random.chance(0.5)) machine.databases.picture()
    machine.crash(isKill ? 'kill' : 'power')
  }

  #crashFriend(friend: Friend): void {
    const { friends, say, world } = this.#parts
    const kind = this.#random.chance(0.7) ? 'power' : 'kill'
    say(`${friend.name} crashes (${kind})`)
    this.crashes++
    // The accounts are made again from the share files, whatever is left of them.
    friend.machine.databases.faults = { losesCommits: 0.2, losesAll: 0.2, damages: 0 }
    friends.crash(friend, kind)
    const ms = this.#random.exponential(this.#random.chance(0.5) ? 2000 : 20 * MINUTE_MS)
    world.scheduler.after(ms, () => {
      if (!friend.isLost && !friend.machine.isUp) friends.start(friend)
    })
  }

  #rot({ name, volume }: Machine): void {
    const files = volume.files().filter(({ file }) => file.size > 0)
    if (files.length === 0) return
    const { path, file } = this.#random.pick(files)
    this.#parts.say(`a bit of ${path} at ${name} turns over`)
    file.rot(this.#random.below(8 * file.size))
  }

  /** Somebody sets a clock; the next boot sets it right. */
  #setClock({ name, clock }: Machine, daysMax: number): void {
    const days = this.#random.between(-daysMax, daysMax)
    this.#parts.say(`the clock of ${name} is set by ${days} days`)
    clock.jump(days * DAY_MS)
  }

  #drawFriend(fault: Fault): Friend | undefined {
    const { up } = this.#parts.friends
    const among = fault === 'friendRot' ? up.filter((one) => this.#victims.includes(one)) : up
    return among.length === 0 ? undefined : this.#random.pick(among)
  }

  #drawSide(friend: Friend): string[] {
    const others = this.#parts.friends.left.filter((one) => one !== friend)
    return [friend, ...others.filter(() => this.#random.chance(0.4))].map(({ name }) => name)
  }

  #setLine(friend: Friend, rate: number): void {
    const line = this.#parts.world.internet.line(friend.name)
    line.upload = rate
    line.download = rate
  }
}
