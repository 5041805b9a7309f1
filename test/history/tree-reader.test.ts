import { describe, expect, it } from 'vitest'

import { OBJECT_OVERHEAD } from '../../protocol/object.ts'
import { decodePage, encodePage } from '../../protocol/page.ts'
import type { Reference } from '../../protocol/reference.ts'
import { versionId } from '../../protocol/tree.ts'
import type { Attributes, FolderNode, Page, Version } from '../../protocol/tree.ts'
import { AssertionError } from '../../src/base/assert.ts'
import { FormatError } from '../../src/base/errors.ts'
import type { Change, ChangedWhat } from '../../src/history/change.ts'
import { BadHistoryError } from '../../src/history/errors.ts'
import { CHAIN_LENGTH_MAX, TreeReader } from '../../src/history/tree-reader.ts'
import { writeTree } from '../../src/history/tree-writer.ts'
import { nameOf, pathOf, textOf } from '../reference/tree-model.ts'
import { MemoryObjects } from '../support/memory-objects.ts'

const CUT_KEY = new Uint8Array(32).fill(1)

describe('a path through time', () => {
  it('tells a history across the lives of the folders above', async () => {
    const story = new Story()
    await story.write(1, folder('a'), file('a/f', original(1)))
    await story.write(2, file('a/f', original(2)))
    await story.write(3, gone('a'))
    await story.write(5, folder('a'), file('a/f', original(5)))
    await story.write(6, folder('a', 9))
    await story.write(7, gone('a/f'))
    const history = await story.reader.history(story.root, pathOf('a/f'))
    expect(history?.versions.map(({ id }) => id)).toEqual([1, 2, 5].map((at) => versionId(at, 0)))
    expect(history?.spans.map(({ from, until }) => [from, until])).toEqual([
      [1, 2],
      [2, 3],
      [5, 7],
    ])
  })

  it('has no history where nothing ever stood', async () => {
    const story = new Story()
    await story.write(1, folder('a'), file('b', original(1)))
    expect(await story.reader.history(story.root, pathOf('a/f'))).toBeUndefined()
    expect(await story.reader.history(story.root, pathOf('b/f'))).toBeUndefined()
    expect(await story.reader.history(story.root, [])).toBeUndefined()
  })

  it('gives every folder span its node', async () => {
    const story = new Story()
    await story.write(1, folder('a'), file('a/f', original(1)))
    for (let at = 2; at < 6; at++) await story.write(at, folder('a', at))
    const history = await story.reader.history(story.root, pathOf('a'))
    expect(history?.spans.length).toBe(5)
    for (const { what } of history?.spans ?? []) {
      expect(what.kind === 'folder' && what.node.type).toBe('inline')
    }
  })

  it('changes kind by ending one span and opening another', async () => {
    const story = new Story()
    await story.write(1, folder('x'), file('x/f', original(1)))
    await story.write(2, file('x', original(2)))
    await story.write(3, link('x', 'to f'))
    await story.write(4, folder('x'))
    expect(await story.names(1)).toEqual(['x', 'x/f'])
    expect(await story.names(2)).toEqual(['x'])
    expect(await story.names(4)).toEqual(['x'])
    const history = await story.reader.history(story.root, pathOf('x'))
    expect(history?.spans.map(({ what }) => what.kind)).toEqual([
      'folder',
      'file',
      'symlink',
      'folder',
    ])
  })

  it('is visible only where a folder is visible', async () => {
    const story = new Story()
    await story.write(1, folder('a'), folder('a/b'), file('a/b/f', original(1)))
    await story.write(2, gone('a'))
    expect(await story.reader.entry(story.root, pathOf('a/b/f'), 2)).toBeUndefined()
    expect((await story.reader.entry(story.root, pathOf('a/b/f'), 1))?.version?.size).toBe(100)
    expect(await story.reader.entry(story.root, pathOf('a/b/f'), 0)).toBeUndefined()
  })
})

