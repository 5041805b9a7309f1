/**
 * The scenario: one person, some friends, some days, and everything that goes wrong.
 *
 * First trouble, kept within what the grid promises: at every moment, whatever comes back is right
 * and whatever was published is there. Then calm: within a few runs everything is published and
 * placed, and every snapshot ever published comes back byte for byte, also on a new machine with
 * nothing but the words.
 */

import { PeerError, RecoveryError } from '../src/base/errors.ts'
import type { BackupSummary } from '../src/node/client.ts'
import { MachineCrashed, StoryError } from './errors.ts'
import { type Friend, Friends } from './grid.ts'
import type { MachineOptions } from './machine.ts'
import { Owner } from './owner.ts'
import type { SimRandom } from './random.ts'
import { World } from './world.ts'

const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS

const NAMES = 'ann bea cem dora emil fay gus hana ivo'.split(' ')

/** Runs in the calm within which everything must be published and placed. */
const CALM_RUNS_MAX = 4

export interface ScenarioOptions {
  readonly seed: number
  /** 5–9; drawn, where absent. */
  readonly peers?: number | undefined
  readonly days?: number | undefined
  /** Hears each line of the story as it happens. */
  readonly onLine?: (line: string) => void
}

export interface ScenarioReport {
  readonly seed: number
  readonly peers: number
  readonly days: number
  readonly lines: readonly string[]
  readonly digest: string
  readonly events: number
  readonly snapshots: number
  readonly restores: number
  readonly crashes: number
  /** What broke; absent if all promises held. */
  readonly failure?: Error
}

/** Play one seed to its end. Never throws: what broke is in the report. */
export async function playScenario(options: ScenarioOptions): Promise<ScenarioReport> {
  const world = new World(options.seed)
  const draw = world.random.fork('scenario')
  const peers = options.peers ?? draw.between(5, NAMES.length)
  const days = options.days ?? draw.between(2, 5)
  const story = new Story(world, { peers, days, onLine: options.onLine })
  let failure: Error | undefined
  try {
    await world.run(() => story.tell(), { durationMax: (days + 60) * 24 * HOUR_MS })
  } catch (error) {
    failure = error instanceof Error ? error : new Error(String(error))
  }
  return {
    seed: options.seed,
    peers,
    days,
    lines: story.lines,
    digest: world.trace.digest(),
    events: world.scheduler.count,
    ...story.counts,
    ...(failure === undefined ? {} : { failure }),
  }
}

/** Something that goes wrong while the client runs. */
type Fault =
  'clientTime' | 'clientStep' | 'clientKill' | 'friend' | 'split' | 'oneWay' | 'disturb' | 'slow'

const FAULTS: Readonly<Record<Fault, number>> = {
  clientTime: 3,
  clientStep: 3,
  clientKill: 1,
  friend: 3,
  split: 2,
  oneWay: 1,
  disturb: 2,
  slow: 1,
}

class Story {
  readonly lines: string[] = []
  readonly counts = { snapshots: 0, restores: 0, crashes: 0 }
  readonly #world: World
  readonly #random: SimRandom
  readonly #days: number
  readonly #onLine: ((line: string) => void) | undefined
  readonly #friends: Friends
  readonly #owner: Owner

