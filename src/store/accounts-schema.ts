/**
 * The tables of a peer's accounts, and how those of an older Cairn become these.
 *
 * They have a database of their own: the shares, the leases of their vaults, how much was held for whom,
 * what others vouch for, and the age that all of it is counted by.
 */

import type { DatabaseSync } from 'node:sqlite'

import { VersionError } from '../../protocol/errors.ts'
import { inTransaction } from './database.ts'

const SCHEMA_VERSION = 3

/** Version 1: what is held, and for whom. */
const FIRST = `
  CREATE TABLE accounts_schema (version INTEGER NOT NULL);
  INSERT INTO accounts_schema VALUES (1);
  CREATE TABLE shares (
    pack TEXT NOT NULL,
    share INTEGER NOT NULL,
    vault TEXT NOT NULL,
    size INTEGER NOT NULL,         -- bytes of the whole file
    received_at INTEGER NOT NULL,  -- ms, this peer's clock
    adopted_by INTEGER,            -- sequence of the head that adopted it; NULL: provisional
    is_damaged INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (pack, share, vault)
  ) WITHOUT ROWID;
  CREATE INDEX shares_of_vault ON shares (vault, pack);
`

/** Version 2: ages, releases and leases. What was there counts as received at age 0. */
const SECOND = `
  ALTER TABLE shares ADD COLUMN received_age INTEGER NOT NULL DEFAULT 0;  -- of this peer, ms
  -- the highest sequence that an adoption or a cancel named: older releases count no more
  ALTER TABLE shares ADD COLUMN kept_by INTEGER NOT NULL DEFAULT 0;
  -- sequence of the head that released it, and the age at which it may go; NULL: not in release
  ALTER TABLE shares ADD COLUMN released_by INTEGER;
  ALTER TABLE shares ADD COLUMN due_age INTEGER;
  UPDATE shares SET kept_by = adopted_by WHERE adopted_by IS NOT NULL;
  CREATE INDEX shares_provisional ON shares (received_age) WHERE adopted_by IS NULL;
  CREATE INDEX shares_due ON shares (vault, due_age) WHERE due_age IS NOT NULL;

  CREATE TABLE leases (
    vault TEXT PRIMARY KEY,
    renewed_age INTEGER NOT NULL,        -- when a device of the vault was last heard
    warned_age INTEGER,                  -- when the log was last told that it runs out
    kept_by INTEGER NOT NULL DEFAULT 0,  -- the highest sequence of a cancel of all packs
    credit REAL NOT NULL DEFAULT 0,      -- bytes of due releases that may go by now
    credited_age INTEGER                 -- up to when credit was given; NULL: nothing was due
  ) WITHOUT ROWID;

  CREATE TABLE age_clock (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    age INTEGER NOT NULL,        -- ms
    checked_at INTEGER NOT NULL  -- ms since 1970, this machine's clock
  );
`

/**
 * Version 3, of shares: a provisional share goes some time after its vault did without it, and not before. What was
 * there waits for the vault's next word.
 */
const FORGONE = `
  ALTER TABLE shares ADD COLUMN forgone_age INTEGER;  -- of this peer, ms; NULL: the vault may need it
  DROP INDEX shares_provisional;
  CREATE INDEX shares_provisional ON shares (vault) WHERE adopted_by IS NULL;
  CREATE INDEX shares_forgone ON shares (forgone_age) WHERE forgone_age IS NOT NULL;
`

/** Version 3, of fair use. What was held before counts from the moment it is opened. */
const FAIR_USE = `
  -- Bytes held for each vault over time (byte-days.ts).
  CREATE TABLE byte_accounts (
    vault TEXT PRIMARY KEY,
    since_age INTEGER NOT NULL,    -- when its first share came
    settled_age INTEGER NOT NULL,  -- up to when byte_days is summed up
    bytes INTEGER NOT NULL         -- held from then on
  ) WITHOUT ROWID;
  CREATE TABLE byte_days (
    vault TEXT NOT NULL,
    day INTEGER NOT NULL,    -- of this peer's age
    whole INTEGER NOT NULL,  -- byte-days
    part INTEGER NOT NULL,   -- and byte-milliseconds besides
    PRIMARY KEY (vault, day)
  ) WITHOUT ROWID;
  -- How long vaults were above their grant (grace.ts).
  CREATE TABLE grace (
    vault TEXT PRIMARY KEY,
    over_age INTEGER,              -- since when; NULL: it is not now
    spent INTEGER NOT NULL,        -- ms of patience
    settled_age INTEGER NOT NULL,
    least INTEGER                  -- fewest bytes kept since new ones are refused; NULL: they are not
  ) WITHOUT ROWID;
  -- What a device of "vault" vouches that "peer" holds for it (credits.ts).
  CREATE TABLE credits (
    vault TEXT NOT NULL,
    peer TEXT NOT NULL,
    device TEXT NOT NULL,        -- its peer id
    bytes INTEGER NOT NULL,
    passed INTEGER NOT NULL,
    failed INTEGER NOT NULL,
    capacity INTEGER NOT NULL,
    issued_at INTEGER NOT NULL,  -- ms since 1970, the device's clock
    first_age INTEGER,           -- of the first one with a passed audit
    heard_age INTEGER NOT NULL,  -- of this one
    name TEXT NOT NULL,
    document BLOB NOT NULL,
    PRIMARY KEY (vault, peer)
  ) WITHOUT ROWID;
`

/**
 * Make the tables, or bring an older Cairn's up to date; all of it or nothing.
 *
 * @throws {VersionError} a newer Cairn wrote them; nothing was changed
 */
export function prepareAccounts(database: DatabaseSync): void {
  database.exec('PRAGMA synchronous = FULL')
  const version = versionOf(database)
  if (version > SCHEMA_VERSION) {
    throw new VersionError(
      `the accounts are of version ${version} and this Cairn knows ${SCHEMA_VERSION}: upgrade it`,
    )
  }
  if (version === SCHEMA_VERSION) return
  inTransaction(database, () => {
    if (version < 1) database.exec(FIRST)
    if (version < 2) database.exec(SECOND)
    database.exec(FORGONE)
    database.exec(FAIR_USE)
    database.exec(`UPDATE accounts_schema SET version = ${SCHEMA_VERSION}`)
  })
}

/** @returns 0 for a database without our tables */
function versionOf(database: DatabaseSync): number {
  const table = database
    .prepare(`SELECT name FROM sqlite_schema WHERE type = 'table' AND name = 'accounts_schema'`)
    .get()
  if (table === undefined) return 0
  const row = database.prepare('SELECT MAX(version) AS version FROM accounts_schema').get()
  return Number(row?.['version'] ?? 0)
}
