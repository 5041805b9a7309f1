import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import { referenceId } from '../../protocol/reference.ts'
import type { FolderNode, Version, VersionId } from '../../protocol/tree.ts'
import { FormatError } from '../../src/base/errors.ts'
import { forgetSnapshots } from '../../src/history/forget-tree.ts'
import type { ObjectSource } from '../../src/history/objects.ts'
import type { Thin } from '../../src/history/thin.ts'
import { withBases } from '../../src/history/thin.ts'
import { RawTree } from '../reference/raw-tree.ts'
import { busyRound, round, wave, wideRound, World } from '../support/tree-world.ts'

const rounds = fc.array(round(), { minLength: 1, maxLength: 12 })
/** Bit N keeps snapshot N. */
const choice = fc.integer({ min: 0, max: 2 ** 30 })

describe('forgetting snapshots', () => {
  it('leaves every kept snapshot and the present as they were, and nothing else', async () => {
    await fc.assert(
      fc.asyncProperty(rounds, choice, async (before, kept) => {
        const world = await World.after(before)
        await world.forget(chosen(world, kept))
        expect(await world.differences()).toEqual([])
        expect(await leftovers(world)).toEqual([])
      }),
      { numRuns: 80 },
    )
  })

  it('done twice changes nothing the second time', async () => {
    await fc.assert(
      fc.asyncProperty(rounds, choice, async (before, kept) => {
        const world = await World.after(before)
        await world.forget(chosen(world, kept))
        await expectUnchanged(world, () => world.forget(new Set(world.model.sequences)))
      }),
      { numRuns: 50 },
    )
  })

  it('of all but what is there changes nothing', async () => {
    await fc.assert(
      fc.asyncProperty(rounds, async (before) => {
        const world = await World.after(before)
        const raw = await RawTree.read(world.root as FolderNode, world.objects)
        await world.forget(new Set(world.model.sequences))
        const after = await RawTree.read(world.root as FolderNode, world.objects)
        expect(after.spans).toEqual(raw.spans)
        expect(after.versions).toEqual(raw.versions)
      }),
      { numRuns: 20 },
    )
  })

  it('is followed by further snapshots, and by forgetting more of them', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ rounds, kept: choice }), { minLength: 1, maxLength: 4 }),
        async (stages) => {
          const world = await World.after([[]])
          for (const { rounds: more, kept } of stages) {
            for (const actions of more) await world.backUp(actions)
            await world.forget(chosen(world, kept))
          }
          await world.backUp([])
          expect(await world.differences()).toEqual([])
        },
      ),
      { numRuns: 40 },
    )
  })

  it('of some and then of others is forgetting of both', async () => {
    await fc.assert(
      fc.asyncProperty(rounds, choice, choice, async (before, first, second) => {
        const twice = await World.after(before)
        const once = await World.after(before)
        await twice.forget(chosen(twice, first))
        await twice.forget(chosen(twice, second))
        await once.forget(chosen(once, first & second))
        expect(await twice.differences()).toEqual([])
        expect(twice.model.sequences).toEqual(once.model.sequences)
        expect(await leftovers(twice)).toEqual([])
        const [a, b] = await Promise.all([twice, once].map(rawOf))
        expect(a?.versions).toEqual(b?.versions)
        expect(a?.spans.map(({ path, from }) => [path, from])).toEqual(
          b?.spans.map(({ path, from }) => [path, from]),
        )
      }),
      { numRuns: 40 },
    )
  })

  it('holds in folders that span many pages, have a past and long histories', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(wideRound(), { minLength: 70, maxLength: 70, size: 'max' }),
        fc.integer({ min: 200, max: 400 }),
        fc.array(choice, { minLength: 2, maxLength: 2 }),
        async (before, count, [first = 0, second = 0]) => {
          const world = await World.after([[{ act: 'fill', path: 'big', count, seed: count }]])
          for (const actions of before) await world.backUp(actions)
          await forgetAndCheck(world, first | second)
          for (const actions of before.slice(0, 20)) await world.backUp(actions)
          await forgetAndCheck(world, first)
        },
      ),
      { numRuns: 2, endOnFailure: true },
    )
  })

  it('holds where past pages were merged, and shared by pages that grew and shrank', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(busyRound(), { minLength: 40, maxLength: 40, size: 'max' }),
        fc.array(wave(), { minLength: 40, maxLength: 40, size: 'max' }),
        choice,
        async (busy, waves, kept) => {
          const world = await World.after([[{ act: 'fill', path: 'big', count: 40, seed: 1 }]])
          for (const actions of busy) await world.backUp(actions)
          for (const [index, { actions, again }] of waves.entries()) {
            await world.backUp(actions)
            if (again !== undefined) await world.backUp(again, world.sequence)
            if (index % 13 === 12) await forgetAndCheck(world, kept | (1 << (index % 30)))
          }
        },
      ),
      { numRuns: 3, endOnFailure: true },
    )
  })

  it('ends with the error where a page cannot be read', async () => {
    const files = { act: 'range', from: 0, count: 300, seed: 1 } as const
    const world = await World.after([[{ ...files, what: 'file' }]])
    for (let seed = 0; seed < 40; seed++) {
      await world.backUp([{ ...files, what: seed % 2 === 0 ? 'touch' : 'file', count: 9, seed }])
    }
    const kinds = ['page', 'past', 'index']
    const root = world.root as FolderNode
    const { objects } = await rawOf(world)
    const needed = world.objects.puts.filter(
      ({ kind, reference }) => kinds.includes(kind) && objects.has(referenceId(reference)),
    )
    expect(new Set(needed.map(({ kind }) => kind))).toEqual(new Set(kinds))
    for (const { reference } of needed) {
      const source: ObjectSource = {
        read: (wanted, kind) =>
          referenceId(wanted) === referenceId(reference)
            ? Promise.reject(new FormatError('lost'))
            : world.objects.read(wanted, kind),
      }
      const parts = { source, sink: world.objects, cutKey: new Uint8Array(32), sequence: 999 }
      await expect(forgetSnapshots(root, new Set([1]), parts)).rejects.toThrow(FormatError)
    }
  })

  it('lets the caller say what becomes of a history, and tells which versions are kept', async () => {
    await fc.assert(
      fc.asyncProperty(rounds, choice, async (before, kept) => {
        const world = await World.after(before)
        await world.forget(chosen(world, kept), wholeVersions(world))
        expect(await world.differences()).toEqual([])
        const { versions } = await rawOf(world)
        const shown = world.model.shown()
        for (const [path, there] of versions) {
          // A history that lost nothing keeps its deltas; any other has whole versions now.
          const ids = new Set(there.keys())
          expect(ids.difference(shown.get(path) ?? new Set())).toEqual(new Set())
        }
      }),
      { numRuns: 40 },
    )
  })
})

