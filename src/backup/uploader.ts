/**
 * The uploader: packs go to the spool, then to the grid.
 *
 * A pack is durable on our own disk before anything that names it is recorded. From there its shares
 * are made as often as needed: at once, and in every later run until each has its place. A pack that
 * finds too few peers stays in the spool; the run goes on until the spool is full.
 */

import type { DatabaseSync } from 'node:sqlite'
import type { PackId } from '../../protocol/manifest.ts'
import type { VaultId } from '../../protocol/ids.ts'
import { assert } from '../base/assert.ts'
import { DiskError, PeerRefusedError } from '../base/errors.ts'
import { release } from '../base/release.ts'
import { retry, type RetryPlan } from '../base/retry.ts'
import { Semaphore } from '../base/semaphore.ts'
import type { codecs } from '../codec/codecs.ts'
import type { EncodedPack } from '../codec/encode-pack.ts'
import { safeCount, type Code } from '../grid/code.ts'
import type { Grid, PeerFailure, Placement } from '../grid/grid.ts'
import { deltaCode } from '../grid/loss.ts'
import { happinessOf } from '../grid/place-pack.ts'
import type { Clock } from '../ports/clock.ts'
import type { Compute } from '../ports/compute.ts'
import type { Log } from '../ports/log.ts'
import type { Random } from '../ports/random.ts'
import { inTransaction } from '../store/database.ts'
import type { PackKind, Packs, PackRow } from '../store/packs.ts'
import { SPOOL_SIZE_MAX, type Spool } from '../store/spool.ts'
import { NotSafeError } from './not-safe.ts'
import type { SealedPack } from './packer.ts'

/**
 * Packs being encoded and sent at once. With its shares a pack takes some 60 MB here and as much again
 * in the worker that encodes it; the next one is read, cut and sealed meanwhile.
 */
const PLACING_MAX = 2

/** A peer that was away is left alone for 5 seconds; after that it may be asked again. */
const SECOND_CHANCE: RetryPlan = { triesMax: 2, delayMsMin: 12_000, delayMsMax: 12_000 }

/** Packs that every new head brings. */
const HEAD_KINDS: ReadonlySet<PackKind> = new Set(['metadata', 'ledger'])

/** What a peer says that has no room: for this vault, or for anybody. */
const NO_ROOM: readonly string[] = ['quota', 'full']

/** Leaves of what is browsed are small, so that a listing fetches little (design §4). */
const LEAF_SIZE = { data: 16_384, delta: 16_384, metadata: 4_096, ledger: 4_096 } as const

export interface UploaderParts {
  readonly database: DatabaseSync
  readonly packs: Packs
  readonly spool: Spool
  readonly grid: Grid
  readonly compute: Compute<typeof codecs>
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
}

export interface UploaderOptions {
  readonly vault: VaultId
  readonly code: Code
  readonly spoolSizeMax?: number
  /** Packs stay in the spool, placed or not, until `letGo` or it is full: what was written can be read back here. */
  readonly isHolding?: boolean
  /** What is sent is for a head that drops things. */
  readonly isTidying?: boolean
  /** Told after each portion of a share that went out. */
  readonly onSent?: () => void
}

export class Uploader {
  readonly #parts: UploaderParts
  readonly #options: UploaderOptions
  readonly #places = new Semaphore(PLACING_MAX)
  readonly #placing = new Set<Promise<void>>()
  /** Of packs that lack a place for some share: what can be told about why. */
  readonly #placements = new Map<number, Placement>()
  readonly #held: PackRow[] = []
  #failure: { readonly error: unknown } | undefined
  #spooledSize = 0
  /** Shares that have no place, of packs whose copy here is gone. */
  #givenUp = 0

  /** Bytes of shares sent, and of packs made, in this run. */
  bytesSent = 0
  packCount = 0

  constructor(parts: UploaderParts, options: UploaderOptions) {
    this.#parts = parts
    this.#options = options
  }

  /**
   * Take up again what earlier runs left in the spool.
   *
   * @param onLost - told of packs that were not safe yet and whose only copy, ours, is gone or
   *   damaged
   */
  async resume(onLost: (pack: PackRow) => void, signal: AbortSignal): Promise<void> {
    const { packs, spool } = this.#parts
    await spool.sweep((number) => packs.get(number))
    this.#doubt(onLost)
    for (const pack of [...packs.inState('sealed'), ...packs.inState('safe')]) {
      if ((await spool.readWhole(pack.number, pack.size)) !== undefined) {
        this.#spooledSize += pack.size
        await this.#start(pack, signal)
        continue
      }
      await spool.remove(pack.number)
      if (pack.state === 'sealed') onLost(pack)
      // Safe, but our copy is gone or damaged: the shares still missing are repair's work.
      else packs.put({ ...pack, state: 'complete' })
    }
  }

