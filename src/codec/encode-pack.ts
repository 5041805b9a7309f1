/**
 * Encode a pack into the pieces of its shares, and decode it again.
 *
 * What peers will hold for years is made here from bytes in memory, so the encoder does at once what
 * a restore will do: it decodes one subset of the pieces, drawn by a hash of the manifest, and gives
 * nothing out unless the pack comes back. Bad memory must not be stored.
 *
 * Format: docs/formats/erasure.md, docs/formats/manifest.md
 */

import { compare, equal } from '../../protocol/bytes.ts'
import { FormatError } from '../../protocol/errors.ts'
import { taggedHash } from '../../protocol/hash.ts'
import { encodeManifest, packId, pieceSize } from '../../protocol/manifest.ts'
import type { Manifest, PackId } from '../../protocol/manifest.ts'
import { MerkleTree } from '../../protocol/merkle.ts'
import { release } from '../base/release.ts'
import { unfilled } from './buffers.ts'
import { BadPiecesError, decodePieces, encodePieces } from './erasure.ts'
import type { Code, Piece } from './erasure.ts'

/** Pieces do not give the pack that its manifest names: at least one of them is wrong. */
export class PackMismatchError extends FormatError {
  override readonly name = 'PackMismatchError'
}

export interface EncodedPack {
  readonly id: PackId
  readonly manifest: Manifest
  readonly manifestBytes: Uint8Array
  /** The piece of each share in order, `total` arrays of equal size, each with a buffer of its own. */
  readonly pieces: readonly Uint8Array[]
}

/**
 * @param pack - 1 byte to PACK_SIZE_MAX, padding included
 * @param code - how many pieces are needed and made, and the size of their Merkle leaves
 * @throws {FormatError} for an empty or too large pack, or another size of leaves
 * @throws {PackMismatchError} if the pieces just made do not give the pack: this machine cannot be trusted
 */
export function encodePack(pack: Uint8Array, code: Code & { leafSize: number }): EncodedPack {
  const { needed, total, leafSize } = code
  if (pack.length === 0) throw new FormatError('a pack has one byte at least')
  const pieces = encodePieces(pack, code)
  const roots = pieces.map((piece, index) => MerkleTree.ofShare(index, piece, leafSize).root)
  const manifest: Manifest = { version: 1, needed, total, size: pack.length, leafSize, roots }
  const manifestBytes = encodeManifest(manifest)

  const subset = drawSubset(manifestBytes, code)
  const given = subset.map((index) => ({ index, bytes: pieces[index]! }))
  const data = decodePieces(given, code)
  // Byte by byte: equal bytes have equal roots, and each peer checks the root of what it gets.
  const isSame = data.every((piece, index) => equal(piece, pieces[index]!))
  if (!isSame || !holds(data, pack))
    throw new PackMismatchError('the pack changed while it was encoded')
  releaseRebuilt(data, given)
  return { id: packId(manifestBytes), manifest, manifestBytes, pieces }
}

/**
 * @param pieces - any `needed` of the pieces or more; extra ones are not used
 * @returns the pack, `manifest.size` bytes
 * @throws {BadPiecesError} if there are too few, or their sizes are wrong
 * @throws {PackMismatchError} if a data piece, given or rebuilt, differs from the manifest's root
 */
export function decodePack(manifest: Manifest, pieces: readonly Piece[]): Uint8Array {
  const data = decodeChecked(manifest, pieces)
  const size = pieceSize(manifest)
  const pack = unfilled(manifest.size)
  for (const [index, piece] of data.entries()) {
    const offset = Math.min(index * size, manifest.size)
    pack.set(piece.subarray(0, manifest.size - offset), offset)
  }
  releaseRebuilt(data, pieces)
  return pack
}

/** @returns the data pieces, each of which has the root that the manifest names */
function decodeChecked(manifest: Manifest, pieces: readonly Piece[]): Uint8Array[] {
  const size = pieceSize(manifest)
  if (pieces.some(({ bytes }) => bytes.length !== size))
    throw new BadPiecesError(`not all pieces have ${size} bytes`)
  const data = decodePieces(pieces, manifest)
  for (const [index, piece] of data.entries()) {
    const { root } = MerkleTree.ofShare(index, piece, manifest.leafSize)
    if (!equal(root, manifest.roots[index]!))
      throw new PackMismatchError(`data piece ${index} differs from the manifest's root`)
  }
  return data
}

/** @returns whether the pieces are the pack in order, whatever fills the last ones up */
function holds(data: readonly Uint8Array[], pack: Uint8Array): boolean {
  const whole = Buffer.from(pack.buffer, pack.byteOffset, pack.length)
  return data.every((piece, index) => {
    const part = whole.subarray(index * piece.length, (index + 1) * piece.length)
    return equal(piece.subarray(0, part.length), part)
  })
}

function releaseRebuilt(data: readonly Uint8Array[], pieces: readonly Piece[]): void {
  const given = new Set(pieces.map(({ bytes }) => bytes))
  for (const piece of data) if (!given.has(piece)) release(piece)
}

/** @returns `needed` indices of pieces, which look random and are the same for the same manifest */
function drawSubset(manifestBytes: Uint8Array, { needed, total }: Code): number[] {
  const ranked = Array.from({ length: total }, (_, index) => ({
    index,
    rank: taggedHash('cairn encode-pack subset 1', manifestBytes, Uint8Array.of(index)),
  }))
  return ranked
    .toSorted((a, b) => compare(a.rank, b.rank))
    .slice(0, needed)
    .map(({ index }) => index)
}
