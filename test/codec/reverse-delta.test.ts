import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import { applyStretches, Composition } from '../../src/codec/compose-deltas.ts'
import { deltaSize } from '../../src/codec/delta-writer.ts'
import {
  differenceOf,
  encodePieces,
  originalRanges,
  readFetched,
  rebase,
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
          upon = rebase(upon, pieces, readFetched(fetched))
          expect(upon.size).toBe(versions[index]!.length)
          const made = await collect(applyStretches(inMemory(newest), upon.stretches))
          expect(made).toEqual(versions[index])
        }
      }),
    )
  })
})

async function encoded(pieces: readonly Piece[], original: Uint8Array): Promise<Uint8Array> {
  const read = (start: number, length: number) => original.subarray(start, start + length)
  return collect(encodePieces(pieces, read))
}

function isEqual(a: readonly Parameters<typeof isSameOrigin>[0][], b: typeof a): boolean {
  return a.length === b.length && a.every((origin, at) => isSameOrigin(origin, b[at]!))
}

void [sample, deltaBetween, joined]
