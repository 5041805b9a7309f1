/**
 * The strong sum: BLAKE2b with a 32-byte digest, of which a signature keeps the first bytes.
 *
 * Node's own BLAKE2b gives 64 bytes only, and its first half is another hash. This one is WASM,
 * compiled once while the module loads and synchronous from then on; `@noble/hashes` is its twin.
 */

import { createBLAKE2b } from 'hash-wasm'

/** Bytes in a whole strong sum. */
export const STRONG_SIZE_MAX = 32

const hasher = await createBLAKE2b(8 * STRONG_SIZE_MAX)

/** @returns 32 bytes, an array of its own */
export function strongSum(bytes: Uint8Array): Uint8Array {
  return hasher.init().update(bytes).digest('binary')
}
