/**
 * Opening the sealed objects of many files at once, for the Compute port: opened, unpacked, joined and
 * compared with their digests, one batch a call.
 *
 * One bad file does not spoil a batch: it is left out, and read by itself it will say what is wrong.
 */

import { equal } from '../../protocol/bytes.ts'
import { sha256 } from '../../protocol/hash.ts'
import { SECRET_SIZE } from '../../protocol/reference.ts'
import type { ObjectKey, Reference } from '../../protocol/reference.ts'
import type { Codec } from '../ports/compute.ts'
import { release, unfilled } from './buffers.ts'
import { bodyOf } from './open-content.ts'

const DIGEST_SIZE = 32

/** A body of this size has a buffer of its own, and is worth freeing before the collector comes. */
const RELEASED_SIZE_MIN = 64 * 1024

/** Stands for the ordinal of a key that has none. */
const RAW = -1

/** A file to be opened. */
export interface SealedFile {
  /** Its objects, in order. */
  readonly references: readonly Reference[]
  /** Bytes of the whole content. */
  readonly size: number
  /** SHA-256 of the content; undefined where the one object's key vouches for it. */
  readonly digest: Uint8Array | undefined
}

/** Sealed files in few arrays, so that they cross to another thread cheaply. */
export interface SealedFiles {
  /** All objects of all files, back to back. */
  readonly sealed: Uint8Array
  /** For each object: its bytes, and its key. */
  readonly lengths: readonly number[]
  readonly ordinals: readonly number[]
  readonly secrets: Uint8Array
  /** For each file: its objects, its bytes, and its digest where it has one. */
  readonly counts: readonly number[]
  readonly sizes: readonly number[]
  readonly hasDigest: readonly boolean[]
  readonly digests: Uint8Array
}

/** Contents of the files that were right, back to back. */
export interface OpenedFiles {
  readonly bytes: Uint8Array
  /** Where each file's content begins; −1 for those left out. */
  readonly offsets: readonly number[]
}

/**
 * @param sealed - all objects of all files, back to back; whatever is wrong in it is found
 * @returns arrays that may be handed over; `files` stay as they are
 */
export function packSealedFiles(files: readonly SealedFile[], sealed: Uint8Array): SealedFiles {
  const references = files.flatMap((file) => file.references)
  const secrets = new Uint8Array(references.length * SECRET_SIZE)
  for (const [index, { key }] of references.entries()) secrets.set(key.secret, index * SECRET_SIZE)
  const digests = new Uint8Array(files.length * DIGEST_SIZE)
  for (const [index, { digest }] of files.entries()) {
    if (digest !== undefined) digests.set(digest, index * DIGEST_SIZE)
  }
  return {
    sealed,
    lengths: references.map(({ length }) => length),
    ordinals: references.map(({ key }) => (key.type === 'run' ? key.ordinal : RAW)),
    secrets,
    counts: files.map((file) => file.references.length),
    sizes: files.map(({ size }) => size),
    hasDigest: files.map(({ digest }) => digest !== undefined),
    digests,
  }
}

/** Sealed files → their contents. */
export function openFiles(_params: Record<string, never>): Codec<SealedFiles, OpenedFiles> {
  return { push: (files) => [openSealedFiles(files)], close: () => [] }
}

/** @param files - whose sealed bytes are freed */
export function openSealedFiles(files: SealedFiles): OpenedFiles {
  const bytes = unfilled(files.sizes.reduce((sum, size) => sum + size, 0))
  const offsets: number[] = []
  let object = 0
  let from = 0
  let end = 0
  for (const [index, count] of files.counts.entries()) {
    const last = object + count
    const content = bytes.subarray(end, end + files.sizes[index]!)
    const sealed = files.lengths.slice(object, last).map((length) => {
      from += length
      return files.sealed.subarray(from - length, from)
    })
    const keys = sealed.map((_, step) => keyOf(files, object + step))
    object = last
    if (!openInto(content, sealed, keys) || !agrees(content, files, index)) {
      offsets.push(-1)
      continue
    }
    offsets.push(end)
    end += content.length
  }
  release(files.sealed)
  return { bytes: end === bytes.length ? bytes : bytes.slice(0, end), offsets }
}

/** @returns whether the objects are right and fill the content */
function openInto(
  content: Uint8Array,
  sealed: readonly Uint8Array[],
  keys: readonly ObjectKey[],
): boolean {
  let size = 0
  for (const [index, key] of keys.entries()) {
    const body = bodyOf(sealed[index]!, key)
    if (body === undefined || size + body.length > content.length) return false
    content.set(body, size)
    size += body.length
    if (body.length >= RELEASED_SIZE_MIN) release(body)
  }
  return size === content.length
}

function agrees(content: Uint8Array, { hasDigest, digests }: SealedFiles, index: number): boolean {
  if (hasDigest[index] !== true) return true
  const digest = digests.subarray(index * DIGEST_SIZE, (index + 1) * DIGEST_SIZE)
  return equal(sha256(content), digest)
}

function keyOf({ secrets, ordinals }: SealedFiles, index: number): ObjectKey {
  const secret = secrets.slice(index * SECRET_SIZE, (index + 1) * SECRET_SIZE)
  const ordinal = ordinals[index]!
  return ordinal === RAW ? { type: 'raw', secret } : { type: 'run', secret, ordinal }
}
