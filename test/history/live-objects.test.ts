import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import { encodePage } from '../../protocol/page.ts'
import { encodeRoot } from '../../protocol/root.ts'
import type { Root } from '../../protocol/root.ts'
import { referenceId } from '../../protocol/reference.ts'
import type { Reference } from '../../protocol/reference.ts'
import { encodeSnapshots } from '../../protocol/snapshots.ts'
import type { Entry, FolderNode, Version } from '../../protocol/tree.ts'
import { FormatError } from '../../src/base/errors.ts'
import { liveObjects } from '../../src/history/live-objects.ts'
import type { ObjectSource } from '../../src/history/objects.ts'
import { makeParts } from '../../src/history/parts.ts'
import { TreeReader } from '../../src/history/tree-reader.ts'
import { RawTree } from '../reference/raw-tree.ts'
import { nameOf } from '../reference/tree-model.ts'
import { MemoryObjects } from '../support/memory-objects.ts'
import { newAttributes, newReference, round, wideRound, World } from '../support/tree-world.ts'

const rounds = fc.array(round(), { minLength: 1, maxLength: 10 })
const choice = fc.integer({ min: 0, max: 2 ** 30 })

describe('live objects', () => {
  it('are just what a slow walk finds, once snapshots were forgotten', async () => {
    await fc.assert(
      fc.asyncProperty(rounds, choice, async (before, kept) => {
        const world = await World.after(before)
        await forget(world, kept)
        const root = await world.putRoot()
        const raw = await RawTree.read(world.root as FolderNode, world.objects)
        expect(await live(root, world.objects)).toEqual(raw.objects.add(referenceId(root)))
      }),
      { numRuns: 30 },
    )
  })

  it('are all that reading a kept snapshot touches, and none that was not there or newly written', async () => {
    await fc.assert(
      fc.asyncProperty(
        rounds,
        fc.array(wideRound(), { minLength: 8, maxLength: 20, size: 'max' }),
        choice,
        async (before, wide, kept) => {
          const world = await World.after(before)
          for (const actions of wide) await world.backUp(actions)
          const old = await live(await world.putRoot(), world.objects)
          world.objects.reset()
          await forget(world, kept)
          const root = await world.putRoot()
          const now = await live(root, world.objects)
          const written = new Set(world.objects.puts.map(({ reference }) => referenceId(reference)))
          expect(now.difference(old.union(written))).toEqual(new Set())
          expect(await unknownReads(world, now)).toEqual([])
        },
      ),
      { numRuns: 8 },
    )
  })

  it('are told with their kinds: lists, snapshots and the export of the backupdb too', async () => {
    const objects = new MemoryObjects()
    const many = Array.from({ length: 600 }, (_, index) => newReference(3, index))
    const parts = await makeParts(many, objects)
    const version: Version = {
      id: 3_072,
      size: 5,
      digest: new Uint8Array(32),
      label: 'stable',
      content: { type: 'original', parts },
      extra: [],
    }
    const base: Version = { ...version, id: 3_071 }
    const content = { type: 'delta', base: 3_071, parts: direct(newReference(4, 1)) } as const
    const older = await objects.put('snapshots', encodeSnapshots({ rows: [row(1)], older: null }))
    const root = await put(objects, {
      snapshots: { rows: [row(2)], older },
      backupdb: [base, { ...version, content }],
    })
    const told: string[] = []
    await liveObjects(root, objects, ({ pack }, kind) => told.push(`${kind} in ${pack}`))
    const counts = Object.entries(Object.groupBy(told, (one) => one)).map(([one, all = []]) => [
      one,
      all.length,
    ])
    expect(Object.fromEntries(counts)).toEqual({
      'root in 7': 1,
      'snapshots in 7': 1,
      'list in 7': 2,
      'content in 3': 600,
      'delta in 4': 1,
    })
  })

  it('are not walked again and again where many places lead to one folder', async () => {
    const objects = new MemoryObjects()
    let node: FolderNode = { type: 'inline', entries: [] }
    for (let depth = 0; depth < 40; depth++) {
      const entries = ['a', 'b'].map((name) => folder(name, node))
      const reference = await objects.put('page', encodePage({ entries, past: [], sections: [] }))
      node = { type: 'stored', level: 0, reference }
    }
    const root = await put(objects, { tree: { level: 0, reference: referenceOf(node) } })
    objects.reset()
    expect((await live(root, objects)).size).toBe(41)
    expect(objects.reads).toBe(41)
  })

  it('are not known while a part of the tree cannot be read', async () => {
    const world = await World.after([[{ act: 'fill', path: 'big', count: 60, seed: 3 }]])
    const root = await world.putRoot()
    const lost = world.objects.puts.filter(({ kind }) => kind === 'page')
    expect(lost.length).toBeGreaterThan(1)
    for (const { reference } of lost) {
      const source = without(reference, world.objects)
      await expect(live(root, source)).rejects.toThrow(FormatError)
    }
  })
})

