import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import { FormatError } from '../../protocol/errors.ts'
import {
  areExtents,
  decodeExtents,
  encodeExtents,
  extentsSize,
  placeOf,
} from '../../protocol/extents.ts'
import { listsOf } from './extent-lists.ts'
import { foreignError } from './fuzz.ts'

const lists = listsOf({ gapMax: 300 })

describe('extents', () => {
  it('come out as they went in', () => {
    fc.assert(
      fc.property(lists, (extents) => {
        expect(areExtents(extents)).toBe(true)
        expect(decodeExtents(encodeExtents(extents))).toEqual(extents)
      }),
    )
    expect(decodeExtents(encodeExtents(undefined))).toBeUndefined()
  })

  it('say of every byte where it went, or that it is not there', () => {
    fc.assert(
      fc.property(lists, fc.nat(1_000), (extents, base) => {
        // A slow copy: the numbers of all bytes that are there, in order.
        const copied = extents.flatMap(({ offset, length }) =>
          Array.from({ length }, (_, index) => offset + index),
        )
        expect(extentsSize(extents)).toBe(copied.length)
        const places = new Map(copied.map((byte, index) => [byte, base + index]))
        const end = (copied.at(-1) ?? 0) + 3
        for (let offset = 0; offset < end; offset += 1) {
          expect(placeOf({ base, extents }, { offset, length: 1 })).toBe(places.get(offset))
        }
      }),
      { numRuns: 20 },
    )
  })

  it('take no range that is there in part only', () => {
    const extents = [
      { offset: 10, length: 10 },
      { offset: 30, length: 10 },
    ]
    const place = (offset: number, length: number) =>
      placeOf({ base: 7, extents }, { offset, length })
    expect([place(10, 10), place(12, 3), place(30, 10)]).toEqual([7, 9, 17])
    expect([place(9, 2), place(19, 2), place(15, 20), place(10, 30)]).toEqual(
      Array(4).fill(undefined),
    )
    expect(placeOf({ base: 7, extents: undefined }, { offset: 15, length: 20 })).toBe(22)
  })

  it('throw nothing but FormatErrors', async () => {
    const valid = fc.sample(lists, { numRuns: 5, seed: 1 }).map(encodeExtents)
    expect(await foreignError(decodeExtents, valid, 1000)).toBeUndefined()
    expect(() => encodeExtents([])).toThrow(FormatError)
  })
})
