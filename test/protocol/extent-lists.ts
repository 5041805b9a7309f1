/** Lists of extents, drawn at random. */

import * as fc from 'fast-check'

import type { Extent } from '../../protocol/extents.ts'

/** Ascending, not touching each other, up to twelve. */
export const extentLists: fc.Arbitrary<readonly Extent[]> = listsOf({ gapMax: 5_000 })

export function listsOf({ gapMax }: { gapMax: number }): fc.Arbitrary<Extent[]> {
  const steps = fc.tuple(fc.nat(gapMax), fc.integer({ min: 1, max: 3_000 }))
  return fc.array(steps, { minLength: 1, maxLength: 12 }).map((list) => {
    let end = -1
    return list.map(([gap, length]) => {
      const offset = end + 1 + gap
      end = offset + length
      return { offset, length }
    })
  })
}
