/**
 * The strong sum: BLAKE2b with a 32-byte digest, of which a signature keeps the first bytes.
 *
 * Node's own BLAKE2b gives 64 bytes only, and its first half is another hash.
 */

import { blake2b } from '@noble/hashes/blake2.js'

/** Bytes in a whole strong sum. */
export const STRONG_SIZE_MAX = 32

/** @returns 32 bytes, an array of its own */
export function strongSum(bytes: Uint8Array): Uint8Array {
  return blake2b(bytes, { dkLen: STRONG_SIZE_MAX })
}
