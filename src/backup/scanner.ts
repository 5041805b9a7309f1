/**
 * The scanner: walk the sources, compare with the backupdb, queue what differs.
 *
 * Both sides come folder by folder and name by name, so the comparison is one merge. A stretch of names
 * with the digest of an earlier scan that found everything as the backupdb has it is passed over whole.
 * Nothing is read but folders and the targets of links that changed. What could not be listed is not
 * compared, so it never looks deleted. Scanning twice gives the same queue; scanning after a crash
 * keeps finished work.
 */

import type { DatabaseSync } from 'node:sqlite'
import { compare, concat, equal } from '../../protocol/bytes.ts'
import {
  isSameStatus,
  peek,
  toEntryStatus,
  unpack,
  type EntryStatus,
} from '../base/entry-status.ts'
import { FilesError } from '../base/errors.ts'
import { recordsOf, type StretchRecord } from '../base/stretch.ts'
import type { Clock } from '../ports/clock.ts'
import type { Files } from '../ports/files.ts'
import type { Stretch } from '../ports/scan.ts'
import {
  type Found,
  type FoundEntry,
  type FoundStretch,
  type Source,
} from '../source/folder-source.ts'
import { fromKey, keysBelow, pathToKey, toPath } from '../source/path.ts'
import { inTransaction } from '../store/database.ts'
import type { Entries, KnownStretch } from '../store/entries.ts'
import type { Queue } from '../store/queue.ts'
import { isRacy } from './racy.ts'

/** Seconds since 1970 that a snapshot can hold, either way: as protocol/columns has it. */
const SECONDS_MAX = 2 ** 52

const UNSTORABLE = 'Its size or its times are beyond what a snapshot can hold'

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

/** What the comparison asks for. */
type Action =
  | {
      readonly type: 'changed'
      readonly key: Uint8Array
      readonly status: EntryStatus
      readonly target?: Uint8Array
    }
  | { readonly type: 'gone'; readonly key: Uint8Array; readonly status: EntryStatus }
  /** All rows of a stretch are as they were found. */
  | {
      readonly type: 'known'
      readonly stretch: KnownStretch
      readonly until: Uint8Array | undefined
    }
  | { readonly type: 'forgotten'; readonly stretch: KnownStretch }

export class Scanner {
  readonly #parts: ScannerParts
  readonly #source: Source
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
  readonly #known: Generator<KnownStretch>
  #next: KnownStretch | undefined
  #actions: Action[] = []

  constructor(parts: ScannerParts, source: Source, run: number) {
    this.#parts = parts
    this.#source = source
    this.#run = run
    this.#startedAt = parts.clock.now()
    this.#known = this.#knownStretches()
  }

  /** @param onProgress - called after each batch */
  async scan(onProgress: (totals: ScanTotals) => void, signal: AbortSignal): Promise<ScanReport> {
    this.#next = this.#advance()
    for await (const batch of this.#source.walk(signal)) {
      for (const found of batch) this.#compare(found)
      await this.#commit()
      onProgress(this.totals)
    }
    inTransaction(this.#parts.database, () => this.#parts.queue.dropUnseen(this.#run))
    onProgress(this.totals)
    return { totals: this.totals, failures: this.#failures }
  }

  #compare(found: Found): void {
    if (found.type === 'failure') this.#fail(found)
    else if (found.type === 'entry') this.#compareEntry(found)
    else this.#compareStretch(found)
  }

  /** A source, or a folder above one. */
  #compareEntry({ key, path, status: found }: FoundEntry): void {
    const known = this.#parts.entries.get(key)
    const status = toEntryStatus(found)
    if (status === undefined) {
      this.totals.unsupported += 1
      if (known !== undefined) this.#actions.push({ type: 'gone', key, status: known })
      return
    }
    if (!isStorable(status)) return this.#fail({ path, error: unstorable() })
    this.#count(status)
    if (known === undefined || !isSameStatus(known, status)) {
      this.#actions.push({ type: 'changed', key, status })
    } else if (status.kind === 'file') this.totals.unmodified += 1
  }

  #compareStretch({ key, stretch }: FoundStretch): void {
    this.totals.unsupported += stretch.unsupported
    for (const { name, code } of stretch.troubles) this.#fail(failureAt(childKey(key, name), code))
    if (this.#isKnown(key, stretch)) return this.#countUnchanged(stretch)

    const { after, until, digest, records } = stretch
    const known = this.#parts.entries.records(key, stretch)
    if (!equal(known, records)) return this.#merge(key, stretch, known)
    this.#countUnchanged(stretch)
    this.#actions.push({ type: 'known', stretch: { folder: key, after, digest }, until })
  }

