/**
 * The shape of the table that finds blocks by their weak sums: how large its parts are.
 *
 * It decides which blocks of a crowd are left out, and so is the same for a kernel and its twin.
 */

/** Bits of the bitmap per block: one false alarm in 64 positions. */
const FILTER_BITS_PER_BLOCK = 64
/** 16 MiB of bitmap at most: beyond about two million blocks false alarms grow more common. */
const FILTER_BITS_MAX = 2 ** 27
const FILTER_BITS_MIN = 2 ** 10

/** The probe table is filled to a half at most. */
const SLOTS_PER_BLOCK = 2

/** Blocks that would be found later than this are left out: a crowd of equal weak sums is no accident. */
export const PROBES_MAX = 256

/** @returns the powers of 2 that are the number of bits in the bitmap, and of slots in the probe table */
export function tableShape(blockCount: number): { filterPower: number; slotPower: number } {
  const bits = FILTER_BITS_PER_BLOCK * blockCount
  return {
    filterPower: powerAbove(Math.max(FILTER_BITS_MIN, Math.min(FILTER_BITS_MAX, bits))),
    slotPower: powerAbove(Math.max(2, SLOTS_PER_BLOCK * blockCount)),
  }
}

/** @returns the least power of 2 that is no less than `count` */
function powerAbove(count: number): number {
  return Math.ceil(Math.log2(count))
}
