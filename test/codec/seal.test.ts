import { chacha20poly1305 } from '@noble/ciphers/chacha.js'
import { hkdf as nobleHkdf } from '@noble/hashes/hkdf.js'
import { hmac as nobleHmac } from '@noble/hashes/hmac.js'
import { sha256 as nobleSha256 } from '@noble/hashes/sha2.js'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import { concat, toHex, utf8 } from '../../protocol/bytes.ts'
import { FormatError } from '../../protocol/errors.ts'
import { sha256 } from '../../protocol/hash.ts'
import {
  OBJECT_KINDS,
  OBJECT_OVERHEAD,
  OBJECT_SIZE_MAX,
  SEALED_SIZE_MAX,
} from '../../protocol/object.ts'
import type { ObjectKey } from '../../protocol/reference.ts'
import { BadCompressionError, compress } from '../../src/codec/compress.ts'
import {
  BadSealError,
  objectKeyBytes,
  open,
  openPlain,
  preparePlain,
  rawKey,
  runSecret,
  seal,
  WrongKeyError,
} from '../../src/codec/seal.ts'
import { foreignError } from '../protocol/fuzz.ts'
import { flip, sample } from '../vectors/format.ts'

const SECRET = sample(32, 3)
const kind = fc.constantFrom(...OBJECT_KINDS)
const body = fc.oneof(
  fc.uint8Array({ maxLength: 300 }),
  fc.tuple(fc.nat(255), fc.nat(5000)).map(([byte, size]) => new Uint8Array(size).fill(byte)),
)
const secret = fc.uint8Array({ minLength: 32, maxLength: 32 })
const objectKey: fc.Arbitrary<ObjectKey> = fc.oneof(
  secret.map((bytes): ObjectKey => ({ type: 'raw', secret: bytes })),
  fc
    .tuple(secret, fc.nat(255))
    .map(([bytes, ordinal]): ObjectKey => ({ type: 'run', secret: bytes, ordinal })),
)

describe('sealed objects', () => {
  it('come out as they went in', () => {
    fc.assert(
      fc.property(kind, body, fc.boolean(), (ofKind, bytes, isPacked) => {
        const { plain, digest } = preparePlain(ofKind, bytes, { compress: isPacked })
        const key = rawKey(SECRET, digest)
        expect(open(seal(plain, key), key)).toEqual({ kind: ofKind, body: bytes })
      }),
    )
  })

  it('come out at the boundary sizes, the largest not above its limit', () => {
    for (const size of [0, 1, 15, 16, OBJECT_SIZE_MAX - 1, OBJECT_SIZE_MAX]) {
      const { plain, digest } = preparePlain('content', sample(size))
      const key = rawKey(SECRET, digest)
      const sealed = seal(plain, key)
      expect(sealed).toHaveLength(size + OBJECT_OVERHEAD)
      expect(sha256(open(sealed, key).body)).toEqual(sha256(sample(size)))
    }
    expect(OBJECT_SIZE_MAX + OBJECT_OVERHEAD).toBe(SEALED_SIZE_MAX)
    expect(() => preparePlain('content', new Uint8Array(OBJECT_SIZE_MAX + 1))).toThrow(FormatError)
  })

  it('are those that noble makes', () => {
    fc.assert(
      fc.property(kind, body, objectKey, (ofKind, bytes, key) => {
        const { plain } = preparePlain(ofKind, bytes)
        expect(seal(plain, key)).toEqual(nobleSeal(plain, key))
        expect(open(nobleSeal(plain, key), key)).toEqual({ kind: ofKind, body: bytes })
      }),
    )
  })

  it('are plain arrays, and what comes out shares nothing with what went in', () => {
    const { plain, digest } = preparePlain('content', sample(100))
    const key = rawKey(SECRET, digest)
    const sealed = seal(plain, key)
    const opened = open(sealed, key)
    sealed.fill(0)
    expect(opened.body).toEqual(sample(100))
    for (const bytes of [plain, digest, sealed, opened.body, openPlain(seal(plain, key), key)]) {
      expect(Object.getPrototypeOf(bytes)).toBe(Uint8Array.prototype)
    }
  })

  it('are the same again for the same body: a retry changes nothing', () => {
    const first = preparePlain('page', concat(sample(500), sample(500)))
    const again = preparePlain('page', concat(sample(500), sample(500)))
    expect(again).toEqual(first)
    const key = rawKey(SECRET, first.digest)
    expect(seal(again.plain, rawKey(SECRET, again.digest))).toEqual(seal(first.plain, key))
  })
})