describe('a chain', () => {
  it('begins with an original and ends with the wanted version', async () => {
    const story = new Story()
    await story.write(1, file('f', original(1)))
    await story.write(2, file('f', delta(2, versionId(1, 0))))
    await story.write(3, file('f', delta(3, versionId(2, 0))))
    await story.write(4, file('f', original(4)))
    const ids = async (id: number): Promise<number[]> =>
      (await story.reader.chain(story.root, pathOf('f'), versionId(id, 0))).map((v) => v.id / 1024)
    expect(await ids(3)).toEqual([1, 2, 3])
    expect(await ids(1)).toEqual([1])
    expect(await ids(4)).toEqual([4])
  })

  it('fails by name when a base is missing or bases go round in a circle', async () => {
    const story = new Story()
    await story.write(1, file('f', delta(1, versionId(2, 0))))
    const chain = (id: number): Promise<unknown> =>
      story.reader.chain(story.root, pathOf('f'), versionId(id, 0))
    await expect(chain(1)).rejects.toThrow(BadHistoryError)
    await expect(chain(7)).rejects.toThrow(/missing/)
    await story.write(2, file('f', delta(2, versionId(1, 0))))
    await expect(chain(1)).rejects.toThrow(/builds on itself/)
    await expect(chain(2)).rejects.toThrow(BadHistoryError)
    await expect(story.reader.chain(story.root, pathOf('g'), 1)).rejects.toThrow(BadHistoryError)
  })

  it(`has at most ${CHAIN_LENGTH_MAX} versions, in however many history objects`, async () => {
    const story = new Story()
    const id = (index: number): number => versionId(1 + Math.floor(index / 1000), index % 1000)
    const versions = Array.from({ length: CHAIN_LENGTH_MAX + 1 }, (_, index) => {
      const sequence = 1 + Math.floor(index / 1000)
      return index === 0 ? original(1) : delta(sequence, id(index - 1), index % 1000)
    })
    await story.write(2, file('f', ...versions))
    const at = (index: number): Promise<readonly Version[]> =>
      story.reader.chain(story.root, pathOf('f'), id(index))
    expect(await at(CHAIN_LENGTH_MAX - 1)).toEqual(versions.slice(0, CHAIN_LENGTH_MAX))
    await expect(at(CHAIN_LENGTH_MAX)).rejects.toThrow(BadHistoryError)
  })
})

describe('a history that left its page', () => {
  it('keeps every version, with small writes', async () => {
    const story = new Story()
    for (let at = 1; at <= 400; at++) {
      story.objects.reset()
      await story.write(at, file('f', original(at)))
      expect(story.objects.bytesPut).toBeLessThan(40_000)
    }
    const history = await story.reader.history(story.root, pathOf('f'))
    expect(history?.versions.map(({ id }) => id / 1024)).toEqual(
      Array.from({ length: 400 }, (_, index) => index + 1),
    )
    for (const at of [1, 63, 64, 65, 66, 256, 257, 400]) {
      const entry = await story.reader.entry(story.root, pathOf('f'), at)
      expect(entry?.version?.id).toBe(versionId(at, 0))
    }
  })

  it('moves out above 64 references, not before', async () => {
    const story = new Story()
    const put = (): boolean => story.objects.puts.some(({ kind }) => kind === 'history')
    await story.write(1, file('f', wide(1, 60)))
    for (let at = 2; at <= 5; at++) await story.write(at, file('f', original(at)))
    expect(put()).toBe(false)
    await story.write(6, file('f', original(6)))
    expect(put()).toBe(true)
  })

  it('lets a version of the same id take the place of the old one', async () => {
    const story = new Story()
    for (let at = 1; at <= 300; at++) await story.write(at, file('f', original(at)))
    const other = { ...original(300), label: 'retried' as const }
    await story.write(300, file('f', other))
    const history = await story.reader.history(story.root, pathOf('f'))
    expect(history?.versions.length).toBe(300)
    expect(history?.versions.at(-1)).toEqual(other)
    const before = story.root
    await story.write(300, file('f', other))
    expect(story.root).toBe(before)
  })
})

describe('the writer', () => {
  it('keeps sections and extras it does not know', async () => {
    const story = new Story()
    const extra = [{ type: 77, bytes: Uint8Array.of(1, 2) }]
    const known = { ...original(1), extra }
    await story.write(1, { ...file('f', known), attributes: { ...attributes(1), extra } })
    const section = { type: 200, bytes: Uint8Array.of(9) }
    await story.rewriteRoot((page) => ({ ...page, sections: [section] }))
    await story.write(2, file('g', original(2)))
    const page = await story.rootPage()
    expect(page.sections).toEqual([section])
    const entry = await story.reader.entry(story.root, pathOf('f'), 2)
    expect(entry?.version).toEqual(known)
    expect(entry?.span.attributes.extra).toEqual(extra)
  })

  it('opens a new span and keeps the version when only attributes change', async () => {
    const story = new Story()
    await story.write(1, file('f', original(1)))
    await story.write(2, { ...file('f'), attributes: attributes(9) })
    const history = await story.reader.history(story.root, pathOf('f'))
    expect(history?.versions.length).toBe(1)
    expect(history?.spans.map(({ from, until, what }) => [from, until, what])).toEqual([
      [1, 2, { kind: 'file', version: versionId(1, 0) }],
      [2, undefined, { kind: 'file', version: versionId(1, 0) }],
    ])
  })

  it('takes changes in order only, under live folders only', async () => {
    await expect(attempt(file('b', original(1)), file('a', original(1)))).rejects.toThrow(
      AssertionError,
    )
    await expect(attempt(file('a', original(1)), file('a', original(1)))).rejects.toThrow(
      AssertionError,
    )
    await expect(attempt(file('a/b', original(1)))).rejects.toThrow(/live folder/)
    await expect(attempt(file('a'))).rejects.toThrow(/live already/)
    await expect(attempt({ path: [], type: 'gone' })).rejects.toThrow(AssertionError)
    await expect(attempt(gone('a'), gone('a/b'))).resolves.toBeUndefined()
    await expect(attempt(file('a\0', original(1)))).rejects.toThrow(FormatError)
  })

  it('puts a/b before a-b, as the tree does', async () => {
    const story = new Story()
    const file1 = original(1)
    await story.write(1, folder('a'), file('a/b', file1), file('a-b', file1), file('a.b', file1))
    expect(await story.names(1)).toEqual(['a', 'a/b', 'a-b', 'a.b'])
  })

  it('lets the stream of changes go when it fails', async () => {
    let isClosed = false
    async function* changes(): AsyncGenerator<Change> {
      try {
        yield file('b', original(1))
        yield file('a', original(1))
      } finally {
        isClosed = true
      }
    }
    const objects = new MemoryObjects()
    const parts = { source: objects, sink: objects, cutKey: CUT_KEY }
    await expect(writeTree(undefined, 1, changes(), parts)).rejects.toThrow(AssertionError)
    expect(isClosed).toBe(true)
  })

  it('holds folders in folders deeper than one page can', async () => {
    const story = new Story()
    const names = Array.from({ length: 60 }, (_, index) => `d${index}`)
    const folders = names.map((_, index) => folder(names.slice(0, index + 1).join('/')))
    await story.write(1, ...folders, file(`${names.join('/')}/f`, original(1)))
    expect((await story.names(1)).length).toBe(61)
    expect(story.objects.puts.length).toBeGreaterThan(5)
    expect(story.objects.puts.length).toBeLessThan(12)
  })
})

