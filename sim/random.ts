/**
 * Chance from a seed: xoshiro128** with its state filled by splitmix64.
 *
 * A generator forks by label, from its seed and not from its position, so that one more draw in one
 * place leaves all other places as they were.
 *
 * Source: David Blackman and Sebastiano Vigna, "Scrambled linear pseudorandom number generators"
 * (2021); the splitmix64 finalizer is Stafford's variant 13.
 */

import type { Random } from '../src/ports/random.ts'

const MASK = (1n << 64n) - 1n

export class SimRandom implements Random {
  readonly #seed: bigint
  readonly #state: Uint32Array

  constructor(seed: number | bigint) {
    this.#seed = BigInt(seed) & MASK
    const [a, low] = splitmix(this.#seed)
    const [b] = splitmix(low)
    this.#state = Uint32Array.of(
      Number(a & 0xffffffffn),
      Number(a >> 32n),
      Number(b & 0xffffffffn),
      Number(b >> 32n),
    )
  }

  /** A generator of its own for one purpose; the same label always gives the same one. */
  fork(label: string): SimRandom {
    return new SimRandom(splitmix(this.#seed ^ fnv1a(label))[0])
  }

  /** @returns 0 … 2^32 − 1 */
  u32(): number {
    const s = this.#state
    const [s0, s1, s2, s3] = [s[0] ?? 0, s[1] ?? 0, s[2] ?? 0, s[3] ?? 0]
    const result = Math.imul(rotate(Math.imul(s1, 5), 7), 9) >>> 0
    const t = s1 << 9
    s[2] = s2 ^ s0
    s[3] = s3 ^ s1
    s[1] = s1 ^ s2 ^ s0
    s[0] = s0 ^ s3 ^ s1
    s[2] = (s[2] ?? 0) ^ t
    s[3] = rotate(s[3] ?? 0, 11)
    return result
  }

  /** @returns 0 ≤ x < 1, with 53 bits */
  unit(): number {
    return ((this.u32() >>> 5) * 67108864 + (this.u32() >>> 6)) / 9007199254740992
  }

  /** @returns an integer 0 … bound − 1; 0 if the bound is 0 */
  below(bound: number): number {
    return Math.floor(this.unit() * bound)
  }

  /** @returns an integer, both ends included */
  between(from: number, to: number): number {
    return from + this.below(to - from + 1)
  }

  chance(probability: number): boolean {
    return this.unit() < probability
  }

  /** Waiting time of something that happens once in `mean` on average. */
  exponential(mean: number): number {
    return -mean * Math.log(1 - this.unit())
  }

  /** @throws {RangeError} when there is nothing to pick from */
  pick<T>(items: readonly T[]): T {
    if (items.length === 0) throw new RangeError('nothing to pick from')
    return items[this.below(items.length)]!
  }

  /** @returns one key, with a probability in proportion to its weight */
  weighted<Key extends string>(weights: Readonly<Record<Key, number>>): Key {
    const rows = Object.entries(weights) as [Key, number][]
    let left = this.unit() * rows.reduce((sum, [, weight]) => sum + weight, 0)
    for (const [key, weight] of rows) {
      left -= weight
      if (left < 0) return key
    }
    return (rows.at(-1) as [Key, number])[0]
  }

  /** @returns a new array in a drawn order */
  shuffle<T>(items: readonly T[]): T[] {
    const result = [...items]
    for (let index = result.length - 1; index > 0; index--) {
      const other = this.below(index + 1)
      const swap = result[index]!
      result[index] = result[other]!
      result[other] = swap
    }
    return result
  }

  bytes(length: number): Uint8Array {
    const result = new Uint8Array(length)
    const view = new DataView(result.buffer)
    let offset = 0
    for (; offset + 4 <= length; offset += 4) view.setUint32(offset, this.u32())
    for (let rest = offset < length ? this.u32() : 0; offset < length; offset++, rest >>>= 8) {
      result[offset] = rest & 0xff
    }
    return result
  }
}

function rotate(x: number, by: number): number {
  return (x << by) | (x >>> (32 - by))
}

/** @returns the output for this state, and the next state */
function splitmix(state: bigint): readonly [bigint, bigint] {
  const next = (state + 0x9e3779b97f4a7c15n) & MASK
  let z = next
  z = ((z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n) & MASK
  z = ((z ^ (z >> 27n)) * 0x94d049bb133111ebn) & MASK
  return [z ^ (z >> 31n), next]
}

function fnv1a(text: string): bigint {
  let hash = 0xcbf29ce484222325n
  for (const byte of new TextEncoder().encode(text)) {
    hash = ((hash ^ BigInt(byte)) * 0x100000001b3n) & MASK
  }
  return hash
}
