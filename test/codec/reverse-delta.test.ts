import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import { applyStretches, Composition, type Stretch } from '../../src/codec/compose-deltas.ts'
import { deltaSize, DeltaWriter } from '../../src/codec/delta-writer.ts'
import { matchLiterals } from '../../src/codec/match-literals.ts'
import { BadDeltaError } from '../../src/codec/rdiff.ts'
import {
  differenceOf,
  encodePieces,
  originalRanges,
  withOriginals,
  type Piece,
} from '../../src/codec/reverse-delta.ts'
import {
  isSameOrigin,
  originsOf,
  slowFetched,
  slowFollowedBy,
  slowOriginal,
} from '../reference/slow-composition.ts'
import { sample } from '../vectors/format.ts'
import { collect, cuts } from './builders.ts'
import {
  compositionsOf,
  deltaBetween,
  deltasOf,
  inMemory,
  joined,
  patched,
  versionChains,
} from './version-chains.ts'

/** As long as a copy that is told may be and yet stay a literal. */
const SHORT_MAX = 17

const MIB = 1024 * 1024

describe('the delta of a version upon another', () => {
  it('makes it, whichever of the chain the two are', async () => {
    await fc.assert(
      fc.asyncProperty(versionChains, cuts, async (versions, places) => {
        const all = compositionsOf(versions[0]!.length, deltasOf(versions, { places }))
        for (const [i, older] of versions.entries()) {
          for (const [j, newer] of versions.entries()) {
            const pieces = differenceOf(all[i]!, all[j]!)
            const delta = await encoded(pieces, versions[0]!)
            expect(await patched(newer, [delta])).toEqual(older)
            expect(delta.length).toBe(deltaSize(pieces))
          }
        }
      }),
    )
  })

  it('needs of the original what only the older has, and tells every byte by its origin', () => {
    fc.assert(
      fc.property(versionChains, (versions) => {
        const deltas = deltasOf(versions)
        const all = compositionsOf(versions[0]!.length, deltas)
        const slow = [slowOriginal(versions[0]!.length)]
        for (const delta of deltas) slow.push(slowFollowedBy(slow.at(-1)!, delta))
        for (const [i, older] of slow.entries()) {
          const j = (i + 1) % slow.length
          const newer = slow[j]!
          const pieces = differenceOf(all[i]!, all[j]!)
          const ranges = originalRanges(pieces)
          const fetched = ranges.flatMap(({ start, length }) =>
            Array.from({ length }, (_, at) => start + at),
          )
          expect(fetched).toEqual(slowFetched(older, newer))

          let at = 0
          for (const piece of pieces) {
            const wanted = older.slice(at, at + piece.length)
            if (piece.type === 'original') {
              const origins = wanted.map((_, k) => ({
                source: 'original' as const,
                offset: piece.start + k,
              }))
              expect(wanted).toEqual(origins)
            } else if (piece.type === 'copy') {
              const bytes = versions[j]!.slice(piece.start, piece.start + piece.length)
              expect(bytes).toEqual(versions[i]!.slice(at, at + piece.length))
              const others = wanted.filter((origin, k) => {
                return !isSameOrigin(origin, newer[piece.start + k]!)
              })
              expect(others.every(({ source }) => source !== 'original')).toBe(true)
            } else {
              expect(isEqual(wanted, originsOf(piece.bytes))).toBe(true)
              if (piece.length > SHORT_MAX) {
                const shared = wanted.filter((one) => newer.some((two) => isSameOrigin(one, two)))
                expect(shared).toEqual([])
              }
            }
            at += piece.length
          }
          expect(at).toBe(older.length)
        }
      }),
    )
  })

  it('leads from the newest, as a new original, back to every version', async () => {
    await fc.assert(
      fc.asyncProperty(versionChains, async (versions) => {
        const all = compositionsOf(versions[0]!.length, deltasOf(versions))
        const newest = versions.at(-1)!
        let upon = Composition.ofOriginal(newest.length)
        for (let index = versions.length - 2; index >= 0; index -= 1) {
          const pieces = differenceOf(all[index]!, all[index + 1]!)
          const fetched = originalRanges(pieces).map(({ start, length }) => ({
            start,
            bytes: versions[0]!.slice(start, start + length),
          }))
          upon = upon.followedBy(await partsOf(encodePieces(pieces, readFetched(fetched))))
          expect(upon.size).toBe(versions[index]!.length)
          const made = await collect(applyStretches(inMemory(newest), upon.stretches))
          expect(made).toEqual(versions[index])
        }
      }),
    )
  })
})

