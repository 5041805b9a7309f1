/**
 * Share accounts: what a peer holds and for whom, in SQLite.
 *
 * They answer `have` and quota questions without touching a share, and remember what the files cannot:
 * when a share came and which head adopted it. Lost accounts are made again from the share files, so
 * they are a convenience with `synchronous=FULL`, never the truth.
 */

import type { DatabaseSync, SQLOutputValue } from 'node:sqlite'

import { fromHex } from '../../protocol/bytes.ts'
import { VersionError } from '../../protocol/errors.ts'
import { vaultIdFromBytes, type VaultId } from '../../protocol/ids.ts'
import { parsePackId, type PackId } from '../../protocol/manifest.ts'

const SCHEMA_VERSION = 1

const SCHEMA = `
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
`

/** Which share, whose. */
export interface ShareKey {
  readonly vault: VaultId
  readonly pack: PackId
  readonly shareNumber: number
}

export interface ShareAccount extends ShareKey {
  /** Bytes of the whole file. */
  readonly size: number
  /** Milliseconds, by this peer's clock. */
  readonly receivedAt: number
  /** Sequence of the head that adopted it; 0 where that is not known any more; null: provisional. */
  readonly adoptedBy: number | null
  /** Found damaged on disk: not offered any more, and replaced when it comes again. */
  readonly isDamaged: boolean
}

type Row = Readonly<Record<string, SQLOutputValue>>

export class ShareAccounts {
  readonly #database: DatabaseSync
  readonly #statements: ReturnType<typeof prepare>
  /** Bytes held for each vault, damaged shares included: they take the same room. */
  readonly #used = new Map<VaultId, number>()

  /**
   * @param database - already open, and nobody else's
   * @throws {VersionError} a newer Cairn wrote it; nothing was changed
   */
  constructor(database: DatabaseSync) {
    this.#database = database
    database.exec('PRAGMA synchronous = FULL')
    checkVersion(database)
    database.exec(SCHEMA)
    stampVersion(database)
    this.#statements = prepare(database)
    for (const row of this.#statements.sums.all()) {
      this.#used.set(vaultOf(row), Number(row['size']))
    }
  }

  /** @returns bytes held for this vault, or for everybody */
  used(vault?: VaultId): number {
    if (vault !== undefined) return this.#used.get(vault) ?? 0
    return [...this.#used.values()].reduce((sum, size) => sum + size, 0)
  }

  get(key: ShareKey): ShareAccount | undefined {
    const row = this.#statements.get.get(key.pack, key.shareNumber, key.vault)
    return row === undefined ? undefined : toAccount(row)
  }

  /** @returns the accounts of a pack's shares, whoever owns them, by share number */
  ofPack(pack: PackId): ShareAccount[] {
    return this.#statements.ofPack.all(pack).map(toAccount)
  }

  /** All accounts; the table must not change while this runs. */
  *all(): Generator<ShareAccount> {
    for (const row of this.#statements.all.iterate()) yield toAccount(row)
  }

  /** Write one account, in place of an older one for the same key. */
  put(account: ShareAccount): void {
    const before = this.get(account)
    this.#statements.put.run(
      account.pack,
      account.shareNumber,
      account.vault,
      account.size,
      account.receivedAt,
      account.adoptedBy,
      account.isDamaged ? 1 : 0,
    )
    this.#count(account.vault, account.size - (before?.size ?? 0))
  }

  remove(key: ShareKey): void {
    const before = this.get(key)
    if (before === undefined) return
    this.#statements.remove.run(key.pack, key.shareNumber, key.vault)
    this.#count(key.vault, -before.size)
  }

  /**
   * Mark the vault's provisional shares of these packs as adopted.
   *
   * @returns how many shares the packs have here for this vault, adopted now or before
   */
  adopt(vault: VaultId, packs: readonly PackId[], sequence: number): number {
    return this.transaction(() => {
      let count = 0
      for (const pack of packs) {
        this.#statements.adopt.run(sequence, pack, vault)
        count += this.ofPack(pack).filter((account) => account.vault === vault).length
      }
      return count
    })
  }

  /** Do all of `work` or nothing of it. */
  transaction<T>(work: () => T): T {
    this.#database.exec('BEGIN IMMEDIATE')
    try {
      const result = work()
      this.#database.exec('COMMIT')
      return result
    } catch (error) {
      this.#database.exec('ROLLBACK')
      throw error
    }
  }

  #count(vault: VaultId, change: number): void {
    this.#used.set(vault, (this.#used.get(vault) ?? 0) + change)
  }
}

function prepare(database: DatabaseSync) {
  return {
    get: database.prepare('SELECT * FROM shares WHERE pack = ? AND share = ? AND vault = ?'),
    ofPack: database.prepare('SELECT * FROM shares WHERE pack = ? ORDER BY share, vault'),
    all: database.prepare('SELECT * FROM shares ORDER BY pack, share, vault'),
    sums: database.prepare('SELECT vault, SUM(size) AS size FROM shares GROUP BY vault'),
    put: database.prepare('INSERT OR REPLACE INTO shares VALUES (?, ?, ?, ?, ?, ?, ?)'),
    remove: database.prepare('DELETE FROM shares WHERE pack = ? AND share = ? AND vault = ?'),
    adopt: database.prepare(
      'UPDATE shares SET adopted_by = ? WHERE pack = ? AND vault = ? AND adopted_by IS NULL',
    ),
  }
}

function checkVersion(database: DatabaseSync): void {
  const table = database
    .prepare(`SELECT name FROM sqlite_schema WHERE type = 'table' AND name = 'accounts_schema'`)
    .get()
  if (table === undefined) return
  const row = database.prepare('SELECT MAX(version) AS version FROM accounts_schema').get()
  const version = Number(row?.['version'] ?? 0)
  if (version > SCHEMA_VERSION) {
    throw new VersionError(
      `the accounts are of version ${version} and this Cairn knows ${SCHEMA_VERSION}: upgrade it`,
    )
  }
}

function stampVersion(database: DatabaseSync): void {
  database.exec(`INSERT INTO accounts_schema SELECT ${SCHEMA_VERSION}
    WHERE NOT EXISTS (SELECT 1 FROM accounts_schema)`)
}

function toAccount(row: Row): ShareAccount {
  return {
    pack: parsePackId(String(row['pack'])),
    shareNumber: Number(row['share']),
    vault: vaultOf(row),
    size: Number(row['size']),
    receivedAt: Number(row['received_at']),
    adoptedBy: row['adopted_by'] === null ? null : Number(row['adopted_by']),
    isDamaged: row['is_damaged'] !== 0,
  }
}

function vaultOf(row: Row): VaultId {
  return vaultIdFromBytes(fromHex(String(row['vault'])))
}
