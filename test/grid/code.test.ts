import { describe, expect, it } from 'vitest'

import { codeFor, safeCount, TooFewPeersError } from '../../src/grid/code.ts'

describe('the code', () => {
  it('leaves room for repair, and needs more shares in larger grids', () => {
    const codes = [3, 4, 5, 6, 7, 8, 10, 12, 13, 17, 18, 20, 40].map((peers) => {
      const { needed, total } = codeFor(peers)
      return `${peers}: ${needed}-of-${total}`
    })
    expect(codes).toEqual([
      '3: 1-of-2',
      '4: 1-of-3',
      '5: 2-of-4',
      '6: 2-of-4',
      '7: 2-of-5',
      '8: 2-of-6',
      '10: 3-of-8',
      '12: 3-of-9',
      '13: 4-of-10',
      '17: 4-of-13',
      '18: 4-of-14',
      '20: 8-of-16',
      '40: 16-of-32',
    ])
  })

  it('never has more shares than the erasure code has', () => {
    expect(codeFor(1000)).toEqual({ needed: 128, total: 256 })
  })

  it('refuses fewer than three peers unless few are allowed, and none always', () => {
    expect(() => codeFor(2)).toThrow(TooFewPeersError)
    expect(() => codeFor(0, { allowFew: true })).toThrow(TooFewPeersError)
    expect(codeFor(2, { allowFew: true })).toEqual({ needed: 1, total: 2 })
    expect(codeFor(1, { allowFew: true })).toEqual({ needed: 1, total: 1 })
  })

  it('says that some do not count, where that makes them too few', () => {
    expect(() => codeFor(2, { others: 3 })).toThrow('3 more are given up or about to leave')
  })

  it('is safe with a third of its parity in place, one share more than needed at least', () => {
    const codes = [
      [1, 1],
      [1, 2],
      [2, 5],
      [3, 10],
      [4, 14],
      [8, 16],
      [5, 5],
    ] as const
    expect(codes.map(([needed, total]) => safeCount({ needed, total }))).toEqual([
      1, 2, 3, 6, 8, 11, 5,
    ])
  })
})