describe('what an older version needs', () => {
  const page = 64
  const original = sample(100 * page)

  it('after overwritten pages are those pages of the original, each once, and nothing else', () => {
    fc.assert(
      fc.property(fc.array(fc.array(fc.nat(99), { maxLength: 8 }), { maxLength: 20 }), (days) => {
        const deltas = days.map((pages, day) => overwriting(new Set(pages), day))
        const all = compositionsOf(original.length, deltas)
        const overwritten = new Set<number>()
        for (const [day, pages] of days.entries()) {
          const pieces = differenceOf(all[day]!, all[day + 1]!)
          const fresh = new Set(pages.filter((at) => !overwritten.has(at)))
          const ranges = originalRanges(pieces)
          expect(sizeOf(ranges)).toBe(page * fresh.size)
          for (const { start, length } of ranges) {
            expect([start % page, length % page]).toEqual([0, 0])
            for (let at = start; at < start + length; at += page) {
              expect(fresh.has(at / page)).toBe(true)
            }
          }
          for (const at of pages) overwritten.add(at)
          expect(sizeOf(pieces)).toBe(original.length)
        }
      }),
    )
  })

  it('is little in a chain of a hundred versions, and leads back through all of them', async () => {
    const versions = [original]
    const deltas: Uint8Array[][] = []
    for (let day = 0; day < 100; day += 1) {
      const pages = new Set([1, 2, 3].map((step) => (37 * day * step + step) % 100))
      deltas.push(overwriting(pages, day))
      versions.push(await patched(versions.at(-1)!, deltas.at(-1)!))
    }
    const all = compositionsOf(original.length, deltas)
    let file = versions.at(-1)!
    for (let index = 99; index >= 0; index -= 1) {
      const pieces = differenceOf(all[index]!, all[index + 1]!)
      expect(deltaSize(pieces)).toBeLessThan(3 * (page + 20) + 20)
      file = await patched(file, [await encoded(pieces, original)])
      expect(file).toEqual(versions[index])
    }
  })

  /** Pages of new bytes in place of old ones. */
  function overwriting(pages: ReadonlySet<number>, day: number): Uint8Array[] {
    const writer = new DeltaWriter()
    for (let at = 0; at < 100; at += 1) {
      if (pages.has(at)) {
        writer.literal(page)
        writer.put(sample(page, 1000 * (day + 1) + at))
      } else writer.copy(at * page, page)
    }
    return writer.close()
  }
})

