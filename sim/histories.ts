/**
 * Histories: one person's few files over a year, with all that is done to their past.
 *
 * A backup every day or two, and now and then a rebuild, a forget, a gc or its cancel, a new start with
 * the words, a return to an older head; mishaps within each of them. Nights are skipped: everybody's
 * computer sleeps, so that months are cheap.
 *
 * What must hold at every moment, and what in the calm at the end: docs/simulation.md, "Histories".
 */

import { REBUILD_POLICY, type RebuildPolicy } from '../src/repair/policy.ts'
import type { RetentionPolicy } from '../src/repair/retention.ts'
import { Diary } from './diary.ts'
import { StoryError } from './errors.ts'
import { toBytes } from './file-tree.ts'
import { Friends } from './grid.ts'
import type { SavedState } from './machine.ts'
import { Mishaps } from './mishaps.ts'
import { Owner } from './owner.ts'
import { assertDurable } from './promises.ts'
import type { SimRandom } from './random.ts'
import { assertConverged, isConverged, assertShortChains, assertTold } from './history-checks.ts'
import type { StoryReport } from './report.ts'
import { Upkeep } from './upkeep.ts'
import { HEAD_NEEDED_MS, Witness } from './witness.ts'
import { World } from './world.ts'

const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS
const DAY_MS = 24 * HOUR_MS

const NAMES = 'ann bea cem dora emil fay'.split(' ')

/** Runs in the calm within which everything must be published. */
const CALM_RUNS_MAX = 4

/** Awake in a day: friends sweep every hour of it. */
const AWAKE_MS = 40 * MINUTE_MS

/** Stories this long go on after the last gc, to see that room does not grow. */
const LONG_DAYS = 60

/** Days that friends have to let go of what was released. */
const LET_GO_DAYS_MAX = 250

/** Every so many days one young head is read in full. */
const WALK_CHANCE = 0.25

export interface HistoriesOptions {
  readonly seed: number
  /** 5 or 6; drawn, where absent. */
  readonly peers?: number | undefined
  /** Drawn from 200–400, where absent. */
  readonly days?: number | undefined
  /** Hears each line of the story as it happens. */
  readonly onLine?: ((line: string) => void) | undefined
}

export interface HistoriesReport extends StoryReport {
  readonly rebuilt: number
  readonly forgotten: number
  readonly released: number
}

/** Play one seed to its end. Never throws: what broke is in the report. */
export async function playHistories(options: HistoriesOptions): Promise<HistoriesReport> {
  const world = new World(options.seed)
  const draw = world.random.fork('histories')
  const peers = options.peers ?? draw.between(5, NAMES.length)
  const days = options.days ?? draw.between(200, 400)
  const story = new Histories(world, { peers, days, onLine: options.onLine })
  let failure: Error | undefined
  try {
    await world.run(() => story.tell(), { durationMax: (days + 1000) * DAY_MS })
  } catch (error) {
    failure = error instanceof Error ? error : new Error(String(error))
  }
  const report = {
    seed: options.seed,
    peers,
    days,
    lines: story.lines,
    digest: world.trace.digest(),
    events: world.scheduler.count,
    ...story.counts,
    ...(failure === undefined ? {} : { failure }),
  }
  world.close()
  return report
}

class Histories {
  readonly lines: string[] = []
  readonly #world: World
  readonly #random: SimRandom
  readonly #days: number
  readonly #onLine: ((line: string) => void) | undefined
  readonly #friends: Friends
  readonly #owner: Owner
  readonly #diary: Diary
  readonly #mishaps: Mishaps
  readonly #upkeep: Upkeep
  readonly #startedAt: number
  #witness: Witness | undefined
  #snapshots = 0
  #image: SavedState | undefined

