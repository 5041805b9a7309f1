import { beforeAll, describe, expect, it } from 'vitest'

import type { FolderNode } from '../../protocol/tree.ts'
import type { Change } from '../../src/history/change.ts'
import { TreeReader } from '../../src/history/tree-reader.ts'
import { writeTree } from '../../src/history/tree-writer.ts'
import { MemoryObjects } from '../support/memory-objects.ts'
import { SyntheticTree } from '../support/synthetic-tree.ts'

const CUT_KEY = new Uint8Array(32).fill(4)
const BYTES_PER_FILE_MAX = 60
const COUNT = 20_000

describe('what the tree costs', () => {
  const objects = new MemoryObjects()
  const store = { source: objects, sink: objects, cutKey: CUT_KEY }
  const synthetic = new SyntheticTree(7, 1)
  const changes = synthetic.changes(COUNT)
  const files = changes.filter((change) => change.type === 'set' && change.what.kind === 'file')
  let root: FolderNode

  beforeAll(async () => {
    root = await writeTree(undefined, 1, stream(changes), store)
  })

  it(`keeps a file in at most ${BYTES_PER_FILE_MAX} bytes, folders and sealing included`, () => {
    const perFile = objects.bytesPut / files.length
    const folders = changes.length - files.length
    console.log(
      `${files.length} files, ${folders} folders: ${perFile.toFixed(1)} bytes per file,` +
        ` ${objects.puts.length} objects of ${Math.round(objects.bytesPut / objects.puts.length)} bytes`,
    )
    expect(files.length).toBe(COUNT)
    expect(perFile).toBeLessThanOrEqual(BYTES_PER_FILE_MAX)
  })

  it('makes pages of about 4 KiB in a large folder', async () => {
    const large = new MemoryObjects()
    const mail = new SyntheticTree(3, 1).largeFolder(20_000)
    await writeTree(undefined, 1, stream(mail), { source: large, sink: large, cutKey: CUT_KEY })
    const sizes = large.puts.filter(({ kind }) => kind === 'page').map(({ size }) => size)
    const mean = sizes.reduce((sum, size) => sum + size, 0) / sizes.length
    console.log(
      `${sizes.length} pages of ${Math.round(mean)} bytes, largest ${Math.max(...sizes)};` +
        ` ${(large.bytesPut / 20_000).toFixed(1)} bytes per file`,
    )
    expect(mean).toBeGreaterThan(2_500)
    expect(mean).toBeLessThan(5_000)
    expect(Math.max(...sizes)).toBeLessThan(24_000)
  })

  it('writes few objects for one changed file', async () => {
    const later = new SyntheticTree(99, 2)
    const costs: number[] = []
    for (const file of files.filter((_, index) => index % 997 === 0)) {
      objects.reset()
      await writeTree(root, 2, stream([later.edit(file.path)]), store)
      expect(objects.puts.length).toBeLessThanOrEqual(file.path.length + 4)
      expect(objects.reads).toBeLessThanOrEqual(file.path.length + 6)
      costs.push(objects.bytesPut)
    }
    const mean = costs.reduce((sum, size) => sum + size, 0) / costs.length
    console.log(`one changed file: ${Math.round(mean)} bytes, at most ${Math.max(...costs)}`)
    expect(mean).toBeLessThan(24_000)
  })

  it('writes nothing and reads little when nothing has changed', async () => {
    objects.reset()
    expect(await writeTree(root, 2, stream([]), store)).toBe(root)
    expect(objects.puts).toEqual([])
    expect(objects.reads).toBe(0)
  })

  it('reads few objects to list one folder', async () => {
    const folders = changes.filter(
      (change) => change.type === 'set' && change.what.kind === 'folder',
    )
    for (const folder of folders.filter((_, index) => index % 97 === 0)) {
      const children = changes.filter(
        ({ path }) =>
          path.length === folder.path.length + 1 &&
          folder.path.every((name, index) => Buffer.compare(name, path[index] ?? name) === 0),
      )
      objects.reset()
      const listed: unknown[] = []
      const reader = new TreeReader({ source: objects })
      for await (const entry of reader.list(root, folder.path, 1)) listed.push(entry)
      expect(listed.length).toBe(children.length)
      expect(objects.reads).toBeLessThanOrEqual(2 * folder.path.length + 2 + children.length / 10)
    }
  })
})

async function* stream(changes: readonly Change[]): AsyncGenerator<Change> {
  yield* changes
}
