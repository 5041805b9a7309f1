/**
 * Combine, plain: outputs are sums of inputs times constant factors, over GF(2⁸).
 *
 * Four outputs are made at once: for each input a table of 256 words says what one byte of it adds
 * to all four, so one look-up does the work of four products. A window of sums stays in the first
 * level cache while the inputs pass by.
 */

import { assert } from '../../base/assert.ts'
import { multiply } from '../galois.ts'
import type { Combine } from '../kernels/kernels.ts'

/** How many outputs share one look-up: the bytes of a 32-bit word. */
const LANES = 4

/** Sums kept at a time: 16 KiB, half of a small first-level cache. */
const WINDOW_LENGTH = 4096

/** The twin of `kernels/combine.ts`. */
export const combinePlainly: Combine = (
  rows: readonly Uint8Array[],
  inputs: readonly Uint8Array[],
  size: number,
): Uint8Array[] => {
  assert(
    inputs.every((input) => input.length === size),
    'the inputs have equal sizes',
  )
  const outputs = rows.map(() => new Uint8Array(size))
  const spare = new Uint8Array(size) // stands in for the lanes that the last rows leave free
  const sums = new Int32Array(Math.min(size, WINDOW_LENGTH))
  for (let row = 0; row < rows.length; row += LANES) {
    const lanes = [...outputs.slice(row, row + LANES), spare, spare, spare]
    const tables = inputs.map((_, column) => productTable(rows.slice(row, row + LANES), column))
    for (let offset = 0; offset < size; offset += sums.length) {
      const count = Math.min(sums.length, size - offset)
      sums.fill(0)
      for (const [column, input] of inputs.entries())
        addProducts(sums, tables[column]!, input, offset, count)
      spread(lanes, sums, offset, count)
    }
  }
  return outputs
}

/** @returns for each byte its products with one factor of each row, packed from the low end */
function productTable(rows: readonly Uint8Array[], column: number): Int32Array {
  return Int32Array.from({ length: 256 }, (_, byte) =>
    rows.reduce((word, row, lane) => word | (multiply(row[column]!, byte) << (8 * lane)), 0),
  )
}

function addProducts(
  sums: Int32Array,
  table: Int32Array,
  input: Uint8Array,
  offset: number,
  count: number,
): void {
  for (let at = 0; at < count; at++) sums[at]! ^= table[input[offset + at]!]!
}

/** Each sum holds one byte of each of the first four lanes. */
function spread(
  lanes: readonly Uint8Array[],
  sums: Int32Array,
  offset: number,
  count: number,
): void {
  const [first, second, third, fourth] = lanes
  assert(first && second && third && fourth, 'four lanes to a sum')
  for (let at = 0; at < count; at++) {
    const sum = sums[at]!
    first[offset + at] = sum
    second[offset + at] = sum >>> 8
    third[offset + at] = sum >>> 16
    fourth[offset + at] = sum >>> 24
  }
}
