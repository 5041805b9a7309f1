/**
 * Upkeep: the runs of a client over the months, each with what may befall it.
 *
 * A run is told in one line. It may fail for reasons that pass, and in the calm for none. What is done and
 * how is said by whoever tells the story; nothing is drawn here.
 */

import { PeerError, RecoveryError } from '../src/base/errors.ts'
import type {
  BackupSummary,
  CheckSummary,
  RebuildRequest,
  RepairRequest,
  RepairSummary,
} from '../src/node/client.ts'
import type { RebuildPolicy } from '../src/repair/policy.ts'
import type { RetentionPolicy } from '../src/repair/retention.ts'
import { MachineCrashed, StoryError } from './errors.ts'
import type { Cost } from './cost.ts'
import type { FollowHow } from './following.ts'
import type { Mishaps } from './mishaps.ts'
import type { Owner } from './owner.ts'
import type { LeftOut } from './plan.ts'
import type { Witness } from './witness.ts'
import type { World } from './world.ts'

const DAY_MS = 24 * 3600_000

export interface UpkeepParts {
  readonly world: World
  readonly owner: Owner
  /** What befalls runs. */
  readonly mishaps: Pick<Mishaps, 'threaten' | 'relent' | 'learn'>
  readonly witness: () => Witness
  readonly say: (line: string) => void
  /** Start the machine again after a crash, or wait until somebody does. */
  readonly boot: () => Promise<void>
  /** What backups may send. */
  readonly cost?: Cost
  /** Told of a snapshot that a backup published just now. */
  readonly onPublished?: (sequence: number) => Promise<void>
  /** @returns whether there is a reason for an error beyond those that always may come */
  readonly isExpected?: (error: unknown) => boolean
}