async function forgetAndCheck(world: World, kept: number): Promise<void> {
  await world.forget(chosen(world, kept))
  expect(await world.differences(7)).toEqual([])
  expect(await leftovers(world)).toEqual([])
  await expectUnchanged(world, () => world.forget(new Set(world.model.sequences)))
}

async function expectUnchanged(world: World, run: () => Promise<void>): Promise<void> {
  const before = world.root
  world.objects.reset()
  await run()
  expect(world.root).toBe(before)
  expect(world.objects.puts).toEqual([])
}

function chosen(world: World, bits: number): ReadonlySet<number> {
  return new Set(world.model.sequences.filter((sequence) => ((bits >> (sequence % 30)) & 1) === 1))
}

function rawOf(world: World): Promise<RawTree> {
  return RawTree.read(world.root as FolderNode, world.objects)
}

/** @returns what is in the tree and should not be */
async function leftovers(world: World): Promise<unknown[]> {
  const raw = await rawOf(world)
  const kept = world.model.sequences
  const spans = raw.spans.filter(({ from, until }) => {
    return until !== Infinity && !kept.some((sequence) => from <= sequence && sequence < until)
  })
  const shown = world.model.shown()
  const versions = [...raw.versions].flatMap(([path, there]) => {
    const needed = withBases([...there.values()], shown.get(path) ?? new Set())
    return [...there.keys()].filter((id) => !needed.has(id)).map((id) => ({ path, id }))
  })
  return [...spans, ...versions]
}

/** Store every kept version whole. */
function wholeVersions(world: World): Thin {
  return (versions: readonly Version[], kept: ReadonlySet<VersionId>, path) => {
    const whole = versions.filter(({ id }) => kept.has(id)).map(asOriginal)
    for (const version of whole) world.model.rewrite(path.map(latin).join('/'), version)
    return Promise.resolve(whole)
  }
}

function asOriginal(version: Version): Version {
  const { parts } = version.content
  if (version.size === 0) {
    return { ...version, content: { type: 'original', parts: { depth: 0, references: [] } } }
  }
  return { ...version, content: { type: 'original', parts } }
}

function latin(name: Uint8Array): string {
  return Buffer.from(name).toString('latin1')
}
