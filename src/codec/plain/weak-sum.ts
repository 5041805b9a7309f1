/**
 * The weak sum: librsync's Rabin–Karp hash of a block, which rolls along a file byte by byte.
 *
 * sum(b₀ … bₙ₋₁) = Mⁿ + Σ bᵢ · Mⁿ⁻¹⁻ⁱ modulo 2³². The leading Mⁿ comes from a seed of 1 and tells
 * blocks of zeros of different lengths apart. All sums here are signed 32-bit integers, which is
 * what `Math.imul` and typed arrays are fast with.
 *
 * Format: docs/formats/delta.md
 */

const SEED = 1
const MULTIPLIER = 0x08104225
/** MULTIPLIER · INVERSE = 1 modulo 2³². */
const INVERSE = 0x98f009ad | 0
/** What the seed adds to a byte that leaves: (MULTIPLIER − 1) · SEED. */
const ADJUSTMENT = 0x08104224

const MULTIPLIER_2 = Math.imul(MULTIPLIER, MULTIPLIER)
const MULTIPLIER_3 = Math.imul(MULTIPLIER_2, MULTIPLIER)
const MULTIPLIER_4 = Math.imul(MULTIPLIER_3, MULTIPLIER)

/** @returns the sum of `bytes` from `from` up to `to` */
export function weakSum(bytes: Uint8Array, from: number, to: number): number {
  let sum = SEED
  let at = from
  for (; at + 4 <= to; at += 4) {
    sum =
      (Math.imul(sum, MULTIPLIER_4) +
        Math.imul(bytes[at]!, MULTIPLIER_3) +
        Math.imul(bytes[at + 1]!, MULTIPLIER_2) +
        Math.imul(bytes[at + 2]!, MULTIPLIER) +
        bytes[at + 3]!) |
      0
  }
  for (; at < to; at++) sum = (Math.imul(sum, MULTIPLIER) + bytes[at]!) | 0
  return sum
}

/** @returns MULTIPLIER to the `length`: what rolling a block of that length needs */
export function weakPower(length: number): number {
  let power = 1
  for (let square = MULTIPLIER, rest = length; rest > 0; rest = Math.floor(rest / 2)) {
    if (rest % 2 === 1) power = Math.imul(power, square)
    square = Math.imul(square, square)
  }
  return power
}

/** The sum one byte further on: `gone` leaves in front, `come` joins behind. `power` fits the length. */
export function rollWeakSum(sum: number, power: number, gone: number, come: number): number {
  return (Math.imul(sum, MULTIPLIER) + come - Math.imul(power, gone + ADJUSTMENT)) | 0
}

/** The power for a block one byte shorter. */
export function shrinkWeakPower(power: number): number {
  return Math.imul(power, INVERSE)
}

/** The sum of a block without its first byte `gone`; `power` fits the length that is left. */
export function shrinkWeakSum(sum: number, power: number, gone: number): number {
  return (sum - Math.imul(power, gone + ADJUSTMENT)) | 0
}
