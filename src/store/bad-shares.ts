/**
 * Bad shares: what a peer says it holds and gave wrong bytes for, or none.
 *
 * They count as lost, whatever the peer goes on saying, until it has been read in full and is right, or the
 * peer says itself that it has it no more. Without this table they are found again, and nothing is lost.
 */

import type { DatabaseSync } from 'node:sqlite'
import { packIdFromBytes, packIdToBytes, type PackId } from '../../protocol/manifest.ts'
import type { Clock } from '../ports/clock.ts'
import type { PeerId } from '../ports/network.ts'
import { statement } from './database.ts'

/** One share at one peer. */
export interface BadShare {
  readonly pack: PackId
  readonly shareNumber: number
  readonly peer: PeerId
}

export interface FoundBadShare extends BadShare {
  /** When it was found bad the last time, ms since 1970. */
  readonly foundAt: number
}

export class BadShares {
  readonly #database: DatabaseSync
  readonly #clock: Pick<Clock, 'now'>

  constructor(database: DatabaseSync, clock: Pick<Clock, 'now'>) {
    this.#database = database
    this.#clock = clock
  }

  has({ pack, shareNumber, peer }: BadShare): boolean {
    const row = statement(
      this.#database,
      'SELECT 1 FROM bad_shares WHERE pack = ? AND share = ? AND peer = ?',
    ).get(packIdToBytes(pack), shareNumber, peer)
    return row !== undefined
  }

  note({ pack, shareNumber, peer }: BadShare): void {
    statement(
      this.#database,
      'INSERT OR REPLACE INTO bad_shares (pack, share, peer, found_at) VALUES (?, ?, ?, ?)',
    ).run(packIdToBytes(pack), shareNumber, peer, this.#clock.now())
  }

  clear({ pack, shareNumber, peer }: BadShare): void {
    statement(
      this.#database,
      'DELETE FROM bad_shares WHERE pack = ? AND share = ? AND peer = ?',
    ).run(packIdToBytes(pack), shareNumber, peer)
  }

  all(): FoundBadShare[] {
    const rows = statement(
      this.#database,
      'SELECT * FROM bad_shares ORDER BY pack, share, peer',
    ).all() as unknown as { pack: Uint8Array; share: number; peer: string; found_at: number }[]
    return rows.map(({ pack, share, peer, found_at: foundAt }) => ({
      pack: packIdFromBytes(pack),
      shareNumber: share,
      peer: peer as PeerId,
      foundAt,
    }))
  }

  /** @returns peers with a bad share of the pack */
  peersOf(pack: PackId): ReadonlySet<PeerId> {
    const rows = statement(this.#database, 'SELECT peer FROM bad_shares WHERE pack = ?').all(
      packIdToBytes(pack),
    ) as { peer: string }[]
    return new Set(rows.map(({ peer }) => peer as PeerId))
  }
}
