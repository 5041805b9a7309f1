/**
 * Upkeep: the runs of a client over the months, each with what may befall it.
 *
 * A run is told in one line. It may fail for reasons that pass, and in the calm for none.
 */

import { PeerError, RecoveryError } from '../src/base/errors.ts'
import type { BackupSummary } from '../src/node/client.ts'
import { REBUILD_POLICY, type RebuildPolicy } from '../src/repair/policy.ts'
import type { RetentionPolicy } from '../src/repair/retention.ts'
import type { Diary } from './diary.ts'
import { MachineCrashed, StoryError } from './errors.ts'
import { toBytes } from './file-tree.ts'
import type { Mishaps } from './mishaps.ts'
import type { Owner } from './owner.ts'
import type { SimRandom } from './random.ts'
import type { Witness } from './witness.ts'
import type { World } from './world.ts'

const MINUTE_MS = 60_000
const DAY_MS = 24 * 60 * MINUTE_MS

export interface UpkeepParts {
  readonly world: World
  readonly owner: Owner
  readonly diary: Diary
  readonly mishaps: Mishaps
  readonly witness: () => Witness
  readonly say: (line: string) => void
}

export class Upkeep {
  readonly counts = {
    runs: 0,
    restores: 0,
    crashes: 0,
    rebuilt: 0,
    forgotten: 0,
    released: 0,
    repaired: 0,
  }
  /** Whether the client's state is an old one that no run has brought up to date yet. */
  isBehind = false
  /** Nothing goes wrong any more, so nothing may fail. */
  isCalm = false
  readonly #parts: UpkeepParts
  readonly #random: SimRandom

  constructor(parts: UpkeepParts) {
    this.#parts = parts
    this.#random = parts.world.random.fork('upkeep')
  }

