/**
 * Repair worker: check, then make missing shares again, the most endangered packs first, within a budget.
 *
 * It may be cut off anywhere and started again: what was placed is found by asking, and nothing is made
 * twice. It needs no key that reads; the owner's client and a helper's peer run the same.
 */

import { CairnError, DiskError } from '../base/errors.ts'
import { NotEnoughSharesError, type PackLocation } from '../grid/grid.ts'
import type { PeerId } from '../ports/network.ts'
import {
  checkPacks,
  judgeAgain,
  judgeWith,
  type CheckedPacks,
  type CheckOptions,
} from './check-packs.ts'
import type { FriendFacts, PackHealth } from './pack-health.ts'
import { PackMender, type Mended } from './pack-mender.ts'
import { costOf, packsDue, type RepairCost } from './repair-plan.ts'
import { lookAgain } from './second-look.ts'
import type { RepairParts, RepairProgress } from './repair-parts.ts'

/** Packs whose holders are asked for once more in one go, just before they are mended. */
const LOCATE_COUNT = 64

export interface RepairOptions {
  /** Bytes from and to peers, at most; a pack that would take more waits. */
  readonly budget?: number
  /** Packs, at most. */
  readonly countMax?: number
  readonly isDryRun?: boolean
  /** Whether shares found bad of late are left alone: src/repair/second-look.ts. By default they are. */
  readonly isPatient?: boolean
  readonly onProgress?: (progress: RepairProgress) => void
}

/** What became of one pack that was due. */
export interface RepairedPack {
  readonly before: PackHealth
  readonly after: PackHealth
  /** About; `undefined` where there was no way. */
  readonly cost: RepairCost | undefined
  /** `undefined` where nothing was done. */
  readonly mended: Mended | undefined
  /**
   * Why it is not whole now: it was only planned; the budget or the count was used up; somebody came back
   * with what was missing; it failed. `undefined` where all was done that could be.
   */
  readonly left: 'planned' | 'budget' | 'returned' | 'failed' | undefined
  readonly error: CairnError | undefined
}

export interface RepairReport {
  readonly packs: readonly RepairedPack[]
  /** Every pack of the list, as it is now. */
  readonly health: readonly PackHealth[]
  readonly bytesRead: number
  readonly bytesSent: number
  /** Peers that could not be told that the newest head needs what they hold. */
  readonly untold: readonly PeerId[]
}

export class RepairWorker {
  readonly #parts: RepairParts

  constructor(parts: RepairParts) {
    this.#parts = parts
  }