describe('an older version told upon a newer', () => {
  const [a, b, c] = [copy(0, 100), copy(100, 200), copy(300, 50)]
  const text = sample(40, 9)
  const bytesOfOne = new Map([1, 2].map((seed) => [seed, sample(1, seed)]))
  const few = (seed: number) => bytesOfOne.get(seed)!

  it.for<[string, Told[], Told[], unknown[]]>([
    ['is one copy where both are equal', [a, text, c], [a, text, c], [from(0, 190)]],
    ['is nothing where it is empty', [], [a, text], []],
    ['is what it is made of where the newer is empty', [a, text], [], [lost(0, 100), text]],
    [
      'is its two parts where bytes came between',
      [a, b],
      [a, text, b],
      [from(0, 100), from(140, 200)],
    ],
    [
      'is its parts in their order where they moved',
      [a, b],
      [b, a],
      [from(200, 100), from(0, 200)],
    ],
    ['needs the end that was cut off', [a, b], [a, copy(100, 30)], [from(0, 130), lost(130, 170)]],
    ['is one copy where the newer has more of the same', [a, a], [text, a, a, a], [from(40, 200)]],
    [
      'is repeated copies where the newer has it once',
      [c, c, c],
      [a, c],
      [from(100, 50), from(100, 50), from(100, 50)],
    ],
    [
      'takes the copy that holds it all',
      [copy(60, 80)],
      [copy(0, 100), text, copy(50, 100)],
      [from(150, 80)],
    ],
    [
      'is put together where no copy holds it all',
      [copy(20, 120)],
      [copy(50, 100), text, copy(0, 100)],
      [from(160, 80), from(50, 40)],
    ],
    [
      'has literals from where the newer has them',
      [text, a],
      [a, text.subarray(10)],
      [text.subarray(0, 10), from(100, 30), from(0, 100)],
    ],
    [
      'tells few bytes again, since a copy would take as many',
      [text.subarray(0, 3), a],
      [a, text],
      [text.subarray(0, 3), from(0, 100)],
    ],
    [
      'but not if they are part of a longer copy',
      [a, text.subarray(0, 3)],
      [a, text],
      [from(0, 103)],
    ],
    [
      'is not cut by shorter copies inside it',
      [copy(16, 60)],
      [copy(0, 100), text, copy(10, 10), text, copy(15, 15)],
      [from(16, 60)],
    ],
    [
      'has no literal that skips a byte',
      [a, text.subarray(0, 5), text.subarray(6, 39)],
      [a, text.subarray(0, 5), text.subarray(7, 40)],
      [from(0, 105), text.subarray(6, 7), from(105, 32)],
    ],
    [
      'tells few bytes again, from wherever they are',
      [c, few(1), few(2)],
      [few(1), few(2), c],
      [from(2, 50), few(1), few(2)],
    ],
    [
      'but not if the original has some of them',
      [few(1), copy(0, 1)],
      [c, few(1), copy(0, 1)],
      [from(50, 2)],
    ],
  ])('%s', ([, older, newer, wanted]) => {
    const [one, two] = [madeOf(older), madeOf(newer)]
    const told = differenceOf(one, two).map((some) => (some.type === 'literal' ? some.bytes : some))
    expect(told).toEqual(wanted)
  })

  it('finds literals that the newer has as bytes of its own, across what lies between them', () => {
    const bytes = sample(1000, 5)
    const older = madeOf([a, bytes, b])
    const newer = madeOf([c, bytes.slice(0, 437), a, bytes.slice(437), b])
    expect(differenceOf(older, newer)).toEqual([
      from(487, 100),
      from(50, 437),
      from(587, 563 + 200),
    ])
  })

  it.for([1, 30, 63, 64, 65, 127, 128, 129, 999])('finds them cut after %i bytes', async (at) => {
    const bytes = sample(1000, 5)
    const original = sample(100)
    const older = madeOf([bytes], 100)
    const newer = madeOf([bytes.slice(0, at), a, bytes.slice(at)], 100)
    const pieces = differenceOf(older, newer)
    expect(deltaSize(pieces)).toBeLessThan(40)
    const file = joined(bytes.slice(0, at), original, bytes.slice(at))
    expect(await patched(file, [await encoded(pieces, original)])).toEqual(bytes)
  })

  it('finds them in many small literals that are neighbours', () => {
    const bytes = sample(100, 5)
    const parts = [0, 40, 80].map((at) => bytes.slice(at, at + 40))
    const pieces = differenceOf(madeOf([bytes, sample(100, 6)]), madeOf([...parts, a]))
    expect(pieces[0]).toEqual(from(0, 100))
  })

  it('takes bytes that lie apart in the newer for no run', () => {
    const bytes = sample(1000, 5)
    const before = joined(sample(4, 6), bytes.slice(70, 100))
    const pieces = differenceOf(madeOf([bytes]), madeOf([before, a, bytes.slice(100)]))
    expect(pieces.at(-1)).toEqual(from(134, 900))
    expect(sizeOf(pieces)).toBe(1000)
  })

  it('finds them around what was changed in their midst', () => {
    const bytes = sample(1000, 5)
    const newer = madeOf([bytes.slice(0, 500), sample(7, 6), bytes.slice(520), a])
    const pieces = differenceOf(madeOf([bytes]), newer)
    expect(pieces.map(({ type, length }) => [type, length])).toEqual([
      ['copy', 500],
      ['literal', 20],
      ['copy', 480],
    ])
  })

  it('finds them byte by byte, as far as they are compared', () => {
    const bytes = sample(1000, 5)
    const [older, newer] = [madeOf([a, bytes]), madeOf([bytes.slice(), b])]
    const pieces = [lost(0, 100), { type: 'literal', length: 1000, bytes }] as const
    for (const sizeMax of [0, 63]) {
      expect(matchLiterals(pieces, older, newer, { sizeMax })).toEqual(pieces)
    }
    for (const sizeMax of [64, 65, 500, 999, 1000, 1001]) {
      const matched = matchLiterals(pieces, older, newer, { sizeMax })
      expect(matched[1]).toEqual(from(0, Math.min(sizeMax, 1000)))
      expect(sizeOf(matched)).toBe(1100)
    }
  })

  it('finds them whatever was cut, moved or doubled', async () => {
    await fc.assert(
      fc.asyncProperty(versionChains, versionChains, async (left, right) => {
        // Two chains upon one original: nothing but content connects their literals.
        const [one, two] = [left, [left[0]!, left.at(-1)!, ...right]]
        const all = [one, two].map((versions) =>
          compositionsOf(versions[0]!.length, deltasOf(versions)),
        )
        const [older, newer] = [all[0]!.at(-1)!, all[1]!.at(-1)!]
        const delta = await encoded(differenceOf(older, newer), left[0]!)
        expect(await patched(two.at(-1)!, [delta])).toEqual(one.at(-1))
      }),
    )
  })

  it('uses what was fetched to find more of it in the newer', async () => {
    const original = sample(10_000)
    const changed = joined(original.slice(0, 5000), Uint8Array.of(1), original.slice(5000))
    const deltas = [[deltaBetween(original, changed, 4096)]]
    const [older, newer] = compositionsOf(original.length, deltas) as [Composition, Composition]
    const read = (start: number, length: number) => original.subarray(start, start + length)
    const pieces = differenceOf(older, newer)
    expect(sizeOf(originalRanges(pieces))).toBe(4096)
    const filled = withOriginals(pieces, { older, newer }, read)
    expect(originalRanges(filled)).toEqual([])
    expect(deltaSize(filled)).toBeLessThan(20)
    const delta = await encoded(filled, new Uint8Array(0))
    expect(await patched(changed, [delta])).toEqual(original)
  })

  it('is as good with all that was fetched, in any chain', async () => {
    await fc.assert(
      fc.asyncProperty(versionChains, async (versions) => {
        const all = compositionsOf(versions[0]!.length, deltasOf(versions))
        const read = (start: number, length: number) => versions[0]!.subarray(start, start + length)
        for (const [i, older] of all.slice(0, -1).entries()) {
          const newer = all[i + 1]!
          const pieces = differenceOf(older, newer)
          const filled = withOriginals(pieces, { older, newer }, read)
          expect(deltaSize(filled)).toBeLessThanOrEqual(deltaSize(pieces) + 2 * pieces.length)
          const delta = await encoded(filled, new Uint8Array(0))
          expect(await patched(versions[i + 1]!, [delta])).toEqual(versions[i])
        }
      }),
    )
  })

  it('is refused when it would be more pieces than are worth holding', () => {
    const parts: Told[] = []
    for (let at = 0; at < 1000; at += 1)
      parts.push(copy(2 * at, 1), text.subarray(at % 40, (at % 40) + 1))
    const newer = madeOf(parts)
    const older = madeOf(Array.from({ length: 201 }, () => copy(0, 2000)))
    expect(() => differenceOf(older, newer)).toThrow(BadDeltaError)
  })

  it('takes little time where the newer has one range very often', () => {
    const often = madeOf(Array.from({ length: 100_000 }, (_, at) => copy(at % 10, 500)))
    expect(differenceOf(madeOf([copy(0, 509)]), often)).toEqual([from(0, 500), from(4991, 9)])
    expect(differenceOf(often, often)).toEqual([from(0, often.size)])
  })
})