  async backUp(rebuild: RebuildPolicy): Promise<BackupSummary | undefined> {
    const summary = await this.#run('backup', () =>
      this.#parts.owner.backUp(false, undefined, { isTagged: true, rebuild }),
    )
    if (summary === undefined) return undefined
    const { sequence, published, filesNew, filesChanged, deltas, rebuilt } = summary
    this.counts.rebuilt += rebuilt
    const files = `${filesNew} new, ${filesChanged} changed, ${deltas} as deltas, ${rebuilt} rebuilt`
    this.#parts.say(
      published ? `snapshot ${sequence}: ${files}` : `snapshot ${sequence} waits: ${files}`,
    )
    for (const warning of summary.warnings) this.#parts.say(`warning: ${warning}`)
    if (published) await this.#takeStock()
    return summary
  }

  /** The client's list must be what is remembered, and what the newest head of all says. */
  async #takeStock(): Promise<void> {
    this.isBehind = false
    try {
      await this.#parts.owner.takeStock(true)
    } catch (error) {
      this.excuse(error, 'the list cannot be had now')
    }
  }

  async rebuild(): Promise<void> {
    const path = this.#random.pick([...this.#parts.diary.longLived, this.#parts.owner.person.home])
    const policy = { ...this.drawRebuildPolicy(), isAutomatic: true }
    const budget = this.#random.chance(0.3) ? { budget: this.#random.between(1000, 200_000) } : {}
    const summary = await this.#run('rebuild', () =>
      this.#parts.owner.ask((client, signal) =>
        client.rebuild({ paths: [toBytes(path)], policy, isDryRun: false, ...budget }, signal),
      ),
    )
    if (summary === undefined) return
    const done = summary.files.filter(({ isDone }) => isDone)
    this.counts.rebuilt += done.length
    const plans = done.map(({ plan }) => plan.type).join(', ')
    this.#parts.say(`rebuild of ${path}: ${done.length} of ${summary.files.length} (${plans})`)
    const [failure] = summary.failures
    if (failure !== undefined) this.excuse(failure.error, 'a file is not rebuilt')
    const degraded = done.find((file) => file.degraded.length > 0)
    if (degraded !== undefined) throw new StoryError('a rebuild gave versions up')
  }

  async forget(policy: RetentionPolicy): Promise<void> {
    if (this.#parts.owner.isInDoubt || this.#parts.owner.remembered.length === 0) return
    const planned = await this.#tryQuietly(async () => {
      const { decisions } = await this.#parts.owner.planForget(policy)
      return decisions.flatMap(({ row, isKept }) => (isKept ? [] : [row.sequence]))
    })
    if (planned === undefined) return
    const summary = await this.#run('forget', () => this.#parts.owner.forget(policy, planned))
    if (summary === undefined) return
    const { decisions, published, versionsDropped, deltasComposed } = summary
    const kept = decisions.filter(({ isKept }) => isKept).length
    this.#parts.say(
      `forget ${JSON.stringify(policy)}: ${kept} of ${decisions.length} kept, ` +
        `${versionsDropped} versions dropped, ${deltasComposed} composed${published ? '' : ', unpublished'}`,
    )
    if (published) this.counts.forgotten += decisions.length - kept
    this.#judge(policy, decisions)
  }

  /** Whatever clocks say, rules that are simple must be kept to the letter. */
  #judge(
    { last = 0, within }: RetentionPolicy,
    decisions: readonly { row: { sequence: number; isPinned: boolean }; isKept: boolean }[],
  ): void {
    for (const [index, { row, isKept }] of decisions.entries()) {
      if (isKept) continue
      const { sequence, isPinned } = row
      if (isPinned) throw new StoryError(`snapshot ${sequence} was pinned and is forgotten`)
      if (index < last) throw new StoryError(`snapshot ${sequence} was one of the last ${last}`)
      const publishedAt = this.#parts.witness().publishedAt(sequence) ?? 0
      const age = this.#parts.world.scheduler.now - publishedAt
      if (within !== undefined && age < (within.days - 1) * DAY_MS) {
        throw new StoryError(`snapshot ${sequence} was younger than ${within.days} days`)
      }
    }
  }

  async gc(isCancel: boolean): Promise<void> {
    const summary = await this.#run(isCancel ? 'cancel' : 'gc', () =>
      this.#parts.owner.ask((client, signal) => client.gc({ isDryRun: false, isCancel }, signal)),
    )
    if (summary === undefined) return
    const { released, gone, inRelease, cancelled, untold } = summary
    this.counts.released += released.packs
    const packs = `${released.packs} released, ${inRelease.packs} in release, ${gone.packs} gone`
    const told = untold.length > 0 ? `, ${untold.length} friends untold` : ''
    this.#parts.say(isCancel ? `gc --cancel: ${cancelled.packs} taken back` : `gc: ${packs}${told}`)
  }

  async pin(): Promise<void> {
    const { remembered } = this.#parts.owner
    if (remembered.length === 0) return
    const sequence = this.#random.pick(remembered)
    const isPinned = this.#random.chance(0.4)
    const summary = await this.#run('pin', () =>
      this.#parts.owner.ask((client, signal) => client.pin([String(sequence)], isPinned, signal)),
    )
    if (summary !== undefined) this.#parts.say(`${isPinned ? 'pin' : 'unpin'} ${sequence}`)
  }

  /** Ask who holds what and make what is missing. In the calm nothing may be missing that has a home. */
  async repair(): Promise<void> {
    const isPatient = this.#random.chance(0.5)
    const budget = !this.isCalm && this.#random.chance(0.3) ? { budget: 100_000 } : {}
    const summary = await this.#run('repair', () =>
      this.#parts.owner.ask((client, signal) =>
        client.repair({ isDryRun: false, isPatient, ...budget }, signal),
      ),
    )
    if (summary === undefined) return
    const { packs, repaired, bytesRead, bytesSent } = summary
    const shares = repaired.reduce((sum, { mended }) => sum + (mended?.placed.size ?? 0), 0)
    this.counts.repaired += shares
    this.#parts.say(
      `repair of ${packs.length} packs: ${shares} shares made, ${bytesRead} bytes read, ${bytesSent} sent`,
    )
    if (!this.isCalm) return
    const hurt = packs.find(({ verdict }) => verdict !== 'whole' && verdict !== 'thin')
    if (hurt !== undefined) throw new StoryError(`pack ${hurt.pack.id} is ${hurt.verdict}`)
  }

  /** Restore something in the middle of trouble: it may fail, it may not be wrong. */
  async checkSome(): Promise<void> {
    // A client asks for news when it backs up; until then it lists what it knows.
    if (this.#parts.owner.remembered.length === 0 || this.isBehind) return
    const sequence = this.#random.pick(this.#parts.owner.remembered)
    const work = () => this.#parts.owner.checkRestore(sequence, false).then(() => true)
    if ((await this.#run('restore', work)) === undefined) return
    this.#parts.say(`snapshot ${sequence} restores`)
    this.counts.restores++
  }

  /** One run of the client with whatever may befall it. @returns nothing if it did not live to tell */
  async #run<T>(kind: string, work: () => Promise<T>): Promise<T | undefined> {
    const { machine } = this.#parts.owner
    const start = { ms: this.#parts.world.scheduler.elapsed, steps: machine.diskTrouble.steps }
    if (!this.isCalm) this.#parts.mishaps.threaten(kind)
    this.counts.runs++
    try {
      const result = await work()
      const ms = this.#parts.world.scheduler.elapsed - start.ms
      this.#parts.mishaps.learn(kind, { ms, steps: machine.diskTrouble.steps - start.steps })
      return result
    } catch (error) {
      this.excuse(error, `the ${kind} ends`)
      return undefined
    } finally {
      this.#parts.mishaps.relent()
      await this.bootAgain()
    }
  }

  async #tryQuietly<T>(work: () => Promise<T>): Promise<T | undefined> {
    try {
      return await work()
    } catch (error) {
      this.excuse(error, 'it cannot be done now')
      return undefined
    }
  }

  /** A machine that crashed is started again. */
  async bootAgain(): Promise<void> {
    const { machine } = this.#parts.owner
    if (machine.isUp) return
    this.counts.crashes++
    await this.#parts.world.scheduler.sleep(this.#random.between(1, 20) * MINUTE_MS)
    machine.boot()
  }

  /** Trouble of the kinds that a person is told of and that pass; anything else is a bug. */
  excuse(error: unknown, what: string): void {
    const isExcused =
      error instanceof MachineCrashed ||
      error instanceof PeerError ||
      error instanceof RecoveryError
    if (!isExcused || this.isCalm) throw error
    this.#parts.say(`${what}: ${error.message}`)
  }

  drawRebuildPolicy(): RebuildPolicy {
    return {
      ...REBUILD_POLICY,
      isAutomatic: this.#random.chance(0.9),
      lengthMax: this.#random.between(3, 16),
      fetchRatioMax: this.#random.pick([1, 1.05, 1.5, 2]),
      budget: this.#random.pick([500_000_000, 500_000_000, 150_000, 20_000]),
    }
  }

  drawRetention(): RetentionPolicy {
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
}
