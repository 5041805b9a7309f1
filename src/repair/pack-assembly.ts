/**
 * Pack assembly: a pack from what this machine can make of it and, leaf by leaf, what peers give.
 *
 * The code works on every column of bytes for itself. Leaves of which a byte is lacking are read from the
 * shares that hold them; where such a share is lost too, as many leaves of parity at the same place give
 * back what lacks in that column. So no more is fetched than what could not be made here. What was made
 * here is believed until the data shares' roots are compared with the manifest's, which decides: then the
 * least sure bytes of the shares that are wrong are fetched as well.
 */

import { equal } from '../../protocol/bytes.ts'
import type { Extent } from '../../protocol/extents.ts'
import { leafCount, pieceSize, type Manifest } from '../../protocol/manifest.ts'
import { MerkleTree } from '../../protocol/merkle.ts'
import { decodePieces, type Piece } from '../codec/erasure.ts'

/** How sure it is that bytes are the pack's; in between lies what was made here with doubts, the greatest first. */
const UNKNOWN = 0
const MADE = 253
const REBUILT = 254
const VERIFIED = 255

/** Leaf `leaf` of share `shareNumber`. */
export interface LeafPlace {
  readonly shareNumber: number
  readonly leaf: number
}

/** A pack as far as it was made here. */
export interface MadeBytes {
  /** The pack at its beginning; may be longer. */
  readonly bytes: Uint8Array
  /** Stretches that could not be made. What `bytes` has there means nothing. */
  readonly gaps: readonly Extent[]
  /** Stretches that may be wrong, the least sure first; all others are surer than these. */
  readonly doubts?: readonly (readonly Extent[])[] | undefined
}

export class PackAssembly {
  readonly #manifest: Manifest
  readonly #pieceSize: number
  readonly #bytes: Uint8Array
  /** Of each byte. */
  readonly #sureness: Uint8Array
  /** Leaves of parity that were fetched, by column and share. */
  readonly #parity = new Map<number, Map<number, Uint8Array>>()

  /** @param made - its bytes are taken over */
  constructor(manifest: Manifest, { bytes, gaps, doubts = [] }: MadeBytes) {
    this.#manifest = manifest
    this.#pieceSize = pieceSize(manifest)
    this.#bytes = bytes.subarray(0, manifest.size)
    this.#sureness = new Uint8Array(manifest.size).fill(MADE)
    for (const [index, stretches] of doubts.entries()) this.#mark(stretches, index + 1)
    this.#mark(gaps, UNKNOWN)
  }

  /** The pack as it is by now; a view of what it was made from. */
  get bytes(): Uint8Array {
    return this.#bytes
  }

