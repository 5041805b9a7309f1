import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import { FormatError } from '../../protocol/errors.ts'
import { decodeManifest, packId } from '../../protocol/manifest.ts'
import { leafHash } from '../../protocol/merkle.ts'
import { decodePack, encodePack, PackMismatchError } from '../../src/codec/encode-pack.ts'
import { BadPiecesError, encodePieces } from '../../src/codec/erasure.ts'
import { flip, sample } from '../vectors/format.ts'
import { bytesOfSizes, sizesAround } from './builders.ts'

const code = { needed: 3, total: 5, leafSize: 4096 }

describe('a pack', () => {
  it('S11: comes back from any pieces that are enough, at sizes around those of blocks', () => {
    const sizes = [...sizesAround(4096), ...sizesAround(3 * 4096)].filter((size) => size > 0)
    const order = fc.shuffledSubarray([0, 1, 2, 3, 4], { minLength: 3 })
    fc.assert(
      fc.property(bytesOfSizes(...sizes), order, (pack, indices) => {
        const { manifest, pieces } = encodePack(pack, code)
        const given = indices.map((index) => ({ index, bytes: pieces[index]! }))
        expect(decodePack(manifest, given)).toEqual(pack)
      }),
      { numRuns: 60 },
    )
  })

  it('is named by its manifest, which holds the code, the sizes and a root for each piece', () => {
    const encoded = encodePack(sample(5000), code)
    expect(decodeManifest(encoded.manifestBytes)).toEqual(encoded.manifest)
    expect(encoded.id).toBe(packId(encoded.manifestBytes))
    expect(encoded.manifest).toMatchObject({ version: 1, size: 5000, ...code })
    expect(encoded.manifest.roots).toEqual(
      encoded.pieces.map((piece, index) => leafHash(index, 0, piece)),
    )
  })

  it('has the pieces of the erasure code', () => {
    const pack = sample(5000)
    expect(encodePack(pack, code).pieces).toEqual(encodePieces(pack, code))
  })

  it('S11: can be one byte, in more pieces than it has bytes', () => {
    const { manifest, pieces } = encodePack(Uint8Array.of(7), { ...code, total: 9 })
    const last = pieces.map((bytes, index) => ({ index, bytes })).slice(-3)
    expect(decodePack(manifest, last)).toEqual(Uint8Array.of(7))
  })

  it('is not given out when memory spoils it on the way', () => {
    expect(() => encodePack(new SpoiledBytes(sample(100)), code)).toThrow(PackMismatchError)
  })

  it('S11: cannot be empty', () => {
    expect(() => encodePack(new Uint8Array(0), code)).toThrow(FormatError)
  })

  it('has leaves of 4 or 16 KiB', () => {
    expect(() => encodePack(sample(10), { ...code, leafSize: 1000 })).toThrow(FormatError)
  })
})

describe('decoding', () => {
  const { manifest, pieces } = encodePack(sample(10_000), code)
  const given = pieces.map((bytes, index) => ({ index, bytes }))

  it.for([0, 1, 2, 3, 4])('notices that piece %i is wrong in one bit', (bad) => {
    const others = [...given.slice(bad + 1), ...given.slice(0, bad)].slice(0, 2)
    const wrong = { index: bad, bytes: flip(pieces[bad]!, -1) }
    expect(() => decodePack(manifest, [wrong, ...others])).toThrow(PackMismatchError)
  })

  it('notices pieces that changed places', () => {
    const swapped = [
      { index: 0, bytes: pieces[1]! },
      { index: 1, bytes: pieces[0]! },
      { index: 2, bytes: pieces[2]! },
    ]
    expect(() => decodePack(manifest, swapped)).toThrow(PackMismatchError)
  })

  it('notices a padding that is not zero', () => {
    const padded = encodePack(sample(10), { needed: 3, total: 4, leafSize: 4096 })
    const forged = encodePieces(Uint8Array.of(...sample(10), 1), { needed: 3, total: 4 })
    expect(forged.slice(0, 2)).toEqual(padded.pieces.slice(0, 2))
    const pieces3 = forged.slice(0, 3).map((bytes, index) => ({ index, bytes }))
    expect(() => decodePack(padded.manifest, pieces3)).toThrow(PackMismatchError)
  })

  it('refuses pieces of a wrong size, or too few', () => {
    const short = given.map(({ index, bytes }) => ({ index, bytes: bytes.subarray(1) }))
    expect(() => decodePack(manifest, short)).toThrow(BadPiecesError)
    expect(() => decodePack(manifest, given.slice(0, 2))).toThrow(BadPiecesError)
  })
})

/** Bytes that read differently when they are copied in parts: a stand-in for bad memory. */
class SpoiledBytes extends Uint8Array {
  override subarray(from?: number, to?: number): Uint8Array<ArrayBuffer> {
    return new Uint8Array(flip(new Uint8Array(this.slice(from, to)), 0))
  }
}
