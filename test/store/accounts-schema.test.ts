import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describe, expect, it } from 'vitest'

import { VersionError } from '../../protocol/errors.ts'
import { vaultIdFromBytes } from '../../protocol/ids.ts'
import { prepareAccounts } from '../../src/store/accounts-schema.ts'
import { ShareAccounts } from '../../src/store/share-accounts.ts'
import { makePack, seedOf } from '../support/test-grid.ts'

const vault = vaultIdFromBytes(seedOf('a vault'))
const [adopted, provisional] = [1, 2].map((seed) => makePack(100, { needed: 1, total: 1 }, seed))

/** As a Cairn before leases wrote it. */
const OLD_SCHEMA = `
  CREATE TABLE IF NOT EXISTS accounts_schema (version INTEGER NOT NULL);
  CREATE TABLE IF NOT EXISTS shares (
    pack TEXT NOT NULL,
    share INTEGER NOT NULL,
    vault TEXT NOT NULL,
    size INTEGER NOT NULL,         -- bytes of the whole file
    received_at INTEGER NOT NULL,  -- ms, this peer's clock
    adopted_by INTEGER,            -- sequence of the head that adopted it; NULL: provisional
    is_damaged INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (pack, share, vault)
  ) WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS shares_of_vault ON shares (vault, pack);
  INSERT INTO accounts_schema SELECT 1 WHERE NOT EXISTS (SELECT 1 FROM accounts_schema);
`

describe('accounts of an older Cairn', () => {
  it('are brought up to date once, with everything that was in them', () => {
    withFile((open) => {
      const old = open()
      old.exec(OLD_SCHEMA)
      const insert = old.prepare('INSERT OR REPLACE INTO shares VALUES (?, ?, ?, ?, ?, ?, ?)')
      insert.run(adopted!.id, 0, vault, 500, 77, 9, 1)
      insert.run(provisional!.id, 0, vault, 300, 88, null, 0)
      old.close()
      for (let round = 0; round < 2; round += 1) {
        const database = open()
        const accounts = new ShareAccounts(database)
        const common = { vault, shareNumber: 0, receivedAge: 0, forgoneAge: null, release: null }
        expect([...accounts.all()].toSorted((a, b) => b.size - a.size)).toEqual([
          {
            ...common,
            pack: adopted!.id,
            size: 500,
            receivedAt: 77,
            adoptedBy: 9,
            keptBy: 9,
            isDamaged: true,
          },
          {
            ...common,
            pack: provisional!.id,
            size: 300,
            receivedAt: 88,
            adoptedBy: null,
            keptBy: 0,
            isDamaged: false,
          },
        ])
        expect([accounts.used(vault), accounts.released(vault)]).toEqual([800, 0])
        database.close()
      }
    })
  })

  it('come to the same tables as new ones', () => {
    withFile((open) => {
      const [old, fresh] = [open(), new DatabaseSync(':memory:')]
      old.exec(OLD_SCHEMA)
      for (const database of [old, fresh]) prepareAccounts(database)
      const tables = (database: DatabaseSync) =>
        ['shares', 'leases', 'age_clock', 'byte_accounts', 'byte_days', 'grace', 'credits'].map(
          (table) => database.prepare(`SELECT * FROM pragma_table_info('${table}')`).all(),
        )
      expect(tables(old)).toEqual(tables(fresh))
      old.close()
    })
  })

  it('are as they were if the power goes in the middle', () => {
    withFile((open) => {
      const old = open()
      old.exec(`${OLD_SCHEMA} CREATE TABLE leases (something_else INTEGER)`)
      expect(() => prepareAccounts(old)).toThrow('leases')
      const columns = old.prepare(`SELECT name FROM pragma_table_info('shares')`).all()
      expect(columns).toHaveLength(7)
      expect(old.prepare('SELECT version FROM accounts_schema').get()).toEqual({ version: 1 })
      old.close()
    })
  })

  it('of a newer Cairn are left alone', () => {
    const database = new DatabaseSync(':memory:')
    prepareAccounts(database)
    database.exec('UPDATE accounts_schema SET version = 4')
    expect(() => prepareAccounts(database)).toThrow(VersionError)
  })
})

function withFile(story: (open: () => DatabaseSync) => void): void {
  const folder = mkdtempSync(join(tmpdir(), 'cairn-accounts-'))
  try {
    story(() => new DatabaseSync(join(folder, 'accounts.sqlite')))
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
