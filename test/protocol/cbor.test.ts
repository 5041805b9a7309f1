import { readdirSync, readFileSync } from 'node:fs'

import * as dagCbor from '@ipld/dag-cbor'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'

import { equal, fromHex, utf8 } from '../../protocol/bytes.ts'
import {
  bigCount,
  bytesField,
  CBOR_DEPTH_MAX,
  count,
  decodeCbor,
  encodeCbor,
  integer,
  text,
} from '../../protocol/cbor.ts'
import { FormatError } from '../../protocol/errors.ts'

import { foreignError } from './fuzz.ts'

const WHAT = { format: 'example', sizeMax: 10_000 }

const leaf = fc.oneof(
  fc.maxSafeInteger(),
  fc.boolean(),
  fc.constant(null),
  fc.string({ unit: 'grapheme' }),
  fc.uint8Array({ maxLength: 40 }),
)
const { value } = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 5 },
    leaf,
    fc.array(tie('value'), { maxLength: 5 }),
    fc.dictionary(fc.string({ maxLength: 5 }), tie('value'), { maxKeys: 5, noNullPrototype: true }),
  ),
}))

describe('structured data', () => {
  it('comes out as it went in', () => {
    fc.assert(
      fc.property(value, (input) => {
        expect(decodeCbor(encodeCbor(input), z.unknown(), WHAT)).toEqual(input)
      }),
    )
  })

  it('keeps integers of 64 bits', () => {
    const schema = z.array(bigCount(2n ** 64n - 1n))
    const integers = [0n, 2n ** 53n - 1n, 2n ** 53n, 2n ** 64n - 1n]
    expect(decodeCbor(encodeCbor(integers), schema, WHAT)).toEqual(integers)
  })

  it('is taken only as it would be encoded again', () => {
    const isSame = (bytes: Uint8Array): boolean => {
      try {
        return equal(dagCbor.encode(dagCbor.decode(bytes)), bytes)
      } catch {
        return false
      }
    }
    const isTaken = (bytes: Uint8Array): boolean => {
      try {
        decodeCbor(bytes, z.unknown(), WHAT)
        return true
      } catch {
        return false
      }
    }
    let taken = 0
    const likely = fc.constantFrom(
      0x61,
      0x62,
      0xa1,
      0xa2,
      0x41,
      0x18,
      0x19,
      0x1a,
      0x1b,
      0x38,
      0x81,
      0xc3,
      0xef,
    )
    const bytes = fc.array(fc.oneof(likely, fc.nat(255), fc.nat(30)), {
      minLength: 1,
      maxLength: 12,
    })
    const changed = fc.tuple(value, fc.nat(), fc.nat(255)).map(([input, at, byte]) => {
      const encoded = encodeCbor(input)
      encoded[at % encoded.length] = byte
      return encoded
    })
    fc.assert(
      fc.property(
        fc.oneof(
          bytes.map((each) => Uint8Array.from(each)),
          changed,
        ),
        (each) => {
          // Floating point, links and undefined are dag-cbor, and refused here.
          if (isTaken(each)) taken += 1
          else if (isSame(each))
            expect(() => decodeCbor(each, z.unknown(), WHAT)).toThrow(/no use here|deeper/)
          expect(isTaken(each) && !isSame(each)).toBe(false)
        },
      ),
      { numRuns: 20_000 },
    )
    expect(taken).toBeGreaterThan(1000)
  })

  it('throws nothing but FormatErrors', async () => {
    const valid = [encodeCbor({ a: [1, { b: utf8('c') }], d: 'e', f: null }), encodeCbor([[[1]]])]
    expect(
      await foreignError((bytes) => decodeCbor(bytes, z.unknown(), WHAT), valid, 2000),
    ).toBeUndefined()
  })
})

