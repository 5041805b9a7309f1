import { describe, expect, it } from 'vitest'

import { versionId } from '../../protocol/tree.ts'
import type { Entry, FolderNode, History, Span, Version, What } from '../../protocol/tree.ts'
import { AssertionError } from '../../src/base/assert.ts'
import { FormatError } from '../../src/base/errors.ts'
import { forgetName } from '../../src/history/forget-names.ts'
import { ALWAYS, Kept } from '../../src/history/kept.ts'
import { NodeStore } from '../../src/history/node-store.ts'
import { keepBases } from '../../src/history/thin.ts'
import type { Thin } from '../../src/history/thin.ts'
import { nameOf } from '../reference/tree-model.ts'
import { MemoryObjects } from '../support/memory-objects.ts'
import { newAttributes, newReference } from '../support/tree-world.ts'

const NODE: FolderNode = { type: 'inline', entries: [] }

describe('forgetting under one name', () => {
  it('moves the node of a folder to the last span that stays', async () => {
    const life = [folder(1, 5, 'next'), folder(5, 8, 'next'), folder(8, 9)]
    const [left] = await forget([entry(life)], [6])
    expect(left?.spans).toEqual([folder(5, 8)])
  })

  it('lets spans of one folder touch again where those between them go', async () => {
    const life = [folder(1, 5, 'next'), folder(5, 8, 'next'), folder(8, undefined)]
    const [left] = await forget([entry(life)], [2])
    expect(left?.spans).toEqual([folder(1, 8, 'next'), folder(8, undefined)])
  })

  it('does so across the live page and its past', async () => {
    const live = entry([folder(8, undefined)])
    const past = entry([folder(1, 5, 'next'), folder(5, 8, 'next')])
    expect(await forget([live, past], [2])).toEqual([live, entry([folder(1, 8, 'next')])])
    expect(await forget([live, past], [])).toEqual([live, undefined])
  })

  it('keeps lives apart: each has its own node, or is gone', async () => {
    const lives = [folder(1, 3), folder(3, 6), folder(7, undefined)]
    const [left] = await forget([entry(lives)], [4])
    expect(left?.spans).toEqual([folder(3, 6), folder(7, undefined)])
  })

  it('refuses a folder that has no node', async () => {
    await expect(forget([entry([folder(1, 3, 'next')])], [1])).rejects.toThrow(FormatError)
    const apart = [folder(1, 3, 'next'), folder(4, 6)]
    await expect(forget([entry(apart)], [1])).rejects.toThrow(FormatError)
    const other = [folder(1, 3, 'next'), file(3, 4, 3)]
    await expect(forget([entry(other)], [1])).rejects.toThrow(FormatError)
  })

  it('asks what spans in past pages show before a live history loses a version', async () => {
    const live = entry([file(5, undefined, 5)], inline(original(1), original(3), original(5)))
    const past = entry([file(1, 3, 1), file(3, 5, 3)])
    expect(await forget([live, past], [4])).toEqual([
      entry([file(5, undefined, 5)], inline(original(3), original(5))),
      entry([file(3, 5, 3)]),
    ])
  })

  it('keeps what a version rests on, in another history of the name too', async () => {
    const live = entry([file(7, undefined, 7)], inline(delta(6, 2), delta(7, 6)))
    const past = entry([file(1, 2, 1), file(2, 3, 2)], inline(original(1), delta(2, 1)))
    const unshown = entry([], inline(original(1), delta(2, 1)))
    expect(await forget([live, past], [])).toEqual([live, unshown])
  })

  it('keeps one copy of what two past pages hold', async () => {
    const one = entry([file(1, 3, 1)], inline(original(1), original(2)))
    const two = entry([file(1, 3, 1), file(4, 6, 2)], inline(original(1), original(2)))
    expect(await forget([one, two], [1, 5])).toEqual([one, entry([file(4, 6, 2)])])
  })

  it('lets a history that was broken before stay so', async () => {
    const broken = entry([file(2, undefined, 3)], inline(delta(2, 1), delta(3, 2)))
    expect(await forget([broken], [])).toEqual([broken])
  })

  it('takes nothing from thinning but the kept versions and others that were there', async () => {
    const live = entry([file(3, undefined, 3)], inline(original(1), delta(2, 1), delta(3, 2)))
    for (const left of [
      [],
      [original(1), delta(3, 2)],
      [original(3), original(4)],
      [{ ...original(3), size: 99 }],
    ]) {
      const thin: Thin = () => Promise.resolve(left)
      await expect(forget([live], [], thin)).rejects.toThrow(AssertionError)
    }
    const whole: Thin = () => Promise.resolve([original(3)])
    expect(await forget([live], [], whole)).toEqual([
      entry([file(3, undefined, 3)], inline(original(3))),
    ])
  })
})

function forget(
  entries: readonly Entry[],
  keep: readonly number[],
  thin: Thin = keepBases,
): ReturnType<typeof forgetName> {
  const objects = new MemoryObjects()
  const parts = {
    nodes: new NodeStore(objects),
    sink: objects,
    kept: new Kept(new Set(keep)),
    thin,
    forgetFolder: (node: FolderNode) => Promise.resolve(node),
  }
  return forgetName(entries, [nameOf('name')], ALWAYS, parts)
}

function entry(spans: readonly Span[], history?: History): Entry {
  return { name: nameOf('name'), spans, history }
}

function folder(from: number, until: number | undefined, node?: 'next'): Span {
  return span(from, until, { kind: 'folder', node: node === 'next' ? { type: 'next' } : NODE })
}

function file(from: number, until: number | undefined, sequence: number): Span {
  return span(from, until, { kind: 'file', version: versionId(sequence, 0) })
}

function span(from: number, until: number | undefined, what: What): Span {
  return { from, until, attributes: newAttributes(from), what }
}

function inline(...versions: readonly Version[]): History {
  return { type: 'inline', versions }
}

function original(sequence: number): Version {
  const parts = { depth: 0, references: [newReference(sequence, 1)] }
  return { ...about(sequence), content: { type: 'original', parts } }
}

function delta(sequence: number, base: number): Version {
  const parts = { depth: 0, references: [newReference(sequence, 1)] }
  return { ...about(sequence), content: { type: 'delta', base: versionId(base, 0), parts } }
}

function about(sequence: number): Omit<Version, 'content'> {
  const digest = new Uint8Array(32).fill(sequence)
  return { id: versionId(sequence, 0), size: 10, digest, label: 'stable', extra: [] }
}
