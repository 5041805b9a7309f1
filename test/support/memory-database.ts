/** A backupdb in memory with its tables made. */

import { DatabaseSync } from 'node:sqlite'
import { compare, concat } from '../../protocol/bytes.ts'
import { prepareDatabase } from '../../src/store/database.ts'
import { Entries, type EntryRow } from '../../src/store/entries.ts'
import type { EntryStatus } from '../../src/base/entry-status.ts'

export function memoryDatabase(): DatabaseSync {
  const database = new DatabaseSync(':memory:')
  prepareDatabase(database)
  return database
}

/** Every row of the entries, in tree order. */
export function allEntries(database: DatabaseSync): EntryRow[] {
  const entries = new Entries(database)
  const names = database.prepare('SELECT folder, name FROM entries').all() as unknown as {
    folder: Uint8Array
    name: Uint8Array
  }[]
  const keys = names.map(({ folder, name }) =>
    folder.length === 0 ? name : concat(folder, Uint8Array.of(0), name),
  )
  return keys.toSorted(compare).flatMap((key) => entries.get(key) ?? [])
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
