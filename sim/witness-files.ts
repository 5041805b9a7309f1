/** What the witness makes of a friend's files: heads and shares that are what they should be. */

import { z } from 'zod'
import { equal } from '../protocol/bytes.ts'
import { bytesField, decodeCbor } from '../protocol/cbor.ts'
import { FormatError } from '../protocol/errors.ts'
import { openHead, type OpenedHead } from '../protocol/head.ts'
import { decodeManifest, packId, type PackId } from '../protocol/manifest.ts'
import { MerkleTree } from '../protocol/merkle.ts'
import { checkShareSize, decodeShareHeader, shareLayout } from '../protocol/share.ts'
import type { VolumeFile } from './volume.ts'

const headFileSchema = z.strictObject({ head: bytesField(1, 65_536), receipt: bytesField(1, 4096) })

/** A share that is what its pack's manifest says. */
export interface SoundShare {
  readonly index: number
  readonly manifest: Uint8Array
  readonly bytes: Uint8Array
}

/** @returns what a friend keeps as a head; nothing where a bit of it has turned over */
export function readHead(file: VolumeFile): OpenedHead | undefined {
  const limits = { format: 'kept head', sizeMax: 128 * 1024 }
  try {
    return openHead(decodeCbor(file.read(0, file.size), headFileSchema, limits).head)
  } catch (error) {
    if (error instanceof FormatError) return undefined
    throw error
  }
}

/** @returns nothing where the file is not that share: it was torn, or a bit of it has turned over */
export function readShare(id: PackId, index: number, file: VolumeFile): SoundShare | undefined {
  try {
    const bytes = file.read(0, file.size)
    const { header } = decodeShareHeader(bytes)
    checkShareSize(header, file.size)
    const { offset, size } = shareLayout(header).piece
    const piece = bytes.slice(offset, offset + size)
    const manifest = decodeManifest(header.manifest)
    const { root } = MerkleTree.ofShare(index, piece, manifest.leafSize)
    const isRight =
      header.shareNumber === index &&
      packId(header.manifest) === id &&
      equal(root, manifest.roots[index] ?? new Uint8Array(0))
    return isRight ? { index, manifest: header.manifest, bytes: piece } : undefined
  } catch (error) {
    if (error instanceof FormatError) return undefined
    throw error
  }
}
