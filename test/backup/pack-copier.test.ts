import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import { placeOf, type Extent } from '../../protocol/extents.ts'
import { PackCopier, BadCopyError, type CopiedNumber } from '../../src/backup/pack-copier.ts'
import { LiveStretches } from '../../src/history/live-stretches.ts'
import { extentsToCopy } from '../../src/repair/merge-packs.ts'
import { Spool } from '../../src/store/spool.ts'
import type { Move } from '../../src/store/moves.ts'
import type { PackRow } from '../../src/store/packs.ts'
import { onMachine } from '../support/on-machine.ts'
import { padKey } from '../support/packing.ts'
import { noise } from '../support/test-vault.ts'

const objects = fc.array(fc.tuple(fc.nat(50_000), fc.integer({ min: 1, max: 4_000 })), {
  minLength: 1,
  maxLength: 12,
})

describe('copies of packs', () => {
  it('hold every live byte at the place that its number has it, also when copied again', () =>
    fc.assert(
      fc.asyncProperty(
        fc.array(objects, { minLength: 1, maxLength: 6 }),
        fc.nat(11),
        async (packs, dropped) => {
          await copying(async ({ merge, read, put }) => {
            let live = packs.map((list) => list.map(([offset, length]) => ({ offset, length })))
            for (const number of live.keys()) put(number + 1, noise(54_000, number + 1))
            for (let round = 0; round < 2; round += 1) {
              await merge(new Map(live.map((list, index) => [index + 1, list])))
              for (const [index, list] of live.entries()) {
                const whole = noise(54_000, index + 1)
                for (const { offset, length } of list) {
                  const bytes = read(index + 1, { offset, length })
                  expect(bytes).toEqual(whole.slice(offset, offset + length))
                }
              }
              // Before they are copied again some of them die.
              live = live.map((list) =>
                list.length > 1 ? list.toSpliced(dropped % list.length, 1) : list,
              )
            }
          })
        },
      ),
      { numRuns: 30 },
    ))

  it('fetch what lies near in one go, and leave out what lies between far ones', () =>
    copying(async ({ merge, put, asked }) => {
      put(1, noise(500_000))
      await merge(
        new Map([
          [
            1,
            [
              { offset: 10, length: 5 },
              { offset: 30_000, length: 5 },
              { offset: 400_000, length: 5 },
            ],
          ],
        ]),
      )
      expect(asked).toEqual([
        { offset: 10, length: 29_995 },
        { offset: 400_000, length: 5 },
      ])
    }))

  it('are refused where they do not read back as what was copied', () =>
    copying(async ({ merge, put, damage }) => {
      put(1, noise(10_000))
      damage()
      const live = new Map([[1, [{ offset: 0, length: 9_000 }]]])
      await expect(merge(live)).rejects.toThrow(BadCopyError)
    }))
})

interface Copying {
  readonly put: (number: number, bytes: Uint8Array) => void
  /** Copy what is live out of the packs that these numbers lie in, and let their rows follow. */
  readonly merge: (live: ReadonlyMap<number, readonly Extent[]>) => Promise<void>
  readonly read: (number: number, range: Extent) => Uint8Array
  /** Ranges that were fetched. */
  readonly asked: readonly Extent[]
  /** What is read back from now on is wrong. */
  readonly damage: () => void
}

async function copying(story: (copying: Copying) => Promise<void>): Promise<void> {
  await onMachine(async ({ disk }) => {
    const spool = new Spool(disk)
    await spool.open()
    const rows = new Map<number, PackRow>()
    // Under the numbers that packs were made under.
    const packs = new Map<number, Uint8Array>()
    const owners = new Map<number, number>()
    const asked: Extent[] = []
    let next = 100
    let isDamaged = false
    const bytesAt = (number: number, { offset, length }: Extent) =>
      packs.get(owners.get(number) ?? 0)?.slice(offset, offset + length) ?? new Uint8Array(0)
    const put = (number: number, bytes: Uint8Array) => {
      packs.set(number, bytes)
      owners.set(number, number)
      rows.set(number, { ...plain, number, size: bytes.length })
    }
    const source = {
      readStretch: (number: number, range: Extent) => {
        asked.push(range)
        return Promise.resolve(bytesAt(number, range))
      },
    }
    const merge = async (live: ReadonlyMap<number, readonly Extent[]>) => {
      const recorded: Move[] = []
      const copier = new PackCopier({
        spool: {
          begin: (number) => spool.begin(number),
          read: async (number, offset, length) => {
            const bytes = await spool.read(number, offset, length)
            return isDamaged ? bytes?.map((byte) => byte ^ 1) : bytes
          },
        },
        padKey,
        nextPackNumber: () => ++next,
        onPack: ({ number, bytes, size }, moves) => {
          put(number, bytes.slice(0, size))
          recorded.push(...moves)
          return Promise.resolve()
        },
      })
      const byPack = Map.groupBy(live.keys(), (number) => owners.get(number))
      for (const numbers of byPack.values()) {
        await copier.copy(
          'data',
          numbers.map((number) => copied(rows, number, live)),
          source,
        )
      }
      await copier.flush()
      await copier.verify(source)
      expect(recorded).toHaveLength(live.size)
      for (const { number, target, base, extents } of recorded) {
        rows.set(number, { ...plain, number, size: packs.get(target)?.length ?? 0, base, extents })
        owners.set(number, target)
      }
    }
    const read = (number: number, range: Extent) => {
      const row = rows.get(number)
      const place = row && placeOf(row, range)
      if (place === undefined) throw new Error(`nothing of ${number} at ${range.offset}`)
      return bytesAt(number, { offset: place, length: range.length })
    }
    await story({ put, merge, read, asked, damage: () => (isDamaged = true) })
  })
}

function copied(
  rows: ReadonlyMap<number, PackRow>,
  number: number,
  live: ReadonlyMap<number, readonly Extent[]>,
): CopiedNumber {
  const row = rows.get(number)
  const stretches = new LiveStretches()
  for (const extent of live.get(number) ?? []) {
    stretches.add({ pack: number, ...extent }, 'content')
  }
  const extents = row && extentsToCopy(row, stretches.of(number))
  if (row === undefined || extents === undefined) throw new Error(`${number} cannot be copied`)
  return { row, extents }
}

const plain = {
  kind: 'data',
  state: 'complete',
  needed: 1,
  total: 2,
  id: undefined,
  base: 0,
  extents: undefined,
  isPublished: true,
} as const
