/**
 * Entries: what the last published snapshots know of each path, for the change test.
 *
 * Rows sort like the tree (src/source/path.ts), so a scan compares them with the folders it walks in
 * one merge, without a look-up per file.
 */

import type { DatabaseSync } from 'node:sqlite'
import { statement } from './database.ts'
import type { FileStatus, FileTime } from '../ports/files.ts'

export type EntryKind = 'file' | 'folder' | 'symlink'

/** What the change test and the tree need of one path. */
export interface EntryStatus {
  readonly kind: EntryKind
  readonly mode: number
  readonly uid: number
  readonly gid: number
  readonly size: number
  readonly mtime: FileTime
  readonly ctime: FileTime
  readonly inode: bigint
}

export interface EntryRow extends EntryStatus {
  readonly key: Uint8Array
  /** Keyed id of the newest version's bytes; `undefined` where only the tree knows the file. */
  readonly content: Uint8Array | undefined
  /** Id of the newest version; 0 for what is not a file. */
  readonly version: number
  /** Deltas between the newest version and its original. */
  readonly chainLength: number
  /** Sealed bytes to fetch for the newest version. */
  readonly chainSize: number
}

/** The columns that make an `EntryStatus`, as SQLite gives them. */
export interface StatusColumns {
  kind: string
  mode: number
  uid: number
  gid: number
  size: number
  mtime_s: number
  mtime_ns: number
  ctime_s: number
  ctime_ns: number
  inode: string
}

export const STATUS_COLUMNS =
  'kind, mode, uid, gid, size, mtime_s, mtime_ns, ctime_s, ctime_ns, inode'

interface EntryColumns extends StatusColumns {
  key: Uint8Array
  content: Uint8Array | null
  version: number
  chain_length: number
  chain_size: number
}

export class Entries {
  readonly #database: DatabaseSync

  constructor(database: DatabaseSync) {
    this.#database = database
  }

  get(key: Uint8Array): EntryRow | undefined {
    const row = statement(this.#database, 'SELECT * FROM entries WHERE key = ?').get(key)
    return row === undefined ? undefined : toEntry(row as unknown as EntryColumns)
  }

  /** @returns rows with `from` ≤ key < `until`, in order; the table must not change meanwhile */
  *range(from: Uint8Array, until: Uint8Array): Generator<EntryRow> {
    const rows = this.#database
      .prepare('SELECT * FROM entries WHERE key >= ? AND key < ? ORDER BY key')
      .iterate(from, until)
    for (const row of rows) yield toEntry(row as unknown as EntryColumns)
  }

  /** @returns a path whose newest version has exactly these bytes */
  findContent(content: Uint8Array): EntryRow | undefined {
    const row = statement(this.#database, 'SELECT * FROM entries WHERE content = ? LIMIT 1').get(
      content,
    )
    return row === undefined ? undefined : toEntry(row as unknown as EntryColumns)
  }

  /** @returns whether some file of this size is stored as a chain of deltas */
  hasChainedOfSize(size: number): boolean {
    const row = statement(
      this.#database,
      'SELECT 1 FROM entries WHERE size = ? AND chain_length > 0 LIMIT 1',
    ).get(size)
    return row !== undefined
  }

  isEmpty(): boolean {
    return statement(this.#database, 'SELECT 1 FROM entries LIMIT 1').get() === undefined
  }

  /** @returns whether any file is stored as a chain of deltas */
  hasChained(): boolean {
    const row = statement(
      this.#database,
      'SELECT 1 FROM entries WHERE chain_length > 0 LIMIT 1',
    ).get()
    return row !== undefined
  }

  put(entry: EntryRow): void {
    statement(
      this.#database,
      `INSERT OR REPLACE INTO entries (key, ${STATUS_COLUMNS}, content, version, chain_length, chain_size)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    ).run(
      entry.key,
      ...statusValues(entry),
      entry.content ?? null,
      entry.version,
      entry.chainLength,
      entry.chainSize,
    )
  }

  /** Forget a path and everything below it. */
  removeTree(key: Uint8Array, below: { from: Uint8Array; until: Uint8Array }): void {
    statement(this.#database, 'DELETE FROM entries WHERE key = ?').run(key)
    statement(this.#database, 'DELETE FROM entries WHERE key >= ? AND key < ?').run(
      below.from,
      below.until,
    )
  }

  clear(): void {
    this.#database.exec('DELETE FROM entries')
  }
}

/** @returns whether nothing that would show in a snapshot, and nothing that tells of a change, differs */
export function isSameStatus(a: EntryStatus, b: EntryStatus): boolean {
  return isSameContentStatus(a, b) && a.mode === b.mode && a.uid === b.uid && a.gid === b.gid
}

/** The change test: size, modification time, change time and inode. */
export function isSameContentStatus(a: EntryStatus, b: EntryStatus): boolean {
  return (
    a.kind === b.kind &&
    a.size === b.size &&
    a.inode === b.inode &&
    isSameTime(a.mtime, b.mtime) &&
    isSameTime(a.ctime, b.ctime)
  )
}

function isSameTime(a: FileTime, b: FileTime): boolean {
  return a.seconds === b.seconds && a.nanoseconds === b.nanoseconds
}

/** @returns what is kept of a status, or `undefined` for kinds that are not backed up */
export function toEntryStatus(status: FileStatus): EntryStatus | undefined {
  if (status.kind !== 'file' && status.kind !== 'folder' && status.kind !== 'symlink')
    return undefined
  const { kind, mode, uid, gid, mtime, ctime, inode } = status
  // A folder's size is the file system's own affair and changes without meaning.
  const size = kind === 'folder' ? 0 : status.size
  return { kind, mode, uid, gid, size, mtime, ctime, inode }
}

export function statusValues(status: EntryStatus): (string | number)[] {
  const { kind, mode, uid, gid, size, mtime, ctime, inode } = status
  return [
    kind,
    mode,
    uid,
    gid,
    size,
    mtime.seconds,
    mtime.nanoseconds,
    ctime.seconds,
    ctime.nanoseconds,
    inode.toString(),
  ]
}

export function toStatus(row: StatusColumns): EntryStatus {
  return {
    kind: row.kind as EntryKind,
    mode: row.mode,
    uid: row.uid,
    gid: row.gid,
    size: row.size,
    mtime: { seconds: row.mtime_s, nanoseconds: row.mtime_ns },
    ctime: { seconds: row.ctime_s, nanoseconds: row.ctime_ns },
    inode: BigInt(row.inode),
  }
}

function toEntry(row: EntryColumns): EntryRow {
  return {
    ...toStatus(row),
    key: row.key,
    content: row.content ?? undefined,
    version: row.version,
    chainLength: row.chain_length,
    chainSize: row.chain_size,
  }
}
