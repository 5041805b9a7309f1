/**
 * Moves: what a head that is on its way changes about the pack table, once it is published.
 *
 * When packs are written anew, their numbers come to stand for stretches of the new pack. Until the
 * head that says so is published they stand for what they did before; and if none comes of it, the new
 * packs are given up.
 */

import type { DatabaseSync } from 'node:sqlite'
import { assert } from '../base/assert.ts'
import { decodeExtents, encodeExtents, type Extent } from '../../protocol/extents.ts'
import { statement } from './database.ts'
import type { PackRow, Packs } from './packs.ts'

/** One number that moves. */
export interface Move {
  readonly number: number
  /** The number that the new pack is made under. */
  readonly target: number
  /** Where the number's bytes start in the new pack. */
  readonly base: number
  /** Which of the number's bytes are copied. */
  readonly extents: readonly Extent[]
}

interface MoveColumns {
  number: number
  target: number
  base: number
  extents: Uint8Array
}

/** Of moves that no head is planned for yet; heads count from 1. */
const NO_HEAD = 0

export class Moves {
  readonly #database: DatabaseSync

  constructor(database: DatabaseSync) {
    this.#database = database
  }

  /** The bytes were copied into a pack that is durable here. */
  add({ number, target, base, extents }: Move): void {
    statement(this.#database, 'INSERT OR REPLACE INTO moves VALUES (?, ?, ?, ?, ?)').run(
      number,
      NO_HEAD,
      target,
      base,
      encodeExtents(extents),
    )
  }

  /** The head of this sequence will say so. */
  plan(sequence: number): void {
    statement(this.#database, 'UPDATE moves SET sequence = ?').run(sequence)
  }

  /** @returns the rows that numbers will have once the head of this sequence is published */
  planned(sequence: number, packs: Pick<Packs, 'get'>): Map<number, PackRow> {
    const rows = statement(
      this.#database,
      'SELECT number, target, base, extents FROM moves WHERE sequence = ? ORDER BY number',
    ).all(sequence) as unknown as MoveColumns[]
    return new Map(rows.map((row) => [row.number, movedRow(row, packs.get(row.target))]))
  }

  clear(): void {
    this.#database.exec('DELETE FROM moves')
  }

  /**
   * No head came of it: the new packs are forgotten.
   *
   * @returns their numbers; what the spool still holds of them may go
   */
  giveUp(packs: Pick<Packs, 'get' | 'remove'>): number[] {
    const rows = statement(this.#database, 'SELECT DISTINCT target FROM moves').all()
    const targets = (rows as { target: number }[])
      .map(({ target }) => target)
      .filter((target) => packs.get(target)?.isPublished === false)
    for (const target of targets) packs.remove(target)
    this.clear()
    return targets
  }
}

function movedRow({ number, base, extents }: MoveColumns, target: PackRow | undefined): PackRow {
  assert(target !== undefined, 'a pack that numbers move to is safe')
  // Shares of it that lack a place are looked after under its own number.
  return { ...target, number, state: 'complete', base, extents: decodeExtents(extents) }
}