describe('structured data is refused', () => {
  it(`when nested deeper than ${CBOR_DEPTH_MAX}`, () => {
    expect(() => decodeNested(CBOR_DEPTH_MAX)).not.toThrow()
    expect(() => decodeNested(CBOR_DEPTH_MAX + 1)).toThrow('deeper')
    expect(() => decodeNested(9999)).toThrow('deeper')
  })

  it('above its size limit, before a byte is looked at', () => {
    const limit = { format: 'example', sizeMax: 10 }
    const atLimit = encodeCbor(new Uint8Array(9))
    const above = encodeCbor(new Uint8Array(10))
    expect(decodeCbor(atLimit, bytesField(0, 99), limit)).toHaveLength(9)
    expect(() => decodeCbor(above, bytesField(0, 99), limit)).toThrow('at most 10')
  })

  it.each([
    ['0818', 'bytes left over'],
    ['1800', 'a longer number than needed'],
    ['190001', 'a longer number than needed, two bytes'],
    ['1b0000000000000001', 'a longer number than needed, eight bytes'],
    ['9800', 'a longer count than needed'],
    ['f90000', 'floating point, half'],
    ['fa00000000', 'floating point, single'],
    ['fb3ff0000000000000', 'floating point, double'],
    ['fb7ff8000000000000', 'W09: not a number'],
    ['f7', 'undefined'],
    ['f818', 'a simple value'],
    ['c101', 'a tag'],
    ['d82a4500015500', 'a link'],
    ['9f01ff', 'an array of no stated length'],
    ['bf616101ff', 'a map of no stated length'],
    ['5f4101ff', 'bytes of no stated length'],
    ['7f6161ff', 'text of no stated length'],
    ['a2616101616102', 'the same key twice'],
    ['a2616201616102', 'keys out of order'],
    ['a262616101616202', 'keys out of order, the longer first'],
    ['a10102', 'a key that is no text'],
    ['a1412001', 'a key that is bytes'],
    ['61ff', 'text that is no UTF-8'],
    ['ff', 'a break alone'],
    ['1c', 'a reserved length'],
    ['', 'nothing at all'],
    ['81', 'an array that ends early'],
    ['a16161', 'a map that ends early'],
    ['4261', 'bytes that end early'],
  ])('%s: %s', (hex) => {
    expect(() => decodeCbor(fromHex(hex), z.unknown(), WHAT)).toThrow(FormatError)
  })

  it.each([
    '9b001fffffffffffff',
    '9affffffff',
    'bb001fffffffffffff',
    '5affffffff',
    '7bffffffffffffffff',
  ])('W02: a count beyond the end allocates nothing: %s', (hex) => {
    expect(() => decodeCbor(fromHex(hex), z.unknown(), WHAT)).toThrow('beyond the end')
  })
})

describe('fields', () => {
  const schema = z.strictObject({
    count: count(10),
    offset: integer(-5, 5),
    key: bytesField(2, 3),
    name: text(4),
  })
  const valid = { count: 10, offset: -5, key: new Uint8Array(2), name: 'äö' }
  const decode = (input: unknown): unknown => decodeCbor(encodeCbor(input), schema, WHAT)

  it('are accepted at their limits', () => {
    expect(decode(valid)).toEqual(valid)
    expect(decode({ ...valid, count: 0, offset: 5, key: new Uint8Array(3), name: '' })).toBeTruthy()
  })

  it.each([
    ['count', { count: 11 }],
    ['count', { count: -1 }],
    ['count', { count: '1' }],
    ['count', { count: 2n ** 60n }],
    ['offset', { offset: 6 }],
    ['offset', { offset: -6 }],
    ['key', { key: new Uint8Array(1) }],
    ['key', { key: new Uint8Array(4) }],
    ['key', { key: [1, 2] }],
    ['name', { name: 'äöü' }],
    ['name', { name: null }],
  ])('W09: are named when out of range: %s of %o', (field, change) => {
    expect(() => decode({ ...valid, ...change })).toThrow(`field ${field}`)
  })

  it('are refused when unknown or missing', () => {
    expect(() => decode({ ...valid, more: 1 })).toThrow(FormatError)
    expect(() => decode({ count: 1 })).toThrow(FormatError)
  })

  it('change no prototype, and are refused, when called __proto__', () => {
    const hostile = fromHex('a1695f5f70726f746f5f5fa1617801')
    const loose = z.looseObject({})
    expect(Object.getPrototypeOf(decodeCbor(hostile, loose, WHAT))).toBe(Object.prototype)
    expect(() => decodeCbor(hostile, z.strictObject({}), WHAT)).toThrow(FormatError)
  })

  it('keep errors short when their names are long', () => {
    const hostile = { ['x'.repeat(5000)]: 1 }
    expect(() => decode(hostile)).toThrow(
      expect.objectContaining({ message: expect.stringMatching(/^.{0,350}$/s) }),
    )
  })

  it('are strict in every format: none drops unknown keys in silence', () => {
    const folder = new URL('../../protocol/', import.meta.url)
    const loose = readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.ts'))
      .filter((name) => /\bz\s*\.object\(/.test(readFileSync(new URL(name, folder), 'utf8')))
    expect(loose).toEqual([])
  })
})

function decodeNested(depth: number): unknown {
  const bytes = new Uint8Array(depth + 1).fill(0x81).fill(0, depth)
  return decodeCbor(bytes, z.unknown(), WHAT)
}
