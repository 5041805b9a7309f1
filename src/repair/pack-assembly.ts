/**
 * Pack assembly: a pack from what this machine can make of it and, leaf by leaf, what the grid has to give.
 *
 * Leaves of which a byte is lacking are read from the shares that hold them. Where such a share is lost
 * too, as many leaves of parity at the same place give back what lacks in that column: never more is
 * fetched than what could not be made here. What was made here is believed until the data shares' roots
 * are compared with the manifest's, which decides; then the least sure bytes of the shares that are wrong
 * are fetched as well.
 */

import { equal } from '../../protocol/bytes.ts'
import { leafCount, pieceSize, type Manifest } from '../../protocol/manifest.ts'
import { MerkleTree } from '../../protocol/merkle.ts'
import { decodePieces, type Piece } from '../codec/erasure.ts'

/** How sure it is that bytes are the pack's, in this order; what is less sure is doubted first. */
const SURENESS = { unknown: 0, guessed: 1, likely: 2, sure: 3, rebuilt: 4, verified: 5 } as const

/** `sure`: the object's key or its digest says so. `likely`: nothing speaks against it. */
export type Sureness = 'likely' | 'sure'

/** Leaf `leaf` of share `shareNumber`. */
export interface LeafPlace {
  readonly shareNumber: number
  readonly leaf: number
}

export class PackAssembly {
  readonly #manifest: Manifest
  readonly #pieceSize: number
  readonly bytes: Uint8Array
  /** Bytes of leaves that peers gave. */
  fetched = 0
  /** Of each byte. */
  readonly #sureness: Uint8Array
  /** Leaves of parity that were fetched, by column and share. */
  readonly #parity = new Map<number, Map<number, Uint8Array>>()

  constructor(manifest: Manifest) {
    this.#manifest = manifest
    this.#pieceSize = pieceSize(manifest)
    this.bytes = new Uint8Array(manifest.size)
    this.#sureness = new Uint8Array(manifest.size)
  }

  /** Bytes that were made here; they are not known from elsewhere yet. */
  put(offset: number, bytes: Uint8Array, sureness: Sureness): void {
    this.bytes.set(bytes, offset)
    this.#sureness.fill(SURENESS[sureness], offset, offset + bytes.length)
  }

  /** Bytes that follow from others, for where nothing is there yet; nothing at all where they differ from what is. */
  guess(offset: number, bytes: Uint8Array): void {
    const known = this.#sureness.subarray(offset, offset + bytes.length)
    if (known.some((level, at) => level > 0 && this.bytes[offset + at] !== bytes[at])) return
    for (const [at, level] of known.entries()) {
      if (level > 0) continue
      this.bytes[offset + at] = bytes[at] ?? 0
      known[at] = SURENESS.guessed
    }
  }

  /** @returns whether every byte of the range is there */
  knows(offset: number, length: number): boolean {
    return !this.#sureness.subarray(offset, offset + length).includes(SURENESS.unknown)
  }

