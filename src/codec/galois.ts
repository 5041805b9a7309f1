/**
 * GF(2⁸): bytes as polynomials over GF(2), modulo x⁸ + x⁴ + x³ + x² + 1 (0x11d).
 *
 * Addition is XOR. The element 2 generates all 255 non-zero elements, so products are sums of
 * logarithms. This is the field of zfec, and of Rizzo's `fec` before it.
 *
 * Format: docs/formats/erasure.md
 */

import { assert } from '../base/assert.ts'

const POLYNOMIAL = 0x11d

/** How many non-zero elements there are: powers of 2 repeat after this many. */
export const ORDER = 255

const exponentials = new Uint8Array(2 * ORDER)
const logarithms = new Uint8Array(ORDER + 1)

for (let power = 0, element = 1; power < ORDER; power++) {
  exponentials[power] = element
  exponentials[power + ORDER] = element // so that a sum of two logarithms needs no modulo
  logarithms[element] = power
  element <<= 1
  if (element > ORDER) element ^= POLYNOMIAL
}

/** @returns 2 to the `power`, for 0 ≤ `power` < 510 */
export function exponential(power: number): number {
  return exponentials[power]!
}

/** @returns the power of 2 that is `element`, 0 … 254; zero has none */
export function logarithm(element: number): number {
  assert(element !== 0, 'zero is no power of 2')
  return logarithms[element]!
}

/** @returns the product of two bytes */
export function multiply(a: number, b: number): number {
  if (a === 0 || b === 0) return 0
  return exponentials[logarithms[a]! + logarithms[b]!]!
}
