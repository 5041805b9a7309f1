import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import { referenceId } from '../../protocol/reference.ts'
import { versionId } from '../../protocol/tree.ts'
import type { FolderNode, Version } from '../../protocol/tree.ts'
import { AssertionError } from '../../src/base/assert.ts'
import type { Change } from '../../src/history/change.ts'
import { HISTORY_INLINE_MAX } from '../../src/history/file-history.ts'
import { TreeReader } from '../../src/history/tree-reader.ts'
import { writeTree } from '../../src/history/tree-writer.ts'
import { RawTree } from '../reference/raw-tree.ts'
import { pathOf } from '../reference/tree-model.ts'
import { MemoryObjects } from '../support/memory-objects.ts'
import { newAttributes, newReference, round, wideRound, World } from '../support/tree-world.ts'

const CUT_KEY = new Uint8Array(32).fill(1)

describe('telling a history anew', () => {
  it('leaves every snapshot as it was, each version stored in another way', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(round(), { minLength: 1, maxLength: 6 }), { minLength: 1, maxLength: 3 }),
        fc.integer({ min: 0, max: 1000 }),
        async (stages, seed) => {
          const world = new World()
          for (const [index, rounds] of stages.entries()) {
            for (const actions of rounds) await world.backUp(actions)
            await world.rewrite(turnAround(seed + index))
            expect(await world.differences()).toEqual([])
          }
          await world.backUp([])
          expect(await world.differences()).toEqual([])
        },
      ),
      { numRuns: 40 },
    )
  })

  it('does so in large folders with a past and long histories, and between snapshots forgotten', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(wideRound(), { minLength: 72, maxLength: 72, size: 'max' }),
        async (rounds) => {
          const world = await World.after([[{ act: 'fill', path: 'big', count: 200, seed: 5 }]])
          for (const [index, actions] of rounds.entries()) {
            await world.backUp(actions)
            if (index % 24 === 23) await world.rewrite(turnAround(index))
            if (index === 50) await world.forget(new Set([3, 11, 12, 19, 40]))
          }
          expect(await world.differences(5)).toEqual([])
        },
      ),
      { numRuns: 1 },
    )
  })

  it('changes nothing where the history is so already', async () => {
    const world = await World.after([
      [{ act: 'fill', path: 'big', count: 300, seed: 5 }],
      [{ act: 'file', path: 'big/x', seed: 6 }],
    ])
    const before = world.root
    world.objects.reset()
    await world.rewrite((_, versions) => [...versions])
    expect(world.root).toBe(before)
    expect(world.objects.puts).toEqual([])
  })

  it('moves a history out of its page and back, and leaves no old object in use', async () => {
    const story = new Story()
    const versions = Array.from({ length: 300 }, (_, index) => original(1, index))
    await story.write(1, set('f', ...versions))
    const old = await story.historyObjects()
    expect(old.size).toBe(2)

    await story.write(2, rewrite('f', versions.map(asOther)))
    const now = await story.historyObjects()
    expect(now.size).toBe(2)
    expect(now.intersection(old).size).toBe(0)
    expect((await story.live('f'))?.versions).toEqual(versions.map(asOther))

    await story.write(3, rewrite('f', versions.slice(-HISTORY_INLINE_MAX)))
    expect((await story.historyObjects()).size).toBe(0)
    await story.write(4, rewrite('f', versions.slice(-HISTORY_INLINE_MAX - 1)))
    expect((await story.historyObjects()).size).toBe(1)
    expect((await story.live('f'))?.versions.length).toBe(HISTORY_INLINE_MAX + 1)
  })

  it('needs a live file, ids ascending, and all that its spans show', async () => {
    const story = new Story()
    await story.write(1, set('f', original(1)), set('gone', original(1)))
    await story.write(2, set('f', original(2)), gone('gone'))
    const [first, second] = [original(1), original(2)]
    for (const change of [
      rewrite('f', []),
      rewrite('f', [second, first]),
      rewrite('f', [second]),
      rewrite('f', [first]),
      rewrite('gone', [first]),
      rewrite('nowhere', [first]),
    ]) {
      await expect(story.write(3, change)).rejects.toThrow(AssertionError)
    }
  })

  it('needs what spans in past pages show, too', async () => {
    const story = new Story()
    const count = 120
    await story.write(1, set('f', original(1)))
    for (let at = 2; at <= count; at++) await story.write(at, touch('f', at))
    await story.write(count + 1, set('f', original(count + 1)))
    for (let at = count + 2; at <= 2 * count; at++) await story.write(at, touch('f', at))
    const live = await story.live('f')
    expect(live?.versions.map(({ id }) => id)).toEqual([1, count + 1].map((at) => versionId(at, 0)))
    expect(live?.spans.length).toBe(2 * count)
    const last = rewrite('f', [original(count + 1)])
    await expect(story.write(2 * count + 1, last)).rejects.toThrow(AssertionError)
  })
})

