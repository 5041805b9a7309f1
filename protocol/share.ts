/**
 * Share files: what a peer's disk holds of a pack.
 *
 * A share file can be understood without any other state: it names its vault and carries the pack's
 * manifest, so a peer that lost its database rebuilds it from the files.
 *
 * Format: docs/formats/share.md
 */

import { ByteReader, ByteWriter, equal, utf8 } from './bytes.ts'
import { FormatError, VersionError } from './errors.ts'
import { DIGEST_SIZE, taggedHash } from './hash.ts'
import { ID_SIZE, vaultIdFromBytes, vaultIdToBytes } from './ids.ts'
import type { VaultId } from './ids.ts'
import {
  decodeManifest,
  leafCount,
  MANIFEST_SIZE_MAX,
  pieceSize,
  type Manifest,
} from './manifest.ts'
import { merkleNodesSize } from './merkle.ts'

const MAGIC = utf8('cairnsh1')
const FAMILY_SIZE = 7 // the magic without its version
const HASH_TAG = 'cairn/1/share-header'
const FIXED_SIZE = MAGIC.length + ID_SIZE + 2 + 2

/** Largest header, bytes: a reader that has read so much of the file has it all. */
export const SHARE_HEADER_SIZE_MAX = FIXED_SIZE + MANIFEST_SIZE_MAX + DIGEST_SIZE

/** A share file with fewer or more bytes than its header asks for. */
export class ShareSizeError extends FormatError {
  override readonly name = 'ShareSizeError'
}

export interface ShareHeader {
  readonly vault: VaultId
  /** Which of the pack's shares this is, from 0. */
  readonly shareNumber: number
  /** The pack's manifest, encoded. */
  readonly manifest: Uint8Array
}

/** Where the parts of a share file lie, bytes. */
export interface ShareLayout {
  readonly piece: { readonly offset: number; readonly size: number }
  /** The nodes of the Merkle tree: see protocol/merkle.ts. */
  readonly tree: { readonly offset: number; readonly size: number }
  /** Of the whole file. */
  readonly size: number
}

/** @throws {FormatError} if the manifest is none, or has no such share */
export function encodeShareHeader(header: ShareHeader): Uint8Array {
  checkNumber(header)
  const fields = new ByteWriter()
    .put(MAGIC)
    .put(vaultIdToBytes(header.vault))
    .u16(header.shareNumber)
    .u16(header.manifest.length)
    .put(header.manifest)
    .finish()
  return new ByteWriter().put(fields).put(taggedHash(HASH_TAG, fields)).finish()
}

/**
 * @param bytes - the start of a share file; what follows the header is not looked at
 * @returns the header, in arrays of its own, and its size in bytes
 * @throws {VersionError} for a later version
 * @throws {FormatError}
 */
export function decodeShareHeader(bytes: Uint8Array): { header: ShareHeader; size: number } {
  const reader = new ByteReader(bytes)
  checkMagic(reader.take(MAGIC.length))
  const vault = vaultIdFromBytes(reader.take(ID_SIZE))
  const shareNumber = reader.u16()
  const manifestSize = reader.u16()
  if (manifestSize > MANIFEST_SIZE_MAX) throw new FormatError('share: manifest too large')
  const manifest = reader.take(manifestSize).slice()
  const fieldsSize = FIXED_SIZE + manifestSize
  const hash = reader.take(DIGEST_SIZE)
  if (!equal(hash, taggedHash(HASH_TAG, bytes.subarray(0, fieldsSize)))) {
    throw new FormatError('share: header is damaged')
  }
  const header = { vault, shareNumber, manifest }
  checkNumber(header)
  return { header, size: fieldsSize + DIGEST_SIZE }
}

/** Manifests of headers that were asked for it: they are read several times for each block that is served. */
const manifests = new WeakMap<ShareHeader, Manifest>()

/** @throws {FormatError} if the header's manifest is none */
export function manifestOf(header: ShareHeader): Manifest {
  const known = manifests.get(header)
  if (known !== undefined) return known
  const manifest = decodeManifest(header.manifest)
  manifests.set(header, manifest)
  return manifest
}

/** @throws {FormatError} if the header's manifest is none */
export function shareLayout(header: ShareHeader): ShareLayout {
  const manifest = manifestOf(header)
  const offset = FIXED_SIZE + header.manifest.length + DIGEST_SIZE
  const piece = { offset, size: pieceSize(manifest) }
  const tree = { offset: offset + piece.size, size: merkleNodesSize(leafCount(manifest)) }
  return { piece, tree, size: tree.offset + tree.size }
}

/**
 * @param size - bytes that the share file has
 * @throws {ShareSizeError} unless they are exactly those that its header asks for
 */
export function checkShareSize(header: ShareHeader, size: number): void {
  const expected = shareLayout(header).size
  if (size !== expected) throw new ShareSizeError(`share: ${size} bytes, not ${expected}`)
}

function checkMagic(magic: Uint8Array): void {
  if (equal(magic, MAGIC)) return
  if (equal(magic.subarray(0, FAMILY_SIZE), MAGIC.subarray(0, FAMILY_SIZE))) {
    throw new VersionError('share: another version')
  }
  throw new FormatError('not a share file')
}

function checkNumber(header: ShareHeader): void {
  const { shareNumber } = header
  const { total } = manifestOf(header)
  if (!Number.isInteger(shareNumber) || shareNumber < 0 || shareNumber >= total) {
    throw new FormatError(`share: shareNumber ${shareNumber} of ${total} shares`)
  }
}