describe('the original', () => {
  const older = madeOf([copy(0, 3 * MIB)])
  const newer = madeOf([copy(MIB, 10)])

  it('is read a MiB at a time, in order and only where it is needed', async () => {
    const asked: number[][] = []
    const read = (start: number, length: number) => {
      asked.push([start, length])
      return Promise.resolve(new Uint8Array(length))
    }
    const sizes: number[] = []
    for await (const part of encodePieces(differenceOf(older, newer), read)) sizes.push(part.length)
    expect(asked).toEqual([
      [0, MIB],
      [MIB + 10, MIB],
      [2 * MIB + 10, MIB - 10],
    ])
    expect(Math.max(...sizes)).toBeLessThanOrEqual(MIB)
  })

  it('must be as long as it is said to be', async () => {
    const pieces = differenceOf(older, newer)
    const short = (_: number, length: number) => new Uint8Array(length - 1)
    await expect(collect(encodePieces(pieces, short))).rejects.toThrow(BadDeltaError)
  })

  it('fits no version that is shorter than the pieces say', async () => {
    const pieces = differenceOf(madeOf([copy(0, 20)]), madeOf([copy(0, 20)]))
    const delta = await partsOf(encodePieces(pieces, readFetched([])))
    expect(() => Composition.ofOriginal(19).followedBy(delta)).toThrow(BadDeltaError)
  })
})

