import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import { busyRound, round, wave, wideRound, World } from '../support/tree-world.ts'

describe('the tree against its twin', () => {
  it('shows every snapshot as it was, after any sequence of changes', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(round(), { minLength: 1, maxLength: 14 }), async (rounds) => {
        const world = new World()
        for (const actions of rounds) await world.backUp(actions)
        expect(await world.differences()).toEqual([])
      }),
      { numRuns: 60 },
    )
  })

  it('shows every snapshot of folders that span many pages and spill their past', async () => {
    const kinds = new Set<string>()
    await fc.assert(
      fc.asyncProperty(
        fc.array(wideRound(), { minLength: 68, maxLength: 70, size: 'max' }),
        fc.integer({ min: 200, max: 400 }),
        async (rounds, count) => {
          const world = new World()
          await world.backUp([{ act: 'fill', path: 'big', count, seed: count }])
          for (const actions of rounds) await world.backUp(actions)
          expect(await world.differences(17)).toEqual([])
          for (const { kind } of world.objects.puts) kinds.add(kind)
        },
      ),
      { numRuns: 2, endOnFailure: true },
    )
    expect(kinds).toEqual(new Set(['page', 'index', 'past', 'history']))
  })

  it('shows every snapshot of a busy folder whose past pages were merged', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(busyRound(), { minLength: 150, maxLength: 150, size: 'max' }),
        async (rounds) => {
          const world = new World()
          await world.backUp([{ act: 'fill', path: 'big', count: 40, seed: 1 }])
          for (const actions of rounds) await world.backUp(actions)
          expect(await world.differences(10)).toEqual([])
          expect(await world.pastPages()).toEqual({ isMerged: true, linksMax: expect.any(Number) })
        },
      ),
      { numRuns: 2, endOnFailure: true },
    )
  })

  it('shows every snapshot of a folder that grew and shrank, with runs done again', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(wave(), { minLength: 60, maxLength: 60, size: 'max' }),
        async (waves) => {
          const world = new World()
          await world.backUp([{ act: 'file', path: 'big/first', seed: 1 }])
          for (const { actions, again } of waves) {
            await world.backUp(actions)
            if (again !== undefined) await world.backUp(again, world.sequence)
          }
          expect(await world.differences(9)).toEqual([])
        },
      ),
      { numRuns: 4, endOnFailure: true },
    )
  })

  it('gives back the very node when changes state what is there already', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(round(), { minLength: 1, maxLength: 8 }), async (rounds) => {
        const world = new World()
        for (const actions of rounds) await world.backUp(actions)
        const before = world.root
        world.objects.reset()
        await world.restate()
        expect(world.root).toBe(before)
        expect(world.objects.puts).toEqual([])
      }),
      { numRuns: 30 },
    )
  })

  it('replaces what a first attempt at the same sequence wrote', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(round(), { minLength: 2, maxLength: 10 }),
        round(),
        async (rounds, again) => {
          const world = new World()
          for (const actions of rounds) await world.backUp(actions)
          await world.backUp(again, world.sequence)
          await world.backUp([])
          expect(await world.differences()).toEqual([])
        },
      ),
      { numRuns: 40 },
    )
  })
})
