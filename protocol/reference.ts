/**
 * References: where a sealed object lies, and the key that opens it.
 *
 * A pack number means something only together with its device's pack table (docs/formats/ledger.md);
 * a wrong mapping cannot pass the seal. The key is typed, so that other ways to come by a key can be
 * added without touching what exists.
 *
 * Format: docs/formats/reference.md
 */

import { z } from 'zod'

import { bytesField, check, count, decodeCbor, encodeCbor, integer } from './cbor.ts'
import { VersionError } from './errors.ts'
import { SEALED_SIZE_MAX, SEALED_SIZE_MIN } from './object.ts'

export const PACK_NUMBER_MAX = 2 ** 48 - 1

/** Largest offset in a pack's logical space, bytes: merged packs keep their old offsets. */
export const OFFSET_MAX = 2 ** 40

/** Largest ordinal of an object in its run: a run has up to 256. */
export const ORDINAL_MAX = 255

/** Bytes of a secret in a key. */
export const SECRET_SIZE = 32

/** Largest encoding, bytes; ours need 61 at most, the rest is room for later types of key. */
export const REFERENCE_SIZE_MAX = 256

const RAW = 0
const RUN = 1

/** `raw`: the secret is the object's own. `run`: one secret for objects written together. */
export type ObjectKey =
  | { readonly type: 'raw'; readonly secret: Uint8Array }
  | { readonly type: 'run'; readonly secret: Uint8Array; readonly ordinal: number }

export interface Reference {
  readonly pack: number
  /** Of the sealed object in the pack's logical space, bytes. */
  readonly offset: number
  /** Of the sealed object, bytes. */
  readonly length: number
  readonly key: ObjectKey
}

const place = [
  count(PACK_NUMBER_MAX),
  count(OFFSET_MAX),
  integer(SEALED_SIZE_MIN, SEALED_SIZE_MAX),
] as const
const secret = bytesField(SECRET_SIZE, SECRET_SIZE)

const rowSchema = z.union([
  z.tuple([...place, z.literal(RAW), secret]),
  z.tuple([...place, z.literal(RUN), secret, count(ORDINAL_MAX)]),
])

/**
 * A reference inside other structured data: an array of 5 (raw) or 6 (run) items.
 *
 * @throws {VersionError} from parsing, for a key type that this version does not know
 */
export const referenceSchema: z.ZodType<Reference> = z
  .array(z.unknown())
  .min(4)
  .max(16)
  .transform(referenceFromCbor)

/** @returns the array that {@link referenceSchema} reads */
export function referenceToCbor({ pack, offset, length, key }: Reference): readonly unknown[] {
  return key.type === 'raw'
    ? [pack, offset, length, RAW, key.secret]
    : [pack, offset, length, RUN, key.secret, key.ordinal]
}

/** @throws {FormatError} if a field is out of range */
export function encodeReference(reference: Reference): Uint8Array {
  const row = referenceToCbor(reference)
  referenceFromCbor(row)
  return encodeCbor(row)
}

/** @throws {FormatError} */
export function decodeReference(bytes: Uint8Array): Reference {
  return decodeCbor(bytes, referenceSchema, { format: 'reference', sizeMax: REFERENCE_SIZE_MAX })
}

/** @returns a key for maps: one for each place in the device's packs */
export function referenceId({ pack, offset }: Reference): string {
  return `${pack}:${offset}`
}

function referenceFromCbor(row: readonly unknown[]): Reference {
  const type = row[3]
  if (typeof type === 'number' && type > RUN) throw new VersionError(`reference: key type ${type}`)
  const [pack, offset, length, , bytes, ordinal] = check(row, rowSchema, 'reference')
  const key: ObjectKey =
    ordinal === undefined ? { type: 'raw', secret: bytes } : { type: 'run', secret: bytes, ordinal }
  return { pack, offset, length, key }
}
