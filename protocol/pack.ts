/**
 * Packs: sealed objects back to back, and padding.
 *
 * Nothing in a pack says where an object starts: references do. Padding to a Padmé size hides how much
 * there is, and is a keystream, so that no peer can tell where the objects end.
 *
 * Format: docs/formats/pack.md
 */

import { createCipheriv } from 'node:crypto'

import { concat } from './bytes.ts'
import { FormatError } from './errors.ts'
import { hmac } from './hash.ts'
import { PACK_SIZE_MAX } from './manifest.ts'

export { PACK_SIZE_MAX } from './manifest.ts'

/** Bytes at which a pack is closed: large enough for few requests, small enough to hold several. */
export const PACK_SIZE_TARGET = 8 * 1024 * 1024

const TAIL_SIZE = 48 // the last object's tag is in it, and no two packs end in the same object
const START = new Uint8Array(16) // ChaCha20's block counter and nonce

/**
 * The next size that leaks few bits: at most 12 % more, with O(log log size) bits told.
 *
 * Source: Nikitin et al., "Reducing Metadata Leakage from Encrypted Files and Communication with
 * PURBs" (2019), section 4.
 *
 * @param size - bytes, from 0 to {@link PACK_SIZE_MAX}
 */
export function padme(size: number): number {
  if (size < 2) return size
  const exponent = Math.floor(Math.log2(size))
  const keptBits = Math.floor(Math.log2(exponent)) + 1
  const step = 2 ** (exponent - keptBits)
  return Math.ceil(size / Math.max(1, step)) * Math.max(1, step)
}

/**
 * Content and keystream after it.
 *
 * @param content - sealed objects, up to {@link PACK_SIZE_MAX} bytes; none at all becomes one byte
 * @param padKey - 32 bytes
 * @throws {FormatError} if there is too much content
 */
export function padPack(content: Uint8Array, padKey: Uint8Array): Uint8Array {
  const padding = packPadding(content.length, content.subarray(-TAIL_SIZE), padKey)
  return concat(content, padding)
}

/**
 * What follows a pack's content: ChaCha20 (RFC 8439) under HMAC-SHA256(padKey, last ≤ 48 bytes of the
 * content), counter and nonce 0.
 *
 * The same content under the same key is padded the same, so a retry makes the same pack.
 *
 * @param size - bytes of content, up to {@link PACK_SIZE_MAX}
 * @param end - how the content ends: its last 48 bytes at least, or all of it
 * @param padKey - 32 bytes
 * @throws {FormatError} if there is too much content
 */
export function packPadding(size: number, end: Uint8Array, padKey: Uint8Array): Uint8Array {
  if (size > PACK_SIZE_MAX) throw new FormatError(`pack: ${size} bytes`)
  const padding = new Uint8Array(Math.max(1, padme(size)) - size)
  const key = hmac(padKey, end.subarray(-TAIL_SIZE))
  padding.set(createCipheriv('chacha20', key, START).update(padding))
  return padding
}
