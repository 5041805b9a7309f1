/**
 * Packs: where each pack this device made stands, and where the packs of the vault are found.
 *
 * `sealed`: whole in the spool, not yet safe. `safe`: enough shares lie on distinct failure domains
 * that a head may name it. `complete`: every share has its place; the spool copy is gone.
 */

import type { DatabaseSync } from 'node:sqlite'
import { statement } from './database.ts'
import { decodeExtents, encodeExtents, type Mapping } from '../../protocol/extents.ts'
import { packIdFromBytes, packIdToBytes, type PackId } from '../../protocol/manifest.ts'
import type { PeerId } from '../ports/network.ts'

/** Deltas have packs of their own: they are coded stronger (src/grid/loss.ts). */
export type PackKind = 'data' | 'delta' | 'metadata' | 'ledger'
export type PackState = 'sealed' | 'safe' | 'complete'

export interface PackRow extends Mapping {
  readonly number: number
  readonly kind: PackKind
  readonly state: PackState
  /** Bytes of the pack, padding included. */
  readonly size: number
  readonly needed: number
  readonly total: number
  /** Known once the pack was encoded. */
  readonly id: PackId | undefined
  readonly isPublished: boolean
}

interface PackColumns {
  number: number
  kind: PackKind
  state: PackState
  size: number
  needed: number
  total: number
  id: Uint8Array | null
  base: number
  extents: Uint8Array | null
  is_published: number
}

export class Packs {
  readonly #database: DatabaseSync

  constructor(database: DatabaseSync) {
    this.#database = database
  }