/** How a backup is made. */
export interface BackupHow {
  readonly rebuild: RebuildPolicy
  /** Whether the person goes on working meanwhile. */
  readonly isBusy?: boolean
  /** Below the home, or the home itself if absent. */
  readonly folder?: string | undefined
  readonly checkpointMs?: number | undefined
  readonly leftOut?: LeftOut | undefined
  readonly isInTwo?: boolean
  readonly isHashCheck?: boolean
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
    /** Runs that ended with trouble that passes. */
    troubled: 0,
  }
  /** Whether the client's state is an old one that no run has brought up to date yet. */
  isBehind = false
  /** Nothing goes wrong any more, so nothing may fail. */
  isCalm = false
  /** Whether nothing was destroyed beyond what a pack can miss. */
  isExact = true
  readonly #parts: UpkeepParts

  constructor(parts: UpkeepParts) {
    this.#parts = parts
  }

  async backUp(how: BackupHow): Promise<BackupSummary | undefined> {
    const { isBusy = false, folder, checkpointMs, ...more } = how
    const { owner, cost } = this.#parts
    // Each partial snapshot has its own tree, ledger and head.
    if (checkpointMs !== undefined) cost?.lose()
    cost?.begin(how.isHashCheck === true)
    const often = checkpointMs === undefined ? {} : { checkpointMs }
    const summary = await this.#run('backup', () =>
      owner.backUp(isBusy, folder, { isTagged: true, ...often, ...more }),
    )
    const memory = summary?.published === true ? owner.memoryOf(summary.sequence) : undefined
    cost?.end(summary, memory)
    if (summary === undefined) return undefined
    const { sequence, published, filesNew, filesChanged, deltas, rebuilt, repaired } = summary
    const why =
      summary.notSafe === undefined ? '' : `, as ${summary.notSafe.message.split('\n')[0]}`
    this.counts.rebuilt += rebuilt
    this.counts.repaired += repaired
    const files = `${filesNew} new, ${filesChanged} changed, ${deltas} as deltas, ${rebuilt} rebuilt`
    this.#parts.say(
      published ? `snapshot ${sequence}: ${files}` : `snapshot ${sequence} waits: ${files}${why}`,
    )
    for (const warning of summary.warnings) this.#parts.say(`warning: ${warning}`)
    if (published && this.isExact) await this.#parts.onPublished?.(sequence)
    if (published && this.isExact) await this.#takeStock()
    return summary
  }

  /** `cairn watch` for a while. @returns how many backups looked only where something changed */
  async watch(how: FollowHow): Promise<number> {
    const { owner, cost, say } = this.#parts
    let looked = 0
    cost?.begin()
    await this.#run('watch', () =>
      owner.watch(how, {
        onDone: async (summary, isHinted) => {
          const { sequence, published, filesNew, filesChanged } = summary
          cost?.end(summary, published ? owner.memoryOf(sequence) : undefined)
          if (isHinted) looked++
          const what = `${filesNew} new, ${filesChanged} changed, watched`
          say(published ? `snapshot ${sequence}: ${what}` : `snapshot ${sequence} waits: ${what}`)
          if (published && this.isExact) await this.#parts.onPublished?.(sequence)
          cost?.begin()
        },
        onFailure: (error) => {
          cost?.lose()
          this.excuse(error, 'a watched backup ends')
        },
      }),
    )
    // What went on when it was stopped is to be done again.
    cost?.lose()
    return looked
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

  async rebuild(request: Pick<RebuildRequest, 'paths' | 'policy' | 'budget'>): Promise<void> {
    const summary = await this.#run('rebuild', () =>
      this.#parts.owner.ask((client, signal) =>
        client.rebuild({ ...request, isDryRun: false }, signal),
      ),
    )
    if (summary === undefined) return
    const done = summary.files.filter(({ isDone }) => isDone)
    this.counts.rebuilt += done.length
    const plans = done.map(({ plan }) => plan.type).join(', ')
    const where = request.paths.map((path) => Buffer.from(path).toString()).join(' ')
    this.#parts.say(`rebuild of ${where}: ${done.length} of ${summary.files.length} (${plans})`)
    const [failure] = summary.failures
    if (failure !== undefined) this.excuse(failure.error, 'a file is not rebuilt')
    // Where friends cannot be reached older versions stay as they are, and come back with them.
    const degraded = done.find((file) => file.degraded.length > 0)
    if (degraded !== undefined && this.isCalm && this.isExact) {
      throw new StoryError('a rebuild could not have older versions')
    }
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
    else this.#parts.cost?.owe()
    this.#judge(policy, decisions)
  }

  /** Whatever clocks say, rules that are simple must be kept to the letter. */
  #judge(
    { last = 0, within }: RetentionPolicy,
    decisions: readonly {
      row: { sequence: number; isPinned: boolean; isFinished: boolean }
      isKept: boolean
    }[],
  ): void {
    const finished = decisions.filter(({ row }) => row.isFinished)
    for (const decision of decisions) {
      if (decision.isKept) continue
      const { sequence, isPinned, isFinished } = decision.row
      if (isPinned) throw new StoryError(`snapshot ${sequence} was pinned and is forgotten`)
      if (!isFinished) {
        if (decision === decisions[0]) {
          throw new StoryError(`snapshot ${sequence} was the newest, if partial`)
        }
        continue
      }
      const index = finished.indexOf(decision)
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

  async pin(sequence: number, isPinned: boolean): Promise<void> {
    const summary = await this.#run('pin', () =>
      this.#parts.owner.ask((client, signal) => client.pin([String(sequence)], isPinned, signal)),
    )
    if (summary !== undefined) this.#parts.say(`${isPinned ? 'pin' : 'unpin'} ${sequence}`)
  }

  /** Ask who holds what and make what is missing. In the calm nothing may be missing that has a home. */
  async repair(
    request: Pick<RepairRequest, 'isPatient' | 'budget'>,
  ): Promise<RepairSummary | undefined> {
    const summary = await this.#run('repair', () =>
      this.#parts.owner.ask((client, signal) =>
        client.repair({ isDryRun: false, ...request }, signal),
      ),
    )
    if (summary === undefined) return undefined
    const { packs, repaired, bytesRead, bytesSent } = summary
    const shares = repaired.reduce((sum, { mended }) => sum + (mended?.placed.size ?? 0), 0)
    this.counts.repaired += shares
    this.#parts.say(
      `repair of ${packs.length} packs: ${shares} shares made, ${bytesRead} bytes read, ${bytesSent} sent`,
    )
    if (!this.isCalm || !this.isExact) return summary
    const hurt = packs.find(({ verdict }) => verdict !== 'whole' && verdict !== 'thin')
    if (hurt !== undefined) throw new StoryError(`pack ${hurt.pack.id} is ${hurt.verdict}`)
    return summary
  }

  /** Ask everybody what they hold; read shares too, all of them, if asked for. */
  async check(isThorough: boolean): Promise<CheckSummary | undefined> {
    const summary = await this.#run('check', () =>
      this.#parts.owner.ask((client, signal) =>
        client.check(isThorough ? { verify: 'all' } : {}, signal),
      ),
    )
    if (summary === undefined) return undefined
    const { packs, dropped, affected } = summary
    const hurt = packs.filter(({ verdict }) => verdict !== 'whole').length
    this.#parts.say(
      `check of ${packs.length} packs: ${hurt} are not whole, ${dropped.length} shares dropped, ` +
        `${affected.length} files affected`,
    )
    return summary
  }

  /** @returns friends who show an older head than the newest, or none */
  async olderHeads(): Promise<number> {
    const summary = await this.#run('heads', () =>
      this.#parts.owner.ask((client, signal) => client.heads(signal)),
    )
    const older = ['behind', 'none', 'rolled-back']
    return summary?.peers.filter(({ verdict }) => older.includes(verdict)).length ?? 0
  }

  async audit(count: number): Promise<void> {
    const summary = await this.#run('audit', () =>
      this.#parts.owner.ask((client, signal) => client.audit({ count }, signal)),
    )
    if (summary === undefined) return
    const passed = summary.audits.reduce((sum, audit) => sum + audit.passed, 0)
    const bad = summary.audits.reduce((sum, audit) => sum + audit.bad.length, 0)
    this.#parts.say(`audit of ${summary.audits.length} friends: ${passed} passed, ${bad} bad`)
  }

  /** @returns the vault's repair cap, as text */
  cap(): Promise<string | undefined> {
    const work = () => this.#parts.owner.ask((client) => Promise.resolve(client.repairCap()))
    return this.#run('cap', work)
  }

  /** Restore something in the middle of trouble: it may fail, it may not be wrong. */
  async checkSome(sequence: number): Promise<void> {
    // A client asks for news when it backs up; until then it lists what it knows.
    if (this.isBehind) return
    const work = () =>
      this.#parts.owner.checkRestore(sequence, false, !this.isExact).then(() => true)
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
      // What it wanted to send waits for the next run.
      this.#parts.cost?.lose()
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
    if (this.#parts.owner.machine.isUp) return
    this.counts.crashes++
    await this.#parts.boot()
  }

  /** Trouble of the kinds that a person is told of and that pass; anything else is a bug. */
  excuse(error: unknown, what: string): void {
    const isExcused =
      error instanceof MachineCrashed ||
      error instanceof PeerError ||
      error instanceof RecoveryError
    const isExpected = this.#parts.isExpected?.(error) === true
    if (!(isExpected || (isExcused && !this.isCalm))) throw error
    this.counts.troubled++
    this.#parts.say(`${what}: ${(error as Error).message}`)
  }
}
