/**
 * The scenario: one person, some friends, some days, and everything that goes wrong.
 *
 * First trouble, kept within what the grid promises: at every moment, whatever comes back is right
 * and whatever was published is there. Then calm: within a few runs everything is published and
 * placed, and every snapshot ever published comes back byte for byte, also on a new machine with
 * nothing but the words.
 */

import { DiskError, PeerError, RecoveryError } from '../src/base/errors.ts'
import type { BackupSummary } from '../src/node/client.ts'
import { GridNotFoundError } from '../src/node/grid-link.ts'
import { MachineCrashed, StoryError } from './errors.ts'
import { Friends } from './grid.ts'
import type { MachineOptions, SavedState } from './machine.ts'
import { Owner } from './owner.ts'
import type { SimRandom } from './random.ts'
import type { StoryReport } from './report.ts'
import { Weather } from './weather.ts'
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
  readonly onLine?: ((line: string) => void) | undefined
}

/** Play one seed to its end. Never throws: what broke is in the report. */
export async function playScenario(options: ScenarioOptions): Promise<StoryReport> {
  const world = new World(options.seed)
  const draw = world.random.fork('scenario')
  const peers = options.peers ?? draw.between(5, NAMES.length)
  const days = options.days ?? draw.between(2, 4)
  const story = new Story(world, { peers, days, onLine: options.onLine })
  let failure: Error | undefined
  try {
    await world.run(() => story.tell(), { durationMax: (days + 1) * 100 * 24 * HOUR_MS })
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

class Story {
  readonly lines: string[] = []
  readonly counts = { runs: 0, snapshots: 0, restores: 0, crashes: 0 }
  readonly #world: World
  readonly #random: SimRandom
  readonly #days: number
  readonly #onLine: ((line: string) => void) | undefined
  readonly #friends: Friends
  readonly #owner: Owner
  readonly #weather: Weather
  /** Shares of published packs wait in the laptop's spool for friends who are away or full. */
  #isSettling = false
  /**
   * Such shares went with the laptop's state. What is published is safe, with H shares of n; that it
   * outlives n − k friends again is for repair to see to.
   */
  #hasLostShares = false
  /** An old copy of the client's state, as a person has who images a disk. */
  #image: SavedState | undefined
  /** Whether the client's state is an old one that no backup has brought up to date yet. */
  #isBehind = false

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
    const say = (line: string): void => this.#say(line)
    this.#weather = new Weather({ world, friends: this.#friends, owner: this.#owner, say })
  }

  async tell(): Promise<void> {
    this.#friends.startAll()
    await this.#sleep(MINUTE_MS)
    await this.#throughPowerCuts(() => this.#owner.init())
    await this.#throughPowerCuts(() => this.#owner.join(this.#friends.invite))
    this.#say('a vault is made, and joins the grid')
    this.#owner.person.edits(this.#random.between(10, 40))
    for (let day = 1; day <= this.#days; day++) await this.#tellDay()
    await this.#tellCalm()
  }

  async #tellDay(): Promise<void> {
    for (let run = this.#random.between(1, 3); run > 0; run--) {
      await this.#work()
      await this.#backUp()
      if (this.#random.chance(0.3)) await this.#checkSome()
    }
    if (this.#weather.isLaptopRotten || this.#random.chance(0.2)) await this.#loseClientState()
    if (this.#random.chance(0.35)) await this.#returnToImage()
    if (this.#random.chance(0.15)) this.#weather.loseFriend()
    if (this.#random.chance(0.15)) await this.#weather.holiday()
    await this.#sleep(this.#random.between(2, 12) * HOUR_MS)
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

  async #backUp(): Promise<void> {
    const { machine } = this.#owner
    const folder = this.#random.chance(0.2) ? this.#owner.person.someFolder() : undefined
    const isBusy = folder === undefined && this.#random.chance(0.3)
    const start = { ms: this.#world.scheduler.elapsed, steps: machine.diskTrouble.steps }
    this.#weather.threaten()
    this.counts.runs++
    // A run that ends early may have published, and left shares to be placed.
    this.#isSettling = true
    try {
      const summary = await this.#owner.backUp(isBusy, folder)
      this.#isBehind = false
      this.#isSettling = summary.settling > 0
      this.#sayOf(summary, { isBusy, isPartial: folder !== undefined })
      this.#weather.learn({
        ms: this.#world.scheduler.elapsed - start.ms,
        steps: machine.diskTrouble.steps - start.steps,
      })
    } catch (error) {
      this.#excuse(error, 'the backup ends')
    } finally {
      this.#weather.relent()
      await this.#bootAgain()
    }
  }

  /** Restore something in the middle of trouble: it may fail, it may not be wrong. */
  async #checkSome(): Promise<void> {
    // A client asks for news when it backs up; until then it lists what it knows.
    if (this.#owner.remembered.length === 0 || this.#isBehind) return
    const sequence = this.#random.pick(this.#owner.remembered)
    this.#weather.threaten()
    try {
      await this.#owner.checkRestore(sequence, false)
      this.#say(`snapshot ${sequence} restores`)
      this.counts.restores++
    } catch (error) {
      this.#excuse(error, `snapshot ${sequence} does not restore now`)
    } finally {
      this.#weather.relent()
      await this.#bootAgain()
    }
  }

  async #loseClientState(): Promise<void> {
    if (this.#owner.remembered.length === 0) return
    this.#say('the laptop loses its state, and recovers with the words')
    await this.#weather.calmDown()
    this.#hasLostShares ||= this.#isSettling
    this.#owner.wipe()
    this.#weather.isLaptopRotten = false
    this.#isBehind = false
    this.#image = undefined
    const door = this.#drawDoor()
    await this.#throughPowerCuts(() => this.#owner.recover(door))
    await this.#owner.takeStock()
  }

  /** Come back to an old copy of the client's state, as after a disk was replaced; or take one. */
  async #returnToImage(): Promise<void> {
    const { machine } = this.#owner
    machine.crash('kill')
    if (this.#image !== undefined && this.#random.chance(0.7)) {
      this.#say('the laptop returns to an old copy of its state')
      this.#hasLostShares ||= this.#isSettling
      machine.returnTo(this.#image)
      this.#isBehind = true
    } else this.#image = machine.saveState()
    machine.boot()
  }

  async #tellCalm(): Promise<void> {
    this.#say('calm')
    await this.#weather.calmDown()
    for (let run = 1; ; run++) {
      const summary = await this.#owner.backUp(false)
      this.#sayOf(summary, {})
      if (summary.published && this.#isPlaced(summary)) break
      if (run === CALM_RUNS_MAX) throw new StoryError('the calm does not settle')
      await this.#sleep(HOUR_MS)
    }
    await this.#owner.takeStock()
    if (this.#friends.left.length === this.#friends.all.length)
      await this.#owner.assertIdle({ isThin: false })
    await this.#checkAll()
    if (!this.#weather.hasDestroyed && !this.#hasLostShares) this.#weather.loseAllThatMayGo()
    await this.#moveOn()
    this.#friends.assertHealthy()
    this.counts.crashes += this.#weather.crashes
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

  /** To an empty machine, with nothing but the words. */
  async #moveOn(): Promise<void> {
    this.#owner.moveTo(this.#world.addMachine('spare'))
    await this.#owner.recover(this.#drawDoor())
    this.#say('a new machine recovers with the words')
    await this.#owner.takeStock()
    const newest = this.#owner.remembered.at(-1)
    if (newest !== undefined) await this.#owner.checkRestore(newest, true)
    this.counts.restores++
  }

  /** How somebody comes back in: with an invite, or with one friend's address. */
  #drawDoor(): { invite: string } | { peer: string } {
    if (this.#random.chance(0.5)) return { invite: this.#friends.invite }
    return { peer: this.#friends.addressOf(this.#random.pick(this.#friends.left)) }
  }

  /** Try until it works, cutting the power at some step of the first tries. */
  async #throughPowerCuts(work: () => Promise<void>): Promise<void> {
    for (let cuts = this.#random.below(3); ; cuts--) {
      if (cuts > 0) this.#weather.threatenPower(60)
      try {
        await work()
        return
      } catch (error) {
        if (cuts <= 0) throw error
        this.#excuse(error, 'it ends')
      } finally {
        this.#weather.relent()
        await this.#bootAgain()
      }
    }
  }

  /** A machine that crashed is started again. */
  async #bootAgain(): Promise<void> {
    const { machine } = this.#owner
    if (machine.isUp) return
    this.counts.crashes++
    await this.#sleep(this.#random.between(1, 60) * MINUTE_MS)
    machine.boot()
  }

  /** Trouble of the kinds that a person is told of and that pass; anything else is a bug. */
  #excuse(error: unknown, what: string): void {
    const isExcused =
      error instanceof MachineCrashed ||
      error instanceof PeerError ||
      error instanceof RecoveryError ||
      (error instanceof DiskError && this.#weather.isDiskInTrouble) ||
      (this.#weather.isLaptopRotten && isOfRot(error))
    if (!isExcused) throw error
    this.#say(`${what}: ${error.message}`)
  }

  /** With all friends there everything finds its place; without one, all that matters is safe. */
  #isPlaced(summary: BackupSummary): boolean {
    return summary.settling === 0 || this.#friends.left.length < this.#friends.all.length
  }

  #sayOf(summary: BackupSummary, how: { isBusy?: boolean; isPartial?: boolean }): void {
    const { sequence, filesNew, filesChanged, deltas, settling, published } = summary
    const state = published ? `snapshot ${sequence} is published` : 'nothing is published'
    const busy = how.isBusy === true ? ', the person at work' : ''
    const partial = how.isPartial === true ? ', of one folder' : ''
    const files = `${filesNew} new, ${filesChanged} changed, ${deltas} as deltas`
    this.#say(`${state}: ${files}, ${settling} settling${busy}${partial}`)
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

/** A damaged state is told as damage; without its roster a home belongs to no grid. */
function isOfRot(error: unknown): error is Error {
  return error instanceof DiskError || error instanceof GridNotFoundError
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
