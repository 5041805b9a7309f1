/**
 * Sealed fields: a few bytes under a key that lives long (a head's references, exports).
 *
 *     nonce 24 ‖ ciphertext ‖ tag 16        XChaCha20-Poly1305
 *
 * Objects have a key each and need no nonce; here one key seals many fields, so each takes 24 fresh
 * random bytes, which never meet again: writers bind them to the field by `fieldNonce`, should the
 * random generator ever repeat itself. What the field is, and where it belongs, is bound as
 * associated data: a field moved to another place does not open.
 *
 * Format: docs/formats/head.md, "sealed fields"
 */

import { xchacha20poly1305 } from '@noble/ciphers/chacha.js'
import { concat, utf8 } from './bytes.ts'
import { FormatError } from './errors.ts'
import { hmac, sha256 } from './hash.ts'

/** Bytes of randomness one sealed field takes. */
export const FIELD_NONCE_SIZE = 24

const TAG_SIZE = 16

/** Bytes a sealed field is longer than its plaintext. */
export const FIELD_OVERHEAD = FIELD_NONCE_SIZE + TAG_SIZE

/** What opens a field, and where the field belongs. */
export interface FieldKey {
  /** 32 bytes. */
  readonly key: Uint8Array
  /** What the field is, as 'cairn/head/root'. */
  readonly tag: string
  /** Where it belongs; the same bytes when opening. */
  readonly context?: Uint8Array
}

/** A sealed field did not open: another key, another place, or changed bytes. */
export class SealedFieldError extends FormatError {
  override readonly name = 'SealedFieldError'
}

/**
 * @param nonce - 24 random bytes, never used before
 * @returns the sealed bytes, `FIELD_OVERHEAD` longer than `plain`
 */
export function sealField(plain: Uint8Array, where: FieldKey & { nonce: Uint8Array }): Uint8Array {
  if (where.nonce.length !== FIELD_NONCE_SIZE) throw new FormatError('a nonce is 24 bytes')
  return concat(where.nonce, cipher(where.nonce, where).encrypt(plain))
}

/**
 * The nonce of one field: what chance gives, bound to what is sealed, under which key and where.
 *
 * A generator that repeats itself, as after a machine was started twice from one image, then gives the
 * same nonce for the same field only, whose bytes are the same too (as RFC 8937 has it for signatures).
 *
 * @param chance - 24 random bytes
 */
export function fieldNonce(
  plain: Uint8Array,
  where: FieldKey & { chance: Uint8Array },
): Uint8Array {
  if (where.chance.length !== FIELD_NONCE_SIZE) throw new FormatError('a nonce is 24 bytes')
  const context = where.context ?? new Uint8Array(0)
  const place = concat(Uint8Array.of(where.tag.length), utf8(where.tag), sha256(context))
  const bound = concat(utf8('cairn/field/nonce'), place, where.chance, sha256(plain))
  return hmac(where.key, bound).slice(0, FIELD_NONCE_SIZE)
}

/** @throws {SealedFieldError} */
export function openField(sealed: Uint8Array, where: FieldKey): Uint8Array {
  if (sealed.length < FIELD_OVERHEAD) throw new SealedFieldError(`${where.tag}: too few bytes`)
  const nonce = sealed.subarray(0, FIELD_NONCE_SIZE)
  try {
    return cipher(nonce, where).decrypt(sealed.subarray(FIELD_NONCE_SIZE))
  } catch {
    throw new SealedFieldError(`${where.tag}: does not open with this key`)
  }
}

function cipher(nonce: Uint8Array, where: FieldKey): ReturnType<typeof xchacha20poly1305> {
  if (where.key.length !== 32) throw new FormatError('a key is 32 bytes')
  const tag = utf8(where.tag)
  const context = where.context ?? new Uint8Array(0)
  return xchacha20poly1305(where.key, nonce, concat(Uint8Array.of(tag.length), tag, context))
}