  /**
   * Which leaves are to be fetched, column by column.
   *
   * @param held - shares that can be read
   * @returns `undefined` where they are too few
   */
  lacking(held: ReadonlySet<number>): LeafPlace[] | undefined {
    const places: LeafPlace[] = []
    for (let leaf = 0; leaf < leafCount(this.#manifest); leaf += 1) {
      const shares = this.#lackingAt(leaf, held)
      if (shares === undefined) return undefined
      for (const shareNumber of shares) places.push({ shareNumber, leaf })
    }
    return places
  }

  /** Leaves of one share from `leaf` on that a peer gave, verified; they are kept. */
  putLeaves({ shareNumber, leaf: first }: LeafPlace, bytes: Uint8Array): void {
    const { needed, leafSize } = this.#manifest
    if (shareNumber < needed) {
      this.#set(shareNumber * this.#pieceSize + first * leafSize, bytes, VERIFIED)
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
      const lacking = this.#unknownAt(leaf)
      if (lacking.length === 0 || lacking.length > parity.size) continue
      const known = range(0, needed).filter((share) => !lacking.includes(share))
      const pieces: Piece[] = [
        ...known.map((index) => ({ index, bytes: this.#leafBytes(index, leaf) })),
        ...[...parity].slice(0, lacking.length).map(([index, bytes]) => ({ index, bytes })),
      ]
      const rebuilt = decodePieces(pieces, this.#manifest)
      for (const share of lacking) {
        this.#set(this.#placeOf(share, leaf).offset, rebuilt[share] ?? new Uint8Array(0), REBUILT)
      }
    }
  }

  /** @returns data shares that are not what the manifest names */
  wrongShares(): number[] {
    const { needed, leafSize, roots } = this.#manifest
    const piece = new Uint8Array(this.#pieceSize)
    return range(0, needed).filter((share) => {
      const part = this.#bytes.subarray(share * this.#pieceSize, (share + 1) * this.#pieceSize)
      piece.set(part)
      piece.fill(0, part.length)
      const { root } = MerkleTree.ofShare(share, piece, leafSize)
      return !equal(root, roots[share] ?? new Uint8Array(0))
    })
  }

  /**
   * Forget the least sure bytes of these shares, and all that was rebuilt, since it rests on others.
   *
   * @returns whether there was any doubt left
   */
  doubt(shares: readonly number[]): boolean {
    replace(this.#sureness, REBUILT)
    const ranges = shares.map((share) =>
      this.#sureness.subarray(share * this.#pieceSize, (share + 1) * this.#pieceSize),
    )
    const least = Math.min(...ranges.map(leastOf))
    if (least >= MADE) return false
    for (const one of ranges) replace(one, least)
    return true
  }

  #mark(stretches: readonly Extent[], sureness: number): void {
    for (const { offset, length } of stretches) {
      this.#sureness.fill(sureness, offset, offset + length)
    }
  }

  #lackingAt(leaf: number, held: ReadonlySet<number>): number[] | undefined {
    const { needed, total } = this.#manifest
    const unknown = this.#unknownAt(leaf)
    const direct = unknown.filter((share) => held.has(share))
    const have = this.#parity.get(leaf)
    const missing = Math.max(0, unknown.length - direct.length - (have?.size ?? 0))
    if (missing === 0) return direct
    const more = range(needed, total).filter(
      (share) => held.has(share) && have?.has(share) !== true,
    )
    return more.length < missing ? undefined : [...direct, ...more.slice(0, missing)]
  }

  /** @returns data shares that lack a byte there */
  #unknownAt(leaf: number): number[] {
    return range(0, this.#manifest.needed).filter((share) => {
      const { offset, length } = this.#placeOf(share, leaf)
      return this.#sureness.subarray(offset, offset + length).includes(UNKNOWN)
    })
  }

  /** A leaf as it is encoded: what is behind the pack's end is zeros. */
  #leafBytes(share: number, leaf: number): Uint8Array {
    const { leafSize } = this.#manifest
    const bytes = new Uint8Array(Math.min(leafSize, this.#pieceSize - leaf * leafSize))
    const { offset, length } = this.#placeOf(share, leaf)
    bytes.set(this.#bytes.subarray(offset, offset + length))
    return bytes
  }

  /** Where a leaf of a data share lies in the pack; of no length behind its end. */
  #placeOf(share: number, leaf: number): Extent {
    const { leafSize, size } = this.#manifest
    const inPiece = leaf * leafSize
    const offset = Math.min(size, share * this.#pieceSize + inPiece)
    const end = Math.min(size, offset + Math.min(leafSize, this.#pieceSize - inPiece))
    return { offset, length: end - offset }
  }

  #set(offset: number, bytes: Uint8Array, sureness: number): void {
    const inside = bytes.subarray(0, Math.max(0, this.#manifest.size - offset))
    if (inside.length === 0) return
    this.#bytes.set(inside, offset)
    this.#sureness.fill(sureness, offset, offset + inside.length)
  }
}

function leastOf(sureness: Uint8Array): number {
  let least = MADE
  for (const level of sureness) if (level > UNKNOWN && level < least) least = level
  return least
}

/** Bytes of this sureness are not known any more. */
function replace(sureness: Uint8Array, level: number): void {
  for (let at = sureness.indexOf(level); at !== -1; at = sureness.indexOf(level, at)) {
    const end = sureness.subarray(at).findIndex((other) => other !== level)
    const until = end === -1 ? sureness.length : at + end
    sureness.fill(UNKNOWN, at, until)
    at = until
  }
}

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, at) => from + at)
}
