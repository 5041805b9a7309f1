import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import {
  applyInOrder,
  applyStretches,
  Composition,
  isInOrder,
} from '../../src/codec/compose-deltas.ts'
import { makeDelta, makeSignature, parseSignature } from '../../src/codec/rdiff.ts'
import { sample } from '../vectors/format.ts'
import { collect, cuts, split, stream } from './builders.ts'

const blockSize = 8
const MIB = 1024 * 1024

describe('deltas of a chain as one', () => {
  it('make the newest version, in one pass where that is possible', async () => {
    await fc.assert(
      fc.asyncProperty(chains, cuts, async (versions, places) => {
        const original = versions[0]!
        const { stretches, size } = composed(versions, places)
        const newest = versions.at(-1)!
        expect(size).toBe(newest.length)
        expect(await collect(applyStretches(inMemory(original), stretches))).toEqual(newest)
        // All that small fits into what is kept.
        expect(isInOrder(stretches)).toBe(true)
        const passing = stream(split(original, places))
        expect(await collect(applyInOrder(passing, stretches))).toEqual(newest)
      }),
    )
  })

  it('of a file whose parts moved far reach back, and of one that grew in its midst do not', async () => {
    const [a, b] = [sample(6 * MIB), sample(5 * MIB).toReversed()]
    const before = joined(a, b)
    const moved = pieces(before, joined(b, a))
    expect(isInOrder(moved.stretches)).toBe(false)
    const grown = pieces(before, joined(a, sample(1000), b))
    expect(isInOrder(grown.stretches)).toBe(true)
    const parts = split(before, [0.1, 0.3, 0.5, 0.7, 0.9])
    const made = await collect(applyInOrder(stream(parts), grown.stretches))
    expect(Buffer.compare(made, joined(a, sample(1000), b))).toBe(0)
  })

  it('keep what reaches back a little, however the original is cut', async () => {
    const before = sample(12 * MIB)
    const stretches = [
      { type: 'copy', start: 0, length: 9 * MIB },
      { type: 'copy', start: 5 * MIB, length: MIB },
      { type: 'copy', start: 9 * MIB, length: 3 * MIB },
      { type: 'copy', start: 8 * MIB, length: 2 * MIB },
    ] as const
    expect(isInOrder(stretches)).toBe(true)
    const wanted = joined(
      ...stretches.map(({ start, length }) => before.subarray(start, start + length)),
    )
    for (const count of [3, 4, 12, 100]) {
      const parts = split(
        before,
        Array.from({ length: count - 1 }, (_, at) => (at + 1) / count),
      )
      const made = await collect(applyInOrder(stream(parts), stretches))
      expect(Buffer.compare(made, wanted)).toBe(0)
    }
  })

  it('are refused when one does not fit the version before, or is cut short', () => {
    const [a, b] = [sample(100), sample(50)]
    const delta = makeDelta(parseSignature(makeSignature(a, { blockSize })), a)
    expect(() => Composition.ofOriginal(b.length).followedBy([delta])).toThrow('copies up to')
    expect(() => Composition.ofOriginal(100).followedBy([delta.slice(0, -1)])).toThrow('cut short')
  })

  it('are refused when they make more stretches than are worth holding', () => {
    const magic = Uint8Array.of(0x72, 0x73, 0x02, 0x36)
    const copies = Array.from({ length: 200_001 }, (_, at) => [0x45, at % 2 === 0 ? 0 : 5, 1])
    const delta = [magic, Uint8Array.from(copies.flat()), Uint8Array.of(0)]
    expect(() => Composition.ofOriginal(10).followedBy(delta)).toThrow('stretches')
  })

  it('need an original that is long enough', async () => {
    const stretches = [{ type: 'copy', start: 10, length: 20 }] as const
    await expect(collect(applyInOrder(stream([sample(15)]), stretches))).rejects.toThrow(
      'ends before',
    )
  })
})

/** A file and what became of it: stretches moved, doubled, dropped and new. */
const chains = fc
  .array(
    fc.array(fc.tuple(fc.nat(7), fc.uint8Array({ maxLength: 12 })), { minLength: 1, maxLength: 6 }),
    { minLength: 1, maxLength: 5 },
  )
  .map((steps) => {
    const versions = [sample(120)]
    for (const step of steps) {
      const before = versions.at(-1)!
      const eighth = Math.ceil(before.length / 8)
      const parts = step.flatMap(([at, fresh]) => [
        before.slice(at * eighth, (at + 3) * eighth),
        fresh,
      ])
      versions.push(joined(...parts).slice(0, 400))
    }
    return versions
  })

function composed(versions: readonly Uint8Array[], places: readonly number[]): Composition {
  let whole = Composition.ofOriginal(versions[0]!.length)
  for (const [index, file] of versions.slice(1).entries()) {
    const signature = parseSignature(makeSignature(versions[index]!, { blockSize }))
    whole = whole.followedBy(split(makeDelta(signature, file), places))
  }
  return whole
}

function pieces(before: Uint8Array, after: Uint8Array): Composition {
  const signature = parseSignature(makeSignature(before, { blockSize: 4096 }))
  return Composition.ofOriginal(before.length).followedBy([makeDelta(signature, after)])
}

function inMemory(file: Uint8Array) {
  return {
    size: file.length,
    read: (offset: number, length: number) => Promise.resolve(file.slice(offset, offset + length)),
  }
}

function joined(...parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts))
}
