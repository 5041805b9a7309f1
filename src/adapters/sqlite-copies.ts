/**
 * SqliteCopies: SQLite's online backup into a folder of our own.
 *
 * A read transaction is held while pages are copied, so the copy is of one moment and never begins anew,
 * however busy the database is. With a write-ahead log writers go on meanwhile; with a rollback journal they
 * wait for the copy, as for any reader. Where SQLite cannot read a database without writing to it
 * (a journal that a crash left behind, a folder we may not write to) copies of its files are opened instead.
 */

import { constants, mkdirSync, readdirSync, rmSync, statSync } from 'node:fs'
import { copyFile, open } from 'node:fs/promises'
import { join } from 'node:path'
import { backup, DatabaseSync } from 'node:sqlite'
import { setTimeout } from 'node:timers/promises'
import { toDatabaseError } from '../base/database-error.ts'
import { CairnError, DiskError } from '../base/errors.ts'
import type { DatabaseCopies } from '../ports/database-copies.ts'
import type { ByteReader, Files, PathBytes } from '../ports/files.ts'

/** As long as a commit of many pages takes on a slow disk. */
const BUSY_MS_MAX = 10_000

/** Between two tries to read a locked database. */
const BUSY_STEP_MS = 20

/** As for sealed packs that wait (design §5). */
const COPY_SIZE_MAX = 10 * 1024 ** 3

/** Pages between two looks at whether we were told to stop. */
const PAGES_AT_ONCE = 5_000

const JOURNALS = ['-wal', '-journal'] as const

export interface SqliteCopiesOptions {
  /** Most that one copy may take, bytes. */
  readonly sizeMax?: number
  /** How long a writer may keep us from reading, ms. */
  readonly busyMsMax?: number
}

export class SqliteCopies implements DatabaseCopies {
  readonly #files: Pick<Files, 'open'>
  readonly #folder: string
  readonly #sizeMax: number
  readonly #busyMsMax: number
  #count = 0

  /**
   * @param files - how a copy is read
   * @param folder - for this process alone; what an earlier one left there is removed
   */
  constructor(
    files: Pick<Files, 'open'>,
    folder: string,
    { sizeMax = COPY_SIZE_MAX, busyMsMax = BUSY_MS_MAX }: SqliteCopiesOptions = {},
  ) {
    this.#files = files
    this.#folder = folder
    this.#sizeMax = sizeMax
    this.#busyMsMax = busyMsMax
  }

  async copy(path: PathBytes, signal: AbortSignal): Promise<ByteReader> {
    signal.throwIfAborted()
    const name = Buffer.from(path)
    this.#assertFits(name)
    const target = await this.#newTarget()
    try {
      await this.#copyTo(name, target, signal)
      return await this.#open(target)
    } catch (error) {
      remove(target)
      signal.throwIfAborted()
      throw translated(name, error)
    }
  }

  async isSettled(path: PathBytes): Promise<boolean> {
    try {
      withSnapshot(Buffer.from(path)).close()
      return true
    } catch {
      return false
    }
  }

  async close(): Promise<void> {
    rmSync(this.#folder, { recursive: true, force: true })
  }

  async #copyTo(path: Buffer, target: string, signal: AbortSignal): Promise<void> {
    // To read a log, SQLite keeps a file beside it. Where nobody has one, nor will we leave one.
    const isUnused = !isThere(besides(path, '-shm')) && (await isLogged(path))
    if (isUnused && (await this.#recover(path, target))) return
    let source: DatabaseSync
    try {
      source = await this.#snapshot(path, signal)
    } catch (error) {
      if (!mustWrite(error)) throw error
      if (await this.#recover(path, target)) return
      throw new DiskError(`${path.toString()} changed while it was copied`, { cause: error })
    }
    try {
      const progress = () => signal.throwIfAborted()
      await backup(source, target, { rate: PAGES_AT_ONCE, progress })
    } finally {
      source.close()
    }
  }

  /** SQLite waits with everything standing still, so it is asked again instead. */
  async #snapshot(path: Buffer, signal: AbortSignal): Promise<DatabaseSync> {
    const until = performance.now() + this.#busyMsMax
    for (;;) {
      try {
        return withSnapshot(path)
      } catch (error) {
        if (!isBusy(error) || performance.now() >= until) throw error
      }
      await setTimeout(BUSY_STEP_MS, undefined, { signal })
    }
  }

  /**
   * What the journals tell is carried out in a copy, and the person's files stay as they are.
   *
   * @returns whether they held still; if not, the target is as before
   */
  async #recover(path: Buffer, target: string): Promise<boolean> {
    const before = states(path)
    await copyFile(path, target, constants.COPYFILE_FICLONE)
    for (const suffix of JOURNALS) {
      const journal = besides(path, suffix)
      if (!isThere(journal)) continue
      await copyFile(journal, target + suffix, constants.COPYFILE_FICLONE)
    }
    if (states(path) !== before) {
      remove(target)
      await makePrivate(target)
      return false
    }
    const copy = new DatabaseSync(target)
    try {
      copy.exec('PRAGMA wal_checkpoint(TRUNCATE); SELECT count(*) FROM sqlite_schema')
    } finally {
      copy.close()
    }
    return true
  }

  async #open(target: string): Promise<ByteReader> {
    const file = await this.#files.open(Buffer.from(target))
    const close = async () => {
      await file.close()
      remove(target)
    }
    return { status: () => file.status(), read: (...range) => file.read(...range), close }
  }

