/**
 * Entries: what the last published snapshots know of each path, for the change test.
 *
 * Rows lie by folder and name, so that what a scan finds in a folder is compared in one merge, without
 * a look-up per file. Statuses are packed: equal bytes are equal statuses (src/base/entry-status.ts).
 *
 * A stretch of names that a scan found just as the rows have it is remembered by its digest: where the
 * next scan finds the same digest, its rows need not be read at all. Any change of a row forgets the
 * stretch that it lies in.
 */

import type { DatabaseSync } from 'node:sqlite'
import { concat } from '../../protocol/bytes.ts'
import {
  pack,
  PACKED_INODE_OFFSET,
  PACKED_SIZE_OFFSET,
  unpack,
  type EntryStatus,
} from '../base/entry-status.ts'
import { statement } from './database.ts'

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

/** A stretch of names that is as the rows have it. */
export interface KnownStretch {
  /** Key of its folder. */
  readonly folder: Uint8Array
  /** Its names sort behind this one. */
  readonly after: Uint8Array
  readonly digest: Uint8Array
}

/** Names of a folder behind `after`, up to and with `until` or to the end. */
export interface Bounds {
  readonly after: Uint8Array
  readonly until: Uint8Array | undefined
}

/** A folder and all below it, as half-open ranges of keys: src/source/path.ts has them. */
export interface KeyRange {
  readonly from: Uint8Array
  readonly until: Uint8Array
}

interface EntryColumns {
  folder: Uint8Array
  name: Uint8Array
  status: Uint8Array
  content: Uint8Array | null
  version: number
  chain_length: number
  chain_size: number
}

/** How many rows a page of `stretches` holds: the table may change between pages. */
const PAGE_ROWS = 500

/** The size in a packed status; the index `entries_chained` has the very same words. */
const SIZE_COLUMN = `substr(status, ${PACKED_SIZE_OFFSET + 1}, 8)`

export class Entries {
  readonly #database: DatabaseSync

  constructor(database: DatabaseSync) {
    this.#database = database
  }

  get(key: Uint8Array): EntryRow | undefined {
    const [folder, name] = split(key)
    const row = statement(
      this.#database,
      'SELECT * FROM entries WHERE folder = ? AND name = ?',
    ).get(folder, name)
    return row === undefined ? undefined : toEntry(row as unknown as EntryColumns)
  }

  has(key: Uint8Array): boolean {
    const row = statement(
      this.#database,
      'SELECT 1 FROM entries WHERE folder = ? AND name = ?',
    ).get(...split(key))
    return row !== undefined
  }

  /**
   * Names and statuses of a folder's children within the bounds, packed as a scan packs its stretches
   * (src/base/stretch.ts). Joined by SQLite, since a value of ours for each row costs ten times as much.
   */
  records(folder: Uint8Array, { after, until }: Bounds): Uint8Array {
    const select = (bounds: string) =>
      statement(
        this.#database,
        `SELECT unhex(group_concat(printf('%04x', length(name)) || hex(status) || hex(name), ''))
           AS records
           FROM (SELECT name, status FROM entries WHERE folder = ? AND name > ? ${bounds} ORDER BY name)`,
      )
    const row =
      until === undefined
        ? select('').get(folder, after)
        : select('AND name <= ?').get(folder, after, until)
    return (row?.['records'] as Uint8Array | null | undefined) ?? new Uint8Array(0)
  }

  /** Packed statuses of all below a folder. */
  *statusesBelow(folder: Uint8Array, below: KeyRange): Generator<Uint8Array> {
    const rows = statement(
      this.#database,
      'SELECT status FROM entries WHERE folder = ? OR (folder >= ? AND folder < ?)',
    ).iterate(folder, below.from, below.until)
    for (const { status } of rows) yield status as Uint8Array
  }

  /** Known stretches of the folders with `from` ≤ key < `until`, in order, read a page at a time. */
  *stretches({ from, until }: KeyRange): Generator<KnownStretch> {
    const page = statement(
      this.#database,
      `SELECT folder, "after", digest FROM stretches WHERE folder >= ? AND folder < ?
         AND (folder, "after") > (?, ?) ORDER BY folder, "after" LIMIT ${PAGE_ROWS}`,
    )
    let last: Pick<KnownStretch, 'folder' | 'after'> | undefined
    for (;;) {
      // The first page begins with the first folder's first stretch, which is behind no other.
      const rows = (last === undefined
        ? this.#firstStretches(from, until)
        : page.all(from, until, last.folder, last.after)) as unknown as KnownStretch[]
      yield* rows
      last = rows.at(-1)
      if (last === undefined) return
    }
  }

