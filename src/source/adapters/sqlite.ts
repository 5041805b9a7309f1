/**
 * SQLite: databases in use.
 *
 * A database that nobody has open is whole as it is, and is read from its place. Of any other SQLite makes a
 * copy of one committed moment. In both cases nothing in the journals beside it counts any more: replayed
 * into another moment's pages they would damage the database, so they are kept as empty files, which
 * SQLite takes for none. Restored over a database of later date they empty its journals too.
 *
 * Formats: https://www.sqlite.org/fileformat2.html
 */

import { equal, utf8 } from '../../../protocol/bytes.ts'
import { CairnError, FilesError } from '../../base/errors.ts'
import type { Clock } from '../../ports/clock.ts'
import type { DatabaseCopies } from '../../ports/database-copies.ts'
import type { ByteReader, Files, FileStatus, PathBytes } from '../../ports/files.ts'
import { emptySource, type Companion, type SafeGroup, type SafeSource } from './source-adapter.ts'
import type { SourceAdapter } from './source-adapter.ts'
import { isSameState, withSuffix } from './same-state.ts'

const MAGIC = utf8('SQLite format 3\0')

/** Where a header tells how the database is written: 1 with a rollback journal, 2 with a log (WAL). */
const WRITE_VERSION_OFFSET = 18
const WAL_VERSION = 2

const JOURNALS = ['-journal', '-shm', '-wal'] as const

/** How journals begin: one that has been carried out, or is not written yet, with zeros. */
const JOURNAL_STARTS: Readonly<Record<string, readonly Uint8Array[]>> = {
  '-journal': [Uint8Array.of(0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7)],
  // Version 3007000 in the machine's own order.
  '-shm': [Uint8Array.of(0x18, 0xe2, 0x2d, 0x00), Uint8Array.of(0x00, 0x2d, 0xe2, 0x18)],
  '-wal': [Uint8Array.of(0x37, 0x7f, 0x06, 0x82), Uint8Array.of(0x37, 0x7f, 0x06, 0x83)],
}

const START_SIZE = 8

/** A change this long ago has a time of its own on any file system (FAT counts in 2 s). */
const SETTLED_MS = 3_000

export interface SqliteParts {
  readonly clock: Clock
  readonly copies: DatabaseCopies
}

export function sqliteAdapter(parts: SqliteParts): SourceAdapter {
  return {
    name: 'sqlite',
    suffixes: JOURNALS,
    madeSuffixes: [],
    claims: isSqlite,
    group: (files, path, head) => new SqliteGroup(parts, files, path, head),
  }
}

/** @param head - a file's first bytes */
export function isSqlite(head: Uint8Array): boolean {
  return equal(head.subarray(0, MAGIC.length), MAGIC)
}

/** The database's and its journals' states at one moment; of what is not there, `undefined`. */
interface Sight {
  readonly database: FileStatus
  readonly journals: ReadonlyMap<string, FileStatus>
}

class SqliteGroup implements SafeGroup {
  readonly #parts: SqliteParts
  readonly #files: Files
  readonly #path: PathBytes
  readonly #isLogged: boolean
  /** As they were before any bytes were taken: what changes later is found by the next scan. */
  #sight: Sight | undefined
  #mode: 'in place' | 'copied' | 'as it is' | undefined
  #copy: ByteReader | undefined
  /** It was changed while it was read in place. */
  #isBusy = false
  trouble: string | undefined

  constructor(parts: SqliteParts, files: Files, path: PathBytes, head: Uint8Array) {
    this.#parts = parts
    this.#files = files
    this.#path = path
    this.#isLogged = head[WRITE_VERSION_OFFSET] === WAL_VERSION
  }

