/**
 * Sealing: object bodies in, bytes that tell nothing out; and back.
 *
 * A key comes from the vault's secret and the digest of all that is encrypted, so equal objects seal
 * to equal bytes, a retry changes nothing, and no key ever encrypts two different things.
 *
 * Format: docs/formats/object.md
 */

import { createCipheriv, createDecipheriv } from 'node:crypto'

import { equal, utf8 } from '../../protocol/bytes.ts'
import { FormatError } from '../../protocol/errors.ts'
import { hkdf, hmac, sha256, taggedHash } from '../../protocol/hash.ts'
import {
  decodeHeader,
  encodePlain,
  OBJECT_HEADER_SIZE,
  SEALED_SIZE_MAX,
  SEALED_SIZE_MIN,
} from '../../protocol/object.ts'
import type { ObjectKind } from '../../protocol/object.ts'
import { ORDINAL_MAX, SECRET_SIZE } from '../../protocol/reference.ts'
import type { ObjectKey } from '../../protocol/reference.ts'

import { release } from '../base/release.ts'
import { unfilled } from './buffers.ts'
import { compress, decompress } from './compress.ts'

const COMMITMENT_SIZE = 32
const TAG_SIZE = 16
const KEY_SIZE = 32
const FORMAT_TAG = utf8('cairn/1/object')
const NONCE = new Uint8Array(12) // Fixed: a key is derived afresh for each object, so it encrypts once.

const RAW_LABEL = utf8('cairn/1/raw-key')
const RUN_LABEL = utf8('cairn/1/run-secret')
const RUN_KEY_LABEL = utf8('cairn/1/run-key')
const RUN_TAG = 'cairn/1/run'
const SEAL_LABEL = 'cairn/1/seal'

const CIPHER = 'chacha20-poly1305'

/**
 * Bytes that are encrypted at a time: each step is a buffer of its own, and malloc has one this small at
 * hand. At once, an object of 4 MiB costs a thousand page faults, five times the cipher's own work.
 */
const STEP_SIZE = 128 * 1024

/** The bytes were sealed with another key, or their first 32 bytes are damaged. */
export class WrongKeyError extends FormatError {
  override readonly name = 'WrongKeyError'
}

/** The key is right, the bytes are not. */
export class BadSealError extends FormatError {
  override readonly name = 'BadSealError'
}

/** An object ready to be sealed. */
export interface PreparedObject {
  /** Header and body, as they will be encrypted. */
  readonly plain: Uint8Array
  /** SHA-256 of `plain`: what its key is made from, and what finds duplicates. */
  readonly digest: Uint8Array
}

/**
 * @param body - up to 4 MiB
 * @param options - `compress: false` for bodies that are compressed already
 * @throws {FormatError} if the body is too large
 */
export function preparePlain(
  kind: ObjectKind,
  body: Uint8Array,
  options: { readonly compress?: boolean } = {},
): PreparedObject {
  const packed = options.compress === false ? undefined : compress(body)
  const form = { isCompressed: packed !== undefined, size: body.length }
  const plain = encodePlain(kind, form, packed ?? body)
  return { plain, digest: sha256(plain) }
}

/** The key of an object that stands alone: HMAC-SHA256(contentSecret, label ‖ digest). */
export function rawKey(contentSecret: Uint8Array, digest: Uint8Array): ObjectKey {
  return { type: 'raw', secret: hmac(contentSecret, RAW_LABEL, digest) }
}

/**
 * The secret of a run, from the digests of all its objects in order.
 *
 * @returns 32 bytes; the run's keys are `{ type: 'run', secret, ordinal }`
 */
export function runSecret(contentSecret: Uint8Array, digests: readonly Uint8Array[]): Uint8Array {
  return hmac(contentSecret, RUN_LABEL, taggedHash(RUN_TAG, ...digests))
}

/**
 * @returns the 32 bytes that seal one object
 * @throws {FormatError} for a secret or an ordinal out of range: an ordinal that wrapped around would
 *   give two objects one key
 */
