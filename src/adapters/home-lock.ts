/**
 * HomeLock: one process works on a home at a time.
 *
 * The lock is SQLite's, on a file of its own that stays empty. The system drops it with the process,
 * however that ends, so no stale lock is ever left and no process number is ever compared. Writers
 * are alone; readers share the home with each other.
 */

import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'

import { LockedError } from '../base/errors.ts'
import { toDatabaseError } from '../base/database-error.ts'

const LOCK_FILE = 'lock'

export class HomeLock {
  readonly #database: DatabaseSync

  private constructor(database: DatabaseSync) {
    this.#database = database
  }

  /**
   * Take the lock, without waiting.
   *
   * @param home - an existing folder
   * @param access - `write` is alone on the home, `read` beside other readers
   * @throws {LockedError} naming the home, if another process (or this one) holds it
   * @throws {DiskError} the lock file cannot be made or opened
   */
  static take(home: string, access: 'read' | 'write'): HomeLock {
    const path = join(home, LOCK_FILE)
    let database: DatabaseSync | undefined
    try {
      database = new DatabaseSync(path, { timeout: 0 })
      // The transaction stays open: it holds the lock. A read takes its shared lock when it begins.
      database.exec(
        access === 'write' ? 'BEGIN EXCLUSIVE' : 'BEGIN; SELECT count(*) FROM sqlite_schema',
      )
      return new HomeLock(database)
    } catch (error) {
      database?.close()
      const trouble = toDatabaseError(path, error)
      throw trouble instanceof LockedError ? new LockedError(home, { cause: error }) : trouble
    }
  }

  /** Let others in. Safe to call twice. */
  release(): void {
    if (this.#database.isOpen) this.#database.close()
  }
}
