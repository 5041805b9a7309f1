import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import { compare } from '../../protocol/bytes.ts'
import type { Extent } from '../../protocol/extents.ts'
import { leafCount, pieceSize, type Manifest } from '../../protocol/manifest.ts'
import type { EncodedPack } from '../../src/codec/encode-pack.ts'
import { fillPack, type ReadShare } from '../../src/repair/fill-pack.ts'
import { PackAssembly } from '../../src/repair/pack-assembly.ts'
import { forever, makePack } from '../support/test-grid.ts'

type Pack = EncodedPack & { readonly bytes: Uint8Array }

const packs = fc
  .record({
    size: fc.integer({ min: 1, max: 150_000 }),
    needed: fc.integer({ min: 1, max: 5 }),
    parity: fc.integer({ min: 0, max: 4 }),
  })
  .map(({ size, needed, parity }): Pack => makePack(size, { needed, total: needed + parity }))

/** Where stretches begin and end, as parts of the pack. */
const cuts = fc.uniqueArray(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 8 })

describe('a pack of which some stretches are lacking', () => {
  it('is made whole from any shares that are enough, and costs the leaves that lack a byte', async () => {
    await fc.assert(
      fc.asyncProperty(packs, cuts, fc.infiniteStream(fc.boolean()), async (pack, at, coins) => {
        const gaps = stretchesOf(pack.manifest, at)
        const held = heldShares(pack.manifest, coins)
        const { assembly, read, leaves } = begin(pack, { bytes: spoilt(pack.bytes, gaps), gaps })
        const wanted = lackingLeaves(pack.manifest, gaps)
        const short = await fillPack(assembly, pack.manifest, held, read, forever)
        const parity = [...held].filter((share) => share >= pack.manifest.needed)
        const isEnough = [...wanted.values()].every(
          (shares) => shares.filter((share) => !held.has(share)).length <= parity.length,
        )
        expect(short === undefined).toBe(isEnough)
        if (short !== undefined) return
        expect(compare(assembly.bytes, pack.bytes)).toBe(0)
        expect(assembly.wrongShares()).toEqual([])
        expect(leaves()).toBe([...wanted.values()].flat().length)
      }),
    )
  })

  it('is made whole from the others where a share stops to be given', async () => {
    const pack = makePack(400_000, { needed: 3, total: 7 })
    const gaps = [{ offset: 10_000, length: 300_000 }]
    const { assembly, read } = begin(pack, { bytes: spoilt(pack.bytes, gaps), gaps })
    let asked = 0
    const failing: ReadShare = async (wanted, signal) => {
      asked += 1
      // The first data share fails after its first leaves came, the second at once.
      const isAway = wanted.shareNumber === 1 || (wanted.shareNumber === 0 && asked > 2)
      return isAway ? undefined : await read(wanted, signal)
    }
    expect(await fillPack(assembly, pack.manifest, all(pack), failing, forever)).toBeUndefined()
    expect(compare(assembly.bytes, pack.bytes)).toBe(0)
  })
})

