import { describe, expect, it } from 'vitest'
import fc from 'fast-check'
import { TokenBucket } from '../../src/base/token-bucket.ts'

/** A clock that is set by hand. */
class HandClock {
  ms = 0
  monotonic(): number {
    return this.ms
  }
}

function makeBucket(rate: number, burst: number): { clock: HandClock; bucket: TokenBucket } {
  const clock = new HandClock()
  return { clock, bucket: new TokenBucket(clock, { rate, burst }) }
}

describe('a token bucket', () => {
  it('gives its burst at once, then so many a second', () => {
    const { clock, bucket } = makeBucket(10, 5)
    expect(bucket.take(5)).toBe(0)
    expect(bucket.take(1)).toBe(100)
    clock.ms = 100
    expect(bucket.take(1)).toBe(100)
    clock.ms = 10_000
    expect(bucket.isFull).toBe(true)
    expect(bucket.left).toBe(5)
  })

  it('makes those who come later wait longer, in the order in which they came', () => {
    const { bucket } = makeBucket(1, 1)
    expect([1, 1, 1].map((count) => bucket.take(count))).toEqual([0, 1000, 2000])
  })

  it('takes nothing where the wait is not worth it', () => {
    const { bucket } = makeBucket(1, 2)
    expect(bucket.take(4, 1000)).toBeUndefined()
    expect(bucket.left).toBe(2)
    expect(bucket.take(3, 1000)).toBe(1000)
  })

  it('gives what is there to whoever takes less as well', () => {
    const { clock, bucket } = makeBucket(2, 10)
    expect(bucket.takeSome(7)).toBe(7)
    expect(bucket.takeSome(7)).toBe(3)
    expect(bucket.takeSome(7)).toBe(0)
    clock.ms = 1000
    expect(bucket.takeSome(7)).toBe(2)
  })

  it('takes back what was not used, and never holds more than its burst', () => {
    const { bucket } = makeBucket(1, 10)
    bucket.take(6)
    bucket.giveBack(4)
    expect(bucket.left).toBe(8)
    bucket.giveBack(100)
    expect(bucket.left).toBe(10)
  })

  it('has what a larger burst adds at once, and loses what a smaller one cannot hold', () => {
    const { bucket } = makeBucket(1, 10)
    bucket.take(10)
    bucket.resize({ rate: 1, burst: 15 })
    expect(bucket.left).toBe(5)
    bucket.resize({ rate: 1, burst: 2 })
    expect(bucket.left).toBe(2)
  })

  it('never lets more through in any time than its burst and what came meanwhile', () => {
    const steps = fc.array(fc.tuple(fc.nat(5000), fc.nat(20)), { maxLength: 50 })
    fc.assert(
      fc.property(steps, (each) => {
        const { clock, bucket } = makeBucket(3, 7)
        let through = 0
        for (const [ms, count] of each) {
          clock.ms += ms
          if (bucket.take(count, 0) === 0) through += count
        }
        expect(through).toBeLessThanOrEqual(7 + (clock.ms / 1000) * 3 + 1e-6)
      }),
    )
  })
})
