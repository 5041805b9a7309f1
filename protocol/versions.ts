/**
 * Versions: which protocols a peer speaks, in a form that every version of Cairn can read.
 *
 * Two Cairns that share no protocol can still tell a person which of the two must be updated. This
 * format alone never changes: later versions may add keys, which are passed over.
 *
 * Format: docs/formats/versions.md
 */

import { z } from 'zod'
import { check, decodeCbor, encodeCbor, integer } from './cbor.ts'
import { PROTOCOL } from './message-limits.ts'

/** The protocol's name on the network, for good. */
export const VERSIONS_PROTOCOL = '/cairn/versions'

/** Bytes of the one message, at most. */
export const VERSIONS_SIZE_MAX = 1024

/** The number that ends {@link PROTOCOL}. */
export const PROTOCOL_VERSION = Number(PROTOCOL.split('/').at(-1))

export interface Versions {
  /** Numbers of protocols `/cairn/<number>`, each once, ascending. */
  readonly speaks: readonly number[]
}

const schema = z.looseObject({ speaks: z.array(integer(0, 1_000_000)).min(1).max(32).readonly() })

export function encodeVersions({ speaks }: Versions): Uint8Array {
  return encodeCbor(check({ speaks }, schema, 'versions'))
}

/** @throws {FormatError} */
export function decodeVersions(bytes: Uint8Array): Versions {
  const limits = { format: 'versions', sizeMax: VERSIONS_SIZE_MAX }
  const { speaks } = decodeCbor(bytes, schema, limits)
  return { speaks: [...new Set(speaks)].toSorted((a, b) => a - b) }
}