/** Store a history the other way round: the newest version whole, older ones as deltas on newer ones. */
function turnAround(seed: number): (path: string, versions: readonly Version[]) => Version[] {
  return (path, versions) =>
    versions.map((version, index): Version => {
      const number = (seed * 31 + path.length * 7 + index) % 1000
      const newer = versions[index + 1]
      const references = [newReference(500_000 + seed, number)]
      const digest = version.digest ?? new Uint8Array(32)
      if (newer !== undefined) {
        const parts = { depth: 0, references }
        return { ...version, digest, content: { type: 'delta', base: newer.id, parts } }
      }
      const parts = { depth: 0, references: version.size === 0 ? [] : references }
      return { ...version, content: { type: 'original', parts } }
    })
}

class Story {
  readonly #objects = new MemoryObjects(1_000_000)
  readonly #reader = new TreeReader({ source: this.#objects })
  #root: FolderNode | undefined

  async write(sequence: number, ...changes: Change[]): Promise<void> {
    const store = { source: this.#objects, sink: this.#objects, cutKey: CUT_KEY }
    this.#root = await writeTree(this.#root, sequence, stream(changes), store)
  }

  live(path: string): ReturnType<TreeReader['liveHistory']> {
    return this.#reader.liveHistory(this.#current, pathOf(path))
  }

  /** @returns ids of the history objects that the tree leads to */
  async historyObjects(): Promise<Set<string>> {
    const { objects } = await RawTree.read(this.#current, this.#objects)
    const histories = this.#objects.puts.filter(({ kind }) => kind === 'history')
    return objects.intersection(new Set(histories.map(({ reference }) => referenceId(reference))))
  }

  get #current(): FolderNode {
    if (this.#root === undefined) throw new Error('nothing was written')
    return this.#root
  }
}

async function* stream(changes: readonly Change[]): AsyncGenerator<Change> {
  yield* changes
}

function set(path: string, ...versions: readonly Version[]): Change {
  const what = { kind: 'file', versions } as const
  return { path: pathOf(path), type: 'set', attributes: newAttributes(1), what }
}

function touch(path: string, number: number): Change {
  const what = { kind: 'file', versions: [] } as const
  return { path: pathOf(path), type: 'set', attributes: newAttributes(number), what }
}

function gone(path: string): Change {
  return { path: pathOf(path), type: 'gone' }
}

function rewrite(path: string, versions: readonly Version[]): Change {
  return { path: pathOf(path), type: 'history', versions }
}

function original(sequence: number, ordinal = 0): Version {
  const parts = { depth: 0, references: [newReference(sequence, ordinal)] }
  return {
    id: versionId(sequence, ordinal),
    size: 3,
    digest: undefined,
    label: 'stable',
    content: { type: 'original', parts },
    extra: [],
  }
}

/** The same content, lying elsewhere. */
function asOther(version: Version): Version {
  const parts = { depth: 0, references: [newReference(77_777, version.id % 1024)] }
  return { ...version, content: { type: 'original', parts } }
}