  get(number: number): PackRow | undefined {
    const row = statement(this.#database, 'SELECT * FROM packs WHERE number = ?').get(number)
    return row === undefined ? undefined : toPack(row as unknown as PackColumns)
  }

  put(pack: PackRow): void {
    statement(
      this.#database,
      `INSERT OR REPLACE INTO packs
           (number, kind, state, size, needed, total, id, base, extents, is_published)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    ).run(
      pack.number,
      pack.kind,
      pack.state,
      pack.size,
      pack.needed,
      pack.total,
      pack.id === undefined ? null : packIdToBytes(pack.id),
      pack.base,
      pack.extents === undefined ? null : encodeExtents(pack.extents),
      pack.isPublished ? 1 : 0,
    )
  }

  inState(state: PackState): PackRow[] {
    const rows = statement(
      this.#database,
      'SELECT * FROM packs WHERE state = ? ORDER BY number',
    ).all(state)
    return rows.map((row) => toPack(row as unknown as PackColumns))
  }

  /** @returns up to `count` packs numbered `number` and up */
  from(number: number, count: number): PackRow[] {
    const rows = statement(
      this.#database,
      'SELECT * FROM packs WHERE number >= ? ORDER BY number LIMIT ?',
    ).all(number, count)
    return rows.map((row) => toPack(row as unknown as PackColumns))
  }

  /** @returns packs with an id that references may name, numbered `number` and up */
  encodedFrom(number: number): PackRow[] {
    const rows = statement(
      this.#database,
      `SELECT * FROM packs WHERE number >= ? AND id IS NOT NULL AND kind <> 'ledger'
         ORDER BY number`,
    ).all(number)
    return rows.map((row) => toPack(row as unknown as PackColumns))
  }

  /** @returns the numbers that lie in one pack, ascending: after merging they are several */
  ofId(id: PackId): PackRow[] {
    const rows = statement(this.#database, 'SELECT * FROM packs WHERE id = ? ORDER BY number').all(
      packIdToBytes(id),
    )
    return rows.map((row) => toPack(row as unknown as PackColumns))
  }

  /** @returns the numbers of all packs, ascending */
  numbers(): number[] {
    const rows = statement(this.#database, 'SELECT number FROM packs ORDER BY number').all()
    return rows.map((row) => row['number'] as number)
  }

  /** @returns the highest number, 0 without any */
  numberMax(): number {
    const row = statement(this.#database, 'SELECT max(number) AS number FROM packs').get()
    return (row as { number: number | null }).number ?? 0
  }

  /** @returns the code that packs were made with of late, that of deltas and ledgers aside */
  newestCode(): { readonly needed: number; readonly total: number } | undefined {
    const rows = statement(
      this.#database,
      `SELECT needed, total FROM packs WHERE kind NOT IN ('ledger', 'delta')
         ORDER BY number DESC LIMIT 16`,
    ).all() as { needed: number; total: number }[]
    // After a recovery packs of deltas are not told apart; they need fewer shares.
    return rows.toSorted((a, b) => b.needed - a.needed)[0]
  }

  /** @returns packs no head names yet, in order */
  unpublished(): PackRow[] {
    const rows = statement(
      this.#database,
      'SELECT * FROM packs WHERE is_published = 0 ORDER BY number',
    ).all()
    return rows.map((row) => toPack(row as unknown as PackColumns))
  }

  /** All packs that are here: everything a head rests on was safe before it. */
  markPublished(): void {
    this.#database.exec('UPDATE packs SET is_published = 1 WHERE is_published = 0')
  }

  remove(number: number): void {
    statement(this.#database, 'DELETE FROM packs WHERE number = ?').run(number)
    statement(this.#database, 'DELETE FROM placed WHERE pack = ?').run(number)
  }

  /** The pack is in release: who holds it stays known, for it may be taken back. */
  release(number: number): void {
    statement(this.#database, 'DELETE FROM packs WHERE number = ?').run(number)
  }

  /** @returns share number → the peer that said it stored it */
  holders(number: number): Map<number, PeerId> {
    const rows = statement(
      this.#database,
      'SELECT share, peer FROM placed WHERE pack = ? ORDER BY share',
    ).all(number) as { share: number; peer: string }[]
    return new Map(rows.map((row) => [row.share, row.peer as PeerId]))
  }

  setHolders(number: number, holders: ReadonlyMap<number, PeerId>): void {
    const before = this.holders(number)
    const drop = statement(this.#database, 'DELETE FROM placed WHERE pack = ? AND share = ?')
    for (const [share, peer] of before) if (holders.get(share) !== peer) drop.run(number, share)
    const insert = statement(
      this.#database,
      'INSERT OR IGNORE INTO placed (pack, share, peer) VALUES (?, ?, ?)',
    )
    for (const [share, peer] of holders) insert.run(number, share, peer)
  }

  /** Whether any share is known to lie there. */
  isHolder(peer: PeerId): boolean {
    const row = statement(this.#database, 'SELECT 1 FROM placed WHERE peer = ? LIMIT 1').get(peer)
    return row !== undefined
  }

  /** Whether the holder of the share knows that a head needs it. */
  isAdopted(number: number, share: number): boolean {
    const row = statement(
      this.#database,
      'SELECT is_adopted FROM placed WHERE pack = ? AND share = ?',
    ).get(number, share) as { is_adopted: number } | undefined
    return row?.is_adopted === 1
  }

  /** @returns published packs with shares whose holders do not know yet that a head needs them */
  unadopted(): PackRow[] {
    const rows = statement(
      this.#database,
      `SELECT * FROM packs WHERE is_published = 1 AND id IS NOT NULL
         AND number IN (SELECT pack FROM placed WHERE is_adopted = 0) ORDER BY number`,
    ).all()
    return rows.map((row) => toPack(row as unknown as PackColumns))
  }

  /** @returns bytes of pieces that a peer said it stored, of packs that a head names; trees not counted */
  bytesAt(peer: PeerId): number {
    // Several numbers may lie in one pack.
    const row = statement(
      this.#database,
      `SELECT sum((size + needed - 1) / needed) AS bytes FROM
         (SELECT DISTINCT id, share, size, needed FROM placed JOIN packs ON number = pack
           WHERE peer = ? AND is_published = 1 AND id IS NOT NULL)`,
    ).get(peer) as { bytes: number | null }
    return row.bytes ?? 0
  }

  /** What holders know of the pack holds no more: they are to be told again that a head needs it. */
  doubtAdopted(number: number): void {
    statement(this.#database, 'UPDATE placed SET is_adopted = 0 WHERE pack = ?').run(number)
  }

  /** @param away - peers that could not be told */
  markAdopted(numbers: readonly number[], away: ReadonlySet<PeerId>): void {
    const mark = statement(
      this.#database,
      'UPDATE placed SET is_adopted = 1 WHERE pack = ? AND share = ?',
    )
    for (const number of numbers) {
      for (const [share, peer] of this.holders(number)) {
        if (!away.has(peer)) mark.run(number, share)
      }
    }
  }
}

function toPack(row: PackColumns): PackRow {
  return {
    number: row.number,
    kind: row.kind,
    state: row.state,
    size: row.size,
    needed: row.needed,
    total: row.total,
    id: row.id === null ? undefined : packIdFromBytes(row.id),
    base: row.base,
    extents: row.extents === null ? undefined : decodeExtents(row.extents),
    isPublished: row.is_published === 1,
  }
}
