/**
 * Content objects: a stretch of a file, ready to be placed in a pack.
 *
 * Large ones are sealed at once, under keys of their own. Small ones wait in their plain form until
 * they make a run (design §4): its secret depends on all its objects.
 */

import { sha256 } from '../../protocol/hash.ts'
import { release } from '../base/release.ts'
import { objectKeyBytes, preparePlain, rawKey, seal } from './seal.ts'

/** Objects above this carry their own key: 32 bytes are nothing beside them. */
export const RUN_OBJECT_SIZE_MAX = 128 * 1024

/** SHA-256 of the body, and the object in one of its two forms. */
export type ContentObject = { readonly digest: Uint8Array } & (SealedContent | PlainContent)

export interface SealedContent {
  readonly form: 'sealed'
  readonly sealed: Uint8Array
  /** The object's own key. */
  readonly secret: Uint8Array
}

/** Header and body as they will be encrypted, and the SHA-256 of that. */
export interface PlainContent {
  readonly form: 'plain'
  readonly plain: Uint8Array
  readonly plainDigest: Uint8Array
}

/**
 * @param body - up to 4 MiB
 * @param contentSecret - what object keys are made from, 32 bytes
 */
export function makeContentObject(body: Uint8Array, contentSecret: Uint8Array): ContentObject {
  const digest = sha256(body)
  const { plain, digest: plainDigest } = preparePlain('content', body)
  if (plain.length <= RUN_OBJECT_SIZE_MAX) return { digest, form: 'plain', plain, plainDigest }
  const key = rawKey(contentSecret, plainDigest)
  const sealed = seal(plain, key)
  release(plain)
  return { digest, form: 'sealed', sealed, secret: objectKeyBytes(key) }
}
