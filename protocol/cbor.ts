/**
 * Structured data: dag-cbor, strictly checked at the door.
 *
 * Before anything is decoded, a scan over the bytes bounds nesting and counts, so a hostile length
 * allocates nothing, and refuses all that would not encode to the very same bytes: one value has one
 * form, and with that one hash. Tags and floating point have no use in our formats and are refused.
 *
 * Format: https://ipld.io/specs/codecs/dag-cbor/spec/ and RFC 8949 section 4.2
 */

import { isUtf8 } from 'node:buffer'

import * as dagCbor from '@ipld/dag-cbor'
import { z } from 'zod'

import { utf8 } from './bytes.ts'
import { FormatError } from './errors.ts'

/** Arrays and maps inside each other. */
export const CBOR_DEPTH_MAX = 16

const UNSIGNED = 0
const NEGATIVE = 1
const BYTES = 2
const TEXT = 3
const ARRAY = 4
const MAP = 5
const FALSE = 0xf4
const NULL = 0xf6

/** In the low bits of a head: the argument is in the byte, in eight bytes, that follow. */
const ONE_BYTE = 24
const EIGHT_BYTES = 27

/** Smaller arguments than these have no use for one, two, four, eight bytes. */
const LEAST_ARGUMENTS = [24, 2 ** 8, 2 ** 16, 2 ** 32]

/** @param value - numbers (integers only), bigints, text, bytes, booleans, null, arrays, plain objects */
export function encodeCbor(value: unknown): Uint8Array {
  const bytes = dagCbor.encode(value)
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length)
}

/**
 * Decode bytes and check them against a schema.
 *
 * Objects in the schema are `z.strictObject`s, so that an unknown key is refused, unless a format
 * says that it keeps them (`z.looseObject`).
 *
 * @param what - the format's name for messages, and the most bytes it can have
 * @returns the schema's output; byte fields are arrays or views of their own, not of `bytes`
 * @throws {FormatError} naming the field, or whatever FormatError the schema itself throws
 */
export function decodeCbor<T>(
  bytes: Uint8Array,
  schema: z.ZodType<T>,
  what: { readonly format: string; readonly sizeMax: number },
): T {
  if (bytes.length > what.sizeMax) {
    throw new FormatError(`${what.format}: ${bytes.length} bytes, at most ${what.sizeMax} allowed`)
  }
  const value = decodeCanonical(bytes, what.format)
  return check(value, schema, what.format)
}

/**
 * Check a value against a schema, as {@link decodeCbor} does after decoding.
 *
 * @throws {FormatError} naming the first field at fault
 */
export function check<T>(value: unknown, schema: z.ZodType<T>, format: string): T {
  const result = schema.safeParse(value)
  if (result.success) return result.data
  const issue = result.error.issues[0]
  const field = issue?.path.map(String).join('.') ?? ''
  const at = field === '' ? format : `${format}, field ${field.slice(0, 100)}`
  throw new FormatError(`${at}: ${(issue?.message ?? 'invalid').slice(0, 200)}`)
}

/** Bytes of a length in `min`..`max`. */
export function bytesField(min: number, max: number): z.ZodType<Uint8Array> {
  return z.custom<Uint8Array>(
    (value) => value instanceof Uint8Array && value.length >= min && value.length <= max,
    { error: min === max ? `must be ${min} bytes` : `must be ${min} to ${max} bytes` },
  )
}

/** An integer in `min`..`max`, both within ±(2^53 − 1). */
export function integer(min: number, max: number): z.ZodType<number> {
  return z.custom<number>(
    (value) =>
      typeof value === 'number' && Number.isSafeInteger(value) && value >= min && value <= max,
    { error: `must be an integer from ${min} to ${max}` },
  )
}

/** An integer in 0..`max`. */
export function count(max: number): z.ZodType<number> {
  return integer(0, max)
}

/** An integer in 0..`max`, as a bigint whatever its size; for values of up to 64 bits. */
export function bigCount(max: bigint): z.ZodType<bigint> {
  return z
    .custom<number | bigint>(
      (value) =>
        (typeof value === 'bigint' || (typeof value === 'number' && Number.isSafeInteger(value))) &&
        value >= 0 &&
        value <= max,
      { error: `must be an integer from 0 to ${max}` },
    )
    .transform((value) => BigInt(value))
}

