/**
 * The queue: what the next snapshot will change, path by path.
 *
 * A scan fills it, the uploader drains it, publishing empties it. A row is `waiting` until all its
 * content lies in packs that are safe on our own disk; then it is `done`, which survives any crash.
 * Scanning again keeps rows whose file is still as it was, so a resumed run reads nothing twice.
 */

import type { DatabaseSync } from 'node:sqlite'
import {
  isSameStatus,
  pack,
  PACKED_INODE_OFFSET,
  PACKED_MTIME_OFFSET,
  unpack,
  type EntryStatus,
} from '../base/entry-status.ts'
import { statement } from './database.ts'
import { decodeDetails, encodeDetails, type EntryDetails } from './entry-details.ts'
import { scanRecord, type ScanRecord } from './scan-record.ts'
import { Settings } from './settings.ts'

export interface QueueRow {
  readonly key: Uint8Array
  readonly state: 'waiting' | 'done' | 'gone'
  /** As the scan saw it; for `gone`, as the last snapshot has it. */
  readonly status: EntryStatus
  /** The change time is too near the scan to tell later changes from this one. */
  readonly isRacy: boolean
  /** Of a done file: its end alone was read, and the rest is trusted. */
  readonly isQuick: boolean
  /** Where a symbolic link points. */
  readonly target: Uint8Array | undefined
  /** Of what is done: what the tree keeps beside the status. */
  readonly details: EntryDetails
  /** For a done file: its new versions (src/store/version-record.ts), sealed; `undefined` if the content is as before. */
  readonly result: QueueResult | undefined
}

export interface QueueResult {
  readonly versions: Uint8Array | undefined
  readonly content: Uint8Array | undefined
  readonly version: number
  readonly chainLength: number
  readonly chainSize: number
}

interface QueueColumns {
  key: Uint8Array
  state: 'waiting' | 'done' | 'gone'
  status: Uint8Array
  is_racy: number
  is_quick: number
  target: Uint8Array | null
  details: Uint8Array | null
  versions: Uint8Array | null
  content: Uint8Array | null
  version: number | null
  chain_length: number | null
  chain_size: number | null
}

/** A path as the scan saw it. */
export interface FoundPath {
  readonly status: EntryStatus
  readonly isRacy: boolean
  readonly target: Uint8Array | undefined
  /** Of all but files, which are looked at when they are read. */
  readonly details?: EntryDetails | undefined
  /** Whether it is enough to have read a file's end. */
  readonly isQuick?: boolean
}

export interface QueueTotals {
  readonly files: number
  readonly bytes: number
}

/** What goes before others: a path and all below it. */
export interface Weight {
  readonly key: Uint8Array
  /** Keys of what is below: src/source/path.ts has them. */
  readonly below: { readonly from: Uint8Array; readonly until: Uint8Array }
  /** The heavier goes first; what has none weighs 0. */
  readonly weight: number
}

/** What the order of uploads depends on. */
export interface UploadOrder {
  /** Milliseconds since 1970. */
  readonly now: number
  /** None for the same path twice. */
  readonly weights: readonly Weight[]
}

const SCAN = 'scan'
const DAY_MS = 86_400_000

/** Sizes and ages at which a file falls back by one place each. */
const SIZE_STEPS = [2 ** 20, 2 ** 24, 2 ** 28]
const AGE_STEPS_MS = [DAY_MS, 30 * DAY_MS]
/** In place of a run's number, which begin at 1. */
const BESIDE_RUN = 0

/** How many rows a page of `rows` holds: the table may change between pages. */
const PAGE_ROWS = 1_000

/** The inode in a packed status. */
const INODE_COLUMN = `substr(status, ${PACKED_INODE_OFFSET + 1}, 8)`

export class Queue {
  readonly #database: DatabaseSync

  constructor(database: DatabaseSync) {
    this.#database = database
  }

