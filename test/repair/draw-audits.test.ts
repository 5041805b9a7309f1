import { readFileSync } from 'node:fs'

import { describe, expect, it } from 'vitest'

import type { Manifest, PackId } from '../../protocol/manifest.ts'
import { SimRandom } from '../../sim/random.ts'
import { AUDITS_MAX, drawAudits, firstAbove, leavesOf } from '../../src/repair/draw-audits.ts'

const LEAF = 16_384

/** 4,096 blocks at one peer, in shares of different sizes. */
const SIZES = [1, 7, 120, 800, 1168, 2000]
const shares = SIZES.map((blocks, index) => ({
  pack: `pack ${index}` as PackId,
  shareNumber: index,
  size: blocks * LEAF,
}))
const BLOCKS = 4096

const oracle = readFileSync(new URL('../oracles/audit_detection.csv', import.meta.url), 'utf8')
  .trim()
  .split('\n')
  .slice(1)
  .map((row) => row.split(',').map(Number))

describe('audits of a peer', () => {
  it('S14: find what is missing with the probability of the oracle, within 5 sigma', () => {
    const random = new SimRandom(14)
    const rows = oracle.filter(([, challenges = 0]) => challenges <= 100)
    expect(rows.length).toBeGreaterThan(30)
    for (const [fraction = 0, challenges = 0, expected = 0] of rows) {
      const trials = Math.ceil(5_000 / Math.max(1, challenges / 10))
      const found = countFound({ fraction, challenges, trials }, random)
      const sigma = Math.sqrt((expected * (1 - expected)) / trials)
      const difference = Math.abs(found / trials - expected)
      expect(difference, `${fraction} of all, ${challenges} audits`).toBeLessThanOrEqual(
        // Whole blocks are dropped, so the part is off by half a block at most.
        5 * sigma + challenges / (2 * BLOCKS) + 1 / trials,
      )
    }
  })

  it('name a peer that dropped a tenth of its blocks within 44 draws, with 99 %', () => {
    const trials = 3_000
    const what = { fraction: 0.1, challenges: AUDITS_MAX, trials }
    const found = countFound(what, new SimRandom(44)) / trials
    const sigma = Math.sqrt((0.99 * 0.01) / trials)
    expect(found).toBeGreaterThan(0.99 - 5 * sigma)
    // Windows look at four blocks each, so they find more.
    expect(countFound({ ...what, windowEvery: 11 }, new SimRandom(45)) / trials).toBeGreaterThan(
      found - 5 * sigma,
    )
  })

  it('draw every byte as often as any other', () => {
    const draws = drawAudits(shares, 40_000, new SimRandom(3))
    for (const share of shares) {
      const part = draws.filter((draw) => draw.share === share).length / draws.length
      const expected = share.size / (BLOCKS * LEAF)
      const sigma = Math.sqrt((expected * (1 - expected)) / draws.length)
      expect(Math.abs(part - expected)).toBeLessThan(5 * sigma)
    }
    for (const { share, offset } of draws) {
      expect(offset).toBeGreaterThanOrEqual(0)
      expect(offset).toBeLessThan(share.size)
    }
  })

  it('are one window in eleven, also where few are drawn at a time', () => {
    const random = new SimRandom(10)
    const draws = Array.from({ length: 2_000 }, () => drawAudits(shares, 3, random)).flat()
    const windows = draws.filter(({ isWindow }) => isWindow).length
    expect(windows / draws.length).toBeGreaterThan(0.07)
    expect(windows / draws.length).toBeLessThan(0.11)
    // A month of them, one after another, has four; whenever it begins.
    for (let before = 0; before < 11; before += 1) {
      const month = Array.from({ length: AUDITS_MAX }, (_, day) =>
        drawAudits(shares, 1, random, { done: before + day }),
      )
      expect(month.flat().filter(({ isWindow }) => isWindow)).toHaveLength(4)
    }
  })

  it('ask for the leaves that a reader would ask for', () => {
    const manifest = { leafSize: LEAF, size: 10 * LEAF - 5, needed: 1 } as Manifest
    const [share] = shares
    const draw = { share: share!, isWindow: false }
    expect(leavesOf({ ...draw, offset: 0 }, manifest)).toEqual({ first: 0, count: 1 })
    expect(leavesOf({ ...draw, offset: 5 * LEAF + 1 }, manifest)).toEqual({ first: 5, count: 1 })
    const window = { ...draw, isWindow: true }
    expect(leavesOf({ ...window, offset: 5 * LEAF }, manifest)).toEqual({ first: 4, count: 4 })
    // The last window of a share is as long as the share.
    expect(leavesOf({ ...window, offset: 9 * LEAF }, manifest)).toEqual({ first: 8, count: 2 })
  })

  it('are none of a peer that holds nothing', () => {
    expect(drawAudits([], 44, new SimRandom(1))).toEqual([])
    expect(drawAudits(shares, 0, new SimRandom(1))).toEqual([])
  })

  it('cost less than 1 MB a month for a pair of peers', () => {
    const manifest = { leafSize: LEAF, size: 3 * 342 * LEAF, needed: 3 } as Manifest
    const most = drawAudits(shares.slice(3), AUDITS_MAX, new SimRandom(6)).map((draw) => {
      const { count } = leavesOf(draw, manifest)
      // A proof of a share of 5.6 MB, two requests and responses, the pack's manifest of up to 16 shares.
      return count * LEAF + 12 * 36 + 300 + 700
    })
    expect(most.reduce((sum, size) => sum + size, 0)).toBeLessThan(1_000_000)
  })
})

describe('the first number above', () => {
  it('is found as by looking at all', () => {
    const ascending = [3, 3, 7, 20, 21]
    for (let value = 0; value < 21; value += 1) {
      expect(firstAbove(ascending, value)).toBe(ascending.findIndex((one) => one > value))
    }
  })
})

interface Dropping {
  readonly fraction: number
  readonly challenges: number
  readonly trials: number
  readonly windowEvery?: number
}

/** @returns in how many of the trials a draw met a block that is missing */
function countFound(
  { fraction, challenges, trials, windowEvery = Infinity }: Dropping,
  random: SimRandom,
): number {
  let found = 0
  for (let trial = 0; trial < trials; trial += 1) {
    // Which blocks are missing changes now and then; drawing them anew each time would take minutes.
    if (trial % 50 === 0) drop(fraction, random)
    const draws = drawAudits(shares, challenges, random, { windowEvery })
    const isFound = draws.some((draw) => {
      const { first, count } = leavesOf(draw, manifestOf(draw.share.size))
      const start = starts.get(draw.share.pack) ?? 0
      return dropped.subarray(start + first, start + first + count).some((one) => one === 1)
    })
    if (isFound) found += 1
  }
  return found
}

const starts = new Map<PackId, number>()
let start = 0
for (const { pack, size } of shares) {
  starts.set(pack, start)
  start += size / LEAF
}
const dropped = new Uint8Array(BLOCKS)

function drop(fraction: number, random: SimRandom): void {
  dropped.fill(0)
  const wanted = Math.round(fraction * BLOCKS)
  for (let count = 0; count < wanted;) {
    const at = random.below(BLOCKS)
    if (dropped[at] === 1) continue
    dropped[at] = 1
    count += 1
  }
}

function manifestOf(size: number): Manifest {
  return { leafSize: LEAF, size, needed: 1 } as Manifest
}
