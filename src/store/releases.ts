/**
 * Releases: packs that no head needs any more, on their way out.
 *
 * A release is planned, then published with the head from which on nothing needs the pack, then told to
 * every peer, then carried out by them a month later. Until then it can be taken back.
 */

import type { DatabaseSync } from 'node:sqlite'
import { decodeExtents, encodeExtents } from '../../protocol/extents.ts'
import { packIdFromBytes, packIdToBytes, type PackId } from '../../protocol/manifest.ts'
import type { PeerId } from '../ports/network.ts'
import { statement } from './database.ts'
import type { PackKind, PackRow } from './packs.ts'

/** One number of a pack in release. */
export interface ReleaseRow {
  /** Of the first head that does not need the pack. */
  readonly sequence: number
  readonly pack: PackRow & { readonly id: PackId }
}

interface ReleaseColumns {
  number: number
  sequence: number
  kind: PackKind
  size: number
  needed: number
  total: number
  id: Uint8Array
  base: number
  extents: Uint8Array | null
}

/**
 * The pack is needed again, under another number: the same content in the same order makes the very
 * same pack. Numbers that are about to move elsewhere need it no more.
 */
const IS_BACK = `EXISTS (SELECT 1 FROM packs WHERE packs.id = releases.id
  AND packs.number NOT IN (SELECT number FROM releases)
  AND packs.number NOT IN (SELECT number FROM moves))`

export class Releases {
  readonly #database: DatabaseSync

  constructor(database: DatabaseSync) {
    this.#database = database
  }

  /** The head of this sequence will be the first that does not need these packs. */
  plan(sequence: number, packs: readonly PackRow[]): void {
    for (const pack of packs) this.#put(sequence, pack, true)
  }

  /** As the ledger tells them. */
  put(sequence: number, pack: PackRow): void {
    this.#put(sequence, pack, false)
  }

  /** The head of this sequence will take back releases of these packs. */
  planCancel(sequence: number, packs: readonly PackRow[]): void {
    const mark = statement(this.#database, 'UPDATE releases SET cancelled_by = ? WHERE number = ?')
    for (const { number } of packs) mark.run(sequence, number)
  }

  /**
   * The head is published. What it names again is no release any more.
   *
   * @returns the packs that it releases
   */
  settle(sequence: number): ReleaseRow[] {
    statement(this.#database, 'DELETE FROM releases WHERE cancelled_by = ?').run(sequence)
    this.forgetNeeded()
    const planned = this.#rows('WHERE is_planned = 1 AND sequence = ?', sequence)
    statement(this.#database, 'UPDATE releases SET is_planned = 0 WHERE sequence = ?').run(sequence)
    return planned
  }

  /** No head came of what was planned. */
  dropPlanned(): void {
    this.#database.exec(
      `DELETE FROM releases WHERE is_planned = 1;
       DELETE FROM packs WHERE number IN
         (SELECT number FROM releases WHERE cancelled_by IS NOT NULL);
       UPDATE releases SET cancelled_by = NULL WHERE cancelled_by IS NOT NULL`,
    )
  }

  /** @returns all that is published, ascending by number */
  all(): ReleaseRow[] {
    return this.#rows('WHERE is_planned = 0')
  }

  /** @returns what the ledger of head `sequence` tells: all that is published, and what is planned for it */
  upTo(sequence: number): ReleaseRow[] {
    return this.#rows(
      `WHERE (is_planned = 0 OR sequence = ?1) AND (cancelled_by IS NULL OR cancelled_by <> ?1)
         AND NOT ${IS_BACK}`,
      sequence,
    )
  }

  /** @returns what peers may be told of the releases of one head: not of packs that are needed again */
  toTell(sequence: number): ReleaseRow[] {
    return this.#rows(`WHERE is_planned = 0 AND sequence = ? AND NOT ${IS_BACK}`, sequence)
  }

  /** @returns the highest number, 0 without any */
  numberMax(): number {
    const row = statement(this.#database, 'SELECT max(number) AS number FROM releases').get()
    return (row as { number: number | null }).number ?? 0
  }

  /** The same bytes make the same pack: one that was made again, under another number, is needed again. */
  forgetNeeded(): void {
    this.#database.exec(`DELETE FROM releases WHERE ${IS_BACK}`)
  }

  /** The pack is gone from every peer, or is needed again. */
  remove(number: number): void {
    statement(this.#database, 'DELETE FROM releases WHERE number = ?').run(number)
  }

  clear(): void {
    this.#database.exec('DELETE FROM releases; DELETE FROM told')
  }

  /** @returns sequences of published releases that the peer was not told of */
  untoldTo(peer: PeerId): number[] {
    const rows = statement(
      this.#database,
      `SELECT DISTINCT sequence FROM releases WHERE is_planned = 0
         AND sequence NOT IN (SELECT sequence FROM told WHERE peer = ?) ORDER BY sequence`,
    ).all(peer) as { sequence: number }[]
    return rows.map(({ sequence }) => sequence)
  }

  markTold(sequence: number, peer: PeerId): void {
    statement(this.#database, 'INSERT OR IGNORE INTO told (sequence, peer) VALUES (?, ?)').run(
      sequence,
      peer,
    )
  }

  /** Everybody is told again: whoever lost its accounts knows of no release any more. */
  forgetTold(): void {
    this.#database.exec('DELETE FROM told')
  }

  /** Forget who was told of what is no release any more. */
  trimTold(): void {
    this.#database.exec('DELETE FROM told WHERE sequence NOT IN (SELECT sequence FROM releases)')
  }

  #put(sequence: number, pack: PackRow, isPlanned: boolean): void {
    if (pack.id === undefined) return
    statement(
      this.#database,
      `INSERT OR REPLACE INTO releases
         (number, sequence, is_planned, kind, size, needed, total, id, base, extents)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    ).run(
      pack.number,
      sequence,
      isPlanned ? 1 : 0,
      pack.kind,
      pack.size,
      pack.needed,
      pack.total,
      packIdToBytes(pack.id),
      pack.base,
      pack.extents === undefined ? null : encodeExtents(pack.extents),
    )
  }

  #rows(where: string, ...values: number[]): ReleaseRow[] {
    const rows = statement(this.#database, `SELECT * FROM releases ${where} ORDER BY number`).all(
      ...values,
    ) as unknown as ReleaseColumns[]
    return rows.map(({ number, sequence, kind, size, needed, total, id, base, extents }) => ({
      sequence,
      pack: {
        number,
        kind,
        state: 'complete',
        size,
        needed,
        total,
        id: packIdFromBytes(id),
        base,
        extents: extents === null ? undefined : decodeExtents(extents),
        isPublished: true,
      },
    }))
  }
}