/** Reads what was fetched of the original, and nothing else. */
function readFetched(fetched: readonly { readonly start: number; readonly bytes: Uint8Array }[]) {
  return (start: number, length: number): Uint8Array => {
    const found = fetched.find(
      (range) => range.start <= start && start + length <= range.start + range.bytes.length,
    )
    if (found === undefined) throw new Error(`${length} bytes from ${start} were not fetched`)
    return found.bytes.subarray(start - found.start, start - found.start + length)
  }
}

async function partsOf(delta: AsyncIterable<Uint8Array>): Promise<Uint8Array[]> {
  const all: Uint8Array[] = []
  for await (const part of delta) all.push(part)
  return all
}

/** What a version is made of: a range of the original, or literal bytes. */
type Told = Uint8Array | { readonly start: number; readonly length: number }

function madeOf(parts: readonly Told[], originalSize = 3 * MIB): Composition {
  const stretches = parts.map((part): Stretch =>
    part instanceof Uint8Array
      ? { type: 'literal', length: part.length, bytes: part }
      : { type: 'copy', ...part },
  )
  return Composition.ofOriginal(originalSize).followedByStretches(stretches)
}

function copy(start: number, length: number) {
  return { start, length }
}

function from(start: number, length: number) {
  return { type: 'copy', start, length }
}

function lost(start: number, length: number) {
  return { type: 'original' as const, start, length }
}

function sizeOf(parts: readonly { readonly length: number }[]): number {
  return parts.reduce((size, { length }) => size + length, 0)
}

async function encoded(pieces: readonly Piece[], original: Uint8Array): Promise<Uint8Array> {
  const read = (start: number, length: number) => original.subarray(start, start + length)
  return collect(encodePieces(pieces, read))
}

function isEqual(a: readonly Parameters<typeof isSameOrigin>[0][], b: typeof a): boolean {
  return a.length === b.length && a.every((origin, at) => isSameOrigin(origin, b[at]!))
}