  constructor(
    world: World,
    parts: { peers: number; days: number; onLine: ScenarioOptions['onLine'] },
  ) {
    this.#world = world
    this.#random = world.random.fork('story')
    this.#days = parts.days
    this.#onLine = parts.onLine
    this.#friends = new Friends(world, NAMES.slice(0, parts.peers), drawFriend)
    const laptop = world.addMachine('laptop', drawLaptop(this.#random.fork('laptop')))
    laptop.databases.faults = { losesCommits: 0.15, losesAll: 0.05, damages: 0.05 }
    this.#owner = new Owner(world, laptop)
  }

  async tell(): Promise<void> {
    this.#friends.startAll()
    await this.#sleep(MINUTE_MS)
    await this.#owner.init(this.#friends.invite)
    this.#say('a vault is made, and joins the grid')
    this.#owner.person.edits(this.#random.between(10, 40))
    for (let day = 1; day <= this.#days; day++) await this.#tellDay()
    await this.#tellCalm()
  }

  async #tellDay(): Promise<void> {
    await this.#work()
    for (let run = 0; run < 3; run++) {
      const summary = await this.#backUp(this.#drawFaults())
      if (summary?.published === true) break
    }
    if (this.#random.chance(0.3)) await this.#checkSome()
    if (this.#random.chance(0.15)) await this.#loseClientState()
    if (this.#random.chance(0.15)) this.#loseFriend()
    await this.#sleep(this.#random.between(2, 30) * HOUR_MS)
    this.#friends.assertHealthy()
  }

  /** The person works for a while; the hours go by. */
  async #work(): Promise<void> {
    const count = this.#random.between(0, 25)
    for (let edit = 0; edit < count; edit++) {
      await this.#sleep(this.#random.exponential(MINUTE_MS))
      this.#owner.person.edit()
    }
    this.#say(`${count} edits`)
  }

  /** @returns nothing if the run did not live to tell */
  async #backUp(faults: readonly Fault[]): Promise<BackupSummary | undefined> {
    const { machine } = this.#owner
    const isBusy = this.#random.chance(0.3)
    const timers = faults.map((fault) => this.#strike(fault))
    try {
      const summary = await this.#owner.backUp(isBusy)
      this.#sayOf(summary, isBusy)
      return summary
    } catch (error) {
      if (!(error instanceof MachineCrashed) && !isExcused(error)) throw error
      this.#say(`backup ended: ${(error as Error).message}`)
      return undefined
    } finally {
      for (const timer of timers) timer.cancel()
      machine.diskTrouble.onStep = undefined
      await this.#afterCrash()
    }
  }

  /** A machine that crashed is started again, and what it finds there is looked at. */
  async #afterCrash(): Promise<void> {
    const { machine } = this.#owner
    if (machine.isUp) return
    this.counts.crashes++
    await this.#sleep(this.#random.between(1, 60) * MINUTE_MS)
    machine.boot()
  }

  #drawFaults(): Fault[] {
    const count = this.#random.weighted({ none: 3, one: 4, two: 2, three: 1 })
    const length = { none: 0, one: 1, two: 2, three: 3 }[count]
    return Array.from({ length }, () => this.#random.weighted(FAULTS))
  }

  /** Arrange for trouble in the coming run. */
  #strike(fault: Fault): { cancel(): void } {
    const { machine } = this.#owner
    if (fault === 'clientStep') {
      const at = machine.diskTrouble.steps + this.#random.below(400)
      machine.diskTrouble.onStep = (step) => {
        if (step.index !== at) return 'pass'
        this.#say(`the laptop loses power at ${step.operation} ${step.path}`)
        return 'cut'
      }
      return { cancel: () => undefined }
    }
    const ms = this.#random.exponential(fault.startsWith('client') ? 6000 : 3000)
    return this.#world.scheduler.after(ms, () => this.#happen(fault))
  }

  #happen(fault: Fault): void {
    const { machine } = this.#owner
    const { internet } = this.#world
    if (fault === 'clientTime' || fault === 'clientKill') {
      if (!machine.isUp) return
      this.#say(fault === 'clientKill' ? 'the client is killed' : 'the laptop loses power')
      machine.databases.picture()
      machine.crash(fault === 'clientKill' ? 'kill' : 'power')
      return
    }
    const friend = this.#drawFriendUp()
    if (friend === undefined) return
    const { name } = friend
    if (fault === 'friend') this.#crashFriend(friend)
    if (fault === 'disturb') internet.disturb('laptop', name)
    if (fault === 'slow') internet.line(name).upload = internet.line(name).download = 20_000
    if (fault === 'oneWay') internet.block(name, 'laptop')
    if (fault === 'split') {
      const others = this.#friends.left.filter(() => this.#random.chance(0.4))
      internet.split([name, ...others.filter((one) => one !== friend).map((one) => one.name)])
    }
    if (fault !== 'friend') this.#say(`${fault} ${name}`)
    if (fault === 'split' || fault === 'oneWay') {
      this.#world.scheduler.after(this.#random.exponential(5 * MINUTE_MS), () => internet.heal())
    }
  }

  #crashFriend(friend: Friend): void {
    const kind = this.#random.chance(0.7) ? 'power' : 'kill'
    this.#say(`${friend.name} crashes (${kind})`)
    this.counts.crashes++
    this.#friends.crash(friend, kind)
    this.#world.scheduler.after(this.#random.exponential(20 * MINUTE_MS), () => {
      if (!friend.isLost && !friend.machine.isUp) this.#friends.start(friend)
    })
  }

  /** One friend may go for good at any time; more than that no head promises. */
  #loseFriend(): void {
    if (this.#friends.left.length < this.#friends.all.length) return
    const friend = this.#random.pick(this.#friends.left)
    this.#say(`${friend.name} is gone for good`)
    this.#friends.lose(friend)
  }

  async #loseClientState(): Promise<void> {
    this.#say('the laptop loses its state, and recovers with the words')
    await this.#calmDown()
    await this.#owner.recoverHere(this.#friends.invite)
    await this.#owner.takeStock()
  }

  /** Restore something in the middle of trouble: it may fail, it may not be wrong. */
  async #checkSome(): Promise<void> {
    if (this.#owner.remembered.length === 0) return
    const sequence = this.#random.pick(this.#owner.remembered)
    try {
      await this.#owner.checkRestore(sequence, false)
      this.#say(`snapshot ${sequence} restores`)
      this.counts.restores++
    } catch (error) {
      if (!isExcused(error)) throw error
      this.#say(`snapshot ${sequence} does not restore now: ${(error as Error).message}`)
    }
  }

  async #tellCalm(): Promise<void> {
    this.#say('calm')
    await this.#calmDown()
    await this.#owner.takeStock()
    for (let run = 1; ; run++) {
      const summary = await this.#owner.backUp(false)
      this.#sayOf(summary, false)
      if (summary.published && this.#isPlaced(summary)) break
      if (run === CALM_RUNS_MAX) throw new StoryError('the calm does not settle')
      await this.#sleep(HOUR_MS)
    }
    await this.#owner.takeStock()
    await this.#checkAll()

    await this.#owner.recoverOn(this.#world.addMachine('spare'), this.#friends.invite)
    this.#say('a new machine recovers with the words')
    await this.#owner.takeStock()
    const newest = this.#owner.remembered.at(-1)
    if (newest !== undefined) await this.#owner.checkRestore(newest, true)
    this.counts.restores++
    this.#friends.assertHealthy()
    this.#say('all is well')
  }

  async #checkAll(): Promise<void> {
    for (const sequence of this.#owner.remembered) {
      await this.#owner.checkRestore(sequence, true)
      this.counts.restores++
    }
    this.counts.snapshots = this.#owner.remembered.length
    this.#say(`all ${this.counts.snapshots} snapshots restore`)
  }

  /** Everybody who may come back is back, and every way is open. */
  async #calmDown(): Promise<void> {
    const { internet } = this.#world
    internet.heal()
    for (const { name } of this.#friends.all) {
      internet.line(name).upload = internet.line(name).download = 10_000_000
    }
    for (const friend of this.#friends.left) if (!friend.machine.isUp) this.#friends.start(friend)
    await this.#sleep(10 * MINUTE_MS)
  }

  /** With all friends there everything finds its place; without one, all that matters is safe. */
  #isPlaced(summary: BackupSummary): boolean {
    return summary.settling === 0 || this.#friends.left.length < this.#friends.all.length
  }

  #drawFriendUp(): Friend | undefined {
    return this.#friends.up.length === 0 ? undefined : this.#random.pick(this.#friends.up)
  }

  #sayOf(summary: BackupSummary, isBusy: boolean): void {
    const { sequence, filesNew, filesChanged, settling, published } = summary
    const state = published ? `snapshot ${sequence} is published` : 'nothing is published'
    const busy = isBusy ? ', the person at work' : ''
    this.#say(`${state}: ${filesNew} new, ${filesChanged} changed, ${settling} settling${busy}`)
  }

  #sleep(ms: number): Promise<void> {
    return this.#world.scheduler.sleep(ms)
  }

  #say(what: string): void {
    const minutes = Math.floor(this.#world.scheduler.elapsed / MINUTE_MS)
    const two = (value: number): string => String(value).padStart(2, '0')
    const day = Math.floor(minutes / 1440) + 1
    const line = `day ${day} ${two(Math.floor(minutes / 60) % 24)}:${two(minutes % 60)}  ${what}`
    this.lines.push(line)
    this.#onLine?.(line)
  }
}

/** Trouble of the kinds that a person is told of and that pass. */
function isExcused(error: unknown): boolean {
  return error instanceof PeerError || error instanceof RecoveryError
}

function drawFriend(random: SimRandom): MachineOptions {
  return {
    line: drawLine(random),
    clock: { offset: random.between(-300_000, 300_000), rate: 1 + random.between(-50, 50) / 1e6 },
  }
}

function drawLaptop(random: SimRandom): MachineOptions {
  return {
    line: drawLine(random),
    isReachable: random.chance(0.5),
    clock: { offset: random.between(-60_000, 60_000) },
    fileTimeStep: random.pick([1, 1000, 4_000_000, 1_000_000_000, 2_000_000_000]),
  }
}

function drawLine(random: SimRandom): MachineOptions['line'] & object {
  return {
    latencyMs: random.between(1, 60),
    upload: random.between(500_000, 10_000_000),
    download: random.between(2_000_000, 20_000_000),
  }
}
