/**
 * The queue: what the next snapshot will change, path by path.
 *
 * A scan fills it, the uploader drains it, publishing empties it. A row is `waiting` until all its
 * content lies in packs that are safe on our own disk; then it is `done`, which survives any crash.
 * Scanning again keeps rows whose file is still as it was, so a resumed run reads nothing twice.
 */

import type { DatabaseSync } from 'node:sqlite'
import { isSameStatus, pack, unpack, type EntryStatus } from '../base/entry-status.ts'
import { statement } from './database.ts'

export interface QueueRow {
  readonly key: Uint8Array
  readonly state: 'waiting' | 'done' | 'gone'
  /** As the scan saw it; for `gone`, as the last snapshot has it. */
  readonly status: EntryStatus
  /** The change time is too near the scan to tell later changes from this one. */
  readonly isRacy: boolean
  /** Where a symbolic link points. */
  readonly target: Uint8Array | undefined
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
  target: Uint8Array | null
  versions: Uint8Array | null
  content: Uint8Array | null
  version: number | null
  chain_length: number | null
  chain_size: number | null
}

export interface QueueTotals {
  readonly files: number
  readonly bytes: number
}

/** In place of a run's number, which begin at 1. */
const BESIDE_RUN = 0

/** How many rows a page of `rows` holds: the table may change between pages. */
const PAGE_ROWS = 1_000

export class Queue {
  readonly #database: DatabaseSync

  constructor(database: DatabaseSync) {
    this.#database = database
  }

  /** Note that a path is new or differs. What an earlier run finished is kept if it still holds. */
  add(
    run: number,
    key: Uint8Array,
    found: { status: EntryStatus; isRacy: boolean; target: Uint8Array | undefined },
  ): void {
    const earlier = this.get(key)
    const isKept =
      earlier !== undefined &&
      earlier.state !== 'gone' &&
      !earlier.isRacy &&
      isSameStatus(earlier.status, found.status)
    if (isKept) {
      statement(this.#database, 'UPDATE queue SET run = ? WHERE key = ?').run(run, key)
      return
    }
    this.#put(run, key, found.status.kind === 'file' ? 'waiting' : 'done', found)
  }

  /** Note that a path is no longer there. */
  addGone(run: number, key: Uint8Array, status: EntryStatus): void {
    this.#put(run, key, 'gone', { status, isRacy: false, target: undefined })
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
   * All of a file's content is in packs on our disk.
   *
   * @param found - what was true while it was read
   */
  finish(
    key: Uint8Array,
    found: { status: EntryStatus; isRacy: boolean },
    result: QueueResult,
  ): void {
    statement(
      this.#database,
      `UPDATE queue SET state = 'done', status = ?, size = ?, is_racy = ?,
           versions = ?, content = ?, version = ?, chain_length = ?, chain_size = ? WHERE key = ?`,
    ).run(
      pack(found.status),
      found.status.size,
      found.isRacy ? 1 : 0,
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

  clear(): void {
    this.#database.exec('DELETE FROM queue')
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

  #put(
    run: number,
    key: Uint8Array,
    state: QueueRow['state'],
    found: { status: EntryStatus; isRacy: boolean; target: Uint8Array | undefined },
  ): void {
    statement(
      this.#database,
      `INSERT OR REPLACE INTO queue (key, run, state, status, size, is_racy, target)
         VALUES (?, ?, ?, ?, ?, ?, ?)`,
    ).run(
      key,
      run,
      state,
      pack(found.status),
      found.status.size,
      found.isRacy ? 1 : 0,
      found.target ?? null,
    )
  }
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
    target: row.target ?? undefined,
    result,
  }
}