  /**
   * Which leaves are to be fetched, column by column.
   *
   * @param isHeld - whether a share can be read
   * @param range - only what it takes to know these bytes of the pack
   * @returns `undefined` where too few shares can be read
   */
  lacking(
    isHeld: (shareNumber: number) => boolean,
    range: { readonly offset: number; readonly length: number },
  ): LeafPlace[] | undefined {
    const places: LeafPlace[] = []
    for (let leaf = 0; leaf < leafCount(this.#manifest); leaf += 1) {
      const shares = this.#lackingAt(leaf, isHeld, range)
      if (shares === undefined) return undefined
      for (const shareNumber of shares) places.push({ shareNumber, leaf })
    }
    return places
  }

  /** Leaves of one share that a peer gave, verified. */
  putLeaves({ shareNumber, leaf: first }: LeafPlace, bytes: Uint8Array): void {
    const { needed, leafSize } = this.#manifest
    this.fetched += bytes.length
    if (shareNumber < needed) {
      const offset = shareNumber * this.#pieceSize + first * leafSize
      this.#set(offset, bytes, SURENESS.verified)
      return
    }
    for (let at = 0, leaf = first; at < bytes.length; at += leafSize, leaf += 1) {
      const column = this.#parity.get(leaf) ?? new Map<number, Uint8Array>()
      this.#parity.set(leaf, column.set(shareNumber, bytes.subarray(at, at + leafSize)))
    }
  }

  /** Bring back what lacks, as far as the leaves of parity that are there allow it. */
  rebuild(): void {
    const { needed } = this.#manifest
    for (const [leaf, parity] of this.#parity) {
      const data = Array.from({ length: needed }, (_, index) => index)
      const [known, lacking] = [
        data.filter((share) => this.#isKnown(share, leaf)),
        data.filter((share) => !this.#isKnown(share, leaf)),
      ]
      if (lacking.length === 0 || known.length + parity.size < needed) continue
      const pieces: Piece[] = [
        ...known.map((index) => ({ index, bytes: this.#leafBytes(index, leaf) })),
        ...[...parity].slice(0, lacking.length).map(([index, bytes]) => ({ index, bytes })),
      ]
      const rebuilt = decodePieces(pieces, this.#manifest)
      for (const share of lacking) {
        const offset = this.#rangeOf(share, leaf).offset
        this.#set(offset, rebuilt[share] ?? new Uint8Array(0), SURENESS.rebuilt)
      }
    }
  }

  /** @returns data shares that are not what the manifest names */
  wrongShares(): number[] {
    const { needed, leafSize, roots } = this.#manifest
    const wrong: number[] = []
    const piece = new Uint8Array(this.#pieceSize)
    for (let share = 0; share < needed; share += 1) {
      const part = this.bytes.subarray(share * this.#pieceSize, (share + 1) * this.#pieceSize)
      piece.set(part)
      piece.fill(0, part.length)
      const { root } = MerkleTree.ofShare(share, piece, leafSize)
      if (!equal(root, roots[share] ?? new Uint8Array(0))) wrong.push(share)
    }
    return wrong
  }

  /**
   * Forget the least sure bytes of these shares, and all that was rebuilt, since it rests on others.
   *
   * @returns whether anything was forgotten that was made here
   */
  doubt(shares: readonly number[]): boolean {
    const all = this.#sureness
    for (let at = 0; at < all.length; at += 1) {
      if (all[at] === SURENESS.rebuilt) all[at] = SURENESS.unknown
    }
    const ranges = shares.map((share) =>
      all.subarray(share * this.#pieceSize, (share + 1) * this.#pieceSize),
    )
    for (const level of [SURENESS.guessed, SURENESS.likely, SURENESS.sure]) {
      const doubtful = ranges.filter((range) => range.includes(level))
      if (doubtful.length === 0) continue
      for (const range of doubtful) {
        for (let at = 0; at < range.length; at += 1) {
          if (range[at] === level) range[at] = SURENESS.unknown
        }
      }
      return true
    }
    return false
  }

  #lackingAt(
    leaf: number,
    isHeld: (shareNumber: number) => boolean,
    range: { readonly offset: number; readonly length: number },
  ): number[] | undefined {
    const { needed, total } = this.#manifest
    const data = Array.from({ length: needed }, (_, index) => index)
    const unknown = data.filter((share) => !this.#isKnown(share, leaf))
    const wanted = unknown.filter((share) => meets(this.#rangeOf(share, leaf), range))
    if (wanted.every(isHeld)) return wanted
    // One that is lost takes all others of its column.
    const direct = unknown.filter(isHeld)
    const have = this.#parity.get(leaf)
    const missing = unknown.length - direct.length - (have?.size ?? 0)
    const parity = Array.from({ length: total - needed }, (_, index) => needed + index)
    const more = parity.filter((share) => isHeld(share) && have?.has(share) !== true)
    if (more.length < missing) return undefined
    return [...direct, ...more.slice(0, Math.max(0, missing))]
  }

  #isKnown(share: number, leaf: number): boolean {
    const { offset, length } = this.#rangeOf(share, leaf)
    return this.knows(offset, length)
  }

  /** A leaf as it is encoded: what is behind the pack's end is zeros. */
  #leafBytes(share: number, leaf: number): Uint8Array {
    const { leafSize } = this.#manifest
    const bytes = new Uint8Array(Math.min(leafSize, this.#pieceSize - leaf * leafSize))
    const { offset, length } = this.#rangeOf(share, leaf)
    bytes.set(this.bytes.subarray(offset, offset + length))
    return bytes
  }

  /** Where a leaf of a data share lies in the pack; of no length behind its end. */
  #rangeOf(share: number, leaf: number): { offset: number; length: number } {
    const { leafSize, size } = this.#manifest
    const inPiece = leaf * leafSize
    const offset = Math.min(size, share * this.#pieceSize + inPiece)
    const end = Math.min(size, offset + Math.min(leafSize, this.#pieceSize - inPiece))
    return { offset, length: end - offset }
  }

  #set(offset: number, bytes: Uint8Array, sureness: number): void {
    const inside = bytes.subarray(0, Math.max(0, this.#manifest.size - offset))
    if (inside.length === 0) return
    this.bytes.set(inside, offset)
    this.#sureness.fill(sureness, offset, offset + inside.length)
  }
}

function meets(
  a: { readonly offset: number; readonly length: number },
  b: { readonly offset: number; readonly length: number },
): boolean {
  return a.offset < b.offset + b.length && b.offset < a.offset + a.length
}
