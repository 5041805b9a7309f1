/**
 * The backupdb's tables.
 *
 * One SQLite database holds what the client knows of the last published snapshot (`entries`), what
 * the next one will change (`queue`), which content the vault already has (`contents`), where its
 * packs stand (`packs`, `placed`), what was seen of peers (`peer_records`), and its settings. All of it
 * is a cache and a queue (law 5): without it there is more work, never loss. Content is named by keyed
 * ids, and object keys are sealed under the content they open, so that a stolen database tells names and
 * sizes, not contents or keys.
 */

import type { DatabaseSync, StatementSync } from 'node:sqlite'
import { DatabaseDamagedError, DiskError } from '../base/errors.ts'

const SCHEMA_VERSION = 5

/** The database was made by a newer Cairn; nothing was written to it. */
export class NewerDatabaseError extends DiskError {
  override readonly name = 'NewerDatabaseError'
}

/** An older Cairn made the database; like a damaged one it is set aside, and another is built. */
export class OlderDatabaseError extends DatabaseDamagedError {
  override readonly name = 'OlderDatabaseError'
}

const SCHEMA = `
  CREATE TABLE settings (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;

  -- A path's folder as a key (src/source/path.ts), its name, its packed status (src/base/entry-status.ts).
  CREATE TABLE entries (
    folder BLOB NOT NULL, name BLOB NOT NULL, status BLOB NOT NULL,
    -- keyed id of the newest version's bytes; NULL where only the tree knows the file
    content BLOB,
    -- of a file: its newest version's id, the deltas behind it, the sealed bytes to fetch for it
    version INTEGER NOT NULL, chain_length INTEGER NOT NULL, chain_size INTEGER NOT NULL,
    PRIMARY KEY (folder, name)
  ) WITHOUT ROWID;
  CREATE INDEX entries_content ON entries (content) WHERE content IS NOT NULL;
  -- by the size in the packed status
  CREATE INDEX entries_chained ON entries (substr(status, 11, 8)) WHERE chain_length > 0;

  -- Stretches of names in a folder that a scan found to be just as their rows in entries.
  CREATE TABLE stretches (
    folder BLOB NOT NULL, "after" BLOB NOT NULL, digest BLOB NOT NULL,
    PRIMARY KEY (folder, "after")
  ) WITHOUT ROWID;

  CREATE TABLE queue (
    key BLOB PRIMARY KEY,
    run INTEGER NOT NULL,
    state TEXT NOT NULL,
    status BLOB NOT NULL,
    size INTEGER NOT NULL,
    -- the change time lies within the clock's granularity of the scan: compare by content next time
    is_racy INTEGER NOT NULL,
    -- of a done file: its end alone was read
    is_quick INTEGER NOT NULL DEFAULT 0,
    target BLOB,
    -- what the tree keeps beside the status (src/store/entry-details.ts)
    details BLOB,
    versions BLOB, content BLOB, version INTEGER, chain_length INTEGER, chain_size INTEGER
  ) WITHOUT ROWID;

  CREATE TABLE contents (
    id BLOB PRIMARY KEY,
    pack INTEGER NOT NULL, offset INTEGER NOT NULL, length INTEGER NOT NULL,
    sealed_key BLOB NOT NULL
  ) WITHOUT ROWID;
  CREATE INDEX contents_pack ON contents (pack);

  CREATE TABLE signatures (
    content BLOB PRIMARY KEY, size INTEGER NOT NULL, used INTEGER NOT NULL, signature BLOB NOT NULL,
    -- from where a file that only grows goes on, sealed (src/store/signatures.ts)
    tail BLOB
  );
  CREATE INDEX signatures_used ON signatures (used);

  CREATE TABLE packs (
    number INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,
    state TEXT NOT NULL,
    size INTEGER NOT NULL,
    needed INTEGER NOT NULL, total INTEGER NOT NULL,
    id BLOB, base INTEGER NOT NULL DEFAULT 0,
    -- once merged: which of the number's bytes lie in the pack, from "base" on (protocol/extents.ts)
    extents BLOB,
    is_published INTEGER NOT NULL DEFAULT 0
  );
  CREATE INDEX packs_id ON packs (id);
  CREATE TABLE placed (
    pack INTEGER NOT NULL, share INTEGER NOT NULL, peer TEXT NOT NULL,
    -- the peer knows that a head needs the share, and keeps it for longer than a month
    is_adopted INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (pack, share)
  ) WITHOUT ROWID;
  CREATE INDEX placed_unadopted ON placed (pack) WHERE is_adopted = 0;

  -- Packs that no head needs from head "sequence" on; planned until that head is published.
  CREATE TABLE releases (
    number INTEGER PRIMARY KEY,
    sequence INTEGER NOT NULL,
    is_planned INTEGER NOT NULL,
    kind TEXT NOT NULL, size INTEGER NOT NULL,
    needed INTEGER NOT NULL, total INTEGER NOT NULL, id BLOB NOT NULL, base INTEGER NOT NULL,
    extents BLOB,
    -- the head that takes it back, once that is published
    cancelled_by INTEGER
  ) WITHOUT ROWID;
  CREATE INDEX releases_id ON releases (id);
  -- Peers that know of the releases of head "sequence".
  CREATE TABLE told (
    sequence INTEGER NOT NULL, peer TEXT NOT NULL,
    PRIMARY KEY (sequence, peer)
  ) WITHOUT ROWID;

  -- Numbers that stand for a part of another pack, the one made as "target", once head "sequence" is published.
  CREATE TABLE moves (
    number INTEGER PRIMARY KEY,
    sequence INTEGER NOT NULL,
    target INTEGER NOT NULL, base INTEGER NOT NULL, extents BLOB NOT NULL
  );

  -- What head "sequence" changes about the chains of newest versions, once it is published.
  CREATE TABLE rebuilt (
    key BLOB PRIMARY KEY,
    sequence INTEGER NOT NULL,
    version INTEGER NOT NULL, chain_length INTEGER NOT NULL, chain_size INTEGER NOT NULL
  ) WITHOUT ROWID;

  -- When peers received the head of a snapshot, by their own clocks.
  CREATE TABLE receipts (
    sequence INTEGER NOT NULL, peer TEXT NOT NULL, received_at INTEGER NOT NULL,
    PRIMARY KEY (sequence, peer)
  ) WITHOUT ROWID;

  -- What was seen of each storage peer: times by our clock, durations as counted (src/base/peer-record.ts).
  CREATE TABLE peer_records (
    peer TEXT PRIMARY KEY,
    first_at INTEGER NOT NULL, seen_at INTEGER, looked_at INTEGER NOT NULL,
    silent_ms INTEGER NOT NULL, unheard_ms INTEGER NOT NULL,
    watched_ms INTEGER NOT NULL, online_ms INTEGER NOT NULL, looks INTEGER NOT NULL,
    audits_passed INTEGER NOT NULL, audits_failed INTEGER NOT NULL,
    failed_at INTEGER, failed_before_at INTEGER,
    -- why it took no share when it was last asked to
    refusal TEXT, refused_at INTEGER,
    -- how long it answered and no audit brought anything good
    nothing_ms INTEGER NOT NULL DEFAULT 0, nothing_at INTEGER
  ) WITHOUT ROWID;

  -- Shares that a peer says it holds and gave wrong bytes for, or none.
  CREATE TABLE bad_shares (
    pack BLOB NOT NULL, share INTEGER NOT NULL, peer TEXT NOT NULL, found_at INTEGER NOT NULL,
    PRIMARY KEY (pack, share, peer)
  ) WITHOUT ROWID;
`

