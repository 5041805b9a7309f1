import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import { LiveStretches } from '../../src/history/live-stretches.ts'

const objects = fc.array(fc.tuple(fc.nat(200), fc.integer({ min: 1, max: 9 })), { minLength: 1 })

describe('live stretches', () => {
  it('cover just the bytes of the objects told, and do not touch', () => {
    fc.assert(
      fc.property(objects, (told) => {
        const live = new LiveStretches()
        const bytes = new Set<number>()
        for (const [offset, length] of told) {
          live.add({ pack: 1, offset, length }, 'content')
          for (let byte = offset; byte < offset + length; byte += 1) bytes.add(byte)
        }
        const stretches = live.of(1)
        const covered = stretches.flatMap(({ offset, length }) =>
          Array.from({ length }, (_, index) => offset + index),
        )
        expect(covered).toEqual([...bytes].toSorted((a, b) => a - b))
        for (const [index, { offset }] of stretches.entries()) {
          const before = stretches[index - 1]
          if (before !== undefined) expect(offset).toBeGreaterThan(before.offset + before.length)
        }
      }),
    )
  })

  it('take as much memory as there are stretches, however often they are told', () => {
    const live = new LiveStretches()
    for (let round = 0; round < 20; round += 1) {
      for (let index = 0; index < 1_000; index += 1) {
        live.add({ pack: 7, offset: 20 * index, length: 10 }, 'page')
      }
    }
    expect(live.of(7)).toHaveLength(1_000)
    expect(live.of(7)[999]).toEqual({ offset: 19_980, length: 10 })
  })

  it('know what a pack is made of', () => {
    const live = new LiveStretches()
    const place = (pack: number) => ({ pack, offset: 0, length: 1 })
    for (const kind of ['page', 'list', 'snapshots'] as const) live.add(place(1), kind)
    for (const kind of ['page', 'delta', 'page'] as const) live.add(place(2), kind)
    for (const kind of ['content', 'delta', 'page'] as const) live.add(place(3), kind)
    expect([1, 2, 3, 4].map((pack) => live.kindOf(pack))).toEqual([
      'metadata',
      'delta',
      'data',
      undefined,
    ])
    expect([live.has(3), live.has(4), live.of(4)]).toEqual([true, false, []])
  })
})