  /**
   * A scan found every row within the bounds as it is, and nothing else.
   *
   * What was known to begin within them was cut otherwise: no known stretch lies in another.
   */
  knowStretch({ folder, after, digest }: KnownStretch, until: Bounds['until']): void {
    const inside = 'DELETE FROM stretches WHERE folder = ? AND "after" > ?'
    if (until === undefined) statement(this.#database, inside).run(folder, after)
    else statement(this.#database, `${inside} AND "after" < ?`).run(folder, after, until)
    statement(this.#database, 'INSERT OR REPLACE INTO stretches VALUES (?, ?, ?)').run(
      folder,
      after,
      digest,
    )
  }

  forgetStretch({ folder, after }: Pick<KnownStretch, 'folder' | 'after'>): void {
    statement(this.#database, 'DELETE FROM stretches WHERE folder = ? AND "after" = ?').run(
      folder,
      after,
    )
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
    const bytes = new Uint8Array(8)
    new DataView(bytes.buffer).setBigUint64(0, BigInt(size))
    const row = statement(
      this.#database,
      `SELECT 1 FROM entries WHERE ${SIZE_COLUMN} = ? AND chain_length > 0 LIMIT 1`,
    ).get(bytes)
    return row !== undefined
  }

  /** @returns how many files there are in the folders with `from` ≤ key < `until` */
  countFiles({ from, until }: KeyRange): number {
    const row = statement(
      this.#database,
      `SELECT count(*) AS files FROM entries WHERE folder >= ? AND folder < ?
         AND substr(status, 1, 1) BETWEEN x'80' AND x'8f'`, // the first bits of S_IFREG
    ).get(from, until)
    return Number(row?.['files'])
  }

  /**
   * Looks at every row.
   *
   * @returns keys of the folders in which something has one of these inodes, on whatever device
   */
  foldersOf(inodes: ReadonlySet<bigint>): Uint8Array[] {
    const hex = [...inodes].map((inode) => inode.toString(16).toUpperCase().padStart(16, '0'))
    const rows = statement(
      this.#database,
      `SELECT DISTINCT folder FROM entries
         WHERE hex(substr(status, ${PACKED_INODE_OFFSET + 1}, 8)) IN (SELECT value FROM json_each(?))`,
    ).all(JSON.stringify(hex)) as unknown as { folder: Uint8Array }[]
    return rows.map(({ folder }) => folder)
  }

  isEmpty(): boolean {
    return statement(this.#database, 'SELECT 1 FROM entries LIMIT 1').get() === undefined
  }

  /** @returns whether any file is stored as a chain of `lengthMin` deltas or more */
  hasChained(lengthMin = 1): boolean {
    const row = statement(
      this.#database,
      'SELECT 1 FROM entries WHERE chain_length > 0 AND chain_length >= ? LIMIT 1',
    ).get(lengthMin)
    return row !== undefined
  }

  /**
   * Files stored as chains of `lengthMin` deltas and more, in the order of the tree. Statements may be run
   * meanwhile: SQLite has sorted them all before it gives the first.
   */
  *chained(lengthMin: number): Generator<EntryRow> {
    const rows = statement(
      this.#database,
      // Without the `+` it would walk the whole table, which has the order, and not the index, which is short.
      `SELECT * FROM entries WHERE chain_length > 0 AND chain_length >= ?
         ORDER BY +folder, name`,
    ).iterate(lengthMin)
    for (const row of rows) yield toEntry(row as unknown as EntryColumns)
  }

  put(entry: EntryRow): void {
    const [folder, name] = split(entry.key)
    this.#forgetAround(folder, name)
    statement(
      this.#database,
      `INSERT OR REPLACE INTO entries
         (folder, name, status, content, version, chain_length, chain_size)
         VALUES (?, ?, ?, ?, ?, ?, ?)`,
    ).run(
      folder,
      name,
      pack(entry),
      entry.content ?? null,
      entry.version,
      entry.chainLength,
      entry.chainSize,
    )
  }

  /** Forget a path and everything below it. */
  removeTree(key: Uint8Array, below: KeyRange): void {
    const [folder, name] = split(key)
    this.#forgetAround(folder, name)
    statement(this.#database, 'DELETE FROM entries WHERE folder = ? AND name = ?').run(folder, name)
    for (const table of ['entries', 'stretches']) {
      statement(this.#database, `DELETE FROM ${table} WHERE folder = ?`).run(key)
      statement(this.#database, `DELETE FROM ${table} WHERE folder >= ? AND folder < ?`).run(
        below.from,
        below.until,
      )
    }
  }

  clear(): void {
    this.#database.exec('DELETE FROM entries; DELETE FROM stretches')
  }

  /** Forget the stretch that a name lies in: if it is known, it is the last to begin before. */
  #forgetAround(folder: Uint8Array, name: Uint8Array): void {
    statement(
      this.#database,
      `DELETE FROM stretches WHERE folder = ?1 AND "after" =
         (SELECT max("after") FROM stretches WHERE folder = ?1 AND "after" < ?2)`,
    ).run(folder, name)
  }

  #firstStretches(from: Uint8Array, until: Uint8Array): unknown[] {
    return statement(
      this.#database,
      `SELECT folder, "after", digest FROM stretches WHERE folder >= ? AND folder < ?
         ORDER BY folder, "after" LIMIT ${PAGE_ROWS}`,
    ).all(from, until)
  }
}

/** @returns the key of the folder that holds a path, and its name there */
function split(key: Uint8Array): [folder: Uint8Array, name: Uint8Array] {
  const at = key.lastIndexOf(0)
  return [key.subarray(0, Math.max(0, at)), key.subarray(at + 1)]
}

function join(folder: Uint8Array, name: Uint8Array): Uint8Array {
  return folder.length === 0 ? name : concat(folder, Uint8Array.of(0), name)
}

function toEntry(row: EntryColumns): EntryRow {
  return {
    ...unpack(row.status),
    key: join(row.folder, row.name),
    content: row.content ?? undefined,
    version: row.version,
    chainLength: row.chain_length,
    chainSize: row.chain_size,
  }
}