  /** Note that a path is new or differs. What an earlier run finished is kept if it still holds. */
  add(run: number, key: Uint8Array, found: FoundPath): void {
    const earlier = this.get(key)
    const isKept =
      earlier !== undefined &&
      earlier.state !== 'gone' &&
      !earlier.isRacy &&
      (!earlier.isQuick || found.isQuick === true) &&
      isSameStatus(earlier.status, found.status)
    if (isKept) {
      statement(this.#database, 'UPDATE queue SET run = ? WHERE key = ?').run(run, key)
      return
    }
    this.#put(run, key, found.status.kind === 'file' ? 'waiting' : 'done', found)
  }

  /** Note that a path is no longer there. */
  addGone(run: number, key: Uint8Array, status: EntryStatus): void {
    this.#put(run, key, 'gone', { status, isRacy: false, target: undefined, details: undefined })
  }

  /**
   * Note that a file must be read for the sake of another, whatever an earlier run finished. No scan drops it:
   * the scan may see nothing of it.
   */
  addBeside(key: Uint8Array, status: EntryStatus): void {
    this.#put(BESIDE_RUN, key, 'waiting', { status, isRacy: false, target: undefined })
  }

  /** @returns what was added for the sake of another, and seen by no scan */
  beside(): QueueRow[] {
    return statement(this.#database, 'SELECT * FROM queue WHERE run = ? ORDER BY key')
      .all(BESIDE_RUN)
      .map((row) => toRow(row as unknown as QueueColumns))
  }

  /** @returns rows in tree order whose path ends so, all at once */
  endingIn(suffix: Uint8Array, state: QueueRow['state']): QueueRow[] {
    return statement(
      this.#database,
      'SELECT * FROM queue WHERE state = ? AND substr(key, ?) = ? ORDER BY key',
    )
      .all(state, -suffix.length, suffix)
      .map((row) => toRow(row as unknown as QueueColumns))
  }

  /** Drop the rows that this run did not see, but for those that are there for the sake of others. */
  dropUnseen(run: number): void {
    statement(this.#database, 'DELETE FROM queue WHERE run NOT IN (?, ?)').run(run, BESIDE_RUN)
  }

  get(key: Uint8Array): QueueRow | undefined {
    const row = statement(this.#database, 'SELECT * FROM queue WHERE key = ?').get(key)
    return row === undefined ? undefined : toRow(row as unknown as QueueColumns)
  }

  /** Rows in tree order, read a page at a time, so that rows may be finished meanwhile. */
  *rows(state?: QueueRow['state']): Generator<QueueRow> {
    const page = statement(
      this.#database,
      `SELECT * FROM queue WHERE key > ?${state === undefined ? '' : ' AND state = ?'}
       ORDER BY key LIMIT ${PAGE_ROWS}`,
    )
    let after: Uint8Array = new Uint8Array(0)
    for (;;) {
      const rows = state === undefined ? page.all(after) : page.all(after, state)
      for (const row of rows) yield toRow(row as unknown as QueueColumns)
      const last = rows.at(-1) as unknown as QueueColumns | undefined
      if (last === undefined) return
      after = last.key
    }
  }

  /**
   * Files that wait, in the order in which they are uploaded: heavy ones first, and of one weight those that
   * are new and small, by rough steps. Within a step they come in tree order, since small files of one folder
   * that come together take less room.
   */
  *inOrder(order: UploadOrder): Generator<QueueRow> {
    const { weight, place, values } = orderColumns(order)
    const groups = statement(
      this.#database,
      `SELECT ${weight} AS weight, ${place} AS place FROM queue WHERE state = 'waiting'
         GROUP BY 1, 2 ORDER BY 1 DESC, 2`,
    ).all(...values) as unknown as { weight: number; place: number }[]
    const page = statement(
      this.#database,
      `SELECT * FROM queue WHERE state = 'waiting' AND ${weight} = ? AND ${place} = ? AND key > ?
         ORDER BY key LIMIT ${PAGE_ROWS}`,
    )
    const [weights, places] = [
      values.slice(0, -AGE_STEPS_MS.length),
      values.slice(-AGE_STEPS_MS.length),
    ]
    for (const group of groups) {
      let after: Uint8Array = new Uint8Array(0)
      for (;;) {
        const rows = page.all(...weights, group.weight, ...places, group.place, after)
        for (const row of rows) yield toRow(row as unknown as QueueColumns)
        const last = rows.at(-1) as unknown as QueueColumns | undefined
        if (last === undefined) break
        after = last.key
      }
    }
  }

  /**
   * All of a file's content is in packs on our disk.
   *
   * @param found - what was true while it was read
   */
  finish(
    key: Uint8Array,
    found: { status: EntryStatus; isRacy: boolean; isQuick?: boolean; details?: EntryDetails },
    result: QueueResult,
  ): void {
    statement(
      this.#database,
      `UPDATE queue SET state = 'done', status = ?, size = ?, is_racy = ?, is_quick = ?, details = ?,
           versions = ?, content = ?, version = ?, chain_length = ?, chain_size = ? WHERE key = ?`,
    ).run(
      pack(found.status),
      found.status.size,
      found.isRacy ? 1 : 0,
      found.isQuick === true ? 1 : 0,
      (found.details && encodeDetails(found.details)) ?? null,
      result.versions ?? null,
      result.content ?? null,
      result.version,
      result.chainLength,
      result.chainSize,
      key,
    )
  }

  /** A file could not be read: leave it as the last snapshot has it. */
  drop(key: Uint8Array): void {
    statement(this.#database, 'DELETE FROM queue WHERE key = ?').run(key)
  }

  /** What is done is published. Where nothing waits, the scan has come to its end. */
  dropSettled(): void {
    this.#database.exec("DELETE FROM queue WHERE state <> 'waiting'")
    if (this.count('waiting') === 0) this.forgetScan()
  }

  clear(): void {
    this.#database.exec('DELETE FROM queue')
    this.forgetScan()
  }

  /** A scan has ended, and the queue holds what it found. */
  noteScan(record: ScanRecord): void {
    new Settings(this.#database).set(SCAN, record)
  }

  /** The queue is not any more, or not yet, what a scan found. */
  forgetScan(): void {
    new Settings(this.#database).remove(SCAN)
  }

  /** @returns the scan that the queue is of; `undefined` if none has ended */
  scanned(): ScanRecord | undefined {
    return new Settings(this.#database).get(SCAN, scanRecord)
  }

  /** Of the files among the rows. */
  totals(state: QueueRow['state']): QueueTotals {
    // A packed status begins with the mode, and a mode with the kind: 0x8 is a file.
    const row = statement(
      this.#database,
      `SELECT count(*) AS files, coalesce(sum(size), 0) AS bytes FROM queue
         WHERE state = ? AND status >= x'80' AND status < x'90'`,
    ).get(state) as { files: number; bytes: number }
    return { files: row.files, bytes: row.bytes }
  }

  count(state: QueueRow['state']): number {
    const sql = 'SELECT count(*) AS count FROM queue WHERE state = ?'
    return (statement(this.#database, sql).get(state) as { count: number }).count
  }

  /** @returns inodes that wait under several paths */
  linkedInodes(): ReadonlySet<bigint> {
    const rows = statement(
      this.#database,
      `SELECT DISTINCT ${INODE_COLUMN} AS inode FROM queue WHERE state = 'waiting'
         GROUP BY ${INODE_COLUMN} HAVING count(*) > 1`,
    ).all() as { inode: Uint8Array }[]
    const inodeOf = ({ buffer, byteOffset }: Uint8Array) =>
      new DataView(buffer, byteOffset).getBigUint64(0)
    return new Set(rows.map(({ inode }) => inodeOf(inode)))
  }

  #put(run: number, key: Uint8Array, state: QueueRow['state'], found: FoundPath): void {
    statement(
      this.#database,
      `INSERT OR REPLACE INTO queue (key, run, state, status, size, is_racy, target, details)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
    ).run(
      key,
      run,
      state,
      pack(found.status),
      found.status.size,
      found.isRacy ? 1 : 0,
      found.target ?? null,
      (found.details && encodeDetails(found.details)) ?? null,
    )
  }
}

/** A row's weight and its place among those of one weight, as SQL; `values` are the weights' and the places'. */
function orderColumns({ now, weights }: UploadOrder): {
  weight: string
  place: string
  values: (Uint8Array | number)[]
} {
  // Of paths within each other the innermost decides.
  const innermostFirst = weights.toSorted((a, b) => b.key.length - a.key.length)
  const cases = innermostFirst.map(() => 'WHEN key = ? OR (key >= ? AND key < ?) THEN ?')
  const modified = `substr(status, ${PACKED_MTIME_OFFSET + 1}, 12)`
  const places = [
    ...SIZE_STEPS.map((size) => `(size > ${size})`),
    // Before 1970 the first bit is set, which would sort last.
    ...AGE_STEPS_MS.map(() => `(${modified} < ? OR ${modified} >= x'80')`),
  ]
  return {
    weight: cases.length === 0 ? '0' : `CASE ${cases.join(' ')} ELSE 0 END`,
    place: `(${places.join(' + ')})`,
    values: [
      ...innermostFirst.flatMap(({ key, below, weight }) => [key, below.from, below.until, weight]),
      ...AGE_STEPS_MS.map((age) => packedTime(now - age)),
    ],
  }
}

/** Nanoseconds since 1970 in 12 bytes, as a packed status has them. */
function packedTime(ms: number): Uint8Array {
  const packed = new Uint8Array(12)
  new DataView(packed.buffer).setBigUint64(4, BigInt(Math.max(0, Math.round(ms))) * 1_000_000n)
  return packed
}

function toRow(row: QueueColumns): QueueRow {
  const result: QueueResult | undefined =
    row.chain_length === null
      ? undefined
      : {
          versions: row.versions ?? undefined,
          content: row.content ?? undefined,
          version: row.version ?? 0,
          chainLength: row.chain_length,
          chainSize: row.chain_size ?? 0,
        }
  return {
    key: row.key,
    state: row.state,
    status: unpack(row.status),
    isRacy: row.is_racy === 1,
    isQuick: row.is_quick === 1,
    target: row.target ?? undefined,
    details: decodeDetails(row.details ?? undefined),
    result,
  }
}
