import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import { EXTENTS_MAX, extentsSize, placeOf } from '../../protocol/extents.ts'
import {
  extentsToCopy,
  MOVED_SIZE_MAX,
  planMerges,
  SAVED_RATIO_MIN,
  SHARE_OVERHEAD,
  type MergeSource,
} from '../../src/repair/merge-packs.ts'
import type { PackRow } from '../../src/store/packs.ts'
import { listsOf } from '../protocol/extent-lists.ts'

const KIB = 1024
const MIB = 1024 * KIB
const CODE = { needed: 2, total: 4 }
const codeFor = () => CODE

describe('the choice of packs to write anew', () => {
  it('takes eight small packs and not seven', () => {
    const small = (count: number) => Array.from({ length: count }, (_, at) => pack(at, 2 * KIB))
    expect(planMerges(small(7), codeFor)).toMatchObject({ sources: [], into: 0, saved: 0 })
    const plan = planMerges(small(8), codeFor)
    expect(plan).toMatchObject({ into: 1, moved: 8 * 2 * KIB * 3 })
    expect(plan.sources).toHaveLength(8)
    // Seven packs fewer; 16 KiB are not padded.
    expect(plan.saved).toBe(7 * 4 * SHARE_OVERHEAD)
  })

  it('takes a larger one alone where less than half is live', () => {
    const sources = [pack(1, 8 * MIB, 4 * MIB), pack(2, 8 * MIB, 4 * MIB - 1)]
    expect(planMerges(sources, codeFor).sources).toEqual([sources[1]])
    expect(planMerges([pack(1, 8 * MIB)], codeFor).sources).toEqual([])
  })

  it('takes a small one alone where most of it, and 256 KiB at least, are dead', () => {
    const sources = [pack(1, 800 * KIB, 80 * KIB), pack(2, 300 * KIB, 80 * KIB)]
    expect(planMerges(sources, codeFor).sources).toEqual([sources[0]])
    expect(planMerges([pack(1, 800 * KIB, 500 * KIB)], codeFor).sources).toEqual([])
  })

  it('leaves small ones that are more to move than they cost', () => {
    // At 2 of 4: 4 × 4096 saved, 3 × size / 2 to be worth it.
    const limit = Math.floor((4 * SHARE_OVERHEAD) / 1.5)
    const many = (size: number) => Array.from({ length: 50 }, (_, at) => pack(at, size))
    expect(planMerges(many(limit - 2 * KIB), codeFor).sources).toHaveLength(50)
    expect(planMerges(many(limit + KIB), codeFor).sources).toHaveLength(0)
  })

  it('mixes no kinds', () => {
    const kinds = ['data', 'delta', 'metadata'] as const
    const mixed = Array.from({ length: 21 }, (_, at) => {
      return { ...pack(at, KIB), kind: kinds[at % 3] ?? 'data' }
    })
    expect(planMerges(mixed, codeFor).sources).toEqual([])
    const more = [...mixed, { ...pack(99, KIB), kind: 'delta' } as const]
    const plan = planMerges(more, codeFor)
    expect(new Set(plan.sources.map(({ kind }) => kind))).toEqual(new Set(['delta']))
    expect(plan.into).toBe(1)
  })

  it('moves no more than its bound, and what saves most for it first', () => {
    const sources = Array.from({ length: 400 }, (_, at) => pack(at, 8 * MIB, (1 + (at % 3)) * MIB))
    const plan = planMerges(sources, codeFor)
    expect(plan.moved).toBeLessThanOrEqual(MOVED_SIZE_MAX)
    expect(plan.moved).toBeGreaterThan(MOVED_SIZE_MAX - 16 * MIB)
    const live = plan.sources.map(liveSize)
    expect(live.filter((size) => size === MIB)).toHaveLength(134)
    expect(live.filter((size) => size === 3 * MIB)).toHaveLength(
      Math.floor((2048 - 134 * 3 - 133 * 6) / 9),
    )
  })

  it('always pays, and makes no more packs than there were', () => {
    const source = fc
      .record({
        size: fc.oneof(fc.integer({ min: 1, max: 64 * KIB }), fc.integer({ min: 1, max: 8 * MIB })),
        part: fc.double({ min: 0.001, max: 1, noNaN: true }),
      })
      .map(({ size, part }) => pack(1, size, Math.ceil(size * part)))
    fc.assert(
      fc.property(fc.array(source, { maxLength: 60 }), (sources) => {
        const plan = planMerges(sources, codeFor)
        expect(plan.saved).toBeGreaterThanOrEqual(SAVED_RATIO_MIN * plan.moved)
        expect(plan.into).toBeLessThanOrEqual(Math.max(0, plan.sources.length))
      }),
    )
  })
})

describe('what is copied', () => {
  it('is all that is live, and nothing that is not there', () => {
    fc.assert(
      fc.property(listsOf({ gapMax: 400 }), listsOf({ gapMax: 400 }), (live, present) => {
        const whole = row({ size: 100_000 })
        expect(extentsToCopy(whole, live)).toEqual(live)
        const thinned = row({ size: 100_000, base: 3, extents: present })
        const copied = extentsToCopy(thinned, live)
        const isThere = live.every((extent) => placeOf(thinned, extent) !== undefined)
        expect(copied).toEqual(isThere ? live : undefined)
      }),
    )
  })

  it('joins the nearest where there are too many, but never over what is gone', () => {
    const live = Array.from({ length: 4 * EXTENTS_MAX }, (_, at) => ({
      offset: 100 * at + (at % 2 === 0 ? 40 : 0),
      length: 50,
    }))
    const copied = extentsToCopy(row({ size: 8 * MIB }), live) ?? []
    expect(copied.length).toBeLessThanOrEqual(EXTENTS_MAX)
    for (const extent of live) expect(placeOf({ base: 0, extents: copied }, extent)).toBeDefined()

    const half = Array.from({ length: EXTENTS_MAX }, (_, at) => ({ offset: 400 * at, length: 300 }))
    const thinned = row({ size: 8 * MIB, extents: half })
    const there = half.flatMap(({ offset }) => [
      { offset, length: 100 },
      { offset: offset + 200, length: 100 },
    ])
    expect(extentsToCopy(thinned, there)).toEqual(half)
  })

  it('is nothing where a live object lies behind the pack', () => {
    const live = [{ offset: 95, length: 10 }]
    expect(extentsToCopy(row({ size: 100 }), live)).toBeUndefined()
    expect(extentsToCopy(row({ size: 105 }), live)).toEqual(live)
  })
})

function pack(number: number, size: number, live = size): MergeSource {
  const extents = [{ offset: 0, length: live }]
  return { kind: 'data', size, code: CODE, numbers: [{ row: row({ number, size }), extents }] }
}

function row(changes: Partial<PackRow>): PackRow {
  return {
    number: 1,
    kind: 'data',
    state: 'complete',
    size: 1,
    ...CODE,
    id: undefined,
    base: 0,
    extents: undefined,
    isPublished: true,
    ...changes,
  }
}

function liveSize({ numbers }: MergeSource): number {
  return numbers.reduce((sum, { extents }) => sum + extentsSize(extents), 0)
}
