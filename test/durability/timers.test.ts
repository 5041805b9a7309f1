import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Streams } from '../../src/durability/streams.ts'
import { Timers } from '../../src/durability/timers.ts'

const COUNT = 12

describe('timers', () => {
  it('come in order, as those of a list that is searched', () => {
    const step = fc.tuple(
      fc.constantFrom('set', 'clear', 'take'),
      fc.nat(COUNT - 1),
      // Far apart and at one moment: pages come round, and ties go by number.
      fc.constantFrom(0, 0.1, 1, 1.5, 63, 64, 1e3, 1e6),
    )
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const timers = new Timers(COUNT, 0.7)
        const plain = new Map<number, number>()
        let now = 0
        for (const [what, timer, delay] of steps) {
          if (what === 'set') {
            timers.set(timer, now + delay)
            plain.set(timer, now + delay)
          } else if (what === 'clear') {
            timers.clear(timer)
            plain.delete(timer)
          } else {
            const until = now + delay
            const due = [...plain].filter(([, at]) => at <= until)
            const [next] = due.toSorted(([a, x], [b, y]) => x - y || a - b)
            expect(timers.take(until)).toBe(next?.[0] ?? -1)
            now = next?.[1] ?? until
            if (next !== undefined) plain.delete(next[0])
            expect(timers.now).toBe(now)
          }
          expect(timers.at(timer)).toBe(plain.get(timer) ?? Infinity)
        }
        timers.reset()
        expect(timers.take(1e9)).toBe(-1)
      }),
    )
  })

  it('are many', () => {
    const streams = new Streams(1)
    streams.seed(0, 1, 1, 1)
    const timers = new Timers(10_000, 0.001)
    for (let timer = 0; timer < 10_000; timer += 1) timers.set(timer, streams.unit(0) * 50)
    const order = Array.from({ length: 10_000 }, () => {
      timers.take(100)
      return timers.now
    })
    expect(order).toEqual(order.toSorted((a, b) => a - b))
    expect(timers.take(100)).toBe(-1)
  })
})

describe('streams', () => {
  it('are xoshiro128**, as it is written for reading', () => {
    const streams = new Streams(3)
    streams.seed(1, 5, 6, 7)
    streams.seed(2, 5, 6, 8)
    const words = Array.from({ length: 100 }, () => streams.unit(1) * 2 ** 32 - 0.5)
    expect(words).toEqual(slowWords([5, 6, 7], 100))
  })

  it('differ by seed, run and purpose, and are even', () => {
    const streams = new Streams(1)
    const first = [
      [1, 1, 1],
      [2, 1, 1],
      [1, 2, 1],
      [1, 1, 2],
    ].map(([seed = 0, run = 0, purpose = 0]) => {
      streams.seed(0, seed, run, purpose)
      return streams.unit(0)
    })
    expect(new Set(first).size).toBe(4)
    // The first words of streams that stand beside each other: what lifetimes are drawn from.
    const counts = Array.from({ length: 10 }, () => 0)
    let sum = 0
    for (let purpose = 0; purpose < 20_000; purpose += 1) {
      streams.seed(0, 9, 1, purpose)
      counts[streams.below(0, 10)]! += 1
      sum += streams.exponential(0, 4)
    }
    for (const count of counts) expect(Math.abs(count - 2_000)).toBeLessThan(250)
    expect(Math.abs(sum / 20_000 - 4)).toBeLessThan(0.2)
  })
})

/** The published algorithms, written for BigInt and for reading. */
function slowWords(path: readonly number[], count: number): number[] {
  const mask = 0xffffffffn
  const rotl = (x: bigint, k: bigint) => ((x << k) | (x >> (32n - k))) & mask
  const mix = (value: bigint) => {
    let z = (value + 0x9e3779b9n) & mask
    z = ((z ^ (z >> 16n)) * 0x21f0aaadn) & mask
    z = ((z ^ (z >> 15n)) * 0x735a2d97n) & mask
    return z ^ (z >> 15n)
  }
  let at = path.map(BigInt).reduce((all, each) => mix(all ^ each), 0n)
  const s = Array.from({ length: 4 }, () => {
    at = (at + 0x9e3779b9n) & mask
    return mix(at)
  }) as [bigint, bigint, bigint, bigint]
  return Array.from({ length: count }, () => {
    const result = (rotl((s[1] * 5n) & mask, 7n) * 9n) & mask
    const t = (s[1] << 9n) & mask
    s[2] ^= s[0]
    s[3] ^= s[1]
    s[1] ^= s[2]
    s[0] ^= s[3]
    s[2] ^= t
    s[3] = rotl(s[3], 11n)
    return Number(result)
  })
}
