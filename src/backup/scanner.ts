/**
 * The scanner: walk the sources, compare with the backupdb, queue what differs.
 *
 * Both sides come in the same order, so the comparison is one merge. Nothing is read but folders and
 * link targets. Scanning twice gives the same queue; scanning after a crash keeps finished work.
 */

import type { DatabaseSync } from 'node:sqlite'
import { compare, equal } from '../../protocol/bytes.ts'
import { FilesError } from '../base/errors.ts'
import type { Clock } from '../ports/clock.ts'
import type { Files } from '../ports/files.ts'
import type { Found, FolderSource } from '../source/folder-source.ts'
import { keysBelow, toKey, toNames } from '../source/path.ts'
import { inTransaction } from '../store/database.ts'
import {
  isSameStatus,
  toEntryStatus,
  type Entries,
  type EntryRow,
  type EntryStatus,
} from '../store/entries.ts'
import type { Queue } from '../store/queue.ts'
import { isRacy } from './racy.ts'

/** Seconds since 1970 that a snapshot can hold, either way: as protocol/columns has it. */
const SECONDS_MAX = 2 ** 52

const UNSTORABLE = 'Its size or its times are beyond what a snapshot can hold'

/** Found paths between two commits of the queue. */
const BATCH_SIZE = 2_000

export interface ScanTotals {
  files: number
  folders: number
  symlinks: number
  bytes: number
  unmodified: number
  /** Sockets, FIFOs and devices: passed over, since this version does not keep them. */
  unsupported: number
}

export interface ScanFailure {
  readonly path: Uint8Array
  readonly error: FilesError
}

export interface ScanReport {
  readonly totals: ScanTotals
  readonly failures: readonly ScanFailure[]
}

export interface ScannerParts {
  readonly clock: Clock
  readonly files: Files
  readonly database: DatabaseSync
  readonly entries: Entries
  readonly queue: Queue
}

export class Scanner {
  readonly #parts: ScannerParts
  readonly #source: FolderSource
  readonly #run: number
  readonly #startedAt: number
  readonly totals: ScanTotals = {
    files: 0,
    folders: 0,
    symlinks: 0,
    bytes: 0,
    unmodified: 0,
    unsupported: 0,
  }
  readonly #failures: ScanFailure[] = []
  readonly #known: Generator<EntryRow>
  #next: EntryRow | undefined
  /** Below this key the backupdb's rows mean nothing: the folder is gone, or could not be listed. */
  #silent: Uint8Array | undefined

  constructor(parts: ScannerParts, source: FolderSource, run: number) {
    this.#parts = parts
    this.#source = source
    this.#run = run
    this.#startedAt = parts.clock.now()
    this.#known = this.#knownRows()
    this.#next = this.#advance()
  }

  /** @param onProgress - called after each batch */
  async scan(onProgress: (totals: ScanTotals) => void, signal: AbortSignal): Promise<ScanReport> {
    try {
      return await this.#scan(onProgress, signal)
    } finally {
      // A half-read statement would hold back the database's checkpoints.
      this.#known.return(undefined)
    }
  }

  async #scan(onProgress: (totals: ScanTotals) => void, signal: AbortSignal): Promise<ScanReport> {
    let batch: { found: Found; target: Uint8Array | undefined }[] = []
    for await (const found of this.#source.walk(signal)) {
      batch.push({ found, target: await this.#target(found) })
      if (batch.length < BATCH_SIZE) continue
      this.#commit(batch)
      batch = []
      onProgress(this.totals)
    }
    this.#commit(batch)
    inTransaction(this.#parts.database, () => {
      this.#passTo(undefined)
      this.#parts.queue.dropUnseen(this.#run)
    })
    onProgress(this.totals)
    return { totals: this.totals, failures: this.#failures }
  }

  async #target(found: Found): Promise<Uint8Array | undefined> {
    if (found.type === 'failure' || found.status.kind !== 'symlink') return undefined
    try {
      return await this.#parts.files.readLink(found.path)
    } catch (error) {
      if (!(error instanceof FilesError)) throw error
      this.#failures.push({ path: found.path, error })
      return undefined
    }
  }

