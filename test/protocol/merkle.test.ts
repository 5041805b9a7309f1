import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import { toHex } from '../../protocol/bytes.ts'
import { FormatError } from '../../protocol/errors.ts'
import {
  BadBlockError,
  leafHash,
  merkleNodesSize,
  MerkleTree,
  PROOF_COUNT_MAX,
  verifyLeaves,
} from '../../protocol/merkle.ts'
import type { ShareShape } from '../../protocol/merkle.ts'
import { slowLeaves, slowProof, slowRoot } from '../reference/merkle.ts'
import { flip, sample } from '../vectors/format.ts'

const LEAF_SIZE = 16

/** Pieces around every boundary of leaves up to 40 of them, and a run of leaves inside. */
const piece = fc
  .tuple(fc.integer({ min: 1, max: 40 }), fc.integer({ min: -15, max: 0 }), fc.nat(255))
  .map(([leaves, less, seed]) => sample(leaves * LEAF_SIZE + less, seed))
const pieceAndRun = piece.chain((bytes) => {
  const leaves = Math.ceil(bytes.length / LEAF_SIZE)
  return fc.tuple(fc.constant(bytes), fc.nat(leaves - 1), fc.nat(leaves - 1))
})

describe('a share', () => {
  it('has the root and the proofs of its slow twin', () => {
    fc.assert(
      fc.property(pieceAndRun, fc.nat(255), ([bytes, a, b], shareNumber) => {
        const [first, last] = [Math.min(a, b), Math.max(a, b)]
        const tree = MerkleTree.ofShare(shareNumber, bytes, LEAF_SIZE)
        const leaves = slowLeaves(shareNumber, bytes, LEAF_SIZE)
        expect(toHex(tree.root)).toBe(slowRoot(leaves).toString('hex'))
        const wanted = leaves.map((_, index) => index >= first && index <= last)
        const proof = tree.prove(first, last - first + 1)
        expect(proof.map(toHex)).toEqual(
          slowProof(leaves, wanted).map((hash) => hash.toString('hex')),
        )
      }),
    )
  })

  it('has every run of its leaves accepted, S11: whatever its size', () => {
    fc.assert(
      fc.property(pieceAndRun, ([bytes, a, b]) => {
        const { tree, share } = shareOf(bytes)
        const [first, last] = [Math.min(a, b), Math.max(a, b)]
        const run = bytes.subarray(first * LEAF_SIZE, (last + 1) * LEAF_SIZE)
        verifyLeaves(share, first, run, tree.prove(first, last - first + 1))
      }),
    )
    for (const size of [1, LEAF_SIZE - 1, LEAF_SIZE, LEAF_SIZE + 1]) {
      const { bytes, tree, share } = shareOf(sample(size))
      expect(() => verifyLeaves(share, 0, bytes, tree.prove(0, tree.leafCount))).not.toThrow()
    }
  })

  it('comes back from its stored nodes as it was', () => {
    fc.assert(
      fc.property(piece, (bytes) => {
        const { tree } = shareOf(bytes)
        const again = MerkleTree.fromNodes(tree.nodes.slice(), tree.leafCount)
        expect(again.root).toEqual(tree.root)
        expect(again.prove(0, 1)).toEqual(tree.prove(0, 1))
        expect(tree.nodes).toHaveLength(merkleNodesSize(tree.leafCount))
      }),
    )
  })

  it('can be hashed leaf by leaf as it streams past', () => {
    const { bytes, tree } = shareOf(sample(100))
    const hashes = Array.from({ length: 7 }, (_, index) =>
      leafHash(3, index, bytes.subarray(index * LEAF_SIZE, (index + 1) * LEAF_SIZE)),
    )
    expect(MerkleTree.ofLeafHashes(hashes).nodes).toEqual(tree.nodes)
  })

  it('has no proof longer than the wire allows, in the largest tree there is', () => {
    const leaves = 16_384
    const tree = MerkleTree.fromNodes(new Uint8Array(merkleNodesSize(leaves)), leaves)
    const runs = [
      [1, leaves - 2],
      [leaves / 2 - 1, 2],
      [leaves / 2 - 3, 5],
      [1, 1],
      [leaves - 1, 1],
    ] as const
    const sizes = runs.map(([first, count]) => tree.prove(first, count).length)
    expect(Math.max(...sizes)).toBe(PROOF_COUNT_MAX)
  })

  it('has no number that would wrap around', () => {
    for (const [shareNumber, index] of [
      [256, 0],
      [-1, 0],
      [0.5, 0],
      [0, 2 ** 32],
      [0, -1],
    ] as const) {
      expect(() => leafHash(shareNumber, index, sample(1))).toThrow(FormatError)
    }
  })

  it('S11: of 0 bytes does not exist', () => {
    expect(() => MerkleTree.ofShare(0, new Uint8Array(0), LEAF_SIZE)).toThrow(FormatError)
    expect(() => merkleNodesSize(0)).toThrow(FormatError)
  })

  it('gives no proof for leaves that it has not', () => {
    const { tree } = shareOf(sample(100))
    for (const [first, count] of [
      [0, 0],
      [0, 8],
      [7, 1],
      [-1, 1],
      [0.5, 1],
      [0, Number.NaN],
      [2 ** 53, 1],
    ] as const) {
      expect(() => tree.prove(first, count)).toThrow(FormatError)
    }
  })

  it('does not open from nodes of another number of leaves', () => {
    const { tree } = shareOf(sample(100))
    for (const count of [0, 6, 8, -1, 1.5, Number.NaN]) {
      expect(() => MerkleTree.fromNodes(tree.nodes, count)).toThrow(FormatError)
    }
  })
})

