/**
 * Share leaves: parts of a share's file with the proof that they belong to it.
 *
 * They are checked on the way out, so that rot is noticed by the peer that has it.
 */

import { FormatError } from '../../protocol/errors.ts'
import { leafCount } from '../../protocol/manifest.ts'
import { MerkleTree, verifyLeaves } from '../../protocol/merkle.ts'
import { manifestOf, shareLayout, type ShareHeader } from '../../protocol/share.ts'
import type { DiskFile } from '../ports/disk.ts'

/** Leaves of one share, contiguous, with what is needed to check them. */
export interface LeavesRead {
  readonly bytes: Uint8Array
  readonly proof: readonly Uint8Array[]
}

/** A question for leaves that a share does not have. */
export class NoSuchLeafError extends FormatError {
  override readonly name = 'NoSuchLeafError'
}

/**
 * Read leaves `first` to `first + count` − 1; fewer if the share ends before.
 *
 * @throws {NoSuchLeafError}
 * @throws {FormatError} the file is not what its header says
 */
export async function readLeaves(
  file: DiskFile,
  header: ShareHeader,
  range: { readonly first: number; readonly count: number },
): Promise<LeavesRead> {
  const manifest = manifestOf(header)
  const { piece, tree } = shareLayout(header)
  const { leafSize } = manifest
  const count = Math.min(range.count, leafCount(manifest) - range.first)
  if (range.first < 0 || count < 1) throw new NoSuchLeafError(`share: no leaf ${range.first}`)

  const start = range.first * leafSize
  const size = Math.min(count * leafSize, piece.size - start)
  const bytes = await file.read(piece.offset + start, size)
  const nodes = await file.read(tree.offset, tree.size)
  const proof = MerkleTree.fromNodes(nodes, leafCount(manifest)).prove(range.first, count)
  const root = manifest.roots[header.shareNumber] ?? new Uint8Array(0)
  const { shareNumber } = header
  verifyLeaves({ root, shareNumber, pieceSize: piece.size, leafSize }, range.first, bytes, proof)
  return { bytes, proof }
}
