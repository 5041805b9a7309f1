import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import { concat, fromHex } from '../../protocol/bytes.ts'
import { Composition, encodeComposition } from '../../src/codec/compose-deltas.ts'
import {
  commandsOf,
  deltaSize,
  DeltaWriter,
  PART_SIZE_MAX,
  wholeDeltaSize,
} from '../../src/codec/delta-writer.ts'
import { BadDeltaError, DeltaReader } from '../../src/codec/rdiff.ts'
import {
  originsOf,
  slowFollowedBy,
  slowOriginal,
  slowRunCount,
} from '../reference/slow-composition.ts'
import { composeDeltas, type ComposedDelta } from '../support/compose-deltas.ts'
import { sample } from '../vectors/format.ts'
import { cuts, sizesAround, split } from './builders.ts'
import {
  compositionsOf,
  deltaBetween,
  deltasOf,
  joined,
  patched,
  versionChains,
} from './version-chains.ts'

const MAGIC = '72730236'
const old = sample(1000)

describe('two deltas as one', () => {
  it('make what they make one after the other', async () => {
    await fc.assert(
      fc.asyncProperty(versionChains, cuts, async (versions, places) => {
        const deltas = deltasOf(versions, { places })
        for (const [at, first] of deltas.slice(0, -1).entries()) {
          const [before, , after] = versions.slice(at) as [Uint8Array, Uint8Array, Uint8Array]
          const composed = composeDeltas(before.length, first, deltas[at + 1]!)
          expect(composed.size).toBe(after.length)
          if (composed.type === 'original-is-better') continue
          expect(await patched(before, composed.parts)).toEqual(after)
          expect(sizeOf(composed.parts)).toBeLessThanOrEqual(wholeDeltaSize(after.length))
        }
      }),
    )
  })

  it('and a third make the same bytes, whichever two go first', () => {
    fc.assert(
      fc.property(versionChains, (versions) => {
        const deltas = deltasOf(versions)
        for (const [at, a] of deltas.slice(0, -2).entries()) {
          const [b, c] = deltas.slice(at + 1) as [Uint8Array[], Uint8Array[]]
          const [size, middle] = [versions[at]!.length, versions[at + 1]!.length]
          const [ab, bc] = [pair(size, a, b), pair(middle, b, c)]
          expect(concat(...pair(size, ab, c))).toEqual(concat(...pair(size, a, bc)))
        }
      }),
    )
  })

  it('have no more than the one literal that tells the whole file, or an original is better', () => {
    // Every second byte of a file of 4 GiB, backwards: each copy takes more bytes than it makes.
    const size = 2 ** 32
    const odd = writtenBy((writer) => {
      for (let at = 0; at < 100; at += 1) writer.copy(size - 1 - 2 * at, 1)
    })
    const all = writtenBy((writer) => writer.copy(0, 100))
    expect(composeDeltas(size, odd, all)).toEqual({ type: 'original-is-better', size: 100 })
    const ten = writtenBy((writer) => writer.copy(0, 10))
    expect(composeDeltas(size, odd, ten)).toEqual({ type: 'original-is-better', size: 10 })
    const none = composeDeltas(
      size,
      odd,
      writtenBy(() => undefined),
    )
    expect(none).toEqual({ type: 'delta', size: 0, parts: [fromHex(`${MAGIC}00`)] })
  })

  it.for([
    [0, 5],
    [1, 7],
    [64, 70],
    [65, 72],
    [255, 262],
    [256, 264],
    [65_535, 65_543],
    [65_536, 65_546],
  ] as const)('of a file of %i bytes that is new have %i', ([size, wanted]) => {
    const composed = composeDeltas(0, wholeDelta(old), wholeDelta(sample(size)))
    expect(sizeOf(partsOf(composed))).toBe(wanted)
    expect(wholeDeltaSize(size)).toBe(wanted)
  })
})

