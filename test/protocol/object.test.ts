import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import { FormatError, VersionError } from '../../protocol/errors.ts'
import {
  decodePlain,
  encodePlain,
  OBJECT_KINDS,
  OBJECT_OVERHEAD,
  OBJECT_SIZE_MAX,
} from '../../protocol/object.ts'

import { foreignError } from './fuzz.ts'

describe('objects', () => {
  it('come out as they went in, of every kind', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...OBJECT_KINDS),
        fc.uint8Array({ maxLength: 100 }),
        fc.integer({ min: 0, max: 100 }),
        (kind, body, saved) => {
          const form = { isCompressed: saved > 0, size: body.length + saved }
          expect(decodePlain(encodePlain(kind, form, body))).toEqual({ kind, ...form, body })
        },
      ),
    )
  })

  it('come out at the boundary sizes', () => {
    for (const size of [0, 1, OBJECT_SIZE_MAX - 1, OBJECT_SIZE_MAX]) {
      const plain = encodePlain('content', { isCompressed: false, size }, new Uint8Array(size))
      expect(plain).toHaveLength(size + OBJECT_OVERHEAD - 48)
      expect(decodePlain(plain).body).toHaveLength(size)
    }
  })

  it('have the bytes of their kinds for good', () => {
    const bytes = OBJECT_KINDS.map((kind) => [
      kind,
      encodePlain(kind, { isCompressed: false, size: 0 }, new Uint8Array(0))[0],
    ])
    expect(Object.fromEntries(bytes)).toEqual({
      content: 1,
      delta: 2,
      list: 3,
      page: 4,
      index: 5,
      past: 6,
      history: 7,
      root: 8,
      snapshots: 9,
      ledger: 10,
    })
  })

  it('throw nothing but FormatErrors when damaged', async () => {
    const valid = [encodePlain('page', { isCompressed: true, size: 20 }, new Uint8Array(10))]
    expect(await foreignError(decodePlain, valid)).toBeUndefined()
  })
})

describe('objects are refused', () => {
  const empty = encodePlain('content', { isCompressed: false, size: 0 }, new Uint8Array(0))

  it('when shorter than their header', () => {
    for (let size = 0; size < empty.length; size++) {
      expect(() => decodePlain(empty.subarray(0, size))).toThrow(FormatError)
    }
  })

  it('with a kind or flags that a later version made', () => {
    for (const kind of [0, 11, 255]) {
      expect(() => decodePlain(empty.with(0, kind))).toThrow(VersionError)
    }
    for (const flags of [2, 3, 128]) {
      expect(() => decodePlain(empty.with(1, flags))).toThrow(VersionError)
    }
  })

  it('above the size limit, on both roads', () => {
    const form = { isCompressed: true, size: OBJECT_SIZE_MAX + 1 }
    expect(() => encodePlain('content', form, new Uint8Array(9))).toThrow(FormatError)
    const above = Uint8Array.of(1, 1, 0, 0x40, 0, 1, 9, 9)
    expect(() => decodePlain(above)).toThrow(FormatError)
  })

  it('when the body has another size than the header says', () => {
    const body = new Uint8Array(10)
    for (const size of [9, 11]) {
      expect(() => encodePlain('list', { isCompressed: false, size }, body)).toThrow(FormatError)
    }
    const notSmaller = { isCompressed: true, size: 10 }
    expect(() => encodePlain('list', notSmaller, body)).toThrow(FormatError)
    expect(() => decodePlain(Uint8Array.of(1, 0, 0, 0, 0, 2, 7))).toThrow(FormatError)
  })
})