async function forget(world: World, bits: number): Promise<void> {
  const kept = world.model.sequences.filter((sequence) => ((bits >> (sequence % 30)) & 1) === 1)
  await world.forget(new Set(kept))
}

async function live(root: Reference, source: ObjectSource): Promise<Set<string>> {
  const told = new Set<string>()
  await liveObjects(root, source, (reference) => told.add(referenceId(reference)))
  return told
}

/** @returns objects that reading all there is needs, and that are not among `known` */
async function unknownReads(world: World, known: ReadonlySet<string>): Promise<string[]> {
  const unknown: string[] = []
  const note = (reference: Reference): void => {
    if (!known.has(referenceId(reference))) unknown.push(referenceId(reference))
  }
  const source: ObjectSource = {
    read: (reference, kind) => {
      note(reference)
      return world.objects.read(reference, kind)
    },
  }
  const reader = new TreeReader({ source })
  const root = world.root as FolderNode
  for (const sequence of [...world.model.sequences, world.sequence]) {
    let count = 0
    for await (const { path, entry } of reader.walk(root, [], sequence)) {
      for (const one of entry.version?.content.parts.references ?? []) note(one)
      if (entry.version === undefined || count++ > 20) continue
      for (const { content } of await reader.chain(root, path, entry.version.id)) {
        for (const one of content.parts.references) note(one)
      }
    }
  }
  return unknown
}

function without(lost: Reference, objects: MemoryObjects): ObjectSource {
  return {
    read: (reference, kind) => {
      if (reference === lost || referenceId(reference) === referenceId(lost)) {
        return Promise.reject(new FormatError('lost'))
      }
      return objects.read(reference, kind)
    },
  }
}

async function put(objects: MemoryObjects, root: Partial<Root>): Promise<Reference> {
  const empty: Root = {
    device: 'test',
    sequence: 9,
    tree: null,
    snapshots: { rows: [], older: null },
    backupdb: [],
    extra: [],
  }
  return objects.put('root', encodeRoot({ ...empty, ...root }))
}

function direct(...references: Reference[]): Version['content']['parts'] {
  return { depth: 0, references }
}

function folder(name: string, node: FolderNode): Entry {
  const span = {
    from: 1,
    until: undefined,
    attributes: newAttributes(1),
    what: { kind: 'folder', node },
  } as const
  return { name: nameOf(name), spans: [span], history: undefined }
}

function referenceOf(node: FolderNode): Reference {
  if (node.type !== 'stored') throw new Error('not stored')
  return node.reference
}

function row(sequence: number): Root['snapshots']['rows'][number] {
  return {
    sequence,
    startedAt: 0,
    endedAt: 1,
    host: 'laptop',
    sources: [],
    files: 0,
    folders: 0,
    bytes: 0,
    added: 0,
    isComplete: true,
    isFinished: true,
    isPinned: false,
    tags: [],
    skipped: 0,
  }
}
