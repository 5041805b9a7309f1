/**
 * The scanner: walk the sources, compare with the backupdb, queue what differs.
 *
 * Both sides come folder by folder and name by name, so the comparison is one merge. A stretch of names
 * with the digest of an earlier scan that found everything as the backupdb has it is passed over whole.
 * Nothing is read but folders, and of links, folders and special files that changed what else they have. What could not be listed is not
 * compared, so it never looks deleted. Where the source has hints only those folders are looked at; the totals begin
 * with those of the snapshot that the rows are of, and what differs is counted off and on. Scanning twice gives the same queue; scanning after a crash
 * keeps finished work.
 */

import type { DatabaseSync } from 'node:sqlite'
import { compare, concat, equal } from '../../protocol/bytes.ts'
import { assert } from '../base/assert.ts'
import {
  isSameStatus,
  peek,
  toEntryStatus,
  unpack,
  type EntryKind,
  type EntryStatus,
} from '../base/entry-status.ts'
import { FilesError } from '../base/errors.ts'
import { recordsOf, type StretchRecord } from '../base/stretch.ts'
import type { Clock } from '../ports/clock.ts'
import type { Files, LookedAt, Unseen } from '../ports/files.ts'
import type { PassedFolder, Stretch } from '../ports/scan.ts'
import {
  type Found,
  type FoundEntry,
  type FoundStretch,
  type Source,
} from '../source/folder-source.ts'
import { hintedKeys } from '../source/hints.ts'
import { fromKey, keysBelow, pathToKey, toPath } from '../source/path.ts'
import { inTransaction } from '../store/database.ts'
import type { Entries, KnownStretch } from '../store/entries.ts'
import type { Queue } from '../store/queue.ts'
import type { EntryDetails } from '../store/entry-details.ts'
import { detailsOf } from './file-details.ts'
import { isRacy } from './racy.ts'

/** Seconds since 1970 that a snapshot can hold, either way: as protocol/columns has it. */
const SECONDS_MAX = 2 ** 52

const UNSTORABLE = 'Its size or its times are beyond what a snapshot can hold'

export interface ScanTotals {
  files: number
  folders: number
  symlinks: number
  /** FIFOs and devices. */
  specials: number
  bytes: number
  unmodified: number
  /** Sockets: passed over, since they stand for a program that listens. */
  unsupported: number
  /** Names left out by a rule, not counting what is in them. */
  leftOut: number
}

export interface ScanFailure {
  readonly path: Uint8Array
  readonly error: FilesError
}

export interface ScanReport {
  readonly totals: ScanTotals
  readonly failures: readonly ScanFailure[]
  /** Folders whose content was passed over, and why. */
  readonly passed: readonly PassedFolder[]
}

export interface ScannerParts {
  readonly clock: Clock
  readonly files: Files
  readonly database: DatabaseSync
  readonly entries: Entries
  readonly queue: Queue
}

export interface ScannerOptions {
  readonly run: number
  /** Every file is queued: what it holds tells whether it changed. */
  readonly isHashCheck?: boolean
  /** Of files that only grew it is enough to have read the ends. */
  readonly isQuick?: boolean
  /** What the rows hold in all; for a source that has hints. */
  readonly counted?: Counted
}

type Peeked = ReturnType<typeof peek>

/** How much a snapshot holds. */
export type Counted = Pick<ScanTotals, 'files' | 'folders' | 'bytes' | 'unmodified'>

/** What the comparison asks for. */
type Action =
  | {
      readonly type: 'changed'
      readonly key: Uint8Array
      readonly status: EntryStatus
      readonly target?: Uint8Array
      readonly details?: EntryDetails
    }
  | { readonly type: 'gone'; readonly key: Uint8Array; readonly status: EntryStatus }
  /** All rows of a stretch are as they were found. */
  | {
      readonly type: 'known'
      readonly stretch: KnownStretch
      readonly until: Uint8Array | undefined
    }
  | { readonly type: 'forgotten'; readonly stretch: KnownStretch }

