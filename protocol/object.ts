/**
 * Objects before sealing: a header of six bytes and the body.
 *
 * The header lies inside the sealed bytes, so nothing outside tells what an object is, how large it
 * was, or whether it was compressed.
 *
 * Format: docs/formats/object.md
 */

import { concat } from './bytes.ts'
import { FormatError, VersionError } from './errors.ts'

/** Largest body before compression, bytes. */
export const OBJECT_SIZE_MAX = 4 * 1024 * 1024

/** Bytes of kind, flags and size in front of the body. */
export const OBJECT_HEADER_SIZE = 6

/** Bytes that sealing adds: key commitment and tag. */
export const SEAL_OVERHEAD = 32 + 16

/** Bytes that header and seal add to a body that did not compress. */
export const OBJECT_OVERHEAD = OBJECT_HEADER_SIZE + SEAL_OVERHEAD

/** Largest sealed object, bytes. */
export const SEALED_SIZE_MAX = OBJECT_SIZE_MAX + OBJECT_OVERHEAD

/** Smallest sealed object, bytes: that of an empty body. */
export const SEALED_SIZE_MIN = OBJECT_OVERHEAD

/** All kinds in the order of their bytes, the first of which is 1. */
export const OBJECT_KINDS = [
  'content',
  'delta',
  'list',
  'page',
  'index',
  'past',
  'history',
  'root',
  'snapshots',
  'ledger',
] as const

export type ObjectKind = (typeof OBJECT_KINDS)[number]

const RAW = 0
const ZSTD = 1

/** What the header says about the body. */
export interface BodyForm {
  /** The body is one zstd frame (RFC 8878) instead of the bytes themselves. */
  readonly isCompressed: boolean
  /** Bytes of the body before compression. */
  readonly size: number
}

export interface PlainObject extends BodyForm {
  readonly kind: ObjectKind
  /** As it lies in the object, possibly compressed; a view. */
  readonly body: Uint8Array
}

/**
 * @param body - already in the form that `form` states
 * @throws {FormatError} if the body is too large or disagrees with its form
 */
export function encodePlain(kind: ObjectKind, form: BodyForm, body: Uint8Array): Uint8Array {
  checkForm(form, body.length)
  const header = new Uint8Array(OBJECT_HEADER_SIZE)
  header[0] = OBJECT_KINDS.indexOf(kind) + 1
  header[1] = form.isCompressed ? ZSTD : RAW
  new DataView(header.buffer).setUint32(2, form.size)
  return concat(header, body)
}

/**
 * @returns the parts; the body is a view
 * @throws {VersionError} for a kind or flag that this version does not know
 * @throws {FormatError}
 */
export function decodePlain(bytes: Uint8Array): PlainObject {
  const body = bytes.subarray(OBJECT_HEADER_SIZE)
  return { ...decodeHeader(bytes.subarray(0, OBJECT_HEADER_SIZE), body.length), body }
}

/**
 * @param bodySize - bytes of the body as it lies in the object
 * @throws as {@link decodePlain}
 */
export function decodeHeader(header: Uint8Array, bodySize: number): Omit<PlainObject, 'body'> {
  if (header.length < OBJECT_HEADER_SIZE) throw new FormatError('object: shorter than its header')
  const view = new DataView(header.buffer, header.byteOffset, header.length)
  const kind = OBJECT_KINDS[view.getUint8(0) - 1]
  if (kind === undefined) throw new VersionError(`object: unknown kind ${view.getUint8(0)}`)
  const flags = view.getUint8(1)
  if (flags !== RAW && flags !== ZSTD) throw new VersionError(`object: unknown flags ${flags}`)
  const form = { isCompressed: flags === ZSTD, size: view.getUint32(2) }
  checkForm(form, bodySize)
  return { kind, ...form }
}

/** A compressed body must be the smaller one, which also bounds what a hostile size can ask for. */
function checkForm(form: BodyForm, bodySize: number): void {
  if (!Number.isInteger(form.size) || form.size < 0 || form.size > OBJECT_SIZE_MAX) {
    throw new FormatError(`object: size ${form.size} is not within 0 to ${OBJECT_SIZE_MAX}`)
  }
  const agrees = form.isCompressed ? bodySize < form.size : bodySize === form.size
  if (!agrees) throw new FormatError(`object: body of ${bodySize} bytes, size says ${form.size}`)
}
