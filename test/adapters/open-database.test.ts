import {
  openSync,
  readdirSync,
  readFileSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'

import { describe, expect, it } from 'vitest'

import { openDatabase } from '../../src/adapters/open-database.ts'
import { DatabaseDamagedError, DiskError } from '../../src/base/errors.ts'
import { makeFolder } from './folder.ts'

describe('a database', () => {
  it('is made, and keeps what was committed', () => {
    const path = join(makeFolder(), 'queue.db')
    const first = openDatabase(path)
    first.exec('CREATE TABLE t (x); INSERT INTO t VALUES (7)')
    first.close()
    const again = openDatabase(path)
    expect(again.prepare('SELECT x FROM t').get()?.['x']).toBe(7)
    again.close()
  })

  it.runIf(process.platform !== 'win32')('is read by its owner alone, with all beside it', () => {
    const folder = makeFolder()
    const database = openDatabase(join(folder, 'queue.db'))
    database.exec('CREATE TABLE t (x); INSERT INTO t VALUES (7)')
    const names = readdirSync(folder)
    expect(names).toContain('queue.db-wal')
    for (const name of names) expect(statSync(join(folder, name)).mode & 0o777).toBe(0o600)
    database.close()
  })

  it('is durable at each commit, lets readers in, and minds its foreign keys', () => {
    const database = openDatabase(join(makeFolder(), 'queue.db'))
    expect(database.prepare('PRAGMA journal_mode').get()?.['journal_mode']).toBe('wal')
    expect(database.prepare('PRAGMA synchronous').get()?.['synchronous']).toBe(2)
    expect(database.prepare('PRAGMA foreign_keys').get()?.['foreign_keys']).toBe(1)
    database.close()
  })

  it('that is none is called damaged, and is left as it is', () => {
    const path = join(makeFolder(), 'queue.db')
    writeFileSync(
      path,
      'this is no database, and it is longer than a header of SQLite is '.repeat(9),
    )
    const before = readFileSync(path)
    expect(() => openDatabase(path)).toThrow(DatabaseDamagedError)
    expect(readFileSync(path)).toEqual(before)
  })

  it('with a broken page is called damaged', () => {
    const path = fill()
    const file = openSync(path, 'r+')
    writeSync(file, new Uint8Array(600).fill(0xa5), 0, 600, 4096 * 5)
    expect(() => openDatabase(path)).toThrow(DatabaseDamagedError)
  })

  it('that lost its end is called damaged', () => {
    const path = fill()
    truncateSync(path, 4096 * 7)
    expect(() => openDatabase(path)).toThrow(DatabaseDamagedError)
  })

  it('in a folder that is not there is trouble with the disk', () => {
    const path = join(makeFolder(), 'no', 'queue.db')
    expect(() => openDatabase(path)).toThrow(DiskError)
    expect(() => openDatabase(path)).not.toThrow(DatabaseDamagedError)
  })
})

/** A database of a hundred pages, in the file itself. */
function fill(): string {
  const path = join(makeFolder(), 'queue.db')
  const database = new DatabaseSync(path)
  database.exec('CREATE TABLE t (k INTEGER PRIMARY KEY, x); CREATE INDEX i ON t (x)')
  const insert = database.prepare('INSERT INTO t (x) VALUES (?)')
  database.exec('BEGIN')
  for (let row = 0; row < 1000; row++) insert.run(`${row} `.repeat(50))
  database.exec('COMMIT')
  database.close()
  return path
}
