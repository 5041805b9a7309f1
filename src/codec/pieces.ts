/**
 * Pieces: one version of a file told upon another, in order.
 *
 * The list joins copies that are adjacent, and tells as a literal what a copy would tell in no fewer bytes.
 */

import type { Stretch } from './compose-deltas.ts'
import { COMMAND_SIZE_MAX, copyCommandSize } from './rdiff-opcodes.ts'
import { BadDeltaError, type Range } from './rdiff-patch.ts'

/**
 * A copy from the other version, bytes that are known, or a range of the chain's original that the other
 * version no longer has. None is empty.
 */
export type Piece = Stretch | ({ readonly type: 'original' } & Range)

/** Pieces of one version, at most: some 150 bytes each. */
export const PIECES_MAX = 200_000

export class PieceList {
  readonly #pieces: Piece[] = []
  /** The last copy, which may grow. */
  #copy: Range | undefined
  /** Its bytes, as long as all are known and few. */
  #copied: Stretch[] | undefined

  /** Where in the other version a copy would go on; 0 at the start, infinite behind what is no copy. */
  get next(): number {
    if (this.#copy !== undefined) return this.#copy.start + this.#copy.length
    return this.#pieces.length === 0 ? 0 : Number.POSITIVE_INFINITY
  }

  /** @param same - the bytes that lie at `start` of the other version, as the older version has them */
  copy(start: number, same: Stretch): void {
    const isKnown = same.type === 'literal'
    if (this.#copy !== undefined && this.next === start) {
      const length = this.#copy.length + same.length
      this.#copy = { start: this.#copy.start, length }
      if (isKnown && length <= COMMAND_SIZE_MAX) this.#copied?.push(same)
      else this.#copied = undefined
      return
    }
    this.#flush()
    this.#copy = { start, length: same.length }
    this.#copied = isKnown && same.length <= COMMAND_SIZE_MAX ? [same] : undefined
  }

  /** @param piece - no copy */
  add(piece: Piece): void {
    this.#flush()
    this.#push(piece)
  }

  /** @returns all pieces; no more can be added */
  close(): readonly Piece[] {
    this.#flush()
    return this.#pieces
  }

  #flush(): void {
    if (this.#copy === undefined) return
    const { start, length } = this.#copy
    if (this.#copied === undefined || length > copyCommandSize(start, length)) {
      this.#push({ type: 'copy', start, length })
    } else for (const stretch of this.#copied) this.#push(stretch)
    this.#copy = undefined
    this.#copied = undefined
  }

  #push(piece: Piece): void {
    if (this.#pieces.length === PIECES_MAX) {
      throw new BadDeltaError(`more than ${PIECES_MAX} pieces`)
    }
    this.#pieces.push(piece)
  }
}