  /**
   * Peers may have left the grid, or been given up, since they took shares of packs that no head names
   * yet. What is not safe any more is placed again where our copy is still here, and otherwise counts as
   * lost.
   */
  #doubt(onLost: (pack: PackRow) => void): void {
    const { packs, grid } = this.#parts
    const counted = grid.counted()
    const domains = new Set(counted.map(({ domain }) => domain))
    for (const pack of packs.unpublished()) {
      const needed = safeCount(pack)
      const isSafe = happinessOf(counted, packs.holders(pack.number)) >= needed
      if (isSafe) continue
      if (pack.state === 'complete') {
        onLost(pack)
      } else if (domains.size < needed) {
        // Its code asks for more friends than there are: it is encoded anew.
        packs.put({ ...pack, ...this.#codeFor(pack.kind), state: 'sealed', id: undefined })
        packs.setHolders(pack.number, new Map())
      } else {
        packs.put({ ...pack, state: 'sealed' })
      }
    }
  }

  /**
   * Wait for what was taken up again, and give up packs that no head names and that peers refused for want of
   * room: a vault that is full must be able to say what it does without. What was in them is found again.
   *
   * @param onLost - told of each
   */
  async giveUpRefused(onLost: (pack: PackRow) => void): Promise<void> {
    await Promise.all(this.#placing)
    this.#throwFailure()
    for (const pack of this.#unsafe()) {
      const failures = this.#placements.get(pack.number)?.failures ?? []
      const isFull = ({ error }: PeerFailure) =>
        error instanceof PeerRefusedError && NO_ROOM.includes(error.code)
      if (!failures.some(isFull)) continue
      this.#placements.delete(pack.number)
      await this.#parts.spool.remove(pack.number)
      this.#spooledSize -= pack.size
      onLost(pack)
    }
  }

  /**
   * Record a pack and what rests on it, and start sending it.
   *
   * @param record - runs in the same transaction as the pack's own row
   * @throws {NotSafeError} when the spool is full of packs that find no peers
   */
  async submit(pack: SealedPack, record: () => void, signal: AbortSignal): Promise<void> {
    const { database, packs } = this.#parts
    this.#throwFailure()
    const { bytes, ...sealed } = pack
    const row: PackRow = {
      ...sealed,
      state: 'sealed',
      ...this.#codeFor(pack.kind),
      id: undefined,
      base: 0,
      extents: undefined,
      isPublished: false,
    }
    inTransaction(database, () => {
      packs.put(row)
      record()
    })
    this.#spooledSize += row.size
    this.packCount += 1
    await this.#start(row, signal, bytes)
    await this.#waitForSpool()
  }

  /**
   * Wait until everything on its way arrived. What found too few peers is sent once more, a little
   * later: somebody may just have been restarting.
   *
   * @throws {NotSafeError} if a pack that no head names yet has too few peers
   */
  async settle(signal: AbortSignal): Promise<void> {
    let isAgain = false
    const arrive = async () => {
      if (isAgain) for (const pack of this.#unsafe()) await this.#start(pack, signal)
      isAgain = true
      await Promise.all(this.#placing)
      this.#throwFailure()
      const { length } = this.#unsafe()
      if (length > 0) throw this.#notSafe(length)
    }
    const isWorthIt = (error: unknown) => error instanceof NotSafeError
    await retry(this.#parts, SECOND_CHANCE, isWorthIt, arrive, signal)
  }

  /** @returns whether the pack is durable here or on the grid */
  has(number: number): boolean {
    return this.#parts.packs.get(number) !== undefined
  }

  /** Let what is on its way end before the caller gives up; its outcome no longer matters. */
  async abandon(): Promise<void> {
    await Promise.allSettled(this.#placing)
  }

  /** @returns shares of this vault's packs that have no place yet */
  settling(): number {
    const { packs } = this.#parts
    const open = [...packs.inState('sealed'), ...packs.inState('safe')]
    const missing = open.map(({ number, total }) => total - packs.holders(number).size)
    return missing.reduce((sum, count) => sum + count, this.#givenUp)
  }

  /** Every share of the ledger is whole: it is small, and a lost one loses the way to all packs. */
  #codeFor(kind: PackKind): Code {
    const { code } = this.#options
    if (kind === 'ledger') return { ...code, needed: 1 }
    return kind === 'delta' ? deltaCode(code) : code
  }

  /** Packs that the next head would rest on and may not. */
  #unsafe(): PackRow[] {
    return this.#parts.packs.unpublished().filter((pack) => pack.state === 'sealed')
  }

  async #waitForSpool(): Promise<void> {
    const sizeMax = this.#options.spoolSizeMax ?? SPOOL_SIZE_MAX
    while (this.#spooledSize > sizeMax) {
      if (this.#placing.size > 0) {
        await Promise.race(this.#placing)
        this.#throwFailure()
      } else if (this.#held.length > 0) {
        // It reads back from the grid as well.
        await this.letGo()
      } else if (!(await this.#letOldestGo())) {
        throw this.#notSafe(this.#parts.packs.inState('sealed').length)
      }
    }
  }

  /**
   * Make room by giving up our copy of the oldest pack that is safe. The shares it still lacks become
   * repair's work: better than no backup for as long as some friends stay away.
   *
   * @returns whether there was one
   */
  async #letOldestGo(): Promise<boolean> {
    const { packs, spool, log } = this.#parts
    const [oldest] = packs.inState('safe')
    if (oldest === undefined) return false
    packs.put({ ...oldest, state: 'complete' })
    await spool.retire(oldest.number, oldest.kind === 'metadata')
    this.#spooledSize -= oldest.size
    const missing = oldest.total - packs.holders(oldest.number).size
    this.#givenUp += missing
    log.warn('pack let go before all its shares had a place', { pack: oldest.number, missing })
    return true
  }

  /** Resolves once the pack has one of the few places for sending; the sending itself goes on. */
  async #start(pack: PackRow, signal: AbortSignal, bytes?: Uint8Array): Promise<void> {
    const started = Promise.withResolvers<void>()
    const placing = this.#places
      .run(async () => {
        started.resolve()
        await this.#place(pack, signal, bytes)
      }, signal)
      .catch((error: unknown) => {
        this.#failure ??= { error }
        started.resolve()
      })
      .finally(() => this.#placing.delete(placing))
    this.#placing.add(placing)
    await started.promise
    this.#throwFailure()
  }

  /** @param bytes - of the pack, if they are at hand; else they come from the spool */
  async #place(pack: PackRow, signal: AbortSignal, bytes?: Uint8Array): Promise<void> {
    const { packs, grid, log, database } = this.#parts
    const encoded = await this.#encode(pack, bytes ?? (await this.#fromSpool(pack)))
    const held = packs.holders(pack.number)
    const { vault, isTidying = false } = this.#options
    const options = {
      // The way to a head that needs less, not what merging writes anew.
      isTidying: isTidying && HEAD_KINDS.has(pack.kind),
      onSent: (size: number) => this.#sent(size),
    }
    const placement = await grid.place(encoded, vault, held, signal, options)
    for (const piece of encoded.pieces) release(piece)

    // All shares under one roof are no more safe than one.
    const isComplete = placement.safe && placement.holders.size === pack.total
    if (isComplete) this.#placements.delete(pack.number)
    else this.#placements.set(pack.number, placement)
    const state = isComplete ? 'complete' : placement.safe ? 'safe' : pack.state
    inTransaction(database, () => {
      packs.put({ ...pack, id: encoded.id, state })
      packs.setHolders(pack.number, placement.holders)
    })
    log.info('pack placed', {
      pack: pack.number,
      kind: pack.kind,
      shares: placement.holders.size,
      total: pack.total,
      state,
    })
    if (!isComplete) return
    if (this.#options.isHolding === true) this.#held.push(pack)
    else await this.#retire(pack)
  }

  #sent(size: number): void {
    this.bytesSent += size
    this.#options.onSent?.()
  }

  /** Let packs go that are held only to be read back. */
  async letGo(): Promise<void> {
    for (const pack of this.#held.splice(0)) await this.#retire(pack)
  }

  async #retire(pack: PackRow): Promise<void> {
    await this.#parts.spool.retire(pack.number, pack.kind === 'metadata')
    this.#spooledSize -= pack.size
  }

  async #fromSpool(pack: PackRow): Promise<Uint8Array> {
    const bytes = await this.#parts.spool.readWhole(pack.number, pack.size)
    if (bytes !== undefined) return bytes
    throw new DiskError(
      `Pack ${pack.number} in the spool is not what was written: check this disk, then run again`,
    )
  }

  async #encode(pack: PackRow, bytes: Uint8Array): Promise<EncodedPack> {
    const run = await this.#parts.compute.open('encodePack', {
      needed: pack.needed,
      total: pack.total,
      leafSize: LEAF_SIZE[pack.kind],
    })
    try {
      const outputs = [...(await run.push({ bytes, size: pack.size })), ...(await run.close())]
      const [encoded] = outputs
      assert(encoded !== undefined, 'encoding one pack gives one encoded pack')
      assert(pack.id === undefined || pack.id === encoded.id, 'the same pack encodes the same')
      return encoded
    } catch (error) {
      run.cancel()
      throw error
    }
  }

  #notSafe(unsafePacks: number): NotSafeError {
    const placements = [...this.#placements.values()].filter((placement) => !placement.safe)
    return NotSafeError.ofPlacements(placements, unsafePacks, this.#parts.grid.roster)
  }

  #throwFailure(): void {
    if (this.#failure !== undefined) throw this.#failure.error
  }
}

/** The pack ids of what a head is about to name. */
export function idsOf(rows: readonly PackRow[]): PackId[] {
  return rows.map(({ id, number }) => {
    assert(id !== undefined, `pack ${number} was encoded before it became safe`)
    return id
  })
}
