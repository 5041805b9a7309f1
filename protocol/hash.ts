/**
 * Hashes and key derivation: SHA-256, HMAC-SHA256 and HKDF-SHA256 of `node:crypto`, all synchronous.
 *
 * Results are plain arrays of their own.
 */

import { createHash, hash, hkdfSync } from 'node:crypto'

import { ByteWriter, utf8 } from './bytes.ts'

/** Bytes of a SHA-256 digest. */
export const DIGEST_SIZE = 32

const HMAC_BLOCK_SIZE = 64
const HMAC_INNER = 0x36
const HMAC_OUTER = 0x5c
const NO_SALT = new Uint8Array(0)

/** Up to so many bytes the parts are joined and hashed by one call: more than a leaf of a share. */
const JOINED_SIZE_MAX = 20_000

const joined = new Uint8Array(JOINED_SIZE_MAX)

/** SHA-256 (FIPS 180-4) of all parts in order; boundaries between parts leave no trace. */
export function sha256(...parts: readonly Uint8Array[]): Uint8Array {
  const digest = new Uint8Array(DIGEST_SIZE)
  sha256Into(digest, 0, ...parts)
  return digest
}

/** SHA-256 as above, to 32 bytes of `target` from `offset` on. */
export function sha256Into(
  target: Uint8Array,
  offset: number,
  ...parts: readonly Uint8Array[]
): void {
  // As text of one byte a character: each Buffer would cost more than a short hash itself.
  const digest = digestOf(parts)
  for (let at = 0; at < DIGEST_SIZE; at++) target[offset + at] = digest.charCodeAt(at)
}

function digestOf(parts: readonly Uint8Array[]): string {
  if (parts.length === 1) return hash('sha256', parts[0]!, 'latin1')
  let size = 0
  for (const part of parts) size += part.length
  if (size > JOINED_SIZE_MAX) {
    const whole = createHash('sha256')
    for (const part of parts) whole.update(part)
    return whole.digest('latin1')
  }
  let at = 0
  for (const part of parts) {
    joined.set(part, at)
    at += part.length
  }
  return hash('sha256', joined.subarray(0, size), 'latin1')
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
  // By hand: for short parts `createHmac` takes more than twice as long as these two hashes.
  const short = key.length > HMAC_BLOCK_SIZE ? sha256(key) : key
  const pad = new Uint8Array(HMAC_BLOCK_SIZE)
  pad.set(short)
  for (let at = 0; at < HMAC_BLOCK_SIZE; at++) pad[at]! ^= HMAC_INNER
  const inner = sha256(pad, ...parts)
  for (let at = 0; at < HMAC_BLOCK_SIZE; at++) pad[at]! ^= HMAC_INNER ^ HMAC_OUTER
  return sha256(pad, inner)
}

/** HKDF-SHA256 (RFC 5869), no salt, the label as info. */
export function hkdf(key: Uint8Array, label: string, length = 32): Uint8Array {
  return new Uint8Array(hkdfSync('sha256', key, NO_SALT, utf8(label), length))
}
