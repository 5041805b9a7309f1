/**
 * Helper book: what a helper knows of who holds what of a vault, kept from one round to the next.
 *
 * Like the owner's own record, and like that a cache: without it every share counts as never adopted, and
 * is adopted once more, which does no harm.
 */

import type { DatabaseSync } from 'node:sqlite'
import type { VaultId } from '../../protocol/ids.ts'
import type { PackId } from '../../protocol/manifest.ts'
import type { Look } from '../base/peer-record.ts'
import type { SharesAtPeers } from '../grid/shares-at-peers.ts'
import type { PeerId } from '../ports/network.ts'
import type { PackFacts } from '../repair/pack-list.ts'
import type { Held, HolderBook, SeenPack } from '../repair/repair-parts.ts'
import { inTransaction, statement } from '../store/database.ts'

/** The table a helper's books are kept in; one for all its vaults. */
export const HELPER_BOOK_SCHEMA = `
  CREATE TABLE IF NOT EXISTS helped_shares (
    vault TEXT NOT NULL, pack TEXT NOT NULL, share INTEGER NOT NULL, peer TEXT NOT NULL,
    is_adopted INTEGER NOT NULL,  -- the peer was told that a head needs it
    PRIMARY KEY (vault, pack, share, peer)
  ) WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS helped_unadopted ON helped_shares (vault, pack) WHERE is_adopted = 0;
`

export interface HelperBookParts {
  readonly database: DatabaseSync
  /** Tells peers what a head needs. */
  readonly shares: Pick<SharesAtPeers, 'adopt'>
  readonly vault: VaultId
  /** Of the newest head that peers show. */
  readonly sequence: number
}

interface Row {
  readonly pack: string
  readonly share: number
  readonly peer: string
  readonly is_adopted: number
}

export class HelperBook implements HolderBook {
  readonly #parts: HelperBookParts

  constructor(parts: HelperBookParts) {
    this.#parts = parts
  }

  /**
   * What the ledger tells of a pack that is not in the book yet; what is seen afterwards counts more.
   *
   * @param holders - share number → the peer that its owner last knew to hold it
   */
  seed(pack: PackId, holders: ReadonlyMap<number, PeerId>): void {
    if (holders.size === 0 || this.#rows(pack).length > 0) return
    inTransaction(this.#parts.database, () => {
      for (const [share, peer] of holders) this.#insert(pack, share, peer, 'IGNORE')
    })
  }

  saw(seen: readonly SeenPack[], { answered }: Look): readonly Held[] {
    const { database, vault } = this.#parts
    const hasAnswered = new Set<string>(answered)
    const dropped: Held[] = []
    inTransaction(database, () => {
      this.#forgetOthers(new Set(seen.map(({ pack }) => pack.id)))
      for (const { pack, holders } of seen) {
        const known = this.#rows(pack.id)
        for (const [shareNumber, peers] of holders) {
          for (const peer of peers) this.#insert(pack.id, shareNumber, peer, 'IGNORE')
        }
        for (const row of known) {
          const isHeld = holders.get(row.share)?.includes(row.peer as PeerId) === true
          if (isHeld || !hasAnswered.has(row.peer)) continue
          statement(
            database,
            'DELETE FROM helped_shares WHERE vault = ? AND pack = ? AND share = ? AND peer = ?',
          ).run(vault, pack.id, row.share, row.peer)
          const held = { pack: pack.id, shareNumber: row.share, peer: row.peer as PeerId }
          if (row.is_adopted === 1) dropped.push(held)
        }
      }
    })
    return dropped
  }

  placed({ id }: PackFacts, shareNumber: number, peer: PeerId): void {
    this.#insert(id, shareNumber, peer, 'REPLACE')
  }

  /** A helper has no copy of the pack to let go. */
  settled(): Promise<void> {
    return Promise.resolve()
  }

  async adopt(signal: AbortSignal): Promise<readonly PeerId[]> {
    const { database, shares, vault, sequence } = this.#parts
    const packs = this.#unadopted()
    if (packs.size === 0) return []
    const untold = await shares.adopt(packs, { vault, sequence }, signal)
    inTransaction(database, () => {
      for (const [peer, told] of packs) {
        if (untold.includes(peer)) continue
        for (const pack of told) {
          statement(
            database,
            'UPDATE helped_shares SET is_adopted = 1 WHERE vault = ? AND pack = ? AND peer = ?',
          ).run(vault, pack, peer)
        }
      }
    })
    return untold
  }

  /** @returns share number → a peer that was known to hold it, for those who do not answer now */
  holders(pack: PackId): ReadonlyMap<number, PeerId> {
    return new Map(this.#rows(pack).map(({ share, peer }) => [share, peer as PeerId]))
  }

  #rows(pack: PackId): Row[] {
    const { database, vault } = this.#parts
    return statement(
      database,
      `SELECT pack, share, peer, is_adopted FROM helped_shares
       WHERE vault = ? AND pack = ? ORDER BY share, peer`,
    ).all(vault, pack) as unknown as Row[]
  }

  /** @returns for each peer, packs of which it holds a share and was not told that a head needs them */
  #unadopted(): Map<PeerId, PackId[]> {
    const { database, vault } = this.#parts
    const rows = statement(
      database,
      `SELECT DISTINCT peer, pack FROM helped_shares
       WHERE vault = ? AND is_adopted = 0 ORDER BY peer, pack`,
    ).all(vault)
    const packs = new Map<PeerId, PackId[]>()
    for (const row of rows) {
      const peer = String(row['peer']) as PeerId
      packs.set(peer, [...(packs.get(peer) ?? []), String(row['pack']) as PackId])
    }
    return packs
  }

  #insert(pack: PackId, share: number, peer: PeerId, conflict: 'IGNORE' | 'REPLACE'): void {
    const { database, vault } = this.#parts
    statement(database, `INSERT OR ${conflict} INTO helped_shares VALUES (?, ?, ?, ?, 0)`).run(
      vault,
      pack,
      share,
      peer,
    )
  }

  /** The head needs them no more. */
  #forgetOthers(needed: ReadonlySet<PackId>): void {
    const { database, vault } = this.#parts
    const rows = statement(
      database,
      'SELECT DISTINCT pack FROM helped_shares WHERE vault = ? ORDER BY pack',
    ).all(vault)
    for (const row of rows) {
      if (needed.has(String(row['pack']) as PackId)) continue
      statement(database, 'DELETE FROM helped_shares WHERE vault = ? AND pack = ?').run(
        vault,
        String(row['pack']),
      )
    }
  }
}