  #countUnchanged({ files, folders, symlinks, bytes }: Stretch): void {
    this.totals.folders += folders
    this.totals.symlinks += symlinks
    this.totals.files += files
    this.totals.unmodified += files
    this.totals.bytes += bytes
  }

  /** Compare what was found with the rows of the same names. */
  #merge(folder: Uint8Array, stretch: Stretch, records: Uint8Array): void {
    const rows = recordsOf(records)
    let row = rows.next().value
    const passTo = (name: Uint8Array | undefined) => {
      for (; row !== undefined; row = rows.next().value) {
        if (name !== undefined && compare(row.name, name) >= 0) return
        this.#missing(folder, row, stretch)
      }
    }
    for (const { name, status } of recordsOf(stretch.records)) {
      passTo(name)
      const isKnown = row !== undefined && equal(row.name, name)
      if (isKnown && row !== undefined && equal(row.status, status)) {
        const seen = peek(status)
        this.#count(seen)
        if (seen.kind === 'file') this.totals.unmodified += 1
      } else {
        this.#changed(childKey(folder, name), unpack(status))
      }
      if (isKnown) row = rows.next().value
    }
    passTo(undefined)
  }

  #changed(key: Uint8Array, status: EntryStatus): void {
    if (!isStorable(status)) return this.#fail({ path: toPath(fromKey(key)), error: unstorable() })
    this.#count(status)
    this.#actions.push({ type: 'changed', key, status })
  }

  /** A row whose path was not found. */
  #missing(folder: Uint8Array, { name, status }: StretchRecord, { troubles }: Stretch): void {
    const trouble = troubles.find((each) => equal(each.name, name))
    // What was listed and could not be seen is kept, unless it vanished in between.
    if (trouble !== undefined && trouble.code !== 'ENOENT') return
    this.#actions.push({ type: 'gone', key: childKey(folder, name), status: unpack(status) })
  }

  #fail({ path, error }: ScanFailure): void {
    this.#failures.push({ path, error })
  }

  #count({ kind, size }: ReturnType<typeof peek>): void {
    if (kind === 'folder') this.totals.folders += 1
    else if (kind === 'symlink') this.totals.symlinks += 1
    else {
      this.totals.files += 1
      this.totals.bytes += size
    }
  }

  /** Move along the known stretches up to this one; those passed are cut otherwise now, or gone. */
  #isKnown(folder: Uint8Array, { after, digest }: Stretch): boolean {
    for (let known = this.#next; known !== undefined; known = this.#next) {
      const order = compare(known.folder, folder) || compare(known.after, after)
      if (order > 0) return false
      this.#next = this.#advance()
      if (order === 0 && equal(known.digest, digest)) return true
      this.#actions.push({ type: 'forgotten', stretch: known })
    }
    return false
  }

  async #commit(): Promise<void> {
    const actions = this.#actions
    if (actions.length === 0) return
    this.#actions = []
    const ready: Action[] = []
    for (const action of actions) {
      const isLink = action.type === 'changed' && action.status.kind === 'symlink'
      const whole = isLink ? await this.#withTarget(action) : action
      if (whole !== undefined) ready.push(whole)
    }
    inTransaction(this.#parts.database, () => {
      for (const action of ready) this.#do(action)
    })
  }

  /** @returns undefined where the link cannot be read: then it stays as the last snapshot has it */
  async #withTarget(link: Action & { type: 'changed' }): Promise<Action | undefined> {
    const path = toPath(fromKey(link.key))
    try {
      return { ...link, target: await this.#parts.files.readLink(path) }
    } catch (error) {
      if (!(error instanceof FilesError)) throw error
      this.#fail({ path, error })
      return undefined
    }
  }

  #do(action: Action): void {
    const { queue, entries } = this.#parts
    switch (action.type) {
      case 'changed': {
        const { key, status, target } = action
        const racy = isRacy(status.ctime, this.#startedAt)
        queue.add(this.#run, key, { status, isRacy: racy, target })
        break
      }
      case 'gone':
        queue.addGone(this.#run, action.key, action.status)
        break
      case 'known':
        entries.knowStretch(action.stretch, action.until)
        break
      default:
        entries.forgetStretch(action.stretch)
    }
  }

  #advance(): KnownStretch | undefined {
    const { done, value } = this.#known.next()
    return done === true ? undefined : value
  }

  *#knownStretches(): Generator<KnownStretch> {
    for (const path of this.#source.paths) {
      const key = pathToKey(path)
      yield* this.#parts.entries.stretches({ from: key, until: keysBelow(key).until })
    }
  }
}

function childKey(folder: Uint8Array, name: Uint8Array): Uint8Array {
  return folder.length === 0 ? name.slice() : concat(folder, Uint8Array.of(0), name)
}

function failureAt(key: Uint8Array, code: string): ScanFailure {
  const path = toPath(fromKey(key))
  return { path, error: new FilesError(code, `${new TextDecoder().decode(path)}: ${code}`) }
}

function unstorable(): FilesError {
  return new FilesError('EOVERFLOW', UNSTORABLE)
}

/** Sparse files and broken clocks can claim anything; one such file must not stop the snapshot. */
function isStorable({ size, mtime, ctime }: EntryStatus): boolean {
  const times = [mtime.seconds, ctime.seconds]
  return Number.isSafeInteger(size) && times.every((seconds) => Math.abs(seconds) < SECONDS_MAX)
}
