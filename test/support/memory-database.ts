/** A backupdb in memory with its tables made. */

import { DatabaseSync } from 'node:sqlite'
import { prepareDatabase } from '../../src/store/database.ts'
import type { EntryStatus } from '../../src/store/entries.ts'

export function memoryDatabase(): DatabaseSync {
  const database = new DatabaseSync(':memory:')
  prepareDatabase(database)
  return database
}

/** A file's status; each call with the same arguments gives the same. */
export function fileStatus(more: Partial<EntryStatus> = {}): EntryStatus {
  return {
    kind: 'file',
    mode: 0o644,
    uid: 1000,
    gid: 1000,
    size: 10,
    mtime: { seconds: 1_700_000_000, nanoseconds: 1 },
    ctime: { seconds: 1_700_000_000, nanoseconds: 2 },
    inode: 5n,
    ...more,
  }
}
