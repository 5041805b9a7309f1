/**
 * Manifests: what a pack's shares are, without any key.
 *
 * A manifest holds the code, the sizes and one Merkle root for each share. Its CID names the pack and
 * is all that is needed to check any block of any share.
 *
 * Format: docs/formats/manifest.md
 */

import { z } from 'zod'

import { concat, equal, fromBase32, toBase32 } from './bytes.ts'
import { bytesField, check, decodeCbor, encodeCbor, integer } from './cbor.ts'
import { FormatError, VersionError } from './errors.ts'
import { DIGEST_SIZE, sha256 } from './hash.ts'

/** Largest pack with its padding, bytes: what an encoder holds in memory, several times over. */
export const PACK_SIZE_MAX = 64 * 1024 * 1024

/** Most shares of a pack: the code works over GF(2^8). */
export const SHARE_COUNT_MAX = 256

/** Bytes of a leaf: small for metadata, which is browsed; larger for file content. */
export const LEAF_SIZES = [4096, 16_384] as const

/** Most leaves of a share: the largest pack in one piece, in small leaves. */
export const LEAF_COUNT_MAX = PACK_SIZE_MAX / LEAF_SIZES[0]

/** Bytes of the largest manifest there can be: 256 roots. */
export const MANIFEST_SIZE_MAX = 8764

/** Bytes of a pack's name: CIDv1, dag-cbor, SHA-256. */
export const PACK_ID_SIZE = 36

const VERSION = 1
const PACK_ID_PREFIX = Uint8Array.of(0x01, 0x71, 0x12, DIGEST_SIZE) // CIDv1, dag-cbor, SHA2-256

/**
 * 'b' for base32, then the prefix and the digest, 288 bits: the seventh letter begins with the last two bits
 * of the prefix, and the last one ends with two bits that are not used. So this is the one form of each name.
 */
const PACK_ID_TEXT = /^bafyrei[a-h][a-z2-7]{50}[aeimquy4]$/

/** The name of a pack: the CID of its manifest, in base32 text. */
export type PackId = string & { readonly brand: 'PackId' }

export interface Manifest {
  readonly version: 1
  /** Shares that are enough to rebuild the pack (k). */
  readonly needed: number
  /** Shares that were computed (n); placed are as many or fewer. */
  readonly total: number
  /** Bytes of the pack with its padding, at least 1. */
  readonly size: number
  /** Bytes of a Merkle leaf; the last of a share may be shorter. */
  readonly leafSize: number
  /** Merkle roots of shares 0 to `total` − 1, 32 bytes each. */
  readonly roots: readonly Uint8Array[]
}

const manifestSchema: z.ZodType<Manifest> = z
  .strictObject({
    version: z.literal(VERSION),
    needed: integer(1, SHARE_COUNT_MAX),
    total: integer(1, SHARE_COUNT_MAX),
    size: integer(1, PACK_SIZE_MAX),
    leafSize: z.literal(LEAF_SIZES),
    roots: z.array(bytesField(DIGEST_SIZE, DIGEST_SIZE)).max(SHARE_COUNT_MAX),
  })
  .refine((manifest) => manifest.needed <= manifest.total, {
    path: ['needed'],
    error: 'must be at most total',
  })
  .refine((manifest) => manifest.roots.length === manifest.total, {
    path: ['roots'],
    error: 'must be one for each share',
  })

const anyManifest = z.unknown().transform((value) => {
  if (isLaterVersion(value)) throw new VersionError('manifest: a later version')
  return check(value, manifestSchema, 'manifest')
})

/** @throws {FormatError} if a field is out of range */
export function encodeManifest(manifest: Manifest): Uint8Array {
  return encodeCbor(check(manifest, manifestSchema, 'manifest'))
}

/**
 * @throws {VersionError} for a later version
 * @throws {FormatError}
 */
export function decodeManifest(bytes: Uint8Array): Manifest {
  return decodeCbor(bytes, anyManifest, { format: 'manifest', sizeMax: MANIFEST_SIZE_MAX })
}

/** @returns bytes of each share's piece: the pack cut into `needed` parts */
export function pieceSize(manifest: Pick<Manifest, 'size' | 'needed'>): number {
  return Math.ceil(manifest.size / manifest.needed)
}

/** @returns how many leaves each share has */
export function leafCount(manifest: Pick<Manifest, 'size' | 'needed' | 'leafSize'>): number {
  return Math.ceil(pieceSize(manifest) / manifest.leafSize)
}

/** @returns the name of the pack that this manifest describes */
export function packId(manifestBytes: Uint8Array): PackId {
  return packIdFromBytes(concat(PACK_ID_PREFIX, sha256(manifestBytes)))
}

/** @throws {FormatError} unless the text is a pack's name in its one form */
export function parsePackId(text: string): PackId {
  if (!isPackIdText(text)) throw new FormatError('not the name of a pack')
  return text
}

/** @returns 36 bytes */
export function packIdToBytes(id: PackId): Uint8Array {
  return fromBase32(parsePackId(id).slice(1))
}

/** @throws {FormatError} unless these are the 36 bytes of a pack's name */
export function packIdFromBytes(bytes: Uint8Array): PackId {
  const text = bytes.length === PACK_ID_SIZE ? `b${toBase32(bytes)}` : ''
  const hasPrefix = equal(bytes.subarray(0, PACK_ID_PREFIX.length), PACK_ID_PREFIX)
  if (!hasPrefix || !isPackIdText(text)) throw new FormatError('not the name of a pack')
  return text
}

function isPackIdText(text: string): text is PackId {
  return PACK_ID_TEXT.test(text)
}

function isLaterVersion(value: unknown): boolean {
  if (typeof value !== 'object' || value === null || !('version' in value)) return false
  return typeof value.version === 'number' && value.version > VERSION
}
