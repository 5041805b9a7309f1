/** Opening SQLite databases, so that a commit is durable and damage has a name. */

import { closeSync, openSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'

import { toDatabaseError } from '../base/database-error.ts'
import { DatabaseDamagedError } from '../base/errors.ts'

/** How long a statement waits for another connection's lock, ms. */
const BUSY_MS_MAX = 5_000

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
    makePrivate(path)
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

/** SQLite would let others read what it makes; its journals get the mode of the file that is there. */
function makePrivate(path: string): void {
  try {
    closeSync(openSync(path, 'ax', 0o600))
  } catch {
    // It is there, or SQLite tells what stands in the way.
  }
}
