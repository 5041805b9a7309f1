import { readFileSync } from 'node:fs'

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import { CHAIN_LENGTH_MAX } from '../../src/base/chain-length.ts'
import type { Code } from '../../src/grid/code.ts'
import {
  anyLoss,
  deltaCode,
  deltasWithin,
  LOSS_RATIO_MAX,
  packLoss,
  SHARE_LOSS,
} from '../../src/grid/loss.ts'

describe('the loss of a pack', () => {
  it('is what a sum by hand comes to', () => {
    // 4 · 0.05³ · 0.95 + 0.05⁴
    expect(packLoss(code('2-of-4'), 0.05)).toBeCloseTo(4.8125e-4, 12)
    // 3 · 0.1² · 0.9 + 0.1³
    expect(packLoss(code('2-of-3'), 0.1)).toBeCloseTo(0.028, 12)
    // 1 − 0.8², one of two lost is too many
    expect(packLoss(code('2-of-2'), 0.2)).toBeCloseTo(0.36, 12)
    expect(packLoss(code('1-of-3'), 0.5)).toBeCloseTo(0.125, 12)
  })

  it('is what the oracle of exact fractions has, down to 10⁻⁸³', () => {
    const rows = readFileSync(new URL('../oracles/availability.csv', import.meta.url), 'utf8')
      .trim()
      .split('\n')
      .slice(1)
      .map((row) => row.split(',').map(Number))
    expect(rows).toHaveLength(45)
    for (const [needed = 0, total = 0, , present = 0, expected = 0] of rows) {
      // One minus what is left is itself a little off, and its power more so.
      const ratio = packLoss({ needed, total }, 1 - present) / expected
      expect(ratio, `${needed}-of-${total} at ${present}`).toBeCloseTo(1, 9)
    }
  })

  it('is nothing without lost shares, and sure without any left', () => {
    fc.assert(
      fc.property(codes, (any) => {
        expect(packLoss(any, 0)).toBe(0)
        expect(packLoss(any, 1)).toBe(1)
      }),
    )
  })

  it('grows with what is needed and with what is lost', () => {
    fc.assert(
      fc.property(codes, shareLosses, shareLosses, (any, one, other) => {
        const [less, more] = [Math.min(one, other), Math.max(one, other)]
        // The last digits of a sum are its order's.
        const bound = (loss: number) => loss * (1 + 1e-12)
        expect(packLoss(any, less)).toBeLessThanOrEqual(bound(packLoss(any, more)))
        const stronger = { ...any, needed: Math.max(1, any.needed - 1) }
        expect(packLoss(stronger, one)).toBeLessThanOrEqual(bound(packLoss(any, one)))
      }),
    )
  })
})

describe('the loss of any of several packs', () => {
  it('is what a product by hand comes to', () => {
    // 1 − (1 − 0.36) · (1 − 0.125)
    expect(anyLoss([code('2-of-2')], 0.2)).toBeCloseTo(0.36, 12)
    expect(anyLoss([code('2-of-2'), code('2-of-2')], 0.2)).toBeCloseTo(1 - 0.64 ** 2, 12)
    expect(anyLoss([code('1-of-3'), code('2-of-2')], 0.5)).toBeCloseTo(1 - 0.875 * 0.25, 12)
    expect(anyLoss([], 0.2)).toBeCloseTo(0, 12)
  })

  it('lies between that of the likeliest and the sum, even where 1 minus it is 1', () => {
    fc.assert(
      fc.property(fc.array(codes, { minLength: 1, maxLength: 20 }), shareLosses, (packs, loss) => {
        const each = packs.map((pack) => packLoss(pack, loss))
        const any = anyLoss(packs, loss)
        expect(any).toBeGreaterThanOrEqual(Math.max(...each) * (1 - 1e-12))
        expect(any).toBeLessThanOrEqual(each.reduce((sum, one) => sum + one, 0) * (1 + 1e-12))
      }),
    )
    expect(anyLoss([code('8-of-30'), code('8-of-30')], 0.01)).toBeCloseTo(
      2 * packLoss(code('8-of-30'), 0.01),
      40,
    )
  })
})

describe('the code of deltas', () => {
  it('is that of the table in ADR 35', () => {
    const chosen = ['2-of-4', '2-of-5', '4-of-7', '3-of-8', '8-of-16', '10-of-16'].map(
      (text) => deltaCode(code(text)).needed,
    )
    expect(chosen).toEqual([1, 1, 2, 1, 6, 8])
  })

  it('has as many shares, and needs the most of which a whole chain still keeps the bound', () => {
    const isKept = (original: Code, delta: Code) => {
      const deltas = CHAIN_LENGTH_MAX * packLoss(delta, SHARE_LOSS)
      return deltas <= (LOSS_RATIO_MAX - 1) * packLoss(original, SHARE_LOSS)
    }
    fc.assert(
      fc.property(codes, (original) => {
        const chosen = deltaCode(original)
        expect(chosen.total).toBe(original.total)
        expect(chosen.needed).toBeGreaterThanOrEqual(1)
        expect(chosen.needed).toBeLessThanOrEqual(original.needed)
        if (chosen.needed > 1) expect(isKept(original, chosen)).toBe(true)
        const weaker = { ...chosen, needed: chosen.needed + 1 }
        if (weaker.needed <= original.needed) expect(isKept(original, weaker)).toBe(false)
      }),
    )
  })
})

