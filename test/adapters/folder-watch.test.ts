import { chmodSync, mkdirSync, renameSync, rmdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { describe, expect, it } from 'vitest'

import { FolderWatch } from '../../src/adapters/folder-watch.ts'
import {
  IN_ISDIR,
  IN_MOVED_FROM,
  IN_MOVED_TO,
  IN_Q_OVERFLOW,
  Inotify,
  NoInotify,
  type Change,
} from '../../src/adapters/inotify.ts'
import { WatchTree } from '../../src/adapters/watch-tree.ts'
import type { Watched } from '../../src/ports/watching.ts'
import { NO_RULES } from '../../src/source/rules.ts'
import { text } from '../ports/story.ts'
import { watchingSuite } from '../ports/watching.suite.ts'
import { makeFolder } from './folder.ts'

/** Only Linux has inotify; elsewhere nothing is watched, and that is told. */
const isLinux = process.platform === 'linux'

if (isLinux) {
  watchingSuite('FolderWatch', () => {
    const root = makeFolder()
    return {
      watching: new FolderWatch({ stallMs: 60_000 }),
      root,
      makeFolder: (path) => void mkdirSync(root + path, { recursive: true }),
      write: (path, content) => writeFileSync(root + path, content),
      rename: (from, to) => renameSync(root + from, root + to),
      remove: (path) => rmSync(root + path, { recursive: true }),
    }
  })
}

describe.runIf(isLinux)('a watched tree', () => {
  it('says that changes were lost when the queue overflowed, and watches what it had missed', () => {
    const { tree, kernel, root } = watched()
    tree.start()
    mkdirSync(join(root, 'new'))
    // What the kernel had to say of it did not fit.
    kernel.news = [{ watch: -1, mask: IN_Q_OVERFLOW, name: '' }]
    expect(tree.step(0)).toEqual([{ type: 'lost' }])
    writeFileSync(join(root, 'new', 'file'), 'new')
    const folder = text(join(root, 'new'))
    expect(tree.step(1_000)).toContainEqual({ type: 'hint', folder, isDeep: false })
  })

  it('says once that the system watches no more folders, and goes on with those it has', () => {
    const { tree, kernel, root } = watched()
    for (const name of ['a', 'b', 'c']) mkdirSync(join(root, name))
    kernel.room = 2
    const told = tree.start()
    expect(told.map(({ type }) => type)).toEqual(['unwatched', 'ready'])
    expect(told).toContainEqual({ type: 'ready', folders: 2 })
    expect(told).toContainEqual(expect.objectContaining({ code: 'ENOSPC' }))
    writeFileSync(join(root, 'file'), 'new')
    expect(tree.step(1_000)).toContainEqual({ type: 'hint', folder: text(root), isDeep: false })
  })

  it('watches a file by its folder, and nothing else there', () => {
    const { kernel, root } = watched()
    const [file, other] = [join(root, 'file'), join(root, 'other')]
    writeFileSync(file, '')
    const tree = new WatchTree({ roots: [text(file)], excluded: [], rules: NO_RULES }, kernel)
    tree.start()
    writeFileSync(other, 'x')
    writeFileSync(file, 'x')
    // As many programs save.
    writeFileSync(other, 'new')
    renameSync(other, file)
    const told = tree.step(1_000)
    expect(told).toContainEqual({ type: 'hint', folder: text(file), isDeep: false })
    expect(told.filter(({ type }) => type === 'hint')).toHaveLength(1)
  })

  it('says which roots are away, also where the system watches nothing', () => {
    const root = makeFolder()
    const kernel = new NoInotify('EMFILE')
    const request = { roots: [text(root)], excluded: [], rules: NO_RULES }
    const tree = new WatchTree(request, kernel)
    const unwatched = { type: 'unwatched', code: 'EMFILE', path: text(root) }
    expect(tree.start()).toEqual([unwatched, { type: 'ready', folders: 0 }])
    expect(tree.step(0)).toEqual([])
    rmdirSync(root)
    expect(tree.step(1_000)).toEqual([{ type: 'away', root: text(root) }])
    mkdirSync(root)
    expect(tree.step(1_000)).toEqual([{ type: 'back', root: text(root) }])
  })

  it('watches both of two folders that changed places', () => {
    const { tree, kernel, root } = watched()
    for (const name of ['a', 'b']) mkdirSync(join(root, name, 'sub'), { recursive: true })
    tree.start()
    renameSync(join(root, 'a'), join(root, 'c'))
    renameSync(join(root, 'b'), join(root, 'a'))
    renameSync(join(root, 'c'), join(root, 'b'))
    // What RENAME_EXCHANGE has the kernel say; of a new instance the first watch is 1.
    const [from, to] = [IN_MOVED_FROM | IN_ISDIR, IN_MOVED_TO | IN_ISDIR]
    kernel.news = [
      { watch: 1, mask: from, name: 'a' },
      { watch: 1, mask: to, name: 'b' },
      { watch: 1, mask: from, name: 'b' },
      { watch: 1, mask: to, name: 'a' },
    ]
    tree.step(0)
    for (const name of ['a', 'b']) {
      writeFileSync(join(root, name, 'sub', 'file'), 'new')
      const folder = text(join(root, name, 'sub'))
      expect(tree.step(1_000)).toContainEqual({ type: 'hint', folder, isDeep: false })
    }
  })

  it('watches a root that was removed and made again at once', () => {
    const { tree, root } = watched()
    tree.start()
    // On many file systems the new folder has the inode of the old one.
    rmdirSync(root)
    mkdirSync(root)
    expect(tree.step(1_000)).toContainEqual({ type: 'lost' })
    writeFileSync(join(root, 'file'), 'new')
    expect(tree.step(1_000)).toContainEqual({ type: 'hint', folder: text(root), isDeep: false })
  })

  it('tells of new attributes of a root', () => {
    const { tree, root } = watched()
    tree.start()
    chmodSync(root, 0o711)
    expect(tree.step(1_000)).toEqual([{ type: 'hint', folder: text(root), isDeep: false }])
  })

  it('watches a folder that nobody might look into, once one may', () => {
    const { tree, kernel, root } = watched()
    const closed = join(root, 'closed')
    mkdirSync(join(closed, 'sub'), { recursive: true })
    kernel.closed = closed
    tree.start()
    kernel.closed = undefined
    chmodSync(closed, 0o750)
    expect(tree.step(1_000)).toContainEqual({ type: 'hint', folder: text(closed), isDeep: true })
    writeFileSync(join(closed, 'sub', 'file'), 'new')
    const folder = text(join(closed, 'sub'))
    expect(tree.step(1_000)).toContainEqual({ type: 'hint', folder, isDeep: false })
    chmodSync(closed, 0o755)
    expect(tree.step(1_000)).toEqual([{ type: 'hint', folder: text(root), isDeep: false }])
  })

  it('watches a root that nobody might look into, once one may', async () => {
    const { tree, kernel, root } = watched()
    kernel.closed = root
    tree.start()
    expect(tree.step(0)).toEqual([])
    kernel.closed = undefined
    const told: Watched[] = []
    for (let count = 0; count < 15; count += 1) told.push(...tree.step(100))
    expect(told).toEqual([{ type: 'lost' }])
    writeFileSync(join(root, 'file'), 'new')
    expect(tree.step(1_000)).toContainEqual({ type: 'hint', folder: text(root), isDeep: false })
  })

  it('watches what was left out by a tag, once that is gone', () => {
    const tag = { name: '.nobackup', header: '', origin: '' }
    const { tree, root } = watched({ ...NO_RULES, tags: [tag] })
    const folder = join(root, 'a')
    mkdirSync(join(folder, 'sub'), { recursive: true })
    writeFileSync(join(folder, '.nobackup'), '')
    expect(tree.start()).toContainEqual({ type: 'ready', folders: 2 })
    rmSync(join(folder, '.nobackup'))
    expect(tree.step(1_000)).toContainEqual({ type: 'hint', folder: text(folder), isDeep: true })
    writeFileSync(join(folder, 'sub', 'file'), 'new')
    const sub = text(join(folder, 'sub'))
    expect(tree.step(1_000)).toContainEqual({ type: 'hint', folder: sub, isDeep: false })
  })
})

/** The real kernel, with limits of ours. */
class Kernel {
  readonly #inotify: Inotify
  /** Watches that there is room for. */
  room = Infinity
  /** Nobody may look into this folder. */
  closed: string | undefined
  /** Told in place of what the kernel has to tell. */
  news: Change[] | undefined

  constructor() {
    const inotify = Inotify.open()
    if (typeof inotify === 'string') throw new Error(inotify)
    this.#inotify = inotify
  }

  add(folder: Uint8Array): number | string {
    if (this.room === 0) return 'ENOSPC'
    if (Buffer.from(folder).toString() === this.closed) return 'EACCES'
    this.room -= 1
    return this.#inotify.add(folder)
  }

  remove(watch: number): void {
    this.#inotify.remove(watch)
  }

  read(timeoutMs: number): Change[] {
    const { news } = this
    this.news = undefined
    const real = this.#inotify.read(timeoutMs)
    return news ?? real
  }
}

function watched(rules = NO_RULES): {
  readonly tree: WatchTree
  readonly kernel: Kernel
  readonly root: string
} {
  const root = makeFolder()
  const kernel = new Kernel()
  const request = { roots: [text(root)], excluded: [], rules }
  return { tree: new WatchTree(request, kernel), kernel, root }
}