describe('a pack of which some stretches are wrong', () => {
  it('is made right by doubting them, the least sure first, and only where shares are wrong', async () => {
    await fc.assert(
      fc.asyncProperty(packs, cuts, cuts, fc.boolean(), async (pack, first, second, isWrong) => {
        const guessed = stretchesOf(pack.manifest, first)
        const likely = stretchesOf(pack.manifest, second)
        const wrong = isWrong ? [...guessed, ...likely] : likely
        const bytes = spoilt(pack.bytes, wrong)
        const made = { bytes, gaps: [], doubts: [guessed, likely] }
        const { assembly, read } = begin(pack, made)
        for (;;) {
          await fillPack(assembly, pack.manifest, all(pack), read, forever)
          const shares = assembly.wrongShares()
          if (shares.length === 0) break
          expect(assembly.doubt(shares)).toBe(true)
        }
        expect(compare(assembly.bytes, pack.bytes)).toBe(0)
      }),
    )
  })

  it('costs no more than the doubtful leaves of the shares that are wrong', async () => {
    const pack = makePack(1_000_000, { needed: 4, total: 8 })
    const size = pieceSize(pack.manifest)
    const guessed = [{ offset: 3 * size + 200_000, length: 40_000 }]
    const likely = [{ offset: 0, length: 900_000 }]
    const bytes = spoilt(pack.bytes, guessed)
    const { assembly, read, leaves } = begin(pack, { bytes, gaps: [], doubts: [guessed, likely] })
    expect(assembly.wrongShares()).toEqual([3])
    expect(assembly.doubt([3])).toBe(true)
    await fillPack(assembly, pack.manifest, all(pack), read, forever)
    expect(assembly.wrongShares()).toEqual([])
    expect(leaves()).toBeLessThanOrEqual(40_000 / pack.manifest.leafSize + 2)
  })

  it('is given up where nothing is left to doubt', () => {
    const pack = makePack(50_000, { needed: 2, total: 3 })
    const bytes = spoilt(pack.bytes, [{ offset: 0, length: 1 }])
    const { assembly } = begin(pack, { bytes, gaps: [] })
    expect(assembly.wrongShares()).toEqual([0])
    expect(assembly.doubt([0])).toBe(false)
  })

  it('has what rests on wrong bytes rebuilt', async () => {
    const pack = makePack(300_000, { needed: 3, total: 5 })
    const size = pieceSize(pack.manifest)
    const gaps = [{ offset: 0, length: 20_000 }]
    const doubts = [[{ offset: size, length: 30_000 }]]
    const bytes = spoilt(pack.bytes, [...gaps, ...doubts.flat()])
    const { assembly, read } = begin(pack, { bytes, gaps, doubts })
    // The share that the gap lies in is lost, so that its bytes come from parity and from what is doubtful.
    const held = new Set([...all(pack)].filter((share) => share !== 0))
    await fillPack(assembly, pack.manifest, held, read, forever)
    const wrong = assembly.wrongShares()
    expect(wrong).toEqual([0, 1])
    expect(assembly.doubt(wrong)).toBe(true)
    await fillPack(assembly, pack.manifest, held, read, forever)
    expect(compare(assembly.bytes, pack.bytes)).toBe(0)
  })
})

function begin(pack: Pack, made: ConstructorParameters<typeof PackAssembly>[1]) {
  const { manifest, pieces } = pack
  let leaves = 0
  const read: ReadShare = ({ shareNumber, run: { first, count } }) => {
    leaves += count
    const from = first * manifest.leafSize
    return Promise.resolve(pieces[shareNumber]!.slice(from, from + count * manifest.leafSize))
  }
  return { assembly: new PackAssembly(manifest, made), read, leaves: () => leaves }
}

/** Every other stretch between the cuts. */
function stretchesOf({ size }: Manifest, at: readonly number[]): Extent[] {
  const edges = [...new Set(at.map((part) => Math.round(part * size)))].toSorted((a, b) => a - b)
  return edges.flatMap((offset, index) => {
    const end = edges[index + 1]
    return index % 2 === 0 && end !== undefined ? [{ offset, length: end - offset }] : []
  })
}

function spoilt(bytes: Uint8Array, stretches: readonly Extent[]): Uint8Array {
  const copy = bytes.slice()
  for (const { offset, length } of stretches) {
    for (let at = offset; at < offset + length; at += 1) copy[at] = ~copy[at]! & 0xff
  }
  return copy
}

/** Leaf → data shares that lack a byte in it. */
function lackingLeaves(manifest: Manifest, gaps: readonly Extent[]): Map<number, number[]> {
  const size = pieceSize(manifest)
  const lacking = new Map<number, number[]>()
  for (let leaf = 0; leaf < leafCount(manifest); leaf += 1) {
    for (let share = 0; share < manifest.needed; share += 1) {
      const from = share * size + leaf * manifest.leafSize
      const until = share * size + Math.min(size, (leaf + 1) * manifest.leafSize)
      const meets = gaps.some(({ offset, length }) => offset < until && from < offset + length)
      if (meets) lacking.set(leaf, [...(lacking.get(leaf) ?? []), share])
    }
  }
  return lacking
}

function heldShares({ total }: Manifest, coins: Iterator<boolean>): Set<number> {
  const shares = Array.from({ length: total }, (_, share) => share)
  return new Set(shares.filter(() => coins.next().value === true))
}

function all({ manifest }: Pack): Set<number> {
  return new Set(Array.from({ length: manifest.total }, (_, share) => share))
}
