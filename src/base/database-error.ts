/**
 * Errors of SQLite as errors of ours.
 *
 * `node:sqlite` throws a plain Error with the result code in `errcode`; whoever has a door to the
 * outside translates it there, once.
 */

import { DatabaseDamagedError, DiskError, DiskFullError, LockedError } from './errors.ts'

/** Primary result codes, https://www.sqlite.org/rescode.html. */
const SQLITE_BUSY = 5
const SQLITE_LOCKED = 6
const SQLITE_CORRUPT = 11
const SQLITE_FULL = 13
const SQLITE_NOTADB = 26

/**
 * @param path - what the person knows the database by
 * @returns one of our errors for one of SQLite's; others as they are
 */
export function toDatabaseError(path: string, error: unknown): unknown {
  const code = resultCode(error)
  if (code === undefined) return error
  const cause = { cause: error }
  switch (code) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
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

/** Run `work`; what SQLite throws in it comes out as one of our errors. */
export async function withDatabaseErrors<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw toDatabaseError(path, error)
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