  #assertFits(path: Buffer): void {
    const size = sizeOf(path) + sizeOf(besides(path, '-wal'))
    if (size <= this.#sizeMax) return
    throw new DiskError(`a copy of ${size} bytes would be larger than the ${this.#sizeMax} allowed`)
  }

  async #newTarget(): Promise<string> {
    if (this.#count === 0) {
      mkdirSync(this.#folder, { recursive: true, mode: 0o700 })
      for (const name of readdirSync(this.#folder)) rmSync(join(this.#folder, name))
    }
    this.#count += 1
    const target = join(this.#folder, `${this.#count}.db`)
    await makePrivate(target)
    return target
  }
}

/** @returns a connection that sees one committed moment until it is closed */
function withSnapshot(path: Buffer): DatabaseSync {
  const source = new DatabaseSync(path, { readOnly: true, timeout: 0 })
  try {
    source.exec('BEGIN')
    source.prepare('SELECT count(*) FROM sqlite_schema').get()
    return source
  } catch (error) {
    source.close()
    throw error
  }
}

/** Result codes for "somebody has it locked". */
const SQLITE_BUSY = 5
const SQLITE_LOCKED = 6

function isBusy(error: unknown): boolean {
  const code = (error as { errcode?: number }).errcode ?? 0
  return [SQLITE_BUSY, SQLITE_LOCKED].includes(code & 0xff)
}

/** Result codes for "a journal must be carried out first" and "the log cannot be opened without writing". */
const SQLITE_READONLY = 8
const SQLITE_CANTOPEN = 14

function mustWrite(error: unknown): boolean {
  const code = (error as { errcode?: number }).errcode ?? 0
  return [SQLITE_READONLY, SQLITE_CANTOPEN].includes(code & 0xff)
}

function remove(target: string): void {
  for (const suffix of ['', '-wal', '-shm', '-journal']) rmSync(target + suffix, { force: true })
}

function besides(path: Buffer, suffix: string): Buffer {
  return Buffer.concat([path, Buffer.from(suffix)])
}

/** SQLite would let others read what it makes. */
async function makePrivate(target: string): Promise<void> {
  await (await open(target, 'wx', 0o600)).close()
}

/** Where a header tells whether a database has a write-ahead log: then it says 2. */
const WRITE_VERSION_OFFSET = 18

async function isLogged(path: Buffer): Promise<boolean> {
  const file = await open(path, 'r')
  try {
    const { buffer } = await file.read(new Uint8Array(1), 0, 1, WRITE_VERSION_OFFSET)
    return buffer[0] === 2
  } finally {
    await file.close()
  }
}

function isThere(path: Buffer): boolean {
  return statSync(path, { throwIfNoEntry: false }) !== undefined
}

function sizeOf(path: Buffer): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0
}

/** Size and times of the database and its journals, to compare. */
function states(path: Buffer): string {
  const files = [path, ...JOURNALS.map((suffix) => besides(path, suffix))]
  return files
    .map((file) => statSync(file, { bigint: true, throwIfNoEntry: false }))
    .map((status) => (status ? `${status.ino} ${status.size} ${status.mtimeNs}` : 'none'))
    .join(', ')
}

function translated(path: Buffer, error: unknown): unknown {
  if (error instanceof CairnError) return error
  const known = toDatabaseError(path.toString(), error)
  if (known instanceof CairnError) return known
  const { message } = error as Error
  return new DiskError(`a copy could not be written: ${message}`, { cause: error })
}
