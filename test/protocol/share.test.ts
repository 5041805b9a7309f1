import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import { concat, utf8 } from '../../protocol/bytes.ts'
import { FormatError, VersionError } from '../../protocol/errors.ts'
import { taggedHash } from '../../protocol/hash.ts'
import { encodeManifest, MANIFEST_SIZE_MAX } from '../../protocol/manifest.ts'
import { BadBlockError, MerkleTree, verifyLeaves } from '../../protocol/merkle.ts'
import {
  checkShareSize,
  decodeShareHeader,
  encodeShareHeader,
  SHARE_HEADER_SIZE_MAX,
  shareLayout,
  ShareSizeError,
} from '../../protocol/share.ts'
import type { ShareHeader } from '../../protocol/share.ts'
import { flip, sample } from '../vectors/format.ts'

import {
  MANIFEST,
  MANIFEST_BYTES,
  sampleRoots,
  singlePiece,
  VAULT,
  VAULT_BYTES,
} from './examples.ts'
import { foreignError } from './fuzz.ts'

const header: ShareHeader = { vault: VAULT, shareNumber: 4, manifest: MANIFEST_BYTES }
const encoded = encodeShareHeader(header)

describe('headers of shares', () => {
  it('come out as they went in, whatever follows them', () => {
    fc.assert(
      fc.property(fc.nat(4), fc.uint8Array({ maxLength: 50 }), (shareNumber, rest) => {
        const bytes = encodeShareHeader({ ...header, shareNumber })
        const expected = { header: { ...header, shareNumber }, size: bytes.length }
        expect(decodeShareHeader(concat(bytes, rest))).toEqual(expected)
      }),
    )
  })

  it('are as large as stated at the most', () => {
    const manifest = encodeManifest({
      version: 1,
      needed: 256,
      total: 256,
      size: 2 ** 26,
      leafSize: 16_384,
      roots: sampleRoots(256),
    })
    const bytes = encodeShareHeader({ vault: VAULT, shareNumber: 255, manifest })
    expect(bytes).toHaveLength(SHARE_HEADER_SIZE_MAX)
    expect(decodeShareHeader(bytes).header.shareNumber).toBe(255)
  })

  it('throw nothing but FormatErrors when damaged', async () => {
    expect(await foreignError(decodeShareHeader, [encoded], 1000)).toBeUndefined()
  })
})

describe('headers of shares are refused', () => {
  it('S01: with any byte of them wrong', () => {
    for (let index = 0; index < encoded.length; index++) {
      expect(() => decodeShareHeader(flip(encoded, index))).toThrow(FormatError)
    }
  })

  it('S02: cut short at every byte', () => {
    for (let size = 0; size < encoded.length; size++) {
      expect(() => decodeShareHeader(encoded.subarray(0, size))).toThrow(FormatError)
    }
  })

  it('when of another version, and say so', () => {
    expect(() => decodeShareHeader(concat(utf8('cairnsh2'), encoded.subarray(8)))).toThrow(
      VersionError,
    )
    expect(() => decodeShareHeader(utf8('cairnhd1 and so on'))).not.toThrow(VersionError)
  })

  it('W09: for a share that the manifest has not', () => {
    for (const shareNumber of [5, 255, 65_535]) {
      expect(() => encodeShareHeader({ ...header, shareNumber })).toThrow('shareNumber')
      expect(() => decodeShareHeader(forge({ shareNumber }))).toThrow('shareNumber')
    }
    for (const shareNumber of [-1, 2 ** 31, 0.5, Number.NaN]) {
      expect(() => encodeShareHeader({ ...header, shareNumber })).toThrow(FormatError)
    }
  })

  it('with a manifest that is none or too large, though hashed well', () => {
    expect(() => decodeShareHeader(forge({ manifest: sample(100) }))).toThrow(FormatError)
    expect(() => decodeShareHeader(forge({ manifest: new Uint8Array(0) }))).toThrow(FormatError)
    const above = new Uint8Array(MANIFEST_SIZE_MAX + 1)
    expect(() => decodeShareHeader(forge({ manifest: above }))).toThrow('too large')
  })
})

describe('share files', () => {
  it.each([1, 4095, 4096, 4097, 100_000])('S11: of a pack of %d bytes round trip', (size) => {
    const piece = sample(size)
    const { manifest, tree } = singlePiece(piece)
    const own = { vault: VAULT, shareNumber: 0, manifest: encodeManifest(manifest) }
    const file = concat(encodeShareHeader(own), piece, tree.nodes)

    const { header: read } = decodeShareHeader(file)
    const layout = shareLayout(read)
    checkShareSize(read, file.length)
    const stored = file.subarray(layout.tree.offset, layout.tree.offset + layout.tree.size)
    const again = MerkleTree.fromNodes(stored, Math.ceil(size / 4096))
    const bytes = file.subarray(layout.piece.offset, layout.piece.offset + layout.piece.size)
    expect(bytes).toEqual(piece)
    expect(again.root).toEqual(manifest.roots[0])
    const shape = { root: again.root, shareNumber: 0, pieceSize: size, leafSize: 4096 }
    verifyLeaves(shape, 0, bytes, again.prove(0, again.leafCount))
  })

  it('S02: shorter or longer than declared are refused', () => {
    const { size } = shareLayout(header)
    expect(() => checkShareSize(header, size)).not.toThrow()
    for (const wrong of [0, size - 1, size + 1]) {
      expect(() => checkShareSize(header, wrong)).toThrow(ShareSizeError)
    }
  })

  it('S01: with a stored Merkle node wrong give proofs that fail, and only those that use it', () => {
    const piece = sample(8 * 4096)
    const { tree } = singlePiece(piece)
    const shape = { root: tree.root, shareNumber: 0, pieceSize: piece.length, leafSize: 4096 }
    const damaged = MerkleTree.fromNodes(flip(tree.nodes, 32), 8) // the hash of leaf 1
    const leaf = (index: number): Uint8Array => piece.subarray(index * 4096, (index + 1) * 4096)
    expect(() => verifyLeaves(shape, 0, leaf(0), damaged.prove(0, 1))).toThrow(BadBlockError)
    expect(() => verifyLeaves(shape, 5, leaf(5), damaged.prove(5, 1))).not.toThrow()
  })

  it('lie one part after another without gaps', () => {
    const { piece, tree, size } = shareLayout(header)
    expect(piece).toEqual({ offset: encoded.length, size: Math.ceil(MANIFEST.size / 3) })
    expect(tree.offset).toBe(piece.offset + piece.size)
    expect(size).toBe(tree.offset + tree.size)
  })
})

/** A header whose hash is right and whose fields are not. */
function forge(change: { shareNumber?: number; manifest?: Uint8Array }): Uint8Array {
  const { shareNumber = 4, manifest = MANIFEST_BYTES } = change
  const numbers = new Uint8Array(4)
  new DataView(numbers.buffer).setUint16(0, shareNumber)
  new DataView(numbers.buffer).setUint16(2, manifest.length)
  const fields = concat(utf8('cairnsh1'), VAULT_BYTES, numbers, manifest)
  return concat(fields, taggedHash('cairn/1/share-header', fields))
}