/** Of all but files, which are looked at when they are read. */
type OtherAction = Action & { readonly type: 'changed' }

function isOther(action: Action): action is OtherAction {
  return action.type === 'changed' && action.status.kind !== 'file'
}

export class Scanner {
  readonly #parts: ScannerParts
  readonly #source: Source
  readonly #run: number
  /** Every file is queued: what it holds tells whether it changed. */
  readonly #isHashCheck: boolean
  /** Of files that only grew it is enough to have read the ends. */
  readonly #isQuick: boolean
  readonly #startedAt: number
  /** The rows that are compared were counted already, in the totals of the snapshot they are of. */
  readonly #isCounted: boolean
  readonly totals: ScanTotals = {
    files: 0,
    folders: 0,
    symlinks: 0,
    specials: 0,
    bytes: 0,
    unmodified: 0,
    unsupported: 0,
    leftOut: 0,
  }
  readonly #failures: ScanFailure[] = []
  readonly #passed: PassedFolder[] = []
  readonly #known: Generator<KnownStretch>
  #next: KnownStretch | undefined
  #actions: Action[] = []

  constructor(
    parts: ScannerParts,
    source: Source,
    { run, isHashCheck = false, isQuick = false, counted }: ScannerOptions,
  ) {
    this.#parts = parts
    this.#source = source
    this.#run = run
    this.#isHashCheck = isHashCheck
    this.#isQuick = isQuick
    this.#startedAt = parts.clock.now()
    this.#isCounted = counted !== undefined
    Object.assign(this.totals, counted)
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
    return { totals: this.totals, failures: this.#failures, passed: this.#passed }
  }

  #compare(found: Found): void {
    if (found.type === 'failure') this.#fail(found)
    else if (found.type === 'passed') this.#passed.push(found)
    else if (found.type === 'entry') this.#compareEntry(found)
    else if (found.type === 'stretch') this.#compareStretch(found)
  }