function attempt(...changes: Change[]): Promise<void> {
  return new Story().write(1, ...changes)
}

/** A tree that grows, and who reads it. */
class Story {
  readonly objects = new MemoryObjects()
  #root: FolderNode | undefined

  get root(): FolderNode {
    if (this.#root === undefined) throw new Error('nothing was written')
    return this.#root
  }

  get reader(): TreeReader {
    return new TreeReader({ source: this.objects })
  }

  async write(sequence: number, ...changes: Change[]): Promise<void> {
    const parts = { source: this.objects, sink: this.objects, cutKey: CUT_KEY }
    this.#root = await writeTree(this.#root, sequence, stream(changes), parts)
  }

  async names(at: number): Promise<string[]> {
    const names: string[] = []
    for await (const { path } of this.reader.walk(this.root, [], at)) names.push(textOf(path))
    return names
  }

  async rootPage(): Promise<Page> {
    if (this.root.type !== 'stored') throw new Error('the root is stored')
    return decodePage(await this.objects.read(this.root.reference, 'page'))
  }

  async rewriteRoot(change: (page: Page) => Page): Promise<void> {
    const page = change(await this.rootPage())
    const reference = await this.objects.put('page', encodePage(page))
    this.#root = { type: 'stored', level: 0, reference }
  }
}

async function* stream(changes: readonly Change[]): AsyncGenerator<Change> {
  yield* changes
}

function set(path: string, what: ChangedWhat, time = 1): Change & { type: 'set' } {
  return { path: pathOf(path), type: 'set', attributes: attributes(time), what }
}

function file(path: string, ...versions: Version[]): Change & { type: 'set' } {
  return set(path, { kind: 'file', versions })
}

function folder(path: string, time?: number): Change {
  return set(path, { kind: 'folder' }, time)
}

function link(path: string, target: string): Change {
  return set(path, { kind: 'symlink', target: nameOf(target) })
}

function gone(path: string): Change {
  return { path: pathOf(path), type: 'gone' }
}

function original(sequence: number, ordinal = 0): Version {
  return wide(sequence, 1, ordinal)
}

function wide(sequence: number, count: number, ordinal = 0): Version {
  const references = Array.from({ length: count }, (_, index) => place(sequence, index))
  return {
    id: versionId(sequence, ordinal),
    size: 100,
    digest: new Uint8Array(32).fill(sequence),
    label: 'stable',
    content: { type: 'original', parts: { depth: 0, references } },
    extra: [],
  }
}

function delta(sequence: number, base: number, ordinal = 0): Version {
  const parts = { depth: 0, references: [place(sequence, ordinal)] }
  return { ...original(sequence, ordinal), content: { type: 'delta', base, parts } }
}

function place(sequence: number, index: number): Reference {
  const key = { type: 'raw' as const, secret: new Uint8Array(32).fill(sequence) }
  return { pack: sequence, offset: index * 1000, length: 100 + OBJECT_OVERHEAD, key }
}

function attributes(time: number): Attributes {
  return {
    mode: 0o644,
    uid: 1,
    gid: 1,
    mtime: { seconds: time, nanoseconds: 0 },
    ctime: { seconds: time, nanoseconds: 0 },
    inode: 1n,
    size: 100,
    extra: [],
  }
}