describe('keys', () => {
  it('differ for what differs in anything that is encrypted', () => {
    const repeated = concat(sample(500), sample(500))
    const packed = compress(repeated) ?? new Uint8Array(0)
    const digests = [
      preparePlain('content', repeated).digest,
      preparePlain('content', repeated, { compress: false }).digest,
      preparePlain('delta', repeated).digest,
      preparePlain('content', packed, { compress: false }).digest, // a file that is another's frame
    ]
    const keys = digests.map((digest) => toHex(objectKeyBytes(rawKey(SECRET, digest))))
    expect(new Set(keys).size).toBe(4)
  })

  it('differ between vaults, and from the secrets of runs', () => {
    const digest = sha256(utf8('body'))
    const keys = [
      objectKeyBytes(rawKey(SECRET, digest)),
      objectKeyBytes(rawKey(sample(32, 4), digest)),
      runSecret(SECRET, [digest]),
      runSecret(SECRET, [digest, digest]),
      runSecret(SECRET, []),
      objectKeyBytes({ type: 'run', secret: runSecret(SECRET, [digest]), ordinal: 0 }),
      objectKeyBytes({ type: 'run', secret: runSecret(SECRET, [digest]), ordinal: 1 }),
    ]
    expect(new Set(keys.map(toHex)).size).toBe(keys.length)
  })

  it('do not exist for an ordinal or a secret out of range', () => {
    for (const ordinal of [-1, 256, 2 ** 32, 0.5, Number.NaN]) {
      expect(() => objectKeyBytes({ type: 'run', secret: SECRET, ordinal })).toThrow(FormatError)
    }
    for (const size of [0, 31, 33]) {
      const key: ObjectKey = { type: 'raw', secret: new Uint8Array(size) }
      expect(() => objectKeyBytes(key)).toThrow(FormatError)
    }
  })

  it('of a run change with any object of it and with their order', () => {
    const digests = [sample(32, 1), sample(32, 2), sample(32, 3)]
    const secrets = [
      runSecret(SECRET, digests),
      runSecret(SECRET, digests.toReversed()),
      runSecret(SECRET, digests.slice(1)),
      runSecret(SECRET, [concat(...digests)]),
    ]
    expect(new Set(secrets.map(toHex)).size).toBe(4)
  })
})

describe('sealed objects are refused', () => {
  const { plain, digest } = preparePlain('content', sample(40))
  const key = rawKey(SECRET, digest)
  const sealed = seal(plain, key)

  it('with another key', () => {
    const other = rawKey(SECRET, sha256(utf8('other')))
    expect(() => open(sealed, other)).toThrow(WrongKeyError)
    const asRun: ObjectKey = { type: 'run', secret: key.secret, ordinal: 0 }
    expect(() => open(sealed, asRun)).toThrow(WrongKeyError)
    const nextOrdinal: ObjectKey = { type: 'run', secret: key.secret, ordinal: 1 }
    expect(() => open(seal(plain, asRun), nextOrdinal)).toThrow(WrongKeyError)
  })

  it('S01: with any bit wrong in commitment, ciphertext or tag', () => {
    for (let bit = 0; bit < 8 * sealed.length; bit++) {
      const isCommitment = bit < 8 * 32
      const wrong = flip(sealed, bit >> 3, 1 << (bit & 7))
      expect(() => open(wrong, key)).toThrow(isCommitment ? WrongKeyError : BadSealError)
    }
  })

  it('S02: shorter or longer than they were', () => {
    for (let size = 0; size < sealed.length; size++) {
      expect(() => open(sealed.subarray(0, size), key)).toThrow(FormatError)
    }
    expect(() => open(concat(sealed, new Uint8Array(1)), key)).toThrow(BadSealError)
    expect(() => open(new Uint8Array(SEALED_SIZE_MAX + 1), key)).toThrow(BadSealError)
  })

  it('when another object was put in their place', () => {
    const other = preparePlain('content', sample(40, 9))
    expect(() => open(seal(other.plain, rawKey(SECRET, other.digest)), key)).toThrow(WrongKeyError)
  })

  it('when what was sealed is no object', () => {
    expect(() => open(seal(sample(40), key), key)).toThrow(FormatError)
    expect(() => open(seal(Uint8Array.of(1, 0, 0, 0, 0, 9), key), key)).toThrow(FormatError)
  })

  it('when they hold a bomb: the declared size bounds what comes out', () => {
    const frame = compress(new Uint8Array(OBJECT_SIZE_MAX)) ?? new Uint8Array(0)
    const declared = (size: number): Uint8Array => {
      const header = Uint8Array.of(1, 1, 0, 0, 0, 0)
      new DataView(header.buffer).setUint32(2, size)
      return seal(concat(header, frame), key)
    }
    expect(open(declared(OBJECT_SIZE_MAX), key).body).toHaveLength(OBJECT_SIZE_MAX)
    expect(() => open(declared(OBJECT_SIZE_MAX - 1), key)).toThrow(BadCompressionError)
    expect(() => open(declared(1000), key)).toThrow(BadCompressionError)
    expect(() => open(declared(OBJECT_SIZE_MAX + 1), key)).toThrow(FormatError)
    expect(() => open(declared(2 ** 32 - 1), key)).toThrow(FormatError)
  })

  it('with nothing but FormatErrors, sealed or not', async () => {
    expect(await foreignError((bytes) => open(bytes, key), [sealed])).toBeUndefined()
    const packed = preparePlain('page', new Uint8Array(1000)).plain
    expect(await foreignError(sealAndOpen, [plain, packed], 1000)).toBeUndefined()
  })
})

function sealAndOpen(plain: Uint8Array): unknown {
  const key: ObjectKey = { type: 'raw', secret: SECRET }
  return open(seal(plain, key), key)
}

/** The twin: docs/formats/object.md with noble's primitives only. */
function nobleSeal(plain: Uint8Array, key: ObjectKey): Uint8Array {
  const bytes =
    key.type === 'raw'
      ? key.secret
      : nobleHmac(
          nobleSha256,
          key.secret,
          concat(utf8('cairn/1/run-key'), Uint8Array.of(key.ordinal)),
        )
  const both = nobleHkdf(nobleSha256, bytes, undefined, utf8('cairn/1/seal'), 64)
  const cipher = chacha20poly1305(both.slice(0, 32), new Uint8Array(12), utf8('cairn/1/object'))
  return concat(both.slice(32), cipher.encrypt(plain))
}
