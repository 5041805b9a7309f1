import fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import { compare } from '../../protocol/bytes.ts'
import { FormatError } from '../../protocol/errors.ts'
import {
  decodeFileExtras,
  encodeFileExtras,
  FILE_EXTRA,
  fitXattrs,
  HOLES_MAX,
  XATTRS_SIZE_MAX,
} from '../../protocol/file-extras.ts'
import type { Hole, Xattr } from '../../protocol/file-extras.ts'
import { EXTRA_SIZE_MAX } from '../../protocol/tree.ts'

const xattr: fc.Arbitrary<Xattr> = fc.record({
  name: fc.uint8Array({ minLength: 1, maxLength: 255 }).filter((bytes) => !bytes.includes(0)),
  value: fc.uint8Array({ maxLength: 300 }),
})

const xattrs = fc
  .uniqueArray(xattr, { selector: ({ name }) => Buffer.from(name).toString('hex'), maxLength: 8 })
  .map((list) => list.toSorted((a, b) => compare(a.name, b.name)))

const holes: fc.Arbitrary<readonly Hole[]> = fc
  .array(fc.tuple(fc.integer({ min: 1, max: 2 ** 40 }), fc.integer({ min: 1, max: 2 ** 40 })))
  .map((pairs) => {
    let end = -1
    return pairs.map(([gap, size]) => {
      const offset = end + gap
      end = offset + size
      return { offset, size }
    })
  })

const extras = fc.record({
  xattrs,
  linkedOn: fc.option(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), { nil: undefined }),
  holes: fc.option(holes, { nil: undefined }),
})

describe('file extras', () => {
  it('come out as they went in', () => {
    fc.assert(
      fc.property(extras, (value) => {
        expect(decodeFileExtras(encodeFileExtras(value))).toEqual(withoutAbsent(value))
      }),
    )
  })

  it('meet damage with nothing but a FormatError', () => {
    fc.assert(
      fc.property(fc.constantFrom(1, 2, 3), fc.uint8Array({ maxLength: 40 }), (type, bytes) => {
        try {
          decodeFileExtras([{ type, bytes }])
        } catch (error) {
          expect(error).toBeInstanceOf(FormatError)
        }
      }),
    )
  })

  it('pass over types of later versions', () => {
    const extra = [{ type: 77, bytes: Uint8Array.of(1) }]
    expect(decodeFileExtras(extra)).toEqual({ xattrs: [] })
  })

  it.each([
    { offset: -1, size: 1 },
    { offset: 0, size: 0 },
    { offset: Number.MAX_SAFE_INTEGER, size: 1 },
  ])('have no hole like %o', (hole) => {
    expect(() => encodeFileExtras({ xattrs: [], holes: [hole] })).toThrow(FormatError)
  })

  it('have no more holes than they may, and none that touch', () => {
    const many = Array.from({ length: HOLES_MAX + 1 }, (_, index) => ({
      offset: 2 * index,
      size: 1,
    }))
    expect(() => encodeFileExtras({ xattrs: [], holes: many })).toThrow(FormatError)
    const touching = [
      { offset: 0, size: 5 },
      { offset: 5, size: 5 },
    ]
    expect(() => encodeFileExtras({ xattrs: [], holes: touching })).toThrow(FormatError)
  })
})

describe('extended attributes', () => {
  it('are kept in order of their names, whatever the system says first', () => {
    fc.assert(
      fc.property(fc.shuffledSubarray(['user.a', 'user.b', 'user.c', 'security.x']), (names) => {
        const { kept, left } = fitXattrs(names.map((name) => attribute(name, 3)))
        expect(kept.map(({ name }) => Buffer.from(name).toString())).toEqual(names.toSorted())
        expect(left).toEqual([])
      }),
    )
  })

  it('are left out from the largest on where all together are too large', () => {
    const sizes = [10_000, 40_000, 9_000, 48_000]
    const { kept, left } = fitXattrs(sizes.map((size) => attribute(`user.${size}`, size)))
    expect(kept.map(({ value }) => value.length)).toEqual([10_000, 9_000])
    expect(left.map((name) => Buffer.from(name).toString())).toEqual(['user.48000', 'user.40000'])
  })

  it('always leave room for what else a file has', () => {
    const size = XATTRS_SIZE_MAX - 'user.x'.length - 5
    const { kept } = fitXattrs([attribute('user.x', size)])
    const hollow = Array.from({ length: HOLES_MAX }, (_, index) => ({
      offset: (index + 1) * 2 ** 42,
      size: 2 ** 41,
    }))
    const extra = encodeFileExtras({ xattrs: kept, linkedOn: 2n ** 64n - 1n, holes: hollow })
    const total = extra.reduce((sum, { bytes }) => sum + bytes.length, 0)
    expect(extra.map(({ type }) => type)).toEqual(Object.values(FILE_EXTRA))
    expect(total).toBeLessThanOrEqual(EXTRA_SIZE_MAX)
  })
})

function attribute(name: string, size: number): Xattr {
  return { name: new TextEncoder().encode(name), value: new Uint8Array(size) }
}

function withoutAbsent<T extends object>(value: T): Partial<T> {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- of its own fields
  return Object.fromEntries(
    Object.entries(value).filter(([, field]) => field !== undefined),
  ) as Partial<T>
}