  #commit(batch: { found: Found; target: Uint8Array | undefined }[]): void {
    inTransaction(this.#parts.database, () => {
      for (const { found, target } of batch) this.#take(found, target)
    })
  }

  #take(found: Found, target: Uint8Array | undefined): void {
    const isAncestor = found.type === 'entry' && found.isAncestor
    const known = isAncestor ? this.#parts.entries.get(found.key) : this.#meet(found.key)
    if (found.type === 'failure') return this.#takeFailure(found, known)

    const status = toEntryStatus(found.status)
    if (status === undefined) {
      this.totals.unsupported += 1
      if (known !== undefined) this.#gone(known)
      return
    }
    if (status.kind === 'symlink' && target === undefined) {
      this.#silent = found.key
      return
    }
    if (!isStorable(status)) {
      this.#failures.push({ path: found.path, error: new FilesError('EOVERFLOW', UNSTORABLE) })
      this.#silent = found.key
      return
    }
    this.#count(status)
    // A folder that became something else takes everything below it along.
    if (known?.kind === 'folder' && status.kind !== 'folder') this.#silent = found.key
    if (known !== undefined && isSameStatus(known, status)) {
      this.totals.unmodified += status.kind === 'file' ? 1 : 0
      return
    }
    this.#parts.queue.add(this.#run, found.key, {
      status,
      isRacy: isRacy(status.ctime, this.#startedAt),
      target,
    })
  }

  #takeFailure(found: Found & { type: 'failure' }, known: EntryRow | undefined): void {
    this.#failures.push({ path: found.path, error: found.error })
    this.#silent = found.key
    // A source that is not there is a disk not plugged in, more likely than a wish to forget it.
    const isVanished =
      found.what === 'entry' && found.error.code === 'ENOENT' && !this.#source.isSource(found.key)
    if (isVanished && known !== undefined) this.#gone(known)
  }

  /** Move along the known rows up to `key`; those passed are gone. @returns the row of `key` itself */
  #meet(key: Uint8Array): EntryRow | undefined {
    this.#passTo(key)
    const known = this.#next
    if (known === undefined || !equal(known.key, key)) return undefined
    this.#next = this.#advance()
    return known
  }

  #passTo(key: Uint8Array | undefined): void {
    const isBefore = (row: EntryRow) => key === undefined || compare(row.key, key) < 0
    while (this.#next !== undefined && isBefore(this.#next)) {
      if (!this.#isSilent(this.#next.key)) this.#gone(this.#next)
      this.#next = this.#advance()
    }
  }

  #gone(known: EntryRow): void {
    this.#parts.queue.addGone(this.#run, known.key, known)
    this.#silent = known.key
  }

  #isSilent(key: Uint8Array): boolean {
    const silent = this.#silent
    return (
      silent !== undefined &&
      // Everything lies below the topmost folder, whose key is empty.
      (silent.length === 0 ||
        (key.length > silent.length &&
          key[silent.length] === 0 &&
          equal(key.subarray(0, silent.length), silent)))
    )
  }

  #count(status: EntryStatus): void {
    if (status.kind === 'folder') this.totals.folders += 1
    else if (status.kind === 'symlink') this.totals.symlinks += 1
    else {
      this.totals.files += 1
      this.totals.bytes += status.size
    }
  }

  #advance(): EntryRow | undefined {
    const { done, value } = this.#known.next()
    return done === true ? undefined : value
  }

  *#knownRows(): Generator<EntryRow> {
    for (const path of this.#source.paths) {
      const key = toKey(toNames(path))
      const own = key.length === 0 ? undefined : this.#parts.entries.get(key)
      if (own !== undefined) yield own
      const { from, until } = keysBelow(key)
      yield* this.#parts.entries.range(from, until)
    }
  }
}

/** Sparse files and broken clocks can claim anything; one such file must not stop the snapshot. */
function isStorable({ size, mtime, ctime }: EntryStatus): boolean {
  const times = [mtime.seconds, ctime.seconds]
  return Number.isSafeInteger(size) && times.every((seconds) => Math.abs(seconds) < SECONDS_MAX)
}
