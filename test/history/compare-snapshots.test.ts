import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import type { Span } from '../../protocol/tree.ts'
import { covers } from '../../protocol/tree.ts'
import {
  compareSnapshots,
  isSameAttributes,
  isSameContent,
  type ChangeKind,
} from '../../src/history/compare-snapshots.ts'
import { TreeReader } from '../../src/history/tree-reader.ts'
import type { Snapshot, Standing } from '../reference/tree-model.ts'
import { textOf } from '../reference/tree-model.ts'
import { busyRound, round, World, type Action } from '../support/tree-world.ts'

describe('two snapshots compared', () => {
  it('differ in just what a look at each for itself shows', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(round(), { minLength: 1, maxLength: 10 }), async (rounds) => {
        const world = await World.after(rounds)
        for (const before of world.model.sequences) {
          for (const after of world.model.sequences) {
            const expected = expectedOf(world.model.at(before), world.model.at(after))
            expect(await found(world, before, after)).toEqual(expected)
          }
        }
      }),
      { numRuns: 40 },
    )
  })

  it('differ so too where the past has left its pages', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(busyRound(), { minLength: 60, maxLength: 60, size: 'max' }),
        async (rounds) => {
          const world = await World.after([FILLED, ...rounds])
          for (const [before, after] of [
            [1, 61],
            [20, 40],
            [40, 20],
            [60, 61],
          ] as const) {
            const expected = expectedOf(world.model.at(before), world.model.at(after))
            expect(await found(world, before, after)).toEqual(expected)
          }
        },
      ),
      { numRuns: 2, endOnFailure: true },
    )
  })

  it('are compared without reading anything twice', async () => {
    const world = await World.after([
      FILLED,
      [{ act: 'touch', path: 'big/always', seed: 3 }],
      [{ act: 'file', path: 'big/new', seed: 4 }],
    ])
    world.objects.reset()
    await found(world, 1, 3)
    const both = world.objects.reads
    world.objects.reset()
    for await (const _ of reader(world).walk(world.root!, [], 3)) void _
    expect(both).toBeLessThanOrEqual(world.objects.reads)
  })

  it('where only one was about a path, nothing is said of it', async () => {
    const world = await World.after([[], [{ act: 'file', path: 'a/b', seed: 1 }]])
    const isIncluded = () => false
    const compared = { before: 1, after: 2, isIncluded }
    const all = await Array.fromAsync(compareSnapshots(reader(world), world.root!, [], compared))
    expect(all).toEqual([])
  })
})

describe('everything that ever was', () => {
  it('is what each snapshot shows, when it shows it', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(round(), { minLength: 1, maxLength: 10 }), async (rounds) => {
        const world = await World.after(rounds)
        const spans = new Map<string, Span[]>()
        for await (const one of reader(world).everything(world.root!, [], () => true)) {
          const at = textOf(one.path)
          spans.set(at, [...(spans.get(at) ?? []), ...one.spans])
        }
        for (const sequence of world.model.sequences) {
          const shown = [...spans].flatMap(([at, all]) =>
            all.filter((span) => covers(span, sequence)).map(({ what }) => [at, what.kind]),
          )
          const expected = [...world.model.at(sequence)].map(([at, { kind }]) => [at, kind])
          expect(new Map(shown as [string, string][])).toEqual(
            new Map(expected as [string, string][]),
          )
          expect(shown).toHaveLength(expected.length)
        }
      }),
      { numRuns: 40 },
    )
  })
})

const FILLED: Action[] = [{ act: 'fill', path: 'big', count: 40, seed: 1 }]

function reader({ objects }: World): TreeReader {
  return new TreeReader({ source: objects })
}

async function found(
  world: World,
  before: number,
  after: number,
): Promise<Map<string, ChangeKind>> {
  const changes = new Map<string, ChangeKind>()
  const compared = { before, after, isIncluded: () => true }
  for await (const { path, change } of compareSnapshots(reader(world), world.root!, [], compared)) {
    expect(changes.has(textOf(path))).toBe(false)
    changes.set(textOf(path), change)
  }
  return changes
}

function expectedOf(before: Snapshot, after: Snapshot): Map<string, ChangeKind> {
  const changes = new Map<string, ChangeKind>()
  for (const at of new Set([...before.keys(), ...after.keys()])) {
    const change = changeOf(before.get(at), after.get(at))
    if (change !== undefined) changes.set(at, change)
  }
  return changes
}

function changeOf(old: Standing | undefined, now: Standing | undefined): ChangeKind | undefined {
  if (old === undefined) return 'added'
  if (now === undefined) return 'removed'
  if (old.kind !== now.kind) return 'type'
  const isSame =
    (old.kind === 'file' && now.kind === 'file' && isSameContent(old.version, now.version)) ||
    (old.kind === 'symlink' && now.kind === 'symlink' && old.target === now.target) ||
    old.kind === 'folder'
  if (!isSame) return 'content'
  return isSameAttributes(old.attributes, now.attributes) ? undefined : 'metadata'
}