export function objectKeyBytes(key: ObjectKey): Uint8Array {
  if (key.secret.length !== SECRET_SIZE) throw new FormatError('a secret has 32 bytes')
  if (key.type === 'raw') return key.secret
  const { ordinal } = key
  if (!Number.isInteger(ordinal) || ordinal < 0 || ordinal > ORDINAL_MAX) {
    throw new FormatError(`ordinal ${ordinal} is not within 0 to ${ORDINAL_MAX}`)
  }
  return hmac(key.secret, RUN_KEY_LABEL, Uint8Array.of(ordinal))
}

/** @returns commitment (32 bytes) ‖ ciphertext ‖ tag (16 bytes) */
export function seal(plain: Uint8Array, key: ObjectKey): Uint8Array {
  const { cipherKey, commitment } = expand(key)
  const cipher = createCipheriv(CIPHER, cipherKey, NONCE, { authTagLength: TAG_SIZE })
  cipher.setAAD(FORMAT_TAG, { plaintextLength: plain.length })
  const sealed = unfilled(COMMITMENT_SIZE + plain.length + TAG_SIZE)
  sealed.set(commitment)
  for (let at = 0; at < plain.length; at += STEP_SIZE) {
    const ciphertext = cipher.update(plain.subarray(at, at + STEP_SIZE))
    sealed.set(ciphertext, COMMITMENT_SIZE + at)
    release(ciphertext)
  }
  cipher.final()
  sealed.set(cipher.getAuthTag(), COMMITMENT_SIZE + plain.length)
  return sealed
}

/**
 * @returns the object's kind and its body, uncompressed, an array of its own
 * @throws {WrongKeyError}
 * @throws {BadSealError}
 * @throws {FormatError} if what was sealed is no object
 */
export function open(sealed: Uint8Array, key: ObjectKey): { kind: ObjectKind; body: Uint8Array } {
  // In two steps the body has a buffer of its own: it can be handed over, and freed.
  const [header, body] = decrypt(sealed, key, [OBJECT_HEADER_SIZE])
  const { kind, isCompressed, size } = decodeHeader(header!, body!.length)
  if (!isCompressed) return { kind, body: body! }
  const whole = decompress(body!, size)
  release(body!)
  return { kind, body: whole }
}

/**
 * Open without decoding, for work on objects as they are.
 *
 * @throws {WrongKeyError}
 * @throws {BadSealError}
 */
export function openPlain(sealed: Uint8Array, key: ObjectKey): Uint8Array {
  return decrypt(sealed, key, [])[0]!
}

/** @returns what was sealed, cut at these offsets, each piece an array of its own */
function decrypt(sealed: Uint8Array, key: ObjectKey, cuts: readonly number[]): Uint8Array[] {
  if (sealed.length < SEALED_SIZE_MIN || sealed.length > SEALED_SIZE_MAX) {
    throw new BadSealError(`${sealed.length} bytes are no sealed object`)
  }
  const { cipherKey, commitment } = expand(key)
  if (!equal(commitment, sealed.subarray(0, COMMITMENT_SIZE))) throw new WrongKeyError('wrong key')
  const ciphertext = sealed.subarray(COMMITMENT_SIZE, -TAG_SIZE)
  const decipher = createDecipheriv(CIPHER, cipherKey, NONCE, { authTagLength: TAG_SIZE })
  decipher.setAAD(FORMAT_TAG, { plaintextLength: ciphertext.length })
  decipher.setAuthTag(sealed.subarray(-TAG_SIZE))
  const pieces = [0, ...cuts].map((from, index) => {
    const { buffer, byteOffset, length } = decipher.update(ciphertext.subarray(from, cuts[index]))
    return new Uint8Array(buffer, byteOffset, length)
  })
  try {
    decipher.final()
  } catch (cause) {
    throw new BadSealError('tag does not agree', { cause })
  }
  return pieces
}

/** Two independent values from one key, so that the commitment tells nothing about the cipher key. */
function expand(key: ObjectKey): { cipherKey: Uint8Array; commitment: Uint8Array } {
  const bytes = hkdf(objectKeyBytes(key), SEAL_LABEL, KEY_SIZE + COMMITMENT_SIZE)
  return { cipherKey: bytes.subarray(0, KEY_SIZE), commitment: bytes.subarray(KEY_SIZE) }
}
