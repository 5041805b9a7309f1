/**
 * Merkle trees over shares: any run of leaves can be checked alone, against 32 bytes.
 *
 * The shape is that of RFC 6962: the left half of n leaves is the largest power of two below n. A leaf
 * is hashed with its share's number, its own index and its length, so a good block in a wrong place is
 * a bad block.
 *
 * Format: docs/formats/share.md
 */

import { equal } from './bytes.ts'
import { FormatError } from './errors.ts'
import { DIGEST_SIZE, sha256, sha256Into } from './hash.ts'

const LEAF = 0x00
const NODE = Uint8Array.of(0x01)

/** Most hashes in a proof: a run in the middle of the deepest tree (16,384 leaves), both sides. */
export const PROOF_COUNT_MAX = 26

/** Bytes that are not the leaves they are said to be. */
export class BadBlockError extends FormatError {
  override readonly name = 'BadBlockError'
}

/** A share as its manifest describes it. */
export interface ShareShape {
  /** Of the share's Merkle tree, 32 bytes. */
  readonly root: Uint8Array
  readonly shareNumber: number
  /** Bytes of the share's piece. */
  readonly pieceSize: number
  /** Bytes of each leaf but the last. */
  readonly leafSize: number
}

/**
 * SHA-256(0x00 ‖ u8 share number ‖ u32 leaf index ‖ u32 length ‖ bytes)
 *
 * @throws {FormatError} if the share number or the index would wrap around
 */
export function leafHash(shareNumber: number, leafIndex: number, bytes: Uint8Array): Uint8Array {
  return sha256(leafPrefix(shareNumber, leafIndex, bytes.length), bytes)
}

function leafPrefix(shareNumber: number, leafIndex: number, length: number): Uint8Array {
  if (shareNumber >>> 0 !== shareNumber || shareNumber > 255 || leafIndex >>> 0 !== leafIndex) {
    throw new FormatError(`merkle: no leaf ${leafIndex} of share ${shareNumber}`)
  }
  const prefix = new Uint8Array(10)
  prefix[0] = LEAF
  prefix[1] = shareNumber
  putU32(prefix, 2, leafIndex)
  putU32(prefix, 6, length)
  return prefix
}

function putU32(bytes: Uint8Array, at: number, value: number): void {
  for (let index = 0; index < 4; index++) bytes[at + index] = value >>> (24 - 8 * index)
}

/** SHA-256(0x01 ‖ left ‖ right) */
export function nodeHash(left: Uint8Array, right: Uint8Array): Uint8Array {
  return sha256(NODE, left, right)
}

/**
 * A share's whole tree.
 *
 * Its nodes lie level by level, leaves first; each level has half the nodes of the one below, rounded
 * up, and an odd last node moves up as it is. That gives the shape of RFC 6962.
 */
export class MerkleTree {
  readonly leafCount: number
  /** All levels, leaves first and root last; 32 bytes a node. */
  readonly nodes: Uint8Array
  /** Where each level starts, in nodes. */
  readonly #levels: readonly number[]

  private constructor(nodes: Uint8Array, leafCount: number) {
    this.leafCount = leafCount
    this.nodes = nodes
    this.#levels = levelStarts(leafCount)
  }

  /**
   * @param bytes - the share's piece, at least one byte
   * @throws {FormatError} for an empty piece
   */
  static ofShare(shareNumber: number, bytes: Uint8Array, leafSize: number): MerkleTree {
    const count = Math.ceil(bytes.length / leafSize)
    const nodes = new Uint8Array(merkleNodesSize(count))
    for (let index = 0; index < count; index++) {
      const leaf = bytes.subarray(index * leafSize, (index + 1) * leafSize)
      sha256Into(nodes, index * DIGEST_SIZE, leafPrefix(shareNumber, index, leaf.length), leaf)
    }
    const tree = new MerkleTree(nodes, count)
    tree.#fill()
    return tree
  }

  /**
   * For shares that are hashed while they stream past.
   *
   * @throws {FormatError} without any leaf
   */
  static ofLeafHashes(hashes: readonly Uint8Array[]): MerkleTree {
    const nodes = new Uint8Array(merkleNodesSize(hashes.length))
    for (const [index, hash] of hashes.entries()) nodes.set(hash, index * DIGEST_SIZE)
    const tree = new MerkleTree(nodes, hashes.length)
    tree.#fill()
    return tree
  }

  /**
   * Open a stored tree. Its hashes are not recomputed: a damaged tree gives proofs that fail.
   *
   * @throws {FormatError} unless there are as many bytes as this number of leaves needs
   */
  static fromNodes(nodes: Uint8Array, leafCount: number): MerkleTree {
    if (nodes.length !== merkleNodesSize(leafCount)) {
      throw new FormatError(`merkle: ${nodes.length} bytes for the tree of ${leafCount} leaves`)
    }
    return new MerkleTree(nodes, leafCount)
  }

  /** 32 bytes. */
  get root(): Uint8Array {
    return this.nodes.slice(this.nodes.length - DIGEST_SIZE)
  }