describe('how many deltas keep the bound', () => {
  it('is sixteen and more where shares enough can be lost, at the loss it was made for', () => {
    for (const text of ['4-of-7', '3-of-8', '8-of-16', '10-of-16']) {
      expect(deltasWithin(code(text), LOSS_RATIO_MAX, SHARE_LOSS)).toBeGreaterThanOrEqual(16)
    }
    expect(deltasWithin(code('2-of-4'), LOSS_RATIO_MAX, SHARE_LOSS)).toBe(7)
    expect(deltasWithin(code('2-of-5'), LOSS_RATIO_MAX, SHARE_LOSS)).toBe(9)
  })

  it('is the most that do, and no measure where not even one does', () => {
    fc.assert(
      fc.property(
        codes,
        shareLosses,
        fc.double({ min: 1.01, max: 3, noNaN: true }),
        (one, p, r) => {
          const [original, delta] = [packLoss(one, p), packLoss(deltaCode(one), p)]
          const bound = (r - 1) * original
          const count = deltasWithin(one, r, p)
          if (count === Infinity) {
            expect(delta).toBeGreaterThan(bound * (1 - 1e-9))
            return
          }
          expect(count * delta).toBeLessThanOrEqual(bound * (1 + 1e-9))
          expect((count + 1) * delta).toBeGreaterThan(bound * (1 - 1e-9))
          // A chain is lost with less than the sum of its packs.
          if (count > 1000) return
          const packs = [one, ...Array.from({ length: count }, () => deltaCode(one))]
          expect(anyLoss(packs, p)).toBeLessThanOrEqual(r * original * (1 + 1e-9))
        },
      ),
    )
  })
})

/**
 * The arithmetic above holds if shares are drawn one by one, too.
 *
 * Chain and original are drawn together, so what the chain adds is counted and not the difference of two
 * guesses. Seeds are fixed: a run gives what it gave before, and the bounds are four standard deviations.
 */
describe('a chain and its original, share by share', () => {
  it.each([
    { text: '4-of-7', shareLoss: 0.05, trials: 400_000 },
    { text: '4-of-7', shareLoss: 0.1, trials: 300_000 },
    { text: '4-of-7', shareLoss: 0.2, trials: 100_000 },
    { text: '2-of-4', shareLoss: 0.05, trials: 400_000 },
    { text: '2-of-5', shareLoss: 0.2, trials: 200_000 },
    { text: '3-of-8', shareLoss: 0.2, trials: 200_000 },
    { text: '10-of-16', shareLoss: 0.1, trials: 200_000 },
    { text: '10-of-16', shareLoss: 0.2, trials: 50_000 },
    { text: '8-of-16', shareLoss: 0.2, trials: 100_000 },
  ])(
    '$text: a newest version is lost as often as reckoned, shares lost with $shareLoss',
    ({ text, shareLoss, trials }) => {
      const original = code(text)
      const count = Math.min(CHAIN_LENGTH_MAX, deltasWithin(original, LOSS_RATIO_MAX, shareLoss))
      const chain = [original, ...Array.from({ length: count }, () => deltaCode(original))]
      const drawn = draw(chain, { shareLoss, trials, seed: 35 })

      expectWithin(drawn.original, packLoss(original, shareLoss), trials)
      expectWithin(drawn.chain, anyLoss(chain, shareLoss), trials)
      expect(drawn.original).toBeGreaterThan(50)
      const deviation = Math.sqrt(drawn.chain - drawn.original) / drawn.original
      expect(drawn.chain / drawn.original).toBeLessThanOrEqual(LOSS_RATIO_MAX + 4 * deviation)
    },
    60_000,
  )

  it('with deltas coded as their original, a chain of sixteen is lost many times as often', () => {
    const chain = Array.from({ length: 17 }, () => code('4-of-7'))
    const drawn = draw(chain, { shareLoss: 0.1, trials: 100_000, seed: 35 })
    expectWithin(drawn.chain, anyLoss(chain, 0.1), 100_000)
    expect(drawn.chain / drawn.original).toBeGreaterThan(12)
  }, 60_000)
})

interface Drawing {
  readonly shareLoss: number
  readonly trials: number
  readonly seed: number
}

/**
 * Lose shares at random.
 *
 * @param packs - the original's first
 * @returns in how many trials the original's pack was lost, and in how many any was
 */
function draw(packs: readonly Code[], { shareLoss, trials, seed }: Drawing) {
  const limit = shareLoss * 2 ** 32
  let state = seed
  let [original, chain] = [0, 0]
  for (let trial = 0; trial < trials; trial += 1) {
    let [isOriginalLost, isAnyLost] = [false, false]
    for (const [index, { needed, total }] of packs.entries()) {
      let left = total
      for (let share = 0; share < total; share += 1) {
        // Mulberry32: https://github.com/bryc/code/blob/master/jshash/PRNGs.md
        state = (state + 0x6d2b79f5) | 0
        let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
        mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
        if ((mixed ^ (mixed >>> 14)) >>> 0 < limit) left -= 1
      }
      if (left >= needed) continue
      isAnyLost = true
      if (index === 0) isOriginalLost = true
    }
    if (isOriginalLost) original += 1
    if (isAnyLost) chain += 1
  }
  return { original, chain }
}

/** Four standard deviations of a count of rare things. */
function expectWithin(count: number, probability: number, trials: number): void {
  const expected = probability * trials
  expect(Math.abs(count - expected)).toBeLessThanOrEqual(4 * Math.sqrt(expected))
}

const codes = fc
  .tuple(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 0, max: 20 }))
  .map(([needed, more]) => ({ needed, total: needed + more }))

const shareLosses = fc.double({ min: 0.001, max: 0.5, noNaN: true })

function code(text: string): Code {
  const [needed = 0, total = 0] = text.split('-of-').map(Number)
  return { needed, total }
}
