import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import { BadPiecesError, decodePieces, encodePieces } from '../../src/codec/erasure.ts'
import type { Code, Piece } from '../../src/codec/erasure.ts'
import { slowDecode, slowEncode } from '../reference/slow-erasure.ts'
import { sample } from '../vectors/format.ts'

describe('erasure coding', () => {
  it('S12: brings the pack back from every k of n pieces, for all n up to 8', () => {
    for (const code of codesUpTo(8)) {
      const pack = sample(2 * code.needed + 1, code.total)
      const pieces = numbered(encodePieces(pack, code))
      for (const subset of subsets(pieces, code.needed))
        expect(joined(decodePieces(subset, code), pack.length)).toEqual(pack)
    }
  })

  it('agrees with the matrices of zfec, done slowly', () => {
    for (const code of codesUpTo(12)) {
      const pack = sample(3 * code.needed - 1, code.total)
      expect(encodePieces(pack, code)).toEqual(slowEncode(pack, code.needed, code.total))
      const last = numbered(encodePieces(pack, code)).slice(-code.needed)
      expect(decodePieces(last, code)).toEqual(slowDecode(last, code.needed, code.total))
    }
  })

  it.for([
    { needed: 1, total: 256 },
    { needed: 2, total: 256 },
    { needed: 128, total: 256 },
    { needed: 255, total: 256 },
    { needed: 256, total: 256 },
  ])(
    'S12: works at the corners, all data lost where parity is enough: $needed of $total',
    (code) => {
      const pack = sample(1000)
      const pieces = numbered(encodePieces(pack, code))
      const ends = [...pieces.slice(-Math.ceil(code.needed / 2)), ...pieces].slice(0, code.needed)
      expect(joined(decodePieces(pieces.slice(-code.needed), code), 1000)).toEqual(pack)
      expect(joined(decodePieces(ends, code), 1000)).toEqual(pack)
    },
  )

  it('brings back packs of any size, from pieces in any order', () => {
    const cases = fc
      .tuple(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 0, max: 20 }))
      .chain(([needed, parity]) =>
        fc.record({
          code: fc.constant({ needed, total: needed + parity }),
          pack: fc.uint8Array({ maxLength: 200 }),
          order: fc.shuffledSubarray(
            Array.from({ length: needed + parity }, (_, index) => index),
            { minLength: needed },
          ),
        }),
      )
    fc.assert(
      fc.property(cases, ({ code, pack, order }) => {
        const pieces = encodePieces(pack, code)
        const given = order.map((index) => ({ index, bytes: pieces[index]! }))
        expect(joined(decodePieces(given, code), pack.length)).toEqual(pack)
      }),
      { numRuns: 200 },
    )
  })

  it.for([0, 1, 4095, 4096, 4097, 8191, 8192, 8193])(
    'is the same inside and across the window: pieces of %i bytes',
    (size) => {
      const code = { needed: 2, total: 7 }
      const pack = sample(2 * size)
      const pieces = encodePieces(pack, code)
      expect(pieces).toEqual(slowEncode(pack, 2, 7))
      expect(joined(decodePieces(numbered(pieces).slice(3, 5), code), pack.length)).toEqual(pack)
    },
  )

  it('gives the data in order, padded with zeros', () => {
    const pieces = encodePieces(Uint8Array.of(1, 2, 3, 4, 5), { needed: 4, total: 5 })
    expect(pieces.slice(0, 4)).toEqual([
      Uint8Array.of(1, 2),
      Uint8Array.of(3, 4),
      Uint8Array.of(5, 0),
      Uint8Array.of(0, 0),
    ])
  })

  it('makes piece i the same for every n', () => {
    const pack = sample(100)
    const all = encodePieces(pack, { needed: 5, total: 256 })
    for (const total of [5, 6, 17, 255])
      expect(encodePieces(pack, { needed: 5, total })).toEqual(all.slice(0, total))
  })

  it('takes the data pieces as they are, whatever else is given', () => {
    const code = { needed: 3, total: 6 }
    const pieces = encodePieces(sample(100), code)
    const data = decodePieces(numbered(pieces).toReversed(), code)
    expect(data.every((piece, index) => piece === pieces[index])).toBe(true)
  })

  it('gives every piece a buffer of its own', () => {
    const pack = sample(100)
    const pieces = encodePieces(pack, { needed: 3, total: 5 })
    expect(new Set([pack.buffer, ...pieces.map((piece) => piece.buffer)]).size).toBe(6)
    expect(pieces.every((piece) => piece.byteLength === piece.buffer.byteLength)).toBe(true)
  })
})

describe('pieces that do not belong together', () => {
  const code = { needed: 2, total: 4 }
  const pieces = numbered(encodePieces(sample(10), code))
  const first = pieces[0]!
  const second = pieces[1]!

  it.for([
    ['are too few', [first]],
    ['are none', []],
    ['come twice', [first, first]],
    ['differ in size', [first, { index: 1, bytes: second.bytes.subarray(1) }]],
    ['have an index beyond the total', [first, { index: 4, bytes: second.bytes }]],
    ['have a negative index', [first, { index: -1, bytes: second.bytes }]],
    ['have a broken index', [first, { index: 0.5, bytes: second.bytes }]],
    ['have no index', [first, { index: Number.NaN, bytes: second.bytes }]],
  ] satisfies [string, Piece[]][])('%s: an error', ([, given]) => {
    expect(() => decodePieces(given, code)).toThrow(BadPiecesError)
  })
})

function numbered(pieces: readonly Uint8Array[]): Piece[] {
  return pieces.map((bytes, index) => ({ index, bytes }))
}

function joined(data: readonly Uint8Array[], size: number): Uint8Array {
  return new Uint8Array(Buffer.concat(data)).slice(0, size)
}

function codesUpTo(totalMax: number): Code[] {
  const codes: Code[] = []
  for (let total = 1; total <= totalMax; total++)
    for (let needed = 1; needed <= total; needed++) codes.push({ needed, total })
  return codes
}

function subsets<Item>(items: readonly Item[], size: number): Item[][] {
  if (size === 0) return [[]]
  return items.flatMap((item, at) =>
    subsets(items.slice(at + 1), size - 1).map((rest) => [item, ...rest]),
  )
}
