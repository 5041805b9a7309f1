/**
 * Rows: which reads go on where one ended a moment ago.
 *
 * Content written together is read together, but for what many files share, which lies where it was
 * first written: for a single small object a whole stretch of its pack would be fetched in vain.
 */

/** Bytes that may lie between two objects of a row. */
const GAP_MAX = 64 * 1024

/** Rows followed in one pack: several large files may lie in it side by side. */
const ENDS_MAX = 8

export class Rows {
  /** Pack → where recent reads ended, newest last. */
  readonly #ends = new Map<number, number[]>()

  /** @returns whether the read goes on a row, or starts one at the pack's beginning */
  next(pack: number, { offset, length }: { offset: number; length: number }): boolean {
    const ends = this.#ends.get(pack) ?? [0]
    const row = ends.findLastIndex((end) => offset >= end && offset - end <= GAP_MAX)
    const others = row === -1 ? ends.slice(1 - ENDS_MAX) : ends.toSpliced(row, 1)
    this.#ends.set(pack, [...others, offset + length])
    return row !== -1
  }
}
