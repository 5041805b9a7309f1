/**
 * BLAKE2b (RFC 7693) of two stretches at once, unkeyed, with a digest of 32 bytes.
 *
 * Each vector holds one word of either stretch, so two digests cost little more than one. Where there is
 * one only, it is given twice.
 */

const BLOCK_SIZE: usize = 128

/** For each round, in which order it takes the words of the message. */
const ORDERS = memory.data<u8>([
  0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15,
  14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3,
  11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4,
  7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8,
  9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13,
  2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9,
  12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11,
  13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10,
  6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5,
  10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0,
  0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15,
  14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3,
])

/** The words of the message under way: of both stretches, side by side. */
const WORDS = memory.data(16 * 16, 16)
/** The chained words. */
const CHAIN = memory.data(8 * 16, 16)
/** The last blocks, filled up with zeros. */
const LAST_ONE = memory.data(128, 16)
const LAST_OTHER = memory.data(128, 16)

const IV0: u64 = 0x6a09e667f3bcc908
const IV1: u64 = 0xbb67ae8584caa73b
const IV2: u64 = 0x3c6ef372fe94f82b
const IV3: u64 = 0xa54ff53a5f1d36f1
const IV4: u64 = 0x510e527fade682d1
const IV5: u64 = 0x9b05688c2b3e6c1f
const IV6: u64 = 0x1f83d9abfb41bd6b
const IV7: u64 = 0x5be0cd19137e2179

/** Digest of 32 bytes, no key, one node. */
const PARAMETERS: u64 = 0x01010020

/** Digest two stretches of the same length, to 32 bytes at `sumOne` and `sumOther`. */
export function digestPair(one: usize, other: usize, length: usize, sumOne: usize, sumOther: usize): void {
  v128.store(CHAIN, i64x2.splat(IV0 ^ PARAMETERS))
  v128.store(CHAIN, i64x2.splat(IV1), 16)
  v128.store(CHAIN, i64x2.splat(IV2), 32)
  v128.store(CHAIN, i64x2.splat(IV3), 48)
  v128.store(CHAIN, i64x2.splat(IV4), 64)
  v128.store(CHAIN, i64x2.splat(IV5), 80)
  v128.store(CHAIN, i64x2.splat(IV6), 96)
  v128.store(CHAIN, i64x2.splat(IV7), 112)

  let at: usize = 0
  for (; at + BLOCK_SIZE < length; at += BLOCK_SIZE) compress(one + at, other + at, at + BLOCK_SIZE, 0)
  const rest = length - at
  if (rest === BLOCK_SIZE) compress(one + at, other + at, length, -1)
  else {
    memory.fill(LAST_ONE, 0, BLOCK_SIZE)
    memory.fill(LAST_OTHER, 0, BLOCK_SIZE)
    memory.copy(LAST_ONE, one + at, rest)
    memory.copy(LAST_OTHER, other + at, rest)
    compress(LAST_ONE, LAST_OTHER, length, -1)
  }

  for (let word: usize = 0; word < 4; word++) {
    const both = v128.load(CHAIN + 16 * word)
    store<u64>(sumOne + 8 * word, i64x2.extract_lane(both, 0))
    store<u64>(sumOther + 8 * word, i64x2.extract_lane(both, 1))
  }
}

