/**
 * The block table, plain: finds the block of an old file that equals a stretch of the new one.
 *
 * Almost every question is asked for nothing, once per byte of the new file. So there are three
 * steps, each rarer and dearer than the one before: a bitmap over the weak sum's upper bits, a probe
 * table of weak sums (open addressing), and the strong sum, which decides.
 */

import { PROBES_MAX, tableShape } from '../table-shape.ts'
import type { Signature } from '../rdiff-signature.ts'
import { strongSum } from './strong-sum.ts'

/** Spreads weak sums over the table: 2³² divided by the golden ratio. */
const SPREAD = 0x9e3779b1 | 0

export class BlockTable {
  /** Bit `weak >>> filterShift` is set if a block with such a weak sum may exist. */
  readonly #filter: Int32Array
  readonly #filterShift: number

  readonly #signature: Signature
  /** Block index + 1, or 0 for a free slot. */
  readonly #slots: Int32Array
  readonly #slotShift: number

  constructor(signature: Signature) {
    this.#signature = signature
    const { filterPower, slotPower } = tableShape(signature.count)
    this.#filter = new Int32Array(2 ** (filterPower - 5))
    this.#filterShift = 32 - filterPower
    this.#slots = new Int32Array(2 ** slotPower)
    this.#slotShift = 32 - slotPower
    for (let block = 0; block < signature.count; block++) this.#add(block)
  }

  /** @returns false where no block has this weak sum; true is a guess */
  mayHold(weak: number): boolean {
    const bit = weak >>> this.#filterShift
    return ((this.#filter[bit >>> 5]! >>> (bit & 31)) & 1) !== 0
  }

  /**
   * @param weak - the weak sum of `bytes`
   * @param bytes - a stretch of the new file: a block's length, or less at its very end
   * @param expected - the block that would continue the last copy, preferred where several are equal
   * @returns the index of an equal block, or −1
   */
  find(weak: number, bytes: Uint8Array, expected: number): number {
    let strong: Uint8Array | undefined
    if (this.#signature.weak[expected] === weak) {
      strong = strongSum(bytes)
      if (this.#isStrong(expected, strong, 0)) return expected
    }
    let slot = this.#slotOf(weak)
    for (let probes = 0; probes <= PROBES_MAX; probes++, slot = this.#after(slot)) {
      const block = this.#slots[slot]! - 1
      if (block < 0) return -1
      if (this.#signature.weak[block] !== weak) continue
      strong ??= strongSum(bytes)
      if (this.#isStrong(block, strong, 0)) return block
    }
    return -1
  }

  /** Of equal blocks the first is kept. */
  #add(block: number): void {
    const { weak, strong, strongSize } = this.#signature
    const sum = weak[block]!
    let slot = this.#slotOf(sum)
    for (let probes = 0; this.#slots[slot] !== 0; slot = this.#after(slot), probes++) {
      const other = this.#slots[slot]! - 1
      if (weak[other] === sum && this.#isStrong(other, strong, block * strongSize)) return
      if (probes === PROBES_MAX) return
    }
    this.#slots[slot] = block + 1
    const bit = sum >>> this.#filterShift
    this.#filter[bit >>> 5]! |= 1 << (bit & 31)
  }

  #isStrong(block: number, sums: Uint8Array, offset: number): boolean {
    const { strong, strongSize } = this.#signature
    const start = block * strongSize
    for (let at = 0; at < strongSize; at++)
      if (strong[start + at] !== sums[offset + at]) return false
    return true
  }

  #slotOf(weak: number): number {
    return Math.imul(weak, SPREAD) >>> this.#slotShift
  }

  #after(slot: number): number {
    return (slot + 1) & (this.#slots.length - 1)
  }
}
