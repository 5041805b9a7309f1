/**
 * Helpers: which peers renewed the lease of which vault here, and when they did so last.
 *
 * Kept beside the leases, so that a vault's owner, who was away while others looked after the shares,
 * can be told who did. A table of its own that Cairns without helpers do not mind.
 */

import type { DatabaseSync } from 'node:sqlite'

import type { VaultId } from '../../protocol/ids.ts'
import type { PeerId } from '../ports/network.ts'
import { statement } from './database.ts'

/** One heard so short a time ago is not written again. */
const NOTE_MS = 3600_000

export interface HeardHelper {
  readonly peer: PeerId
  /** Milliseconds since 1970, by this peer's clock. */
  readonly heardAt: number
}

export class Helpers {
  readonly #database: DatabaseSync

  /** @param database - that of the accounts */
  constructor(database: DatabaseSync) {
    this.#database = database
    database.exec(`
      CREATE TABLE IF NOT EXISTS helpers (
        vault TEXT NOT NULL,
        peer TEXT NOT NULL,
        heard_at INTEGER NOT NULL,  -- ms since 1970, this machine's clock
        PRIMARY KEY (vault, peer)
      ) WITHOUT ROWID`)
  }

  note(vault: VaultId, peer: PeerId, now: number): void {
    const row = statement(
      this.#database,
      'SELECT heard_at FROM helpers WHERE vault = ? AND peer = ?',
    ).get(vault, peer)
    if (row !== undefined && Math.abs(now - Number(row['heard_at'])) < NOTE_MS) return
    statement(this.#database, 'INSERT OR REPLACE INTO helpers VALUES (?, ?, ?)').run(
      vault,
      peer,
      now,
    )
  }

  /** @returns the one heard last first */
  of(vault: VaultId): HeardHelper[] {
    return statement(
      this.#database,
      'SELECT peer, heard_at FROM helpers WHERE vault = ? ORDER BY heard_at DESC, peer',
    )
      .all(vault)
      .map((row) => ({ peer: String(row['peer']) as PeerId, heardAt: Number(row['heard_at']) }))
  }
}
