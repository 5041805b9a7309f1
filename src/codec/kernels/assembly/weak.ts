/**
 * librsync's Rabin–Karp sum of a block: Mⁿ + Σ bᵢ · Mⁿ⁻¹⁻ⁱ modulo 2³².
 *
 * Sixteen bytes a step: each lane sums every fourth byte, already times its power.
 */

export const M: u32 = 0x08104225
const M2: u32 = M * M
const M3: u32 = M2 * M
const M4: u32 = M2 * M2
const M5: u32 = M4 * M
const M6: u32 = M4 * M2
const M7: u32 = M4 * M3
const M8: u32 = M4 * M4
const M9: u32 = M8 * M
const M10: u32 = M8 * M2
const M11: u32 = M8 * M3
const M12: u32 = M8 * M4
const M13: u32 = M8 * M5
const M14: u32 = M8 * M6
const M15: u32 = M8 * M7
const M16: u32 = M8 * M8

export function weakSum(from: usize, length: usize): u32 {
  const powers0 = i32x4(M15, M14, M13, M12)
  const powers1 = i32x4(M11, M10, M9, M8)
  const powers2 = i32x4(M7, M6, M5, M4)
  const powers3 = i32x4(M3, M2, M, 1)
  const power16 = i32x4.splat(M16)
  const end = from + length
  let at = from
  let sums = i32x4(1, 0, 0, 0)
  for (; at + 16 <= end; at += 16) {
    const low = v128.load_ext<u8>(at), high = v128.load_ext<u8>(at + 8)
    const first = i32x4.mul(i32x4.extend_low_i16x8_u(low), powers0)
    const second = i32x4.mul(i32x4.extend_high_i16x8_u(low), powers1)
    const third = i32x4.mul(i32x4.extend_low_i16x8_u(high), powers2)
    const fourth = i32x4.mul(i32x4.extend_high_i16x8_u(high), powers3)
    const step = i32x4.add(i32x4.add(first, second), i32x4.add(third, fourth))
    sums = i32x4.add(i32x4.mul(sums, power16), step)
  }
  let sum: u32 = i32x4.extract_lane(sums, 0) + i32x4.extract_lane(sums, 1) +
    i32x4.extract_lane(sums, 2) + i32x4.extract_lane(sums, 3)
  for (; at < end; at++) sum = sum * M + load<u8>(at)
  return sum
}
