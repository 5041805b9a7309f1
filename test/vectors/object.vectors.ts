/**
 * Vectors of sealed objects: docs/formats/object.md. Each names the key that opens it. Where it names a
 * vault's `contentSecret` (and for a run the `digests` of its objects), the secret derived from that
 * comes out as well, and must be the one named. Many scenarios share one key; a writer never does that.
 */

import { concat, fromHex, toHex, utf8 } from '../../protocol/bytes.ts'
import { sha256 } from '../../protocol/hash.ts'
import { encodePlain } from '../../protocol/object.ts'
import type { ObjectKind } from '../../protocol/object.ts'
import type { ObjectKey } from '../../protocol/reference.ts'
import { compress } from '../../src/codec/compress.ts'
import { open, openPlain, preparePlain, rawKey, runSecret, seal } from '../../src/codec/seal.ts'

import { flip, sample } from './format.ts'
import type { Fields, Scenario } from './format.ts'

const CONTENT_SECRET = sample(32, 21)
const REPEATED = utf8('over and over and over and over and over and over and over again\n')

export function decode(bytes: Uint8Array, fields: Fields): unknown {
  const secret = fromHex(fields['secret'] ?? '')
  const key: ObjectKey =
    fields['ordinal'] === undefined
      ? { type: 'raw', secret }
      : { type: 'run', secret, ordinal: Number(fields['ordinal']) }
  const object = open(bytes, key)
  const contentSecret = fields['contentSecret']
  if (contentSecret === undefined) return object
  const digest = sha256(openPlain(bytes, key))
  const digests = fields['digests']?.split(',').map(fromHex)
  const derived =
    digests === undefined
      ? rawKey(fromHex(contentSecret), digest).secret
      : runSecret(fromHex(contentSecret), digests)
  return { ...object, digest, derived }
}

const hello = preparePlain('content', utf8('hello'))
const helloKey = rawKey(CONTENT_SECRET, hello.digest)
const sealed = seal(hello.plain, helloKey)

const run = [preparePlain('page', utf8('first')), preparePlain('delta', utf8('second'))] as const
const runKeySecret = runSecret(
  CONTENT_SECRET,
  run.map(({ digest }) => digest),
)

export const scenarios: Scenario[] = [
  {
    name: 'raw-key',
    expect: 'success',
    comment: 'a body too short to compress, under a key of its own',
    bytes: sealed,
    fields: { ...keyFields(helloKey), contentSecret: toHex(CONTENT_SECRET) },
  },
  stored('empty-body', 'content', new Uint8Array(0), 'the smallest object: 54 bytes'),
  {
    name: 'compressed',
    expect: 'success',
    comment: 'flags 1: the body is one zstd frame. Another encoder may make other bytes',
    bytes: sealRaw(concat(header(1, 1, REPEATED.length), compress(REPEATED) ?? REPEATED)),
    fields: keyFields(helloKey),
  },
  {
    name: 'run-key-first',
    expect: 'success',
    comment: 'ordinal 0 of a run of two objects',
    bytes: seal(run[0].plain, { type: 'run', secret: runKeySecret, ordinal: 0 }),
    fields: {
      secret: toHex(runKeySecret),
      ordinal: '0',
      contentSecret: toHex(CONTENT_SECRET),
      digests: run.map(({ digest }) => toHex(digest)).join(','),
    },
  },
  {
    name: 'run-key-second',
    expect: 'success',
    comment: 'ordinal 1 of the same run',
    bytes: seal(run[1].plain, { type: 'run', secret: runKeySecret, ordinal: 1 }),
    fields: { secret: toHex(runKeySecret), ordinal: '1' },
  },
  {
    name: 'run-key-of-another-ordinal',
    expect: 'WrongKeyError',
    comment: 'the second object of a run does not open with the key of the first',
    bytes: seal(run[1].plain, { type: 'run', secret: runKeySecret, ordinal: 1 }),
    fields: { secret: toHex(runKeySecret), ordinal: '0' },
  },
  bad('wrong-key', 'WrongKeyError', 'one bit of the key is wrong', sealed, {
    secret: toHex(flip(helloKey.secret, 31)),
  }),
  bad('commitment-damaged', 'WrongKeyError', 'one bit of byte 0', flip(sealed, 0)),
  bad('ciphertext-damaged', 'BadSealError', 'one bit of byte 32', flip(sealed, 32)),
  bad('tag-damaged', 'BadSealError', 'one bit of the last byte', flip(sealed, -1)),
  bad('one-byte-short', 'BadSealError', 'the tag lacks its end', sealed.subarray(0, -1)),
  bad('one-byte-long', 'BadSealError', 'a byte follows', concat(sealed, Uint8Array.of(0))),
  bad('below-smallest', 'BadSealError', '53 bytes hold no object', sample(53)),
  bad('kind-0', 'VersionError', 'no kind has the number 0', sealRaw(header(0, 0, 0))),
  bad('kind-11', 'VersionError', 'a kind of a later version', sealRaw(header(11, 0, 0))),
  bad('flags-2', 'VersionError', 'a form of a later version', sealRaw(header(1, 2, 0))),
  bad('size-too-small', 'FormatError', 'the header says 4 bytes, there are 5', sealRaw(concat(header(1, 0, 4), utf8('hello')))),
  bad('size-too-large', 'FormatError', 'the header says 6 bytes, there are 5', sealRaw(concat(header(1, 0, 6), utf8('hello')))),
  bad('size-above-limit', 'FormatError', 'a frame that promises 4 MiB and one byte', sealRaw(concat(header(1, 1, 4_194_305), utf8('hello')))),
  bad('compressed-not-smaller', 'FormatError', 'a frame must be smaller than its body', sealRaw(concat(header(1, 1, 5), utf8('hello')))),
  bad('compressed-garbage', 'BadCompressionError', 'flags 1, but no zstd frame', sealRaw(concat(header(1, 1, 9), utf8('hello')))),
  bad('compressed-bomb', 'BadCompressionError', 'a frame of 4 MiB declared as 1000 bytes', sealRaw(concat(header(1, 1, 1000), compress(new Uint8Array(2 ** 22)) ?? sample(9)))),
  bad('compressed-left-over', 'BadCompressionError', 'a byte follows the frame', sealRaw(concat(header(1, 1, REPEATED.length), compress(REPEATED) ?? REPEATED, Uint8Array.of(0)))),
]

function stored(name: string, kind: ObjectKind, body: Uint8Array, comment: string): Scenario {
  const plain = encodePlain(kind, { isCompressed: false, size: body.length }, body)
  return { name, expect: 'success', comment, bytes: seal(plain, helloKey), fields: keyFields(helloKey) }
}

function bad(
  name: string,
  expect: string,
  comment: string,
  bytes: Uint8Array,
  fields: Fields = keyFields(helloKey),
): Scenario {
  return { name, expect, comment, bytes, fields }
}

function keyFields(key: ObjectKey): Fields {
  return { secret: toHex(key.secret) }
}

function header(kind: number, flags: number, size: number): Uint8Array {
  const bytes = Uint8Array.of(kind, flags, 0, 0, 0, 0)
  new DataView(bytes.buffer).setUint32(2, size)
  return bytes
}

/** Anything at all, sealed well. */
function sealRaw(plain: Uint8Array): Uint8Array {
  return seal(plain, helloKey)
}
