/**
 * SHA-256 that can be put aside and taken up again: a file that grew is digested from where it ended.
 *
 * The state after some bytes is what the hash has chained so far, how many bytes that were, and those of
 * them that do not fill a block yet. Node's own hash keeps its state to itself, so the bytes go through
 * noble's here; where the system's is faster, an adapter brings another `OpenHash` with the same states
 * (docs/adr/0093-quick.md).
 *
 *     state   8 words of 32 bits, big-endian; size u64; size mod 64 bytes
 */

import { _SHA256 } from '@noble/hashes/sha2.js'
import { ByteReader, ByteWriter } from '../../protocol/bytes.ts'
import { assert } from '../base/assert.ts'

export const WORDS = 8

/** Bytes that are chained at a time. */
export const HASH_BLOCK_SIZE = 64

const HEADER_SIZE = WORDS * 4 + 8

/** Bytes of the longest state. */
export const HASH_STATE_SIZE_MAX = HEADER_SIZE + HASH_BLOCK_SIZE - 1

export interface ResumableHash {
  update(bytes: Uint8Array): void
  /** @returns the state as it is; the hash may go on */
  save(): Uint8Array
  /** @returns SHA-256 of all bytes. Ends the hash. */
  digest(): Uint8Array
}

/** @param saved - what `save` gave; without it nothing was hashed yet */
export type OpenHash = (saved?: Uint8Array) => ResumableHash

/** A state, read. */
export interface HashState {
  readonly words: readonly number[]
  /** Bytes hashed. */
  readonly size: number
  /** Those behind the last whole block. */
  readonly rest: Uint8Array
}

/** @returns how many bytes a saved state is of; `undefined` if it is none */
export function hashedSize(saved: Uint8Array): number | undefined {
  if (saved.length < HEADER_SIZE) return undefined
  const { buffer, byteOffset } = saved
  const size = Number(new DataView(buffer, byteOffset).getBigUint64(WORDS * 4))
  const isWhole = saved.length === HEADER_SIZE + (size % HASH_BLOCK_SIZE)
  return Number.isSafeInteger(size) && isWhole ? size : undefined
}

export function encodeHashState({ words, size, rest }: HashState): Uint8Array {
  const writer = new ByteWriter()
  for (const word of words) writer.u32(word >>> 0)
  return writer.u64(size).put(rest).finish()
}

export function decodeHashState(saved: Uint8Array): HashState {
  const size = hashedSize(saved)
  assert(size !== undefined, 'only what was saved is taken up again')
  const reader = new ByteReader(saved)
  const words = Array.from({ length: WORDS }, () => reader.u32())
  reader.take(8)
  return { words, size, rest: reader.take(size % HASH_BLOCK_SIZE) }
}

export const openSha256: OpenHash = (saved) => {
  const hash = new NobleHash()
  if (saved !== undefined) hash.resume(decodeHashState(saved))
  return {
    update: (bytes) => void hash.update(bytes),
    save: () => encodeHashState(hash.state()),
    digest: () => hash.digest(),
  }
}

/** noble's hash, whose state is for those who extend it. */
class NobleHash extends _SHA256 {
  resume({ words, size, rest }: HashState): void {
    const [a, b, c, d, e, f, g, h] = words.map((word) => word | 0)
    this.set(a!, b!, c!, d!, e!, f!, g!, h!)
    this.buffer.set(rest)
    this.pos = rest.length
    this.length = size
  }

  state(): HashState {
    return { words: this.get(), size: this.length, rest: this.buffer.slice(0, this.pos) }
  }
}
