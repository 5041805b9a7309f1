/**
 * The rolling hash of the chunker: four bytes a step.
 *
 * hash' = 2 · hash + gear[byte], so the hash four bytes on is 16 · hash and a sum of table words that
 * does not wait for it. `plain/find-cut.ts` is the twin.
 */

/** A word for each byte value: set by the caller. */
const GEAR = memory.data(4 * 256, 64)

/** After the last byte that was looked at. */
let hash: u32 = 0

export function gear(): usize {
  return GEAR
}

/** The first byte that is free for the caller. */
export function base(): usize {
  return __heap_base
}

export function hashNow(): u32 {
  return hash
}

/**
 * Roll over bytes without looking for a cut up to `first`, and looking for one from there to `end`.
 *
 * @returns the address behind the first byte after which the hash is below `threshold`; 0 without one
 */
export function findCut(from: usize, first: usize, end: usize, before: u32, threshold: u32): usize {
  let at = from
  let sum = before
  for (; at < first; at++) sum = (sum << 1) + word(at)

  for (; at + 4 <= end; at += 4) {
    const one = word(at)
    const two = (one << 1) + word(at + 1)
    const three = (two << 1) + word(at + 2)
    const four = (three << 1) + word(at + 3)
    if ((sum << 1) + one < threshold) return at + 1
    if ((sum << 2) + two < threshold) return at + 2
    if ((sum << 3) + three < threshold) return at + 3
    sum = (sum << 4) + four
    if (sum < threshold) return at + 4
  }
  for (; at < end; at++) {
    sum = (sum << 1) + word(at)
    if (sum < threshold) return at + 1
  }
  hash = sum
  return 0
}

// @ts-ignore: decorator
@inline
function word(at: usize): u32 {
  return load<u32>(GEAR + 4 * <usize>load<u8>(at))
}
