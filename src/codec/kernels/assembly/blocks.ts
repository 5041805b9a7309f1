/**
 * The blocks of files: their sums, and where the blocks of an old file are in a new one.
 *
 * The caller lays out the memory from `base()` on, and tells where what is by `setUp`. There are
 * - weak: u32 for each block of the old file
 * - strong: `strongSize` bytes for each
 * - slots: a probe table of block numbers + 1 (open addressing, 0 is free), 2^(32 − slotShift) of them
 * - filter: a bit for each value of the upper bits of a weak sum, 2^(32 − filterShift) of them
 * - matches: pairs of u32, address in the new file and block number: what `scan` found
 *
 * `plain/scan-blocks.ts` and `plain/block-table.ts` are the twins, and tell the why.
 */

import { digestPair } from './blake2b.ts'
import { M, weakSum } from './weak.ts'

const SUM_SIZE: usize = 32
const SUM_ONE = memory.data(32, 16)
const SUM_OTHER = memory.data(32, 16)

/** What the seed adds to a byte that leaves. */
const ADJUSTMENT: u32 = 0x08104224
/** M · INVERSE = 1 modulo 2³². */
const INVERSE: u32 = 0x98f009ad
/** Spreads weak sums over the slots. */
const SPREAD: u32 = 0x9e3779b1

let weaks: usize = 0
let strongs: usize = 0
let slots: usize = 0
let filter: usize = 0
let matches: usize = 0
let count: u32 = 0
let blockSize: usize = 0
let strongSize: usize = 0
let slotShift: u32 = 0
let filterShift: u32 = 0
let probesMax: u32 = 0
let matchesMax: u32 = 0
/** M to the block size. */
let blockPower: u32 = 1

/** The weak sum of the block at the position, where `isRolled`. */
let rolled: u32 = 0
let isRolled: bool = false
/** How many `matches` the last call found. */
let found: u32 = 0

/** The first byte that is free for the caller. */
export function base(): usize {
  return __heap_base
}

/**
 * The sums of blocks that lie one behind the other, as a signature holds them: for each the weak sum
 * in big-endian and the first bytes of the strong one.
 */
export function sumBlocks(from: usize, length: usize, size: usize, kept: usize, to: usize): void {
  const end = from + length
  let at = from
  for (; at + 2 * size <= end; at += 2 * size) {
    digestPair(at, at + size, size, SUM_ONE, SUM_OTHER)
    to = putSums(to, weakSum(at, size), SUM_ONE, kept)
    to = putSums(to, weakSum(at + size, size), SUM_OTHER, kept)
  }
  while (at < end) {
    const part = min(size, end - at)
    digestPair(at, at, part, SUM_ONE, SUM_OTHER)
    to = putSums(to, weakSum(at, part), SUM_ONE, kept)
    at += part
  }
}

function putSums(to: usize, weak: u32, strong: usize, kept: usize): usize {
  store<u32>(to, bswap(weak))
  memory.copy(to + 4, strong, kept)
  return to + 4 + kept
}

/** Tell where the table lies, which is then made. */
export function setUp(
  theWeaks: usize, theStrongs: usize, theSlots: usize, theFilter: usize, theMatches: usize,
  theCount: u32, theBlockSize: usize, theStrongSize: usize,
  theSlotShift: u32, theFilterShift: u32, theProbesMax: u32, theMatchesMax: u32,
): void {
  weaks = theWeaks
  strongs = theStrongs
  slots = theSlots
  filter = theFilter
  matches = theMatches
  count = theCount
  blockSize = theBlockSize
  strongSize = theStrongSize
  slotShift = theSlotShift
  filterShift = theFilterShift
  probesMax = theProbesMax
  matchesMax = theMatchesMax
  blockPower = powerOf(blockSize)
  isRolled = false
  found = 0
  memory.fill(slots, 0, (<usize>4) << (32 - slotShift))
  memory.fill(filter, 0, (<usize>1) << (32 - filterShift - 3))
  for (let block: u32 = 0; block < count; block++) addBlock(block)
}

/** Of equal blocks the first is kept. */
function addBlock(block: u32): void {
  const weak = weakOf(block)
  let slot = slotOf(weak)
  for (let probes: u32 = 0; ; probes++, slot = after(slot)) {
    const other = load<u32>(slots + 4 * slot)
    if (other === 0) break
    if (weakOf(other - 1) === weak && isStrong(other - 1, strongs + block * strongSize)) return
    if (probes === probesMax) return
  }
  store<u32>(slots + 4 * slot, block + 1)
  const bit = weak >>> filterShift
  const word = filter + 4 * (bit >>> 5)
  store<u32>(word, load<u32>(word) | ((<u32>1) << (bit & 31)))
}

/** How many matches the last `scan` or `scanTail` wrote. */
export function matchCount(): u32 {
  return found
}

/**
 * Find old blocks in the new file: from `position`, up to where no block and one byte more is left.
 *
 * @param last - where the last block starts that has a byte behind it, and one
 * @param expected - the block that would continue the copy that ends at `position`; −1 without one
 * @returns where it stopped: at `last` or behind it, or earlier where there was no room for more matches
 */
export function scan(position: usize, last: usize, expected: i32): usize {
  found = 0
  while (position < last && found < matchesMax) {
    if (expected >= 0 && !isRolled && found + 1 < matchesMax) {
      const next = scanPair(position, last, expected)
      if (next !== position) {
        expected += <i32>((next - position) / blockSize)
        position = next
        continue
      }
    }
    if (!isRolled) rolled = weakSum(position, blockSize)
    isRolled = true
    const stopped = roll(position, last)
    if (stopped !== position) expected = -1
    position = stopped
    if (position >= last) break
    const block = find(rolled, position, blockSize, expected)
    if (block < 0) {
      rolled = rolled * M + load<u8>(position + blockSize) - blockPower * (<u32>load<u8>(position) + ADJUSTMENT)
      position++
      expected = -1
    } else {
      addMatch(position, block)
      position += blockSize
      expected = block + 1
      isRolled = false
    }
  }
  return position
}

