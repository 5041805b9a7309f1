/** Opening SQLite databases, so that a commit is durable and damage has a name. */

import { DatabaseSync } from 'node:sqlite'

import { DatabaseDamagedError, DiskError, DiskFullError, LockedError } from '../base/errors.ts'

/** How long a statement waits for another connection's lock, ms. */
const BUSY_MS_MAX = 5_000

/** Primary result codes, https://www.sqlite.org/rescode.html. */
const SQLITE_BUSY = 5
const SQLITE_CORRUPT = 11
const SQLITE_FULL = 13
const SQLITE_NOTADB = 26

/**
 * Open a database, making it if need be, and check that its pages are whole.
 *
 * It is in WAL mode with `synchronous=FULL`: a transaction that committed survives a power cut.
 * Foreign keys are enforced.
 *
 * @throws {DatabaseDamagedError} the file is no database, or pages in it are broken
 * @throws {LockedError} another process kept it locked
 * @throws {DiskError} it cannot be opened
 */
export function openDatabase(path: string): DatabaseSync {
  let database: DatabaseSync | undefined
  try {
    database = new DatabaseSync(path, { timeout: BUSY_MS_MAX })
    database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL')
    const verdict = database.prepare('PRAGMA quick_check(1)').get()?.['quick_check']
    if (verdict !== 'ok') throw new DatabaseDamagedError(path, String(verdict))
    return database
  } catch (error) {
    database?.close()
    throw toDatabaseError(path, error)
  }
}

/** An error of SQLite as one of ours; others come back as they are. */
export function toDatabaseError(path: string, error: unknown): unknown {
  const code = resultCode(error)
  if (code === undefined) return error
  const cause = { cause: error }
  switch (code) {
    case SQLITE_BUSY:
      return new LockedError(path, cause)
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return new DatabaseDamagedError(path, message(error), cause)
    case SQLITE_FULL:
      return new DiskFullError(`${path}: ${message(error)}`, cause)
    default:
      return new DiskError(`${path}: ${message(error)}`, cause)
  }
}

/** @returns the primary result code, `undefined` if the error is not SQLite's */
function resultCode(error: unknown): number | undefined {
  if (!(error instanceof Error) || !('errcode' in error)) return undefined
  return typeof error.errcode === 'number' ? error.errcode & 0xff : undefined
}

function message(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