/**
 * Make the tables, or check that they are ours.
 *
 * @throws {NewerDatabaseError}
 * @throws {OlderDatabaseError} its tables have another shape: it is set aside and made anew
 */
export function prepareDatabase(database: DatabaseSync): void {
  const row = database.prepare('PRAGMA user_version').get() as { user_version: number }
  if (row.user_version === SCHEMA_VERSION) return addColumns(database)
  if (row.user_version > SCHEMA_VERSION) {
    throw new NewerDatabaseError(
      `The backupdb has schema ${row.user_version}, this Cairn knows ${SCHEMA_VERSION}: update Cairn`,
    )
  }
  if (row.user_version > 0) {
    throw new OlderDatabaseError('backupdb', `schema ${row.user_version}, before this Cairn`)
  }
  inTransaction(database, () => {
    database.exec(SCHEMA)
    database.exec(`PRAGMA user_version = ${SCHEMA_VERSION}`)
  })
}

/** Columns that came later: a database without them goes on as it is, and an earlier Cairn passes them over. */
function addColumns(database: DatabaseSync): void {
  const has = (table: string, column: string) =>
    database
      .prepare(`PRAGMA table_info(${table})`)
      .all()
      .some(({ name }) => name === column)
  if (!has('queue', 'details')) database.exec('ALTER TABLE queue ADD COLUMN details BLOB')
  if (!has('queue', 'is_quick')) {
    database.exec('ALTER TABLE queue ADD COLUMN is_quick INTEGER NOT NULL DEFAULT 0')
  }
  if (!has('signatures', 'tail')) database.exec('ALTER TABLE signatures ADD COLUMN tail BLOB')
  if (has('peer_records', 'nothing_ms')) return
  inTransaction(database, () => {
    database.exec('ALTER TABLE peer_records ADD COLUMN nothing_ms INTEGER NOT NULL DEFAULT 0')
    database.exec('ALTER TABLE peer_records ADD COLUMN nothing_at INTEGER')
  })
}

/**
 * Of databases that are open. A weak map would keep them all: a statement holds its database where the collector does
 * not see it.
 */
const statements = new Map<DatabaseSync, Map<string, StatementSync>>()

/**
 * A prepared statement, made once for each database and text. Not for `iterate`: two walks over one
 * statement would disturb each other.
 */
export function statement(database: DatabaseSync, sql: string): StatementSync {
  let prepared = statements.get(database)
  if (prepared === undefined) {
    for (const known of statements.keys()) if (!known.isOpen) statements.delete(known)
    statements.set(database, (prepared = new Map()))
  }
  let found = prepared.get(sql)
  if (found === undefined) prepared.set(sql, (found = database.prepare(sql)))
  return found
}

/** Run `work` so that all of it is kept or none. */
export function inTransaction<T>(database: DatabaseSync, work: () => T): T {
  database.exec('BEGIN IMMEDIATE')
  try {
    const result = work()
    database.exec('COMMIT')
    return result
  } catch (error) {
    // A full disk ends the transaction by itself; then there is nothing to roll back.
    if (database.isTransaction) database.exec('ROLLBACK')
    throw error
  }
}
