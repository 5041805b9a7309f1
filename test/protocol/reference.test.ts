import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'

import { decodeCbor, encodeCbor } from '../../protocol/cbor.ts'
import { FormatError, VersionError } from '../../protocol/errors.ts'
import { OBJECT_OVERHEAD, SEALED_SIZE_MAX } from '../../protocol/object.ts'
import {
  decodeReference,
  encodeReference,
  OFFSET_MAX,
  PACK_NUMBER_MAX,
  REFERENCE_SIZE_MAX,
  referenceId,
  referenceSchema,
  referenceToCbor,
} from '../../protocol/reference.ts'
import type { ObjectKey, Reference } from '../../protocol/reference.ts'

import { KEY } from './examples.ts'
import { foreignError } from './fuzz.ts'

const secret = fc.uint8Array({ minLength: 32, maxLength: 32 })
const objectKey: fc.Arbitrary<ObjectKey> = fc.oneof(
  secret.map((bytes): ObjectKey => ({ type: 'raw', secret: bytes })),
  fc
    .tuple(secret, fc.integer({ min: 0, max: 255 }))
    .map(([bytes, ordinal]): ObjectKey => ({ type: 'run', secret: bytes, ordinal })),
)
const reference: fc.Arbitrary<Reference> = fc.record(
  {
    pack: fc.integer({ min: 0, max: PACK_NUMBER_MAX }),
    offset: fc.integer({ min: 0, max: OFFSET_MAX }),
    length: fc.integer({ min: OBJECT_OVERHEAD, max: SEALED_SIZE_MAX }),
    key: objectKey,
  },
  { noNullPrototype: true },
)

const largest: Reference = {
  pack: PACK_NUMBER_MAX,
  offset: OFFSET_MAX,
  length: SEALED_SIZE_MAX,
  key: { type: 'run', secret: KEY, ordinal: 255 },
}
const smallest: Reference = {
  pack: 0,
  offset: 0,
  length: OBJECT_OVERHEAD,
  key: { type: 'raw', secret: KEY },
}

describe('references', () => {
  it('come out as they went in, alone and inside other data', () => {
    fc.assert(
      fc.property(reference, (value) => {
        expect(decodeReference(encodeReference(value))).toEqual(value)
        const list = encodeCbor([referenceToCbor(value), referenceToCbor(value)])
        const what = { format: 'list', sizeMax: 200 }
        expect(decodeCbor(list, z.array(referenceSchema), what)).toEqual([value, value])
      }),
    )
  })

  it('come out at their limits, within their largest size', () => {
    for (const value of [smallest, largest]) {
      const bytes = encodeReference(value)
      expect(decodeReference(bytes)).toEqual(value)
      expect(bytes.length).toBeLessThanOrEqual(61)
    }
  })

  it('have one name for each place', () => {
    expect(referenceId(largest)).toBe('281474976710655:1099511627776')
  })

  it('throw nothing but FormatErrors when damaged', async () => {
    const valid = [encodeReference(smallest), encodeReference(largest)]
    expect(await foreignError(decodeReference, valid, 1000)).toBeUndefined()
  })
})

describe('references are refused', () => {
  it.each<[string, Partial<Reference>]>([
    ['pack', { pack: PACK_NUMBER_MAX + 1 }],
    ['pack', { pack: -1 }],
    ['offset', { offset: OFFSET_MAX + 1 }],
    ['length', { length: SEALED_SIZE_MAX + 1 }],
    ['length', { length: OBJECT_OVERHEAD - 1 }],
    ['ordinal', { key: { type: 'run', secret: KEY, ordinal: 256 } }],
    ['ordinal', { key: { type: 'run', secret: KEY, ordinal: -1 } }],
    ['secret', { key: { type: 'raw', secret: KEY.slice(1) } }],
    ['secret', { key: { type: 'run', secret: new Uint8Array(33), ordinal: 0 } }],
  ])('W09: with %s out of range: %o', (_, change) => {
    const wrong = { ...largest, ...change }
    expect(() => encodeReference(wrong)).toThrow(FormatError)
    expect(() => decodeReference(encodeCbor(referenceToCbor(wrong)))).toThrow(FormatError)
  })

  it('with a key of a later type', () => {
    const later = encodeCbor([1, 0, 100, 2, KEY, KEY])
    expect(() => decodeReference(later)).toThrow(VersionError)
    const inside = encodeCbor({ root: [1, 0, 100, 2, KEY, KEY] })
    const schema = z.strictObject({ root: referenceSchema })
    expect(() => decodeCbor(inside, schema, { format: 'x', sizeMax: 200 })).toThrow(VersionError)
  })

  it('above their largest size', () => {
    const atLimit = encodeCbor([1, 0, 100, 2, new Uint8Array(REFERENCE_SIZE_MAX - 8)])
    const above = encodeCbor([1, 0, 100, 2, new Uint8Array(REFERENCE_SIZE_MAX - 7)])
    expect(atLimit).toHaveLength(REFERENCE_SIZE_MAX)
    expect(() => decodeReference(atLimit)).toThrow(VersionError)
    expect(() => decodeReference(above)).toThrow('at most')
  })

  it('with items missing or left over for their type', () => {
    for (const row of [
      [],
      [1, 0, 100],
      [1, 0, 100, 0],
      [1, 0, 100, 1, KEY],
      [1, 0, 100, 0, KEY, 0],
      [1, 0, 100, 1, KEY, 0, 0],
    ]) {
      expect(() => decodeReference(encodeCbor(row))).toThrow(FormatError)
    }
  })
})