/** Well-formed text of at most `sizeMax` bytes in UTF-8. */
export function text(sizeMax: number): z.ZodType<string> {
  return z.custom<string>(
    (value) => typeof value === 'string' && value.isWellFormed() && utf8(value).length <= sizeMax,
    { error: `must be text of at most ${sizeMax} bytes` },
  )
}

function decodeCanonical(bytes: Uint8Array, format: string): unknown {
  const scan = new Scan(bytes)
  scan.item(0)
  if (scan.at !== bytes.length) throw new FormatError(`${format}: bytes left over after the value`)
  if (!scan.isCanonical) throw new FormatError(`${format}: not in canonical form`)
  try {
    return dagCbor.decode(bytes)
  } catch (cause) {
    throw new FormatError(`${format}: not dag-cbor`, { cause })
  }
}

/** A walk over bytes before anything is made of them. */
class Scan {
  readonly #bytes: Uint8Array
  #at = 0
  #isCanonical = true
  /** Of the head that was read last: its number, count or length; 0 for false, true and null. */
  #argument = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  /** Where the next item starts. */
  get at(): number {
    return this.#at
  }

  /** Whether the items so far have the one form they may have: shortest heads, keys in order, UTF-8. */
  get isCanonical(): boolean {
    return this.#isCanonical
  }

  /** Walk over one item, with everything inside it. */
  item(depth: number): void {
    const major = this.#head()
    if (major === UNSIGNED || major === NEGATIVE) return
    const size = this.#argument
    if (size > this.#bytes.length - this.#at) throw new FormatError('cbor: length beyond the end')
    if (major === BYTES) this.#at += size
    else if (major === TEXT) this.#text(size)
    else if (major === ARRAY || major === MAP) {
      if (depth >= CBOR_DEPTH_MAX) {
        throw new FormatError(`cbor: nested deeper than ${CBOR_DEPTH_MAX}`)
      }
      if (major === MAP) return this.#map(size, depth)
      for (let left = size; left > 0; left--) this.item(depth + 1)
    }
  }

  #map(size: number, depth: number): void {
    let before = -1
    for (let left = size; left > 0; left--) {
      const key = this.#at
      this.item(depth + 1)
      if (!this.#isKey(key, before, this.#at)) this.#isCanonical = false
      before = key
      this.item(depth + 1)
    }
  }

  /**
   * Keys are text, the shorter first. With the shortest heads that is the order of their encoded bytes.
   *
   * @param before - where the key before it starts; -1 if it is the first
   */
  #isKey(key: number, before: number, end: number): boolean {
    const bytes = this.#bytes
    if (bytes[key]! >>> 5 !== TEXT) return false
    if (before === -1) return true
    for (let index = key; index < end; index++) {
      const difference = bytes[index]! - bytes[before + index - key]!
      if (difference !== 0) return difference > 0
    }
    return false
  }

  #text(length: number): void {
    const end = this.#at + length
    for (let index = this.#at; index < end; index++) {
      if (this.#bytes[index]! < 0x80) continue
      if (!isUtf8(this.#bytes.subarray(index, end))) this.#isCanonical = false
      break
    }
    this.#at = end
  }

  /** @returns the major type */
  #head(): number {
    const bytes = this.#bytes
    const first = bytes[this.#at]
    if (first === undefined) throw new FormatError('cbor: ends early')
    this.#at += 1
    this.#argument = 0
    const major = first >>> 5
    if (major > MAP) {
      if (first < FALSE || first > NULL)
        throw new FormatError(`cbor: byte ${first} has no use here`)
      return major
    }
    const low = first & 31
    if (low < ONE_BYTE) {
      this.#argument = low
      return major
    }
    if (low > EIGHT_BYTES) throw new FormatError('cbor: indefinite lengths are not canonical')
    const end = this.#at + 2 ** (low - ONE_BYTE)
    if (end > bytes.length) throw new FormatError('cbor: ends early')
    let argument = 0
    while (this.#at < end) argument = argument * 256 + bytes[this.#at++]!
    this.#argument = argument
    if (argument < LEAST_ARGUMENTS[low - ONE_BYTE]!) this.#isCanonical = false
    return major
  }
}