  /**
   * What a reader needs to check leaves `first` to `first + count` − 1: the roots of the largest
   * subtrees outside the run, left to right.
   *
   * @throws {FormatError} unless the run is one or more leaves of this share
   */
  prove(first: number, count: number): Uint8Array[] {
    checkRun(first, count, this.leafCount)
    const proof: Uint8Array[] = []
    const visit = (from: number, to: number): void => {
      if (to <= first || from >= first + count) proof.push(this.#subtree(from, to))
      else if (to - from > 1) {
        const middle = from + leftSize(to - from)
        visit(from, middle)
        visit(middle, to)
      }
    }
    visit(0, this.leafCount)
    return proof
  }

  #subtree(from: number, to: number): Uint8Array {
    const level = Math.ceil(Math.log2(to - from))
    return this.#node(level, Math.floor(from / 2 ** level)).slice()
  }

  #node(level: number, index: number): Uint8Array {
    const start = ((this.#levels[level] ?? 0) + index) * DIGEST_SIZE
    return this.nodes.subarray(start, start + DIGEST_SIZE)
  }

  #fill(): void {
    let width = this.leafCount
    for (let level = 1; level < this.#levels.length; level++) {
      for (let index = 0; 2 * index < width; index++) {
        const left = this.#node(level - 1, 2 * index)
        const isPair = 2 * index + 1 < width
        const parent = this.#node(level, index)
        if (isPair) sha256Into(parent, 0, NODE, left, this.#node(level - 1, 2 * index + 1))
        else parent.set(left)
      }
      width = Math.ceil(width / 2)
    }
  }
}

/**
 * @returns bytes of the stored tree of so many leaves
 * @throws {FormatError} unless `leafCount` is a positive integer
 */
export function merkleNodesSize(leafCount: number): number {
  const starts = levelStarts(leafCount)
  return ((starts.at(-1) ?? 0) + 1) * DIGEST_SIZE
}

/**
 * Check that `bytes` are the leaves of a share from leaf `first` on.
 *
 * @param bytes - whole leaves; only the share's last one is shorter
 * @param proof - as {@link MerkleTree.prove} gives it
 * @throws {BadBlockError} if they are not, or the proof has too few or too many hashes
 */
export function verifyLeaves(
  share: ShareShape,
  first: number,
  bytes: Uint8Array,
  proof: readonly Uint8Array[],
): void {
  const count = runLength(share, first, bytes.length)
  const hashes = proof.values()
  const visit = (from: number, to: number): Uint8Array => {
    if (to <= first || from >= first + count) return nextHash(hashes)
    if (to - from === 1) {
      const start = (from - first) * share.leafSize
      return leafHash(share.shareNumber, from, bytes.subarray(start, start + share.leafSize))
    }
    const middle = from + leftSize(to - from)
    return nodeHash(visit(from, middle), visit(middle, to))
  }
  const root = visit(0, Math.ceil(share.pieceSize / share.leafSize))
  if (hashes.next().done !== true) throw new BadBlockError('proof has hashes left over')
  if (!equal(root, share.root)) throw new BadBlockError(`share ${share.shareNumber}: wrong root`)
}

/** @returns how many leaves there are in `size` bytes from leaf `first` on */
function runLength(share: ShareShape, first: number, size: number): number {
  const start = first * share.leafSize
  const isInside =
    Number.isSafeInteger(first) && first >= 0 && size > 0 && start + size <= share.pieceSize
  if (!isInside) throw new BadBlockError(`${size} bytes from leaf ${first} are not in the share`)
  if (size % share.leafSize !== 0 && start + size !== share.pieceSize) {
    throw new BadBlockError(`${size} bytes are not whole leaves`)
  }
  return Math.ceil(size / share.leafSize)
}

function nextHash(hashes: Iterator<Uint8Array>): Uint8Array {
  const { done, value } = hashes.next()
  if (done === true) throw new BadBlockError('proof has too few hashes')
  if (value.length !== DIGEST_SIZE) throw new BadBlockError('proof has a hash of a wrong size')
  return value
}

function checkRun(first: number, count: number, leafCount: number): void {
  const isInside =
    Number.isSafeInteger(first) &&
    Number.isSafeInteger(count) &&
    first >= 0 &&
    count >= 1 &&
    first + count <= leafCount
  if (!isInside) throw new FormatError(`merkle: no ${count} leaves at ${first} of ${leafCount}`)
}

/** The largest power of two below `count`, for `count` ≥ 2. */
function leftSize(count: number): number {
  return 2 ** (Math.ceil(Math.log2(count)) - 1)
}

function levelStarts(leafCount: number): number[] {
  if (!Number.isSafeInteger(leafCount) || leafCount < 1) {
    throw new FormatError(`merkle: a tree has 1 leaf or more, not ${leafCount}`)
  }
  const starts = [0]
  let start = 0
  for (let width = leafCount; width > 1; width = Math.ceil(width / 2)) {
    start += width
    starts.push(start)
  }
  return starts
}