/** @param mask - all ones for the last block of the message */
function compress(one: usize, other: usize, total: u64, mask: u64): void {
  for (let at: usize = 0; at < BLOCK_SIZE; at += 16) {
    const a = v128.load(one + at), b = v128.load(other + at)
    v128.store(WORDS + 2 * at, v128.shuffle<u64>(a, b, 0, 2))
    v128.store(WORDS + 2 * at, v128.shuffle<u64>(a, b, 1, 3), 16)
  }

  let v0 = v128.load(CHAIN), v1 = v128.load(CHAIN, 16), v2 = v128.load(CHAIN, 32), v3 = v128.load(CHAIN, 48)
  let v4 = v128.load(CHAIN, 64), v5 = v128.load(CHAIN, 80), v6 = v128.load(CHAIN, 96), v7 = v128.load(CHAIN, 112)
  let v8 = i64x2.splat(IV0), v9 = i64x2.splat(IV1), v10 = i64x2.splat(IV2), v11 = i64x2.splat(IV3)
  let v12 = i64x2.splat(IV4 ^ total), v13 = i64x2.splat(IV5), v14 = i64x2.splat(IV6 ^ mask), v15 = i64x2.splat(IV7)
  const by24 = i8x16(3, 4, 5, 6, 7, 0, 1, 2, 11, 12, 13, 14, 15, 8, 9, 10)
  const by16 = i8x16(2, 3, 4, 5, 6, 7, 0, 1, 10, 11, 12, 13, 14, 15, 8, 9)

  for (let order = ORDERS; order < ORDERS + 12 * 16; order += 16) {
    v0 = i64x2.add(i64x2.add(v0, v4), word(order, 0))
    v1 = i64x2.add(i64x2.add(v1, v5), word(order, 2))
    v2 = i64x2.add(i64x2.add(v2, v6), word(order, 4))
    v3 = i64x2.add(i64x2.add(v3, v7), word(order, 6))
    v12 = turn32(v12, v0)
    v13 = turn32(v13, v1)
    v14 = turn32(v14, v2)
    v15 = turn32(v15, v3)
    v8 = i64x2.add(v8, v12)
    v9 = i64x2.add(v9, v13)
    v10 = i64x2.add(v10, v14)
    v11 = i64x2.add(v11, v15)
    v4 = turn24(v4, v8, by24)
    v5 = turn24(v5, v9, by24)
    v6 = turn24(v6, v10, by24)
    v7 = turn24(v7, v11, by24)
    v0 = i64x2.add(i64x2.add(v0, v4), word(order, 1))
    v1 = i64x2.add(i64x2.add(v1, v5), word(order, 3))
    v2 = i64x2.add(i64x2.add(v2, v6), word(order, 5))
    v3 = i64x2.add(i64x2.add(v3, v7), word(order, 7))
    v12 = turn16(v12, v0, by16)
    v13 = turn16(v13, v1, by16)
    v14 = turn16(v14, v2, by16)
    v15 = turn16(v15, v3, by16)
    v8 = i64x2.add(v8, v12)
    v9 = i64x2.add(v9, v13)
    v10 = i64x2.add(v10, v14)
    v11 = i64x2.add(v11, v15)
    v4 = turn63(v4, v8)
    v5 = turn63(v5, v9)
    v6 = turn63(v6, v10)
    v7 = turn63(v7, v11)

    v0 = i64x2.add(i64x2.add(v0, v5), word(order, 8))
    v1 = i64x2.add(i64x2.add(v1, v6), word(order, 10))
    v2 = i64x2.add(i64x2.add(v2, v7), word(order, 12))
    v3 = i64x2.add(i64x2.add(v3, v4), word(order, 14))
    v15 = turn32(v15, v0)
    v12 = turn32(v12, v1)
    v13 = turn32(v13, v2)
    v14 = turn32(v14, v3)
    v10 = i64x2.add(v10, v15)
    v11 = i64x2.add(v11, v12)
    v8 = i64x2.add(v8, v13)
    v9 = i64x2.add(v9, v14)
    v5 = turn24(v5, v10, by24)
    v6 = turn24(v6, v11, by24)
    v7 = turn24(v7, v8, by24)
    v4 = turn24(v4, v9, by24)
    v0 = i64x2.add(i64x2.add(v0, v5), word(order, 9))
    v1 = i64x2.add(i64x2.add(v1, v6), word(order, 11))
    v2 = i64x2.add(i64x2.add(v2, v7), word(order, 13))
    v3 = i64x2.add(i64x2.add(v3, v4), word(order, 15))
    v15 = turn16(v15, v0, by16)
    v12 = turn16(v12, v1, by16)
    v13 = turn16(v13, v2, by16)
    v14 = turn16(v14, v3, by16)
    v10 = i64x2.add(v10, v15)
    v11 = i64x2.add(v11, v12)
    v8 = i64x2.add(v8, v13)
    v9 = i64x2.add(v9, v14)
    v5 = turn63(v5, v10)
    v6 = turn63(v6, v11)
    v7 = turn63(v7, v8)
    v4 = turn63(v4, v9)
  }

  add(0, v0, v8)
  add(16, v1, v9)
  add(32, v2, v10)
  add(48, v3, v11)
  add(64, v4, v12)
  add(80, v5, v13)
  add(96, v6, v14)
  add(112, v7, v15)
}

// @ts-ignore: decorator
@inline
function add(at: usize, upper: v128, lower: v128): void {
  v128.store(CHAIN + at, v128.xor(v128.load(CHAIN + at), v128.xor(upper, lower)))
}

// @ts-ignore: decorator
@inline
function word(order: usize, at: usize): v128 {
  return v128.load(WORDS + 16 * <usize>load<u8>(order + at))
}

/** The XOR of two words, turned right by 32 bits; below by 24, 16 and 63. */
// @ts-ignore: decorator
@inline
function turn32(a: v128, b: v128): v128 {
  const x = v128.xor(a, b)
  return v128.shuffle<u32>(x, x, 1, 0, 3, 2)
}

// @ts-ignore: decorator
@inline
function turn24(a: v128, b: v128, by24: v128): v128 {
  return i8x16.swizzle(v128.xor(a, b), by24)
}

// @ts-ignore: decorator
@inline
function turn16(a: v128, b: v128, by16: v128): v128 {
  return i8x16.swizzle(v128.xor(a, b), by16)
}

// @ts-ignore: decorator
@inline
function turn63(a: v128, b: v128): v128 {
  const x = v128.xor(a, b)
  return v128.or(i64x2.add(x, x), i64x2.shr_u(x, 63))
}