describe('a chain of deltas as one', () => {
  it('makes every version from the first', async () => {
    await fc.assert(
      fc.asyncProperty(versionChains, cuts, async (versions, places) => {
        const all = compositionsOf(versions[0]!.length, deltasOf(versions, { places }))
        for (const [at, file] of versions.entries()) {
          const delta = encodeComposition(all[at]!)
          expect(await patched(versions[0]!, delta)).toEqual(file)
          expect(sizeOf(delta)).toBe(deltaSize(all[at]!.stretches))
        }
      }),
    )
  })

  it('knows of every byte what its slow twin knows, in as few stretches as there can be', () => {
    fc.assert(
      fc.property(versionChains, cuts, (versions, places) => {
        const deltas = deltasOf(versions, { places })
        const all = compositionsOf(versions[0]!.length, deltas)
        let slow = slowOriginal(versions[0]!.length)
        for (const [at, delta] of deltas.entries()) {
          slow = slowFollowedBy(slow, delta)
          const { stretches } = all[at + 1]!
          const told = stretches.flatMap((stretch) =>
            stretch.type === 'literal'
              ? originsOf(stretch.bytes)
              : slowOriginal(stretch.start + stretch.length).slice(stretch.start),
          )
          expect(told.length).toBe(slow.length)
          expect(told.every((one, k) => one.source === slow[k]!.source)).toBe(true)
          expect(told.map(({ offset }) => offset)).toEqual(slow.map(({ offset }) => offset))
          expect(stretches.length).toBe(slowRunCount(slow))
        }
      }),
    )
  })

  it('finds each stretch, wherever it starts to look', () => {
    fc.assert(
      fc.property(versionChains, (versions) => {
        for (const whole of compositionsOf(versions[0]!.length, deltasOf(versions))) {
          const { stretches, size } = whole
          const owners = stretches.flatMap(({ length }, index) =>
            Array.from({ length }, () => index),
          )
          for (let near = 0; near <= stretches.length; near += 1) {
            const found = Array.from({ length: size }, (_, at) => whole.indexOf(at, near))
            expect(found).toEqual(owners)
          }
        }
      }),
      { numRuns: 30 },
    )
  })
})

describe('a delta from copies and literals', () => {
  it('has one command for what is adjacent, and the size that was told before', () => {
    const place = fc.oneof(fc.nat(300), fc.constantFrom(65_535, 65_536, 2 ** 32 - 1, 2 ** 32))
    const copy = fc
      .tuple(place, place)
      .map(([start, length]) => ({ type: 'copy' as const, start, length: length + 1 }))
    const literal = fc
      .constantFrom(1, 63, 64, 65, 255, 256)
      .map((length) => ({ type: 'literal' as const, length, bytes: sample(length) }))
    fc.assert(
      fc.property(fc.array(fc.oneof(copy, literal)), (pieces) => {
        const commands = [...commandsOf(pieces)]
        const delta = writtenBy((writer) => {
          for (const command of commands) {
            if (command.type === 'copy') writer.copy(command.start, command.length)
            else {
              writer.literal(command.length)
              for (const { bytes } of command.pieces) writer.put(bytes)
            }
          }
        })
        expect(sizeOf(delta)).toBe(deltaSize(pieces))
        const ops = new DeltaReader().push(concat(...delta))
        const lengths = ops.map((op) => (op.type === 'copy' ? op.length : op.bytes.length))
        expect(lengths).toEqual(commands.map(({ length }) => length))
        const isJoined = ops.every((op, at) => {
          const before = ops[at - 1]
          if (before === undefined) return true
          if (op.type === 'literal') return before.type === 'copy'
          return before.type === 'literal' || before.start + before.length !== op.start
        })
        expect(isJoined).toBe(true)
      }),
    )
  })

  it('has one copy for two that go on, and two for two that do not', () => {
    const one = { type: 'copy', start: 0, length: 10 } as const
    expect([...commandsOf([one, { ...one, start: 10 }])]).toEqual([{ ...one, length: 20 }])
    const apart = [one, { ...one, start: 11 }]
    expect([...commandsOf(apart)]).toEqual(apart)
  })

  it.for(sizesAround(PART_SIZE_MAX))('comes in parts of 1 MiB: %i bytes', async (size) => {
    const file = sample(size)
    const whole = Composition.ofOriginal(10).followedBy(wholeDelta(file))
    const parts = encodeComposition(whole)
    expect(sizeOf(parts)).toBe(wholeDeltaSize(size))
    expect(parts.every(({ length }) => length > 0 && length <= PART_SIZE_MAX)).toBe(true)
    expect(parts.length).toBeLessThanOrEqual(Math.ceil((size + 14) / PART_SIZE_MAX) + 1)
    expect(Buffer.compare(await patched(sample(10), parts), file)).toBe(0)
  })
})

