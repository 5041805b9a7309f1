import { hkdf as nobleHkdf } from '@noble/hashes/hkdf.js'
import { hmac as nobleHmac } from '@noble/hashes/hmac.js'
import { sha256 as nobleSha256 } from '@noble/hashes/sha2.js'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import { concat, fromHex, toHex, utf8 } from '../../protocol/bytes.ts'
import { hkdf, hmac, sha256, taggedHash } from '../../protocol/hash.ts'

/** Also around the longest that is hashed in one call, and keys longer than a block. */
const bytes = fc.oneof(
  { weight: 5, arbitrary: fc.uint8Array({ maxLength: 200 }) },
  fc.constantFrom(19_990, 20_000, 20_001).map((size) => new Uint8Array(size).fill(size)),
)

describe('hashes', () => {
  it('give the digest that FIPS 180-4 shows', () => {
    const digest = 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'
    expect(toHex(sha256(utf8('abc')))).toBe(digest)
    expect(toHex(sha256(utf8('a'), utf8('bc')))).toBe(digest)
  })

  it('give the key that RFC 5869 shows in its test without salt and info', () => {
    const key = hkdf(fromHex('0b'.repeat(22)), '', 42)
    expect(toHex(key)).toBe(
      '8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8',
    )
  })

  it('agree with noble', () => {
    fc.assert(
      fc.property(bytes, fc.array(bytes), fc.string({ maxLength: 30 }), (key, parts, label) => {
        const whole = concat(...parts)
        expect(sha256(...parts)).toEqual(nobleSha256(whole))
        expect(hmac(key, ...parts)).toEqual(nobleHmac(nobleSha256, key, whole))
        expect(hkdf(key, label, 64)).toEqual(
          nobleHkdf(nobleSha256, key, undefined, utf8(label), 64),
        )
      }),
    )
  })

  it('are plain arrays with a buffer of their own', () => {
    for (const result of [
      sha256(utf8('a')),
      sha256(),
      hmac(utf8('k')),
      hkdf(utf8('k'), 'l'),
      taggedHash('t'),
    ]) {
      expect(Object.getPrototypeOf(result)).toBe(Uint8Array.prototype)
      expect(result.buffer.byteLength).toBe(32)
    }
  })
})

describe('a tagged hash', () => {
  it('is SHA-256 over tag and parts with their lengths', () => {
    const input = concat(Uint8Array.of(3), utf8('tag'), fromHex('0000000000000002'), utf8('ab'))
    expect(taggedHash('tag', utf8('ab'))).toEqual(sha256(input))
  })

  it('differs wherever tag or parts differ', () => {
    const digests = [
      taggedHash('tag'),
      taggedHash('tag', utf8('')),
      taggedHash('tag', utf8('ab')),
      taggedHash('tag', utf8('a'), utf8('b')),
      taggedHash('tag', utf8('ab'), utf8('')),
      taggedHash('taga', utf8('b')),
    ]
    expect(new Set(digests.map(toHex)).size).toBe(digests.length)
  })

  it('refuses a tag whose length does not fit a byte', () => {
    expect(() => taggedHash('x'.repeat(256))).toThrow('256')
  })
})