  async open(signal: AbortSignal): Promise<SafeSource | undefined> {
    const { database } = await this.#prepare(signal)
    if (this.#mode === 'as it is') return undefined
    if (this.#mode === 'in place') return this.#inPlace(database)
    const copy = this.#copy ?? (await this.#parts.copies.copy(this.#path, signal))
    this.#copy = undefined
    return {
      recorded: database,
      status: async () => ({ ...database, size: (await copy.status()).size }),
      read: (offset, length) => copy.read(offset, length),
      isWhole: async () => true,
      close: () => copy.close(),
    }
  }

  async openCompanion(path: PathBytes, signal: AbortSignal): Promise<SafeSource | undefined> {
    const { database, journals } = await this.#prepare(signal)
    if (this.#mode === 'as it is') return undefined
    for (const suffix of JOURNALS) {
      if (!equal(path, withSuffix(this.#path, suffix))) continue
      if (await this.#isOther(suffix)) return undefined
      const status = journals.get(suffix)
      if (status !== undefined) return emptySource(status)
    }
    // Journals come and go. The next scan finds whether there is one, for none is ever of this time.
    return emptySource({ ...database, ctime: { seconds: 0, nanoseconds: 0 } })
  }

  async companions(): Promise<readonly Companion[]> {
    const isEmpty = this.#mode !== 'as it is'
    const found: Companion[] = []
    for (const [suffix, status] of this.#sight?.journals ?? []) {
      if (await this.#isOther(suffix)) continue
      found.push({ path: withSuffix(this.#path, suffix), isEmpty, status })
    }
    return found
  }

  async close(): Promise<void> {
    await this.#copy?.close()
    this.#copy = undefined
  }

  /** Decide how the database is read, and copy it if need be. */
  async #prepare(signal: AbortSignal): Promise<Sight> {
    if (this.#mode !== undefined && this.#sight !== undefined) return this.#sight
    const sight = await this.#look()
    this.#sight = sight
    if (!this.#isBusy && (await this.#isAtRest(sight))) {
      this.#mode = 'in place'
      return sight
    }
    try {
      this.#copy = await this.#parts.copies.copy(this.#path, signal)
      this.#mode = 'copied'
    } catch (error) {
      signal.throwIfAborted()
      if (!(error instanceof CairnError)) throw error
      this.trouble = error.message
      this.#mode = 'as it is'
    }
    return sight
  }

  async #look(): Promise<Sight> {
    const journals = new Map<string, FileStatus>()
    for (const suffix of JOURNALS) {
      const status = await this.#statusOf(withSuffix(this.#path, suffix))
      if (status?.kind === 'file') journals.set(suffix, status)
    }
    return { database: await this.#files.probe(this.#path), journals }
  }

  async #statusOf(path: PathBytes): Promise<FileStatus | undefined> {
    try {
      return await this.#files.probe(path)
    } catch (error) {
      if (error instanceof FilesError && error.code === 'ENOENT') return undefined
      throw error
    }
  }

  /** @returns whether a file has a journal's name only: somebody else's, which is read as it is */
  async #isOther(suffix: string): Promise<boolean> {
    try {
      const file = await this.#files.open(withSuffix(this.#path, suffix))
      try {
        const start = await file.read(0, START_SIZE)
        const isStart = (known: Uint8Array) => equal(start.subarray(0, known.length), known)
        return start.some((byte) => byte !== 0) && JOURNAL_STARTS[suffix]?.some(isStart) !== true
      } finally {
        // SQLite holds no lock of ours by now: closing a descriptor drops this process's locks.
        await file.close()
      }
    } catch (error) {
      if (!(error instanceof FilesError)) throw error
      // Journals come and go; what cannot be read says so where it is read.
      return error.code !== 'ENOENT'
    }
  }

  /** @returns whether nobody writes to the database, and a change from now on would show in its times */
  async #isAtRest({ database, journals }: Sight): Promise<boolean> {
    const isUsed = (suffix: string) => (journals.get(suffix)?.size ?? 0) > 0
    if (isUsed('-wal') || isUsed('-journal')) return false
    // A log that has no bytes yet: somebody has the database open.
    if (this.#isLogged && journals.has('-wal')) return false
    const { seconds, nanoseconds } = database.ctime
    const changedAt = seconds * 1_000 + nanoseconds / 1e6
    if (changedAt > this.#parts.clock.now() - SETTLED_MS) return false
    // With the log gone nobody has it open; asking SQLite would make a log, in the person's folder.
    return this.#isLogged || (await this.#parts.copies.isSettled(this.#path))
  }

  async #inPlace(recorded: FileStatus): Promise<SafeSource> {
    const file = await this.#files.open(this.#path)
    return {
      recorded,
      status: async () => recorded,
      read: (offset, length) => file.read(offset, length),
      isWhole: async () => {
        const after = await this.#look()
        const isWhole =
          isSameState(recorded, await file.status()) &&
          isSameState(recorded, after.database) &&
          isSameJournals(this.#sight?.journals, after.journals)
        if (!isWhole) {
          this.#isBusy = true
          this.#mode = undefined
        }
        return isWhole
      },
      close: () => file.close(),
    }
  }
}

function isSameJournals(
  before: ReadonlyMap<string, FileStatus> | undefined,
  after: ReadonlyMap<string, FileStatus>,
): boolean {
  if (before === undefined || before.size !== after.size) return false
  return [...before].every(([suffix, status]) => {
    const later = after.get(suffix)
    return later !== undefined && isSameState(status, later)
  })
}
