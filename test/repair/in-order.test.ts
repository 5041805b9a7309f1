import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { inOrder } from '../../src/repair/in-order.ts'

describe('what is in order', () => {
  it('never descends, keeps its places and is as long as can be', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(12), { maxLength: 12 }), (values) => {
        const chosen = inOrder(values)
        expect(chosen).toEqual([...new Set(chosen)].toSorted((a, b) => a - b))
        const told = chosen.map((index) => values[index] ?? -1)
        expect(told).toEqual(told.toSorted((a, b) => a - b))
        expect(chosen).toHaveLength(longest(values))
      }),
    )
  })

  it('leaves out the one that contradicts the many', () => {
    expect(inOrder([1, 2, 99, 3, 4])).toEqual([0, 1, 3, 4])
    expect(inOrder([11, 12, 13, 2, 14])).toEqual([0, 1, 2, 4])
  })

  it('leaves out the lower one where one word stands against another', () => {
    expect(inOrder([11, 2, 12])).toEqual([0, 2])
    expect(inOrder([11, 2])).toEqual([0])
    expect(inOrder([11, 99, 12])).toEqual([0, 1])
  })
})

/** The same by trying: for each value, the longest that ends in it. */
function longest(values: readonly number[]): number {
  const lengths: number[] = []
  for (const [at, value] of values.entries()) {
    const before = lengths.filter((_, index) => (values[index] ?? 0) <= value && index < at)
    lengths.push(1 + Math.max(0, ...before))
  }
  return Math.max(0, ...lengths)
}
