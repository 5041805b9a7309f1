/** Vectors of share files: docs/formats/share.md. Each file is checked whole, leaf by leaf. */

import { concat, utf8 } from '../../protocol/bytes.ts'
import { FormatError } from '../../protocol/errors.ts'
import { taggedHash } from '../../protocol/hash.ts'
import { decodeManifest, encodeManifest, leafCount, pieceSize } from '../../protocol/manifest.ts'
import type { Manifest } from '../../protocol/manifest.ts'
import { MerkleTree, verifyLeaves } from '../../protocol/merkle.ts'
import {
  checkShareSize,
  decodeShareHeader,
  encodeShareHeader,
  shareLayout,
} from '../../protocol/share.ts'
import { VAULT, VAULT_BYTES } from '../protocol/examples.ts'

import { flip, sample } from './format.ts'
import type { Scenario } from './format.ts'

const LEAF_SIZE = 4096

/** @returns the header and the Merkle root, after every leaf was proven by the stored tree */
export function decode(bytes: Uint8Array): unknown {
  const { header } = decodeShareHeader(bytes)
  checkShareSize(header, bytes.length)
  const manifest = decodeManifest(header.manifest)
  const layout = shareLayout(header)
  const piece = slice(bytes, layout.piece)
  const tree = MerkleTree.fromNodes(slice(bytes, layout.tree), leafCount(manifest))
  const root = manifest.roots[header.shareNumber]
  if (root === undefined) throw new FormatError('no such share')
  const share = {
    root,
    shareNumber: header.shareNumber,
    pieceSize: pieceSize(manifest),
    leafSize: manifest.leafSize,
  }
  for (let leaf = 0; leaf < tree.leafCount; leaf++) {
    const start = leaf * manifest.leafSize
    verifyLeaves(share, leaf, piece.subarray(start, start + manifest.leafSize), tree.prove(leaf, 1))
  }
  return { vault: header.vault, shareNumber: header.shareNumber, pieceSize: piece.length, root }
}

/** A pack of one data piece and one copy of it (1 of 2): enough to tell shares apart. */
function pack(size: number): { manifest: Manifest; piece: Uint8Array; trees: MerkleTree[] } {
  const piece = sample(size, 31)
  const trees = [0, 1].map((number) => MerkleTree.ofShare(number, piece, LEAF_SIZE))
  const roots = trees.map((tree) => tree.root)
  const manifest = { version: 1, needed: 1, total: 2, size, leafSize: LEAF_SIZE, roots } as const
  return { manifest, piece, trees }
}

function file(size: number, shareNumber: number): Uint8Array {
  const { manifest, piece, trees } = pack(size)
  const header = { vault: VAULT, shareNumber, manifest: encodeManifest(manifest) }
  return concat(encodeShareHeader(header), piece, trees[shareNumber]?.nodes ?? piece)
}

/** A header with a good hash over any fields at all. */
function forged(shareNumber: number, manifest: Uint8Array): Uint8Array {
  const numbers = Uint8Array.of(0, shareNumber, manifest.length >> 8, manifest.length & 255)
  const fields = concat(utf8('cairnsh1'), VAULT_BYTES, numbers, manifest)
  return concat(fields, taggedHash('cairn/1/share-header', fields))
}

const small = file(1, 0)
const three = file(3 * LEAF_SIZE - 1, 1)
const { manifest: threeManifest, trees: threeTrees } = pack(3 * LEAF_SIZE - 1)
const headerSize = decodeShareHeader(three).size
const smallHeaderSize = decodeShareHeader(small).size
const otherShare = concat(three.subarray(0, -192), threeTrees[0]?.nodes ?? three)
const otherPack = concat(three.subarray(0, headerSize), sample(3 * LEAF_SIZE - 1, 32), three.subarray(-192))

export const scenarios: Scenario[] = [
  good('one-byte', small, 'S11: the smallest pack'),
  good('one-leaf', file(LEAF_SIZE, 1), 'S11: exactly one leaf'),
  good('one-leaf-and-a-byte', file(LEAF_SIZE + 1, 0), 'S11: two leaves, the second of one byte'),
  good('three-leaves', three, 'a tree with an odd number of leaves'),
  bad('magic-wrong', flip(small, 0), 'S01: no share file'),
  { ...bad('later-version', concat(utf8('cairnsh2'), small.subarray(8)), 'a later version'), expect: 'VersionError' },
  bad('vault-damaged', flip(small, 8), 'S01: one bit of the vault'),
  bad('share-number-damaged', flip(small, 41), 'S01: one bit of the share number, to one that exists'),
  bad('manifest-damaged', flip(small, 60), 'S01: one bit of the manifest'),
  bad('header-hash-damaged', flip(small, smallHeaderSize - 1), 'S01: one bit of the header’s hash'),
  bad('header-truncated', small.subarray(0, smallHeaderSize - 1), 'S02: the header lacks its last byte'),
  bad('share-number-out-of-range', forged(2, encodeManifest(threeManifest)), 'W09: share 2 of shares 0 and 1'),
  bad('manifest-none', forged(0, sample(50)), 'the hash is right, the manifest is none'),
  damaged('piece-damaged', flip(three, headerSize), 'S01: one bit of the piece'),
  damaged('tree-damaged', flip(three, -192), 'S01: one bit of the hash of leaf 0'),
  damaged('another-share', otherShare, 'S03: the tree of share 0 in a file of share 1'),
  damaged('another-pack', otherPack, 'S04: the piece of another pack'),
  sized('one-byte-short', three.subarray(0, -1), 'S02: shorter than declared'),
  sized('one-byte-long', concat(three, Uint8Array.of(0)), 'S02: longer than declared'),
  sized('nothing-after-the-header', small.subarray(0, smallHeaderSize), 'S11: a share of 0 bytes'),
  bad('empty', new Uint8Array(0), 'no bytes'),
]

function slice(bytes: Uint8Array, { offset, size }: { offset: number; size: number }): Uint8Array {
  return bytes.subarray(offset, offset + size)
}

function good(name: string, bytes: Uint8Array, comment: string): Scenario {
  return { name, expect: 'success', comment, bytes }
}

function bad(name: string, bytes: Uint8Array, comment: string): Scenario {
  return { name, expect: 'FormatError', comment, bytes }
}

function damaged(name: string, bytes: Uint8Array, comment: string): Scenario {
  return { name, expect: 'BadBlockError', comment, bytes }
}

function sized(name: string, bytes: Uint8Array, comment: string): Scenario {
  return { name, expect: 'ShareSizeError', comment, bytes }
}
