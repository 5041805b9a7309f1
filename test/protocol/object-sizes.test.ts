import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import { FormatError } from '../../protocol/errors.ts'
import { OBJECT_SIZE_MAX } from '../../protocol/object.ts'
import {
  decodeObjectSizes,
  encodeObjectSizes,
  OBJECT_SIZES_EXTRA,
} from '../../protocol/object-sizes.ts'
import type { Version } from '../../protocol/tree.ts'

const sizes = fc.array(fc.integer({ min: 1, max: OBJECT_SIZE_MAX }), { minLength: 2 })

describe('object sizes', () => {
  it('come out as they went in', () => {
    fc.assert(
      fc.property(sizes, (list) => {
        const extra = encodeObjectSizes(list)
        expect(extra).toBeDefined()
        expect(decodeObjectSizes(version(sum(list), extra?.bytes))).toEqual(list)
      }),
    )
  })

  it('are not told of one object, nor of too many', () => {
    expect(encodeObjectSizes([])).toBeUndefined()
    expect(encodeObjectSizes([4096])).toBeUndefined()
    expect(encodeObjectSizes(Array.from({ length: 16_385 }, () => OBJECT_SIZE_MAX))).toBeUndefined()
    expect(decodeObjectSizes(version(4096, undefined))).toBeUndefined()
  })

  it('must add up, and stay in bounds, whatever bytes arrive', () => {
    expect(() => encodeObjectSizes([1, 0])).toThrow(FormatError)
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), fc.nat(), (bytes, size) => {
        try {
          expect(sum(decodeObjectSizes(version(size, bytes)) ?? [])).toBe(size)
        } catch (error) {
          expect(error).toBeInstanceOf(FormatError)
        }
      }),
    )
  })
})

function version(size: number, bytes: Uint8Array | undefined): Version {
  return {
    id: 1,
    size,
    digest: undefined,
    label: 'stable',
    content: { type: 'original', parts: { depth: 0, references: [] } },
    extra: bytes === undefined ? [] : [{ type: OBJECT_SIZES_EXTRA, bytes }],
  }
}

function sum(list: readonly number[]): number {
  return list.reduce((total, one) => total + one, 0)
}
