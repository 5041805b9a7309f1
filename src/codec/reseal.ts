/**
 * Resealing: what a file still holds becomes, byte for byte, the sealed objects that were made of it
 * before.
 *
 * Compression and sealing give the same bytes for the same content and key. A key that stands alone is
 * made from what it seals, so it tells whether the content is the same; the key of a run is made from all
 * the run's objects and tells nothing of one of them.
 */

import { equal } from '../../protocol/bytes.ts'
import { sha256 } from '../../protocol/hash.ts'
import { SEAL_OVERHEAD } from '../../protocol/object.ts'
import { SECRET_SIZE } from '../../protocol/reference.ts'
import type { Codec } from '../ports/compute.ts'
import { release, unfilled } from './buffers.ts'
import { RUN_OBJECT_SIZE_MAX } from './content-object.ts'
import { objectKeyBytes, preparePlain, rawKey, seal } from './seal.ts'

const DIGEST_SIZE = 32

export interface ResealParams {
  /** What object keys are made from. */
  readonly contentSecret: Uint8Array
}

/** What may be the contents of objects, in few arrays, so that they cross to another thread cheaply. */
export interface LocalContents {
  /** Of all objects, back to back. */
  readonly bytes: Uint8Array
  /** For each object: bytes of its content, and of the sealed object. */
  readonly sizes: readonly number[]
  readonly lengths: readonly number[]
  /** The 32 bytes that seal each. */
  readonly keys: Uint8Array
}

/** `likely`: the sealed object would have the same length, which is all that can be told here. */
export type Likeness = 'same' | 'likely' | 'different'

export interface Resealed {
  /** Back to back, each as long as its object; of those that are different there is nothing. */
  readonly sealed: Uint8Array
  readonly likeness: readonly Likeness[]
  /** SHA-256 of each content, 32 bytes. */
  readonly digests: Uint8Array
}

/** LocalContents → their sealed objects. */
export function reseal({ contentSecret }: ResealParams): Codec<LocalContents, Resealed> {
  return { push: (contents) => [resealAll(contents, contentSecret)], close: () => [] }
}

function resealAll({ bytes, sizes, lengths, keys }: LocalContents, secret: Uint8Array): Resealed {
  const digests = new Uint8Array(sizes.length * DIGEST_SIZE)
  const likeness: Likeness[] = []
  const objects: Uint8Array[] = []
  let from = 0
  for (const [index, size] of sizes.entries()) {
    const body = bytes.subarray(from, from + size)
    from += size
    digests.set(sha256(body), index * DIGEST_SIZE)
    const key = keys.subarray(index * SECRET_SIZE, (index + 1) * SECRET_SIZE)
    const { plain, digest } = preparePlain('content', body)
    const found = likenessOf(plain, lengths[index] ?? 0, equal(secretOf(secret, digest), key))
    likeness.push(found)
    if (found !== 'different') objects.push(seal(plain, { type: 'raw', secret: key }))
  }
  release(bytes)
  return { sealed: joined(objects), likeness, digests }
}

/** @param isOwnKey - whether the key is the one that these bytes have when they stand alone */
function likenessOf(plain: Uint8Array, length: number, isOwnKey: boolean): Likeness {
  if (plain.length + SEAL_OVERHEAD !== length) return 'different'
  if (isOwnKey) return 'same'
  // Larger ones were never part of a run.
  return plain.length > RUN_OBJECT_SIZE_MAX ? 'different' : 'likely'
}

function secretOf(contentSecret: Uint8Array, digest: Uint8Array): Uint8Array {
  return objectKeyBytes(rawKey(contentSecret, digest))
}

function joined(objects: readonly Uint8Array[]): Uint8Array {
  const all = unfilled(objects.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const object of objects) {
    all.set(object, at)
    at += object.length
    release(object)
  }
  return all
}