  constructor(
    world: World,
    parts: { peers: number; days: number; onLine: HistoriesOptions['onLine'] },
  ) {
    this.#world = world
    this.#random = world.random.fork('story')
    this.#days = parts.days
    this.#onLine = parts.onLine
    this.#startedAt = world.scheduler.now
    this.#friends = new Friends(world, NAMES.slice(0, parts.peers), (random) => ({
      line: { latencyMs: random.between(1, 30) },
      clock: { offset: random.between(-300_000, 300_000), rate: 1 + random.between(-50, 50) / 1e6 },
    }))
    const laptop = world.addMachine('laptop', { isReachable: false, fileTimeStep: 1000 })
    laptop.databases.faults = { losesCommits: 0.15, losesAll: 0.05, damages: 0.05 }
    this.#owner = new Owner(world, laptop)
    this.#diary = new Diary(laptop.tree, world.random.fork('diary'), this.#owner.person.home)
    const say = (line: string): void => this.#say(line)
    this.#mishaps = new Mishaps({ world, friends: this.#friends, owner: this.#owner, say })
    this.#upkeep = new Upkeep({
      world,
      owner: this.#owner,
      mishaps: this.#mishaps,
      witness: () => this.#theWitness,
      say,
      boot: () => this.#boot(),
    })
  }

  get counts() {
    const { crashes, ...others } = this.#upkeep.counts
    return { ...others, crashes: crashes + this.#mishaps.crashes, snapshots: this.#snapshots }
  }

  async tell(): Promise<void> {
    this.#friends.startAll()
    await this.#sleep(MINUTE_MS)
    await this.#owner.init()
    await this.#owner.join(this.#friends.invite)
    this.#witness = new Witness(this.#world, this.#friends, this.#owner.words)
    this.#say('a vault is made, and joins the grid')
    while (this.#day() <= this.#days) await this.#tellDay()
    await this.#tellCalm()
  }

  async #tellDay(): Promise<void> {
    this.#diary.edits(this.#random.between(0, 8))
    await this.#upkeep.backUp({ rebuild: this.#drawRebuildPolicy() })
    if (this.#random.chance(0.25)) await this.#maintain()
    if (this.#random.chance(0.15)) await this.#checkSome()
    if (this.#random.chance(0.05)) await this.#misfortune()
    await this.#mishaps.passDay()
    this.#mishaps.threatenSweep()
    await this.#pass(this.#random.weighted({ 0.2: 1, 1: 6, 1.8: 3, 9: 0.2 }))
    await this.#look()
    this.#friends.assertHealthy()
  }

  async #maintain(): Promise<void> {
    const what = this.#random.weighted({
      rebuild: 4,
      forget: 5,
      gc: 6,
      cancel: 1.5,
      pin: 2,
      repair: 3,
    })
    if (what === 'rebuild') await this.#rebuild()
    if (what === 'forget') await this.#upkeep.forget(this.#drawRetention())
    if (what === 'gc') await this.#upkeep.gc(false)
    if (what === 'cancel') await this.#upkeep.gc(true)
    if (what === 'pin') await this.#pin()
    if (what === 'repair') await this.#repair()
  }

  async #rebuild(): Promise<void> {
    const path = this.#random.pick([...this.#diary.longLived, this.#owner.person.home])
    const policy = { ...this.#drawRebuildPolicy(), isAutomatic: true }
    const budget = this.#random.chance(0.3) ? { budget: this.#random.between(1000, 200_000) } : {}
    await this.#upkeep.rebuild({ paths: [toBytes(path)], policy, ...budget })
  }

  async #pin(): Promise<void> {
    const { remembered } = this.#owner
    if (remembered.length === 0) return
    await this.#upkeep.pin(this.#random.pick(remembered), this.#random.chance(0.4))
  }

  async #repair(): Promise<void> {
    const budget = this.#random.chance(0.3) ? { budget: 100_000 } : {}
    await this.#upkeep.repair({ isPatient: this.#random.chance(0.5), ...budget })
  }

  async #checkSome(): Promise<void> {
    const { remembered } = this.#owner
    if (remembered.length > 0) await this.#upkeep.checkSome(this.#random.pick(remembered))
  }

  async #boot(): Promise<void> {
    await this.#sleep(this.#random.between(1, 20) * MINUTE_MS)
    this.#owner.machine.boot()
  }

  #drawRebuildPolicy(): RebuildPolicy {
    return {
      ...REBUILD_POLICY,
      isAutomatic: this.#random.chance(0.9),
      lengthMax: this.#random.between(3, 16),
      fetchRatioMax: this.#random.pick([1, 1.05, 1.5, 2]),
      budget: this.#random.pick([500_000_000, 500_000_000, 150_000, 20_000]),
    }
  }

  #drawRetention(): RetentionPolicy {
    const last = this.#random.between(1, 8)
    const days = this.#random.between(5, 60)
    return this.#random.pick<RetentionPolicy>([
      { last: last + 5 },
      { last: 1, daily: 7, weekly: 4, monthly: 6 },
      { last, within: { years: 0, months: 0, days, hours: 0 } },
      { last, weekly: -1 },
      { last, tags: [[`run ${this.#random.between(1, 100)}`]] },
    ])
  }

  async #misfortune(): Promise<void> {
    const what = this.#random.weighted({ loss: 3, image: 5, thief: 2, friend: 0.5 })
    if (what === 'loss') await this.#loseState()
    if (what === 'image') await this.#returnToImage()
    if (what === 'thief') await this.#returnToHead()
    if (what === 'friend') this.#mishaps.loseFriend()
  }

  async #loseState(): Promise<void> {
    if (this.#owner.remembered.length === 0) return
    this.#say('the laptop loses its state, and recovers with the words')
    await this.#startOver(() => this.#owner.recover({ invite: this.#friends.invite }))
    await this.#owner.takeStock()
  }

  /** A thief was here: what came after some head of the last weeks never happened. */
  async #returnToHead(): Promise<void> {
    await this.#look()
    const choice = this.#witness?.younger(HEAD_NEEDED_MS - 2 * DAY_MS) ?? []
    const heads = choice.filter(({ snapshots }) => snapshots.length > 0)
    if (heads.length === 0) return
    const head = this.#random.pick(heads)
    this.#say(`the laptop goes back to head ${head.head.sequence}, with the words`)
    await this.#startOver(() => this.#owner.recover({ invite: this.#friends.invite }, head))
    await this.#owner.takeStock()
    await this.#owner.checkRestore(this.#random.pick(this.#owner.remembered), true)
    this.#upkeep.counts.restores++
    this.#upkeep.isCalm = true
    await this.#backUpInCalm()
    this.#upkeep.isCalm = false
  }

  async #startOver(recover: () => Promise<void>): Promise<void> {
    await this.#mishaps.calmDown()
    this.#owner.wipe()
    this.#upkeep.isBehind = false
    this.#image = undefined
    for (let cuts = this.#random.below(3); ; cuts--) {
      if (cuts > 0) this.#mishaps.threatenPower(200)
      try {
        await recover()
        return
      } catch (error) {
        if (cuts <= 0) throw error
        this.#upkeep.excuse(error, 'it ends')
      } finally {
        this.#mishaps.relent()
        await this.#upkeep.bootAgain()
      }
    }
  }

  /** Come back to an old copy of the client's state, as after a disk was replaced; or take one. */
  async #returnToImage(): Promise<void> {
    const { machine } = this.#owner
    machine.crash('kill')
    if (this.#image !== undefined && this.#random.chance(0.7)) {
      this.#say('the laptop returns to an old copy of its state')
      machine.returnTo(this.#image)
      this.#upkeep.isBehind = true
    } else this.#image = machine.saveState()
    machine.boot()
    await this.#sleep(MINUTE_MS)
  }

  async #tellCalm(): Promise<void> {
    this.#say('calm')
    this.#upkeep.isCalm = true
    await this.#mishaps.calmDown()
    const policy = { ...REBUILD_POLICY, lengthMax: 6 }
    await this.#backUpInCalm(policy)
    await this.#upkeep.repair({ isPatient: this.#random.chance(0.5) })
    await this.#look()
    await this.#checkAll()
    const parts = { owner: this.#owner, witness: this.#theWitness, diary: this.#diary }
    await assertTold(parts)
    await assertShortChains(parts, policy)
    await this.#giveBack()
    if (this.#days >= LONG_DAYS) await this.#liveOn()
    await this.#moveOn()
    this.#say('all is well')
  }

  /** Forget, release, and wait until friends have let go. */
  async #giveBack(): Promise<void> {
    await this.#upkeep.forget({ last: 3 })
    await this.#upkeep.gc(false)
    await this.#letGo()
    await this.#upkeep.gc(false)
    await this.#letGo()
    await this.#assertConverged('after the last gc')
  }

  /**
   * Until friends have let go: a month, and then a few percent of what is left a day; their own ages lag
   * behind the days, since their computers sleep. A gc that merges packs has old copies to let go of, too.
   */
  async #letGo(): Promise<void> {
    const parts = { witness: this.#theWitness }
    for (let day = 0; day < LET_GO_DAYS_MAX; day += 2) {
      await this.#pass(1.9)
      if (day % 10 !== 0) continue
      await this.#look()
      if (day > 30 && (await isConverged(parts))) return
    }
  }

  /** The vault goes on with a constant number of snapshots, and takes no more room for it. */
  async #liveOn(): Promise<void> {
    const policy = { ...REBUILD_POLICY, lengthMax: 6 }
    for (let day = 0; day < 120; day += 2) {
      if (day < 60) {
        this.#diary.edits(3)
        await this.#upkeep.backUp({ rebuild: policy })
        if (day % 10 === 0) {
          await this.#upkeep.forget({ last: 3 })
          await this.#upkeep.gc(false)
        }
      }
      await this.#pass(1.9)
      if (day % 10 === 0) await this.#look()
    }
    await this.#upkeep.gc(false)
    await this.#letGo()
    await this.#assertConverged('after 120 more days')
  }

  async #assertConverged(when: string): Promise<void> {
    const { needed, listed, unlisted } = await assertConverged({ witness: this.#theWitness })
    this.#say(`${when} friends hold ${needed} bytes, ${listed} dead ones, ${unlisted} of nobody`)
  }

  async #backUpInCalm(policy = REBUILD_POLICY): Promise<void> {
    for (let run = 1; ; run++) {
      await this.#sleep(MINUTE_MS)
      const summary = await this.#upkeep.backUp({ rebuild: policy })
      if (summary?.published === true) return
      if (run === CALM_RUNS_MAX) throw new StoryError('the calm does not settle')
      await this.#sleep(HOUR_MS)
    }
  }

  async #checkAll(): Promise<void> {
    for (const sequence of this.#owner.remembered) {
      await this.#owner.checkRestore(sequence, true)
      this.#upkeep.counts.restores++
    }
    this.#snapshots = Math.max(this.#snapshots, this.#owner.remembered.length)
    this.#say(`all ${this.#owner.remembered.length} snapshots restore`)
  }

  /** To an empty machine, with nothing but the words. */
  async #moveOn(): Promise<void> {
    this.#owner.moveTo(this.#world.addMachine('spare'))
    await this.#owner.recover({ invite: this.#friends.invite })
    this.#say('a new machine recovers with the words')
    await this.#owner.takeStock()
    await this.#checkAll()
  }

  /** Computers sleep most of the time; while they are awake, friends sweep and gossip. */
  async #pass(days: number | string): Promise<void> {
    this.#world.scheduler.skip(Math.max(0, Number(days) * DAY_MS - AWAKE_MS))
    await this.#sleep(AWAKE_MS)
  }

  async #look(): Promise<void> {
    await this.#theWitness.look()
    assertDurable(this.#friends, this.#theWitness.vault)
    if (!this.#random.chance(WALK_CHANCE)) return
    const young = this.#theWitness.younger(HEAD_NEEDED_MS)
    if (young.length > 0) await this.#theWitness.walk(this.#random.pick(young))
  }

  get #theWitness(): Witness {
    if (this.#witness === undefined) throw new StoryError('the vault is made first')
    return this.#witness
  }

  #day(): number {
    return Math.floor((this.#world.scheduler.now - this.#startedAt) / DAY_MS) + 1
  }

  #sleep(ms: number): Promise<void> {
    return this.#world.scheduler.sleep(ms)
  }

  #say(what: string): void {
    const minutes = Math.floor((this.#world.scheduler.now - this.#startedAt) / MINUTE_MS)
    const two = (value: number): string => String(value).padStart(2, '0')
    const time = `${two(Math.floor(minutes / 60) % 24)}:${two(minutes % 60)}`
    const line = `day ${this.#day()} ${time}  ${what}`
    this.lines.push(line)
    this.#onLine?.(line)
  }
}
