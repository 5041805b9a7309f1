import { chacha20 } from '@noble/ciphers/chacha.js'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import { FormatError } from '../../protocol/errors.ts'
import { hmac } from '../../protocol/hash.ts'
import { PACK_SIZE_MAX, PACK_SIZE_TARGET, padme, padPack } from '../../protocol/pack.ts'
import { sample } from '../vectors/format.ts'

import { KEY } from './examples.ts'

describe('Padmé sizes', () => {
  it.each([
    [0, 0],
    [1, 1],
    [2, 2],
    [7, 7],
    [9, 10],
    [100, 104],
    [1000, 1024],
    [1025, 1088],
    [50_000, 51_200],
    [PACK_SIZE_TARGET, PACK_SIZE_TARGET],
    [PACK_SIZE_TARGET + 1, PACK_SIZE_TARGET + 2 ** 18],
    [PACK_SIZE_MAX - 1, PACK_SIZE_MAX],
    [PACK_SIZE_MAX, PACK_SIZE_MAX],
  ])('of %d is %d', (size, padded) => {
    expect(padme(size)).toBe(padded)
  })

  it('are those of the paper, computed with bit masks', () => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: PACK_SIZE_MAX }), (size) => {
        expect(padme(size)).toBe(padmeByMask(size))
      }),
    )
    for (let size = 2; size <= 5000; size++) expect(padme(size)).toBe(padmeByMask(size))
  })

  it('are at most 12 % larger, and padded already', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: PACK_SIZE_MAX }), (size) => {
        expect(padme(size)).toBeGreaterThanOrEqual(size)
        expect(padme(size)).toBeLessThanOrEqual(size * 1.12)
        expect(padme(padme(size))).toBe(padme(size))
      }),
    )
  })
})

describe('packs', () => {
  it('hold the content and then the keystream that noble makes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 3000 }), (content) => {
        const pack = padPack(content, KEY)
        expect(pack).toHaveLength(Math.max(1, padme(content.length)))
        expect(pack.subarray(0, content.length)).toEqual(content)
        const key = hmac(KEY, content.slice(-48))
        const zeros = new Uint8Array(pack.length - content.length)
        expect(pack.slice(content.length)).toEqual(chacha20(key, new Uint8Array(12), zeros))
      }),
    )
  })

  it('are the same again for the same content and key only', () => {
    const content = sample(1025)
    expect(padPack(content, KEY)).toEqual(padPack(content.slice(), KEY.slice()))
    const padding = padPack(content, KEY).slice(1025)
    expect(padPack(content, sample(32)).slice(1025)).not.toEqual(padding)
    expect(padPack(content.with(1024, 1), KEY).slice(1025)).not.toEqual(padding)
  })

  it('end in bytes that look like what is before them', () => {
    const padding = padPack(sample(PACK_SIZE_TARGET + 1), KEY).subarray(PACK_SIZE_TARGET + 1)
    const counts = new Uint32Array(256)
    for (const byte of padding) counts[byte] = (counts[byte] ?? 0) + 1
    const expected = padding.length / 256
    const chiSquare = counts.reduce((sum, seen) => sum + (seen - expected) ** 2 / expected, 0)
    expect(chiSquare).toBeLessThan(400) // 255 degrees of freedom: one in ten million is above
  })

  it('S11: of 0 bytes become one byte, of 1 byte stay one', () => {
    expect(padPack(new Uint8Array(0), KEY)).toHaveLength(1)
    expect(padPack(Uint8Array.of(7), KEY)).toEqual(Uint8Array.of(7))
  })

  it('are refused above their largest size', () => {
    expect(padPack(new Uint8Array(PACK_SIZE_MAX), KEY)).toHaveLength(PACK_SIZE_MAX)
    expect(() => padPack(new Uint8Array(PACK_SIZE_MAX + 1), KEY)).toThrow(FormatError)
  })
})

/** Algorithm 1 of the PURBs paper. */
function padmeByMask(size: number): number {
  const exponent = 31 - Math.clz32(size)
  const bits = 32 - Math.clz32(exponent)
  const mask = (1 << (exponent - bits)) - 1
  return exponent < bits ? size : (size + mask) & ~mask
}