  /** A source, or a folder above one. */
  #compareEntry({ key, path, status: found }: FoundEntry): void {
    const known = this.#parts.entries.get(key)
    const status = toEntryStatus(found)
    if (status === undefined) {
      this.totals.unsupported += 1
      if (known !== undefined) this.#gone(key, known)
      return
    }
    if (!isStorable(status)) return this.#fail({ path, error: unstorable() })
    if (known !== undefined) this.#retold(key, known, status)
    this.#count(status)
    const isChanged = known === undefined || !isSameStatus(known, status)
    if (isChanged || this.#isDoubted(status.kind)) {
      this.#actions.push({ type: 'changed', key, status })
    } else if (status.kind === 'file') this.totals.unmodified += 1
  }

  #compareStretch({ key, stretch }: FoundStretch): void {
    this.totals.unsupported += stretch.unsupported
    this.totals.leftOut += stretch.leftOut
    for (const { name, code } of stretch.troubles) this.#fail(failureAt(childKey(key, name), code))
    const isKnown = this.#isKnown(key, stretch)
    const isToRead = this.#isHashCheck && stretch.files > 0
    if (isKnown && !isToRead) return this.#countUnchanged(stretch)

    const { after, until, digest, records } = stretch
    const known = this.#parts.entries.records(key, stretch)
    if (isToRead || !equal(known, records)) return this.#merge(key, stretch, known)
    this.#countUnchanged(stretch)
    this.#actions.push({ type: 'known', stretch: { folder: key, after, digest }, until })
  }

  #countUnchanged({ files, folders, symlinks, specials, bytes }: Stretch): void {
    if (this.#isCounted) return
    this.totals.folders += folders
    this.totals.symlinks += symlinks
    this.totals.specials += specials
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
      const seen = peek(status)
      const isSame = isKnown && row !== undefined && equal(row.status, status)
      if (isKnown && row !== undefined) this.#retold(childKey(folder, name), peek(row.status), seen)
      if (isSame && !this.#isDoubted(seen.kind)) {
        this.#count(seen)
        if (seen.kind === 'file') this.totals.unmodified += 1
      } else {
        this.#changed(childKey(folder, name), unpack(status))
      }
      if (isKnown) row = rows.next().value
    }
    passTo(undefined)
  }

  #isDoubted(kind: EntryKind | undefined): boolean {
    return this.#isHashCheck && kind === 'file'
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
    this.#gone(childKey(folder, name), unpack(status))
  }

  #gone(key: Uint8Array, status: EntryStatus): void {
    this.#uncount(status)
    if (this.#isCounted && status.kind === 'folder') this.#uncountBelow(key)
    this.#actions.push({ type: 'gone', key, status })
  }

  /** A path that has a row is there, perhaps as something else. */
  #retold(key: Uint8Array, row: Peeked, now: Peeked): void {
    this.#uncount(row)
    if (this.#isCounted && row.kind === 'folder' && now.kind !== 'folder') this.#uncountBelow(key)
  }

  #uncountBelow(key: Uint8Array): void {
    for (const row of this.#parts.entries.statusesBelow(key, keysBelow(key)))
      this.#uncount(peek(row))
  }

  /** A row is told anew, or is gone. */
  #uncount({ kind, size }: Peeked): void {
    if (!this.#isCounted) return
    if (kind === 'folder') this.totals.folders -= 1
    if (kind !== 'file') return
    this.totals.files -= 1
    this.totals.unmodified -= 1
    this.totals.bytes -= size
  }

  #fail({ path, error }: ScanFailure): void {
    this.#failures.push({ path, error })
  }

  #count({ kind, size }: Peeked): void {
    if (kind === 'folder') this.totals.folders += 1
    else if (kind === 'symlink') this.totals.symlinks += 1
    else if (kind === 'file') {
      this.totals.files += 1
      this.totals.bytes += size
    } else this.totals.specials += 1
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
    const others = actions.filter(isOther)
    const looked = await this.#parts.files.look(others.map(({ key }) => toPath(fromKey(key))))
    const seen = new Map(others.map((other, index) => [other, looked[index]]))
    const ready = actions.flatMap((action) => {
      if (!isOther(action)) return [action]
      const found = seen.get(action)
      assert(found !== undefined, 'each path has its answer')
      return this.#withDetails(action, found) ?? []
    })
    inTransaction(this.#parts.database, () => {
      for (const action of ready) this.#do(action)
    })
  }

  /** @returns undefined where it is nothing without: then it stays as the last snapshot has it */
  #withDetails(other: OtherAction, found: LookedAt | Unseen): Action | undefined {
    const { kind } = other.status
    const path = toPath(fromKey(other.key))
    if (!('code' in found) && found.status.kind === kind) {
      const { details, trouble } = detailsOf(found.status, found.xattrs)
      if (trouble !== undefined) this.#fail({ path, error: trouble })
      const target = found.target === undefined ? {} : { target: found.target }
      return { ...other, ...target, details }
    }
    // It may have become something else meanwhile.
    const code = 'code' in found ? found.code : 'EAGAIN'
    // A folder that vanished is told by the scan, which could not list it.
    if (kind !== 'folder' || code !== 'ENOENT') this.#fail(failureAt(other.key, code))
    // What is in a folder needs the folder, whatever else that has.
    return kind === 'folder' || kind === 'fifo' ? other : undefined
  }

  #do(action: Action): void {
    const { queue, entries } = this.#parts
    switch (action.type) {
      case 'changed': {
        const { key, status, target, details } = action
        const racy = isRacy(status.ctime, this.#startedAt)
        const isQuick = this.#isQuick
        queue.add(this.#run, key, { status, isRacy: racy, isQuick, target, details })
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
    const { hints, walked } = this.#source
    const ranges = hints?.map(hintedKeys) ?? walked.map(wholeOf)
    for (const range of ranges) yield* this.#parts.entries.stretches(range)
  }
}

function wholeOf(path: Uint8Array): { from: Uint8Array; until: Uint8Array } {
  const key = pathToKey(path)
  return { from: key, until: keysBelow(key).until }
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