describe('leaves are refused', () => {
  const { bytes, tree, share } = shareOf(sample(7 * LEAF_SIZE + 3))
  const proof = tree.prove(2, 3)
  const run = bytes.subarray(2 * LEAF_SIZE, 5 * LEAF_SIZE)

  it('S01: with any bit of any byte wrong', () => {
    for (let bit = 0; bit < 8 * run.length; bit++) {
      const wrong = flip(run, bit >> 3, 1 << (bit & 7))
      expect(() => verifyLeaves(share, 2, wrong, proof)).toThrow(BadBlockError)
    }
  })

  it('S01: with any byte of any hash of the proof wrong', () => {
    for (const [which, hash] of proof.entries()) {
      for (let index = 0; index < hash.length; index++) {
        const wrong = proof.with(which, flip(hash, index))
        expect(() => verifyLeaves(share, 2, run, wrong)).toThrow(BadBlockError)
      }
    }
  })

  it('S02: when shorter or longer than whole leaves, or past the end', () => {
    for (const size of [0, 1, run.length - 1, run.length + 1]) {
      expect(() => verifyLeaves(share, 2, bytes.subarray(32, 32 + size), proof)).toThrow(
        BadBlockError,
      )
    }
    const last = bytes.subarray(7 * LEAF_SIZE)
    const lastProof = tree.prove(7, 1)
    expect(() => verifyLeaves(share, 7, last, lastProof)).not.toThrow()
    expect(() => verifyLeaves(share, 7, last.subarray(1), lastProof)).toThrow(BadBlockError)
    expect(() => verifyLeaves(share, 7, new Uint8Array(4), lastProof)).toThrow(BadBlockError)
    expect(() => verifyLeaves(share, 7, new Uint8Array(16), lastProof)).toThrow(BadBlockError)
  })

  it('S03: when they are those of another share of the pack', () => {
    const other = MerkleTree.ofShare(4, bytes, LEAF_SIZE)
    expect(() => verifyLeaves(share, 2, run, other.prove(2, 3))).toThrow(BadBlockError)
    const asOther = { ...share, shareNumber: 4 }
    expect(() => verifyLeaves(asOther, 2, run, proof)).toThrow(BadBlockError)
  })

  it('S03: when they are those of another place in the same share, even with equal bytes', () => {
    const even = shareOf(new Uint8Array(8 * LEAF_SIZE))
    const leaf = even.bytes.subarray(0, LEAF_SIZE)
    expect(() => verifyLeaves(even.share, 3, leaf, even.tree.prove(3, 1))).not.toThrow()
    expect(() => verifyLeaves(even.share, 2, leaf, even.tree.prove(3, 1))).toThrow(BadBlockError)
  })

  it('S04: when they are those of another pack', () => {
    const other = shareOf(sample(bytes.length, 99))
    const otherRun = other.bytes.subarray(2 * LEAF_SIZE, 5 * LEAF_SIZE)
    expect(() => verifyLeaves(share, 2, otherRun, other.tree.prove(2, 3))).toThrow(BadBlockError)
  })

  it('with a hash too few, too many, or of a wrong size', () => {
    for (const wrong of [
      proof.slice(1),
      proof.slice(0, -1),
      [],
      [...proof, sample(32)],
      proof.with(0, sample(31)),
      proof.toReversed(),
    ]) {
      expect(() => verifyLeaves(share, 2, run, wrong)).toThrow(BadBlockError)
    }
  })

  it('W09: at an index that is none', () => {
    for (const first of [-1, 0.5, Number.NaN, 8, 2 ** 31, 2 ** 53]) {
      expect(() => verifyLeaves(share, first, run, proof)).toThrow(BadBlockError)
    }
  })

  it('when an inner node is passed off as a leaf', () => {
    const two = shareOf(sample(2 * LEAF_SIZE))
    const forged = { ...two.share, pieceSize: 64, leafSize: 64 }
    const children = two.tree.nodes.slice(0, 64)
    expect(() => verifyLeaves(forged, 0, children, [])).toThrow(BadBlockError)
  })
})

function shareOf(bytes: Uint8Array): { bytes: Uint8Array; tree: MerkleTree; share: ShareShape } {
  const tree = MerkleTree.ofShare(3, bytes, LEAF_SIZE)
  const share = { root: tree.root, shareNumber: 3, pieceSize: bytes.length, leafSize: LEAF_SIZE }
  return { bytes, tree, share }
}
