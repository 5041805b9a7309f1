/**
 * Hashes and key derivation: SHA-256, HMAC-SHA256 and HKDF-SHA256 of `node:crypto`, all synchronous.
 *
 * Results are plain arrays of their own.
 */

import { createHash, createHmac, hash, hkdfSync } from 'node:crypto'

import { ByteWriter, utf8 } from './bytes.ts'

/** Bytes of a SHA-256 digest. */
export const DIGEST_SIZE = 32

const NO_SALT = new Uint8Array(0)

/** SHA-256 (FIPS 180-4) of all parts in order; boundaries between parts leave no trace. */
export function sha256(...parts: readonly Uint8Array[]): Uint8Array {
  const only = parts[0]
  if (only !== undefined && parts.length === 1) {
    return new Uint8Array(hash('sha256', only, { outputEncoding: 'buffer' }))
  }
  const digest = createHash('sha256')
  for (const part of parts) digest.update(part)
  return new Uint8Array(digest.digest())
}

/**
 * A hash for one purpose: no two purposes, and no two lists of parts, hash the same input.
 *
 * SHA-256(u8 tag length ‖ tag ‖ for each part: u64 length ‖ part)
 *
 * @param tag - the purpose, up to 255 bytes
 */
export function taggedHash(tag: string, ...parts: readonly Uint8Array[]): Uint8Array {
  const name = utf8(tag)
  const digest = createHash('sha256')
  digest.update(new ByteWriter().u8(name.length).put(name).finish())
  for (const part of parts) {
    digest.update(new ByteWriter().u64(part.length).finish())
    digest.update(part)
  }
  return new Uint8Array(digest.digest())
}

/** HMAC-SHA256 (RFC 2104) of all parts in order; boundaries between parts leave no trace. */
export function hmac(key: Uint8Array, ...parts: readonly Uint8Array[]): Uint8Array {
  const code = createHmac('sha256', key)
  for (const part of parts) code.update(part)
  return new Uint8Array(code.digest())
}

/** HKDF-SHA256 (RFC 5869), no salt, the label as info. */
export function hkdf(key: Uint8Array, label: string, length = 32): Uint8Array {
  return new Uint8Array(hkdfSync('sha256', key, NO_SALT, utf8(label), length))
}
