/**
 * Opening a large file's objects one after the other, for the Compute port; what came out is hashed on
 * its way.
 */

import { createHash } from 'node:crypto'

import { FormatError } from '../../protocol/errors.ts'
import type { ObjectKey } from '../../protocol/reference.ts'
import type { Codec } from '../ports/compute.ts'
import { release } from './buffers.ts'
import { open } from './seal.ts'

/** The next object: sealed, or its content where that was come by in another way. */
export type ContentInput =
  | {
      readonly type: 'sealed'
      readonly bytes: Uint8Array
      /** A copy: its buffer is handed over with the rest. */
      readonly key: ObjectKey
    }
  | { readonly type: 'plain'; readonly bytes: Uint8Array }

export type ContentOutput =
  | { readonly type: 'content'; readonly bytes: Uint8Array }
  /** The bytes are not that object; nothing of them counts. */
  | { readonly type: 'wrong' }
  | {
      readonly type: 'end'
      readonly size: number
      /** SHA-256 of the whole */
      readonly digest: Uint8Array
    }

/** Sealed objects → their contents, one for each, then the size and digest of all. */
export function openContent(_params: Record<string, never>): Codec<ContentInput, ContentOutput> {
  const hash = createHash('sha256')
  let size = 0
  const passed = (bytes: Uint8Array): ContentOutput[] => {
    hash.update(bytes)
    size += bytes.length
    return [{ type: 'content', bytes }]
  }
  return {
    push(input) {
      if (input.type === 'plain') return passed(input.bytes)
      const body = bodyOf(input.bytes, input.key)
      release(input.bytes)
      return body === undefined ? [{ type: 'wrong' }] : passed(body)
    },
    close: () => [{ type: 'end', size, digest: new Uint8Array(hash.digest()) }],
  }
}

/** @returns the content, an array of its own; `undefined` unless the bytes are an object of content */
export function bodyOf(sealed: Uint8Array, key: ObjectKey): Uint8Array | undefined {
  try {
    const { kind, body } = open(sealed, key)
    return kind === 'content' ? body : undefined
  } catch (error) {
    if (error instanceof FormatError) return undefined
    throw error
  }
}
