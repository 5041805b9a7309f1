import { DatabaseSync } from 'node:sqlite'
import { describe, expect, it } from 'vitest'
import { toDatabaseError } from '../../src/base/database-error.ts'
import { DatabaseDamagedError, DiskFullError } from '../../src/base/errors.ts'
import {
  NewerDatabaseError,
  OlderDatabaseError,
  inTransaction,
  prepareDatabase,
} from '../../src/store/database.ts'
import { PeerRecords } from '../../src/store/peer-records.ts'
import { Settings } from '../../src/store/settings.ts'
import { memoryDatabase } from '../support/memory-database.ts'

describe('the backupdb', () => {
  it('is made once and opened again as it was', () => {
    const database = memoryDatabase()
    new Settings(database).set('name', 'value')
    const bytes = database.serialize()
    prepareDatabase(database)
    expect(database.serialize()).toEqual(bytes)
  })

  it('of a newer schema is refused without a byte written', () => {
    const database = memoryDatabase()
    database.exec('PRAGMA user_version = 999')
    const bytes = database.serialize()
    expect(() => prepareDatabase(database)).toThrow(NewerDatabaseError)
    expect(database.serialize()).toEqual(bytes)
  })

  it('of an older schema is set aside by whoever opens it, without a byte written', () => {
    const database = memoryDatabase()
    database.exec('PRAGMA user_version = 1')
    const bytes = database.serialize()
    expect(() => prepareDatabase(database)).toThrow(OlderDatabaseError)
    expect(database.serialize()).toEqual(bytes)
  })

  it('of before a column goes on as it is, with the column', () => {
    const database = memoryDatabase()
    database.exec('ALTER TABLE peer_records DROP COLUMN nothing_ms')
    database.exec('ALTER TABLE peer_records DROP COLUMN nothing_at')
    database.exec(`INSERT INTO peer_records (peer, first_at, looked_at, silent_ms, unheard_ms, watched_ms,
      online_ms, looks, audits_passed, audits_failed) VALUES ('ann', 1, 2, 3, 4, 5, 6, 7, 8, 9)`)
    prepareDatabase(database)
    expect(new PeerRecords(database).all()).toMatchObject([{ auditsFailed: 9, nothingMs: 0 }])
  })

  it('is made whole or not at all', () => {
    const database = new DatabaseSync(':memory:')
    // A table in the way of ours stops the schema in its middle.
    database.exec('CREATE TABLE contents (other)')
    expect(() => prepareDatabase(database)).toThrow('contents')
    const tables = database.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").all()
    expect(tables.map(({ name }) => name)).toEqual(['contents'])
    expect(database.prepare('PRAGMA user_version').get()).toEqual({ user_version: 0 })
  })
})

describe('a transaction', () => {
  it('keeps all of its work or none', () => {
    const database = memoryDatabase()
    const settings = new Settings(database)
    expect(inTransaction(database, () => settings.next('number'))).toBe(1)
    expect(() =>
      inTransaction(database, () => {
        settings.next('number')
        throw new Error('no')
      }),
    ).toThrow('no')
    expect([settings.counter('number'), database.isTransaction]).toEqual([1, false])
  })

  it('that finds the disk full leaves the database as it was, and usable', () => {
    const database = memoryDatabase()
    const settings = new Settings(database)
    const pages = database.prepare('PRAGMA page_count').get()?.['page_count']
    database.exec(`PRAGMA max_page_count = ${Number(pages) + 2}`)
    const fill = () => inTransaction(database, () => settings.set('large', new Uint8Array(100_000)))
    expect(() => fill()).toThrow('full')
    expect(database.isTransaction).toBe(false)
    settings.set('small', 1)
    database.exec('PRAGMA max_page_count = 100000')
    fill()
  })
})

describe('an error of SQLite', () => {
  it('becomes one of ours, by what can be done about it', () => {
    const database = memoryDatabase()
    database.exec('PRAGMA max_page_count = 1')
    const settings = new Settings(database)
    const full = thrown(() => settings.set('large', new Uint8Array(1_000_000)))
    expect(toDatabaseError('backupdb', full)).toBeInstanceOf(DiskFullError)

    const other = thrown(() => database.exec('SELECT * FROM nowhere'))
    expect(toDatabaseError('backupdb', other)).toMatchObject({ name: 'DiskError', cause: other })
    const damaged = Object.assign(new Error('malformed'), { errcode: 11 | (1 << 8) })
    expect(toDatabaseError('backupdb', damaged)).toBeInstanceOf(DatabaseDamagedError)
    const ours = new RangeError('not of SQLite')
    expect(toDatabaseError('backupdb', ours)).toBe(ours)
  })
})

function thrown(work: () => unknown): unknown {
  try {
    work()
  } catch (error) {
    return error
  }
  throw new Error('nothing was thrown')
}