/**
 * The end of the new file may equal the old file's last block, which was short.
 *
 * @param end - less than a block and a byte behind `position`
 */
export function scanTail(position: usize, end: usize, expected: i32): void {
  found = 0
  let length = end - position
  let power = powerOf(length)
  let weak = isRolled ? rolled : weakSum(position, length)
  while (length > 0) {
    const block = find(weak, position, length, expected)
    if (block >= 0) {
      addMatch(position, block)
      return
    }
    power *= INVERSE
    weak -= power * (<u32>load<u8>(position) + ADJUSTMENT)
    position++
    length--
    expected = -1
  }
}

/**
 * A copy most often goes on: if the next two blocks may be those expected, both are digested at once.
 *
 * @returns behind one or both of them, or `position` where that tells nothing
 */
function scanPair(position: usize, last: usize, expected: i32): usize {
  const second = position + blockSize
  if (second >= last || <u32>(expected + 1) >= count) return position
  const weak = weakSum(position, blockSize)
  if (weakOf(expected) !== weak || !isLikely(weak)) {
    rolled = weak
    isRolled = true
    return position
  }
  const weakSecond = weakSum(second, blockSize)
  if (weakOf(expected + 1) !== weakSecond || !isLikely(weakSecond)) return position
  digestPair(position, second, blockSize, SUM_ONE, SUM_OTHER)
  if (!isStrong(expected, SUM_ONE)) return position
  addMatch(position, expected)
  if (!isStrong(expected + 1, SUM_OTHER)) return second
  addMatch(second, expected + 1)
  return second + blockSize
}

/** Passes over misses, up to `last` or to a block whose weak sum the filter holds. */
function roll(position: usize, last: usize): usize {
  // Locals throughout: this loop sees every byte that has changed.
  const power = blockPower
  const ahead = blockSize
  const bits = filter
  const shift = filterShift
  const wordShift = shift + 5
  let weak = rolled
  while (position + 1 < last) {
    const first = <u32>load<u8>(position + ahead) - power * (<u32>load<u8>(position) + ADJUSTMENT)
    const second = <u32>load<u8>(position + ahead, 1) - power * (<u32>load<u8>(position, 1) + ADJUSTMENT)
    const next = weak * M + first
    const here = load<u32>(bits + 4 * (weak >>> wordShift)) >>> ((weak >>> shift) & 31)
    const there = load<u32>(bits + 4 * (next >>> wordShift)) >>> ((next >>> shift) & 31)
    if (((here | there) & 1) !== 0) {
      if ((here & 1) !== 0) {
        rolled = weak
        return position
      }
      rolled = next
      return position + 1
    }
    weak = weak * (M * M) + (first * M + second)
    position += 2
  }
  rolled = weak
  if (position >= last || isLikely(weak)) return position
  rolled = weak * M + load<u8>(position + ahead) - power * (<u32>load<u8>(position) + ADJUSTMENT)
  return position + 1
}

/** The block that equals a stretch of the new file, or −1. */
function find(weak: u32, position: usize, length: usize, expected: i32): i32 {
  let isDigested = false
  if (expected >= 0 && <u32>expected < count && weakOf(expected) === weak) {
    digestPair(position, position, length, SUM_ONE, SUM_OTHER)
    isDigested = true
    if (isStrong(expected, SUM_ONE)) return expected
  }
  let slot = slotOf(weak)
  for (let probes: u32 = 0; probes <= probesMax; probes++, slot = after(slot)) {
    const block = load<u32>(slots + 4 * slot)
    if (block === 0) return -1
    if (weakOf(block - 1) !== weak) continue
    if (!isDigested) digestPair(position, position, length, SUM_ONE, SUM_OTHER)
    isDigested = true
    if (isStrong(block - 1, SUM_ONE)) return block - 1
  }
  return -1
}

function addMatch(position: usize, block: u32): void {
  store<u32>(matches + 8 * found, position)
  store<u32>(matches + 8 * found, block, 4)
  found++
}

function isStrong(block: u32, sum: usize): bool {
  const own = strongs + block * strongSize
  let at: usize = 0
  for (; at + 8 <= strongSize; at += 8) if (load<u64>(own + at) !== load<u64>(sum + at)) return false
  for (; at < strongSize; at++) if (load<u8>(own + at) !== load<u8>(sum + at)) return false
  return true
}

// @ts-ignore: decorator
@inline
function isLikely(weak: u32): bool {
  const bit = weak >>> filterShift
  return ((load<u32>(filter + 4 * (bit >>> 5)) >>> (bit & 31)) & 1) !== 0
}

// @ts-ignore: decorator
@inline
function weakOf(block: u32): u32 {
  return load<u32>(weaks + 4 * block)
}

// @ts-ignore: decorator
@inline
function slotOf(weak: u32): u32 {
  return (weak * SPREAD) >>> slotShift
}

// @ts-ignore: decorator
@inline
function after(slot: u32): u32 {
  return (slot + 1) & (((<u32>1) << (32 - slotShift)) - 1)
}

function powerOf(length: usize): u32 {
  let power: u32 = 1
  let square: u32 = M
  for (let rest = length; rest > 0; rest >>= 1) {
    if (rest & 1) power *= square
    square *= square
  }
  return power
}