describe('a hostile delta composes to nothing', () => {
  const good = [deltaBetween(old, joined(sample(30, 2), old))]

  it.for([
    ['a copy that ends behind the file before', '4a000003e900'],
    ['a copy that starts behind it', '4903e80100'],
    ['a copy of 2⁵³ − 2 bytes', '4800001ffffffffffffe00'],
    ['no end', '01aa'],
    ['an opcode that is reserved', '5500'],
  ] as const)('with %s', ([, hex]) => {
    const bad = [fromHex(MAGIC + hex)]
    expect(() => composeDeltas(1000, bad, good)).toThrow(BadDeltaError)
    const same = [fromHex(`${MAGIC}4a000003e800`)]
    expect(() => composeDeltas(1000, same, bad)).toThrow(BadDeltaError)
  })

  it('if it makes more than it promised, in between or at last', () => {
    const [grow, shrink] = [
      writtenBy((writer) => {
        writer.copy(0, 1000)
        writer.copy(0, 500)
      }),
      writtenBy((writer) => writer.copy(1400, 100)),
    ]
    const exact = { middleSizeMax: 1500, sizeMax: 100 }
    expect(composeDeltas(1000, grow, shrink, exact).size).toBe(100)
    for (const promised of [{ middleSizeMax: 1499 }, { sizeMax: 99 }]) {
      expect(() => composeDeltas(1000, grow, shrink, promised)).toThrow('makes more than')
    }
  })

  it('if sizes would not be exact numbers', () => {
    const size = 2 ** 52
    const twice = writtenBy((writer) => {
      writer.copy(0, size)
      writer.copy(0, size)
    })
    expect(() => composeDeltas(size, twice, twice)).toThrow('makes more than')
  })

  it('if its copies cut out more than is worth holding', () => {
    const many = writtenBy((writer) => {
      for (let at = 0; at < 1000; at += 1) writer.copy(998 - 2 * Math.floor(at / 2), 1)
    })
    const again = writtenBy((writer) => {
      for (let at = 0; at < 1000; at += 1) writer.copy(0, 1000)
    })
    expect(() => composeDeltas(1000, many, again)).toThrow('stretches')
  })

  it('or to what it makes, whatever the bytes', async () => {
    const commands = fc.uint8Array({ maxLength: 40 }).map((bytes) => concat(fromHex(MAGIC), bytes))
    const anything = fc.oneof(
      commands,
      commands.map((bytes) => concat(bytes, Uint8Array.of(0))),
      fc
        .tuple(fc.nat(good[0]!.length - 1), fc.nat(255))
        .map(([at, byte]) => good[0]!.with(at, byte)),
    )
    await fc.assert(
      fc.asyncProperty(anything, anything, cuts, async (first, second, places) => {
        const [one, two] = [split(first, places), split(second, places)]
        const sizes = { middleSizeMax: 100_000, sizeMax: 100_000 }
        const outcome = attempt(() => composeDeltas(1000, one, two, sizes))
        if (outcome instanceof Error) {
          expect(outcome).toBeInstanceOf(BadDeltaError)
          return
        }
        const after = await patched(await patched(old, one), two)
        expect(outcome.size).toBe(after.length)
        if (outcome.type === 'delta') expect(await patched(old, outcome.parts)).toEqual(after)
      }),
      { numRuns: 1000 },
    )
  })
})

function pair(size: number, first: Uint8Array[], second: Uint8Array[]): Uint8Array[] {
  return encodeComposition(Composition.ofOriginal(size).followedBy(first).followedBy(second))
}

function partsOf(composed: ComposedDelta): readonly Uint8Array[] {
  if (composed.type !== 'delta') throw new Error(composed.type)
  return composed.parts
}

/** @returns the delta that tells a file as one literal */
function wholeDelta(file: Uint8Array): Uint8Array[] {
  return writtenBy((writer) => {
    if (file.length > 0) writer.literal(file.length)
    writer.put(file)
  })
}

function writtenBy(write: (writer: DeltaWriter) => void): Uint8Array[] {
  const writer = new DeltaWriter()
  write(writer)
  return writer.close()
}

function sizeOf(parts: readonly Uint8Array[]): number {
  return parts.reduce((size, { length }) => size + length, 0)
}

function attempt<Result>(act: () => Result): Result | Error {
  try {
    return act()
  } catch (error) {
    if (error instanceof Error) return error
    throw error
  }
}