  check(options: CheckOptions, signal: AbortSignal): Promise<CheckedPacks> {
    return checkPacks(this.#parts, options, signal)
  }

  /** @throws {DiskError} what is wrong with our own state */
  async repair(
    checked: CheckedPacks,
    options: RepairOptions,
    signal: AbortSignal,
  ): Promise<RepairReport> {
    const { isDryRun = false, isPatient = true, budget = Infinity } = options
    const again = isDryRun
      ? { checked, bytesRead: 0 }
      : await lookAgain(this.#parts, checked, { isPatient, budget }, signal)
    const left = { ...options, budget: budget - again.bytesRead }
    const run = new Run(this.#parts, again.checked, left, signal)
    await run.run()
    const untold = isDryRun ? [] : await this.#parts.book.adopt(signal)
    const { bytesSent, packs } = run
    const now = new Map(packs.map(({ after }) => [after.pack.id, after]))
    const health = again.checked.packs.map((before) => now.get(before.pack.id) ?? before)
    return { packs, health, bytesRead: again.bytesRead + run.bytesRead, bytesSent, untold }
  }
}

class Run {
  readonly #parts: RepairParts
  readonly #options: RepairOptions
  readonly #signal: AbortSignal
  readonly #due: readonly PackHealth[]
  readonly #friends: Map<PeerId, FriendFacts>
  readonly #mender: PackMender
  readonly packs: RepairedPack[] = []
  #count = 0

  constructor(
    parts: RepairParts,
    checked: CheckedPacks,
    options: RepairOptions,
    signal: AbortSignal,
  ) {
    this.#parts = parts
    this.#options = options
    this.#signal = signal
    this.#due = packsDue(checked.packs)
    this.#friends = new Map(checked.friends)
    this.#mender = new PackMender(parts, this.#friends)
  }

  get bytesRead(): number {
    return this.#mender.bytesRead
  }

  get bytesSent(): number {
    return this.#mender.bytesSent
  }

  async run(): Promise<void> {
    this.#parts.source?.expect?.(this.#due.map(({ pack }) => pack.id))
    for (let from = 0; from < this.#due.length; from += LOCATE_COUNT) {
      const some = this.#due.slice(from, from + LOCATE_COUNT)
      const isOver = this.#isOver()
      const located = isOver ? undefined : await this.#locate(some)
      for (const before of some) {
        this.#tell()
        this.packs.push(
          located === undefined
            ? idle(before, costOf(before, undefined), 'budget')
            : await this.#one(before, located.get(before.pack.id)),
        )
      }
    }
    this.#tell()
  }

  async #one(before: PackHealth, location: PackLocation | undefined): Promise<RepairedPack> {
    this.#signal.throwIfAborted()
    const { bad } = this.#parts
    const now =
      location === undefined
        ? judgeWith(before, new Map(), this.#friends)
        : judgeAgain(before, location, this.#friends, bad)
    if (packsDue([now]).length === 0) {
      const error = now.missing.length === 0 ? undefined : this.#refusalOf(before)
      if (error !== undefined) return { ...idle(now, undefined, 'failed'), before, error }
      // Somebody came back since everybody was asked, or another who repairs was faster.
      return { ...idle(now, undefined, 'returned'), before }
    }
    const cost = await this.#cost(now)
    if (cost === undefined) return { ...idle(now, cost, 'failed'), error: cannotBeRead(now) }
    if (this.#options.isDryRun === true) return idle(now, cost, 'planned')
    if (this.#isOver() || cost.bytesDown + cost.bytesUp > this.#left()) {
      return idle(now, cost, 'budget')
    }
    return { ...(await this.#mend(now, cost, location)), before }
  }

  async #mend(
    before: PackHealth,
    cost: RepairCost,
    location: PackLocation | undefined,
  ): Promise<RepairedPack> {
    try {
      this.#count += 1
      const mended = await this.#mender
        .mend(before, withoutBad(location, before), this.#signal)
        .finally(() => this.#noteFull())
      const after = judgeWith(before, mended.placed, this.#friends)
      if (after.missing.length === 0 && after.happiness >= after.safeCount) {
        await this.#parts.book.settled(after.pack)
      }
      const [failure] = mended.failures
      const isDone = mended.placed.size > 0
      return {
        before,
        after,
        cost,
        mended,
        left: isDone ? undefined : 'failed',
        error: isDone ? undefined : failure?.error,
      }
    } catch (error) {
      this.#signal.throwIfAborted()
      if (!(error instanceof CairnError) || error instanceof DiskError) throw error
      const { id } = before.pack
      this.#parts.log.warn('pack not repaired', { pack: id, error: error.name, why: error.message })
      return { ...idle(before, cost, 'failed'), error }
    }
  }

  /** Who has no room is no taker of what comes after: nothing is fetched for it in vain. */
  #noteFull(): void {
    for (const peer of this.#mender.full.keys()) {
      const facts = this.#friends.get(peer)
      if (facts !== undefined) this.#friends.set(peer, { ...facts, isFull: true })
    }
  }

  /** @returns what the last of those said who would have taken a share */
  #refusalOf({ takers }: PackHealth): CairnError | undefined {
    return takers.flatMap((peer) => this.#mender.full.get(peer) ?? []).at(-1)
  }

  async #locate(some: readonly PackHealth[]): Promise<ReadonlyMap<string, PackLocation>> {
    return await this.#parts.grid.have(
      some.map(({ pack }) => pack.id),
      this.#signal,
    )
  }

  async #cost(health: PackHealth): Promise<RepairCost | undefined> {
    return costOf(health, await this.#parts.source?.estimate(health.pack, this.#signal))
  }

  #left(): number {
    return (this.#options.budget ?? Infinity) - this.bytesRead - this.bytesSent
  }

  #isOver(): boolean {
    return this.#count >= (this.#options.countMax ?? Infinity) || this.#left() <= 0
  }

  #tell(): void {
    this.#options.onProgress?.({
      phase: 'repair',
      done: this.packs.length,
      total: this.#due.length,
      bytesDone: this.bytesRead + this.bytesSent,
      bytesTotal: 0,
    })
  }
}

function idle(
  health: PackHealth,
  cost: RepairCost | undefined,
  left: RepairedPack['left'],
): RepairedPack {
  return { before: health, after: health, cost, mended: undefined, left, error: undefined }
}

function cannotBeRead({ pack, readable }: PackHealth): CairnError {
  const { needed } = pack.shape
  return new NotEnoughSharesError(pack.id, { found: readable.size, needed })
}

/** Only holders that may be believed are asked for bytes. */
function withoutBad(
  location: PackLocation | undefined,
  { readable }: PackHealth,
): PackLocation | undefined {
  return location === undefined ? undefined : { ...location, holders: readable }
}
