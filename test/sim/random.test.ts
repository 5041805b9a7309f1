import { describe, expect, it } from 'vitest'
import { SimRandom } from '../../sim/random.ts'

describe('chance from a seed', () => {
  it('is xoshiro128**: the first words of seed 0 stay what they were', () => {
    const random = new SimRandom(0)
    const words = Array.from({ length: 4 }, () => random.u32())
    const again = new SimRandom(0)
    expect(Array.from({ length: 4 }, () => again.u32())).toEqual(words)
    expect(words).toEqual(slowXoshiro(0n, 4))
  })

  it('forks by label, wherever it stands', () => {
    const fresh = new SimRandom(5)
    const used = new SimRandom(5)
    used.bytes(1000)
    expect(used.fork('disk').bytes(16)).toEqual(fresh.fork('disk').bytes(16))
    expect(fresh.fork('disk').bytes(16)).not.toEqual(fresh.fork('net').bytes(16))
    expect(fresh.fork('a').fork('b').u32()).not.toBe(fresh.fork('b').fork('a').u32())
  })

  it('keeps draws within their bounds and near their means', () => {
    const random = new SimRandom(6)
    const counts = Array.from({ length: 10 }, () => 0)
    let sum = 0
    for (let round = 0; round < 20_000; round++) {
      const draw = random.below(10)
      counts[draw] = (counts[draw] ?? 0) + 1
      sum += random.exponential(4)
    }
    for (const count of counts) expect(Math.abs(count - 2000)).toBeLessThan(250)
    expect(Math.abs(sum / 20_000 - 4)).toBeLessThan(0.2)
    expect(random.below(0)).toBe(0)
    expect(random.between(3, 3)).toBe(3)
    expect(random.weighted({ never: 0, always: 1 })).toBe('always')
    expect(random.shuffle([1, 2, 3, 4]).toSorted((a, b) => a - b)).toEqual([1, 2, 3, 4])
    expect(() => random.pick([])).toThrow(RangeError)
  })
})

/** The published algorithm, written for BigInt and for reading. */
function slowXoshiro(seed: bigint, count: number): number[] {
  const mask64 = (1n << 64n) - 1n
  const mask32 = (1n << 32n) - 1n
  let state = seed
  const splitmix = (): bigint => {
    state = (state + 0x9e3779b97f4a7c15n) & mask64
    let z = state
    z = ((z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n) & mask64
    z = ((z ^ (z >> 27n)) * 0x94d049bb133111ebn) & mask64
    return z ^ (z >> 31n)
  }
  const [a, b] = [splitmix(), splitmix()]
  const s = [a & mask32, a >> 32n, b & mask32, b >> 32n] as [bigint, bigint, bigint, bigint]
  const rotl = (x: bigint, k: bigint): bigint => ((x << k) | (x >> (32n - k))) & mask32
  return Array.from({ length: count }, () => {
    const result = (rotl((s[1] * 5n) & mask32, 7n) * 9n) & mask32
    const t = (s[1] << 9n) & mask32
    s[2] ^= s[0]
    s[3] ^= s[1]
    s[1] ^= s[2]
    s[0] ^= s[3]
    s[2] ^= t
    s[3] = rotl(s[3], 11n)
    return Number(result)
  })
}
