/**
 * Structured data: dag-cbor, strictly checked at the door.
 *
 * Before anything is decoded, a scan over the bytes bounds nesting and counts, so a hostile length
 * allocates nothing. What is decoded must encode to the very same bytes: one value has one form, and
 * with that one hash. Tags and floating point have no use in our formats and are refused.
 *
 * Format: https://ipld.io/specs/codecs/dag-cbor/spec/ and RFC 8949 section 4.2
 */

import * as dagCbor from '@ipld/dag-cbor'
import { z } from 'zod'

import { equal, utf8 } from './bytes.ts'
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
  const end = scan(bytes, 0, 0)
  if (end !== bytes.length) throw new FormatError(`${format}: bytes left over after the value`)
  let value: unknown
  let again: Uint8Array
  try {
    value = dagCbor.decode(bytes)
    again = dagCbor.encode(value)
  } catch (cause) {
    throw new FormatError(`${format}: not dag-cbor`, { cause })
  }
  if (!equal(again, bytes)) throw new FormatError(`${format}: not in canonical form`)
  return value
}

/** @returns where the item that starts at `at` ends, having checked everything inside it */
function scan(bytes: Uint8Array, at: number, depth: number): number {
  const { major, argument, next } = head(bytes, at)
  if (major === UNSIGNED || major === NEGATIVE) return next
  if (argument > bytes.length - next) throw new FormatError('cbor: length beyond the end')
  if (major === BYTES || major === TEXT) return next + argument
  if (major !== ARRAY && major !== MAP) return next
  if (depth >= CBOR_DEPTH_MAX) throw new FormatError(`cbor: nested deeper than ${CBOR_DEPTH_MAX}`)
  let end = next
  for (let left = major === MAP ? 2 * argument : argument; left > 0; left--) {
    end = scan(bytes, end, depth + 1)
  }
  return end
}

interface Head {
  readonly major: number
  /** 0 for false, true and null. */
  readonly argument: number
  readonly next: number
}

function head(bytes: Uint8Array, at: number): Head {
  const first = bytes[at]
  if (first === undefined) throw new FormatError('cbor: ends early')
  const major = first >>> 5
  const low = first & 31
  if (major > MAP) {
    if (first < FALSE || first > NULL) throw new FormatError(`cbor: byte ${first} has no use here`)
    return { major, argument: 0, next: at + 1 }
  }
  if (low < 24) return { major, argument: low, next: at + 1 }
  if (low > 27) throw new FormatError('cbor: indefinite lengths are not canonical')
  const next = at + 1 + 2 ** (low - 24)
  if (next > bytes.length) throw new FormatError('cbor: ends early')
  let argument = 0
  for (let index = at + 1; index < next; index++) argument = argument * 256 + (bytes[index] ?? 0)
  return { major, argument, next }
}
