/** Watching in the simulator: every now and then the tree is compared with what it was; what is told may be lost. */

import type { Clock } from '../src/ports/clock.ts'
import type { PathBytes } from '../src/ports/files.ts'
import type { Watched, Watching, WatchRequest } from '../src/ports/watching.ts'
import { SourceRules } from '../src/source/rules.ts'
import { toBytes, toText, type FileNode, type FileTree } from './file-tree.ts'

const LOOK_MS = 1_000

/** What goes wrong with it. */
export class WatchTrouble {
  /** The queue is full: what changes is not told, but that something was lost. */
  isFull = false
  /** What changes is not told, and nobody notices. */
  isDeaf = false
  /** Why folders cannot be watched. */
  limit: string | undefined
}

/** By path, what tells of a change: of a folder its names, too, are paths here. */
type Picture = ReadonlyMap<string, string>

export class SimWatching implements Watching {
  readonly trouble = new WatchTrouble()
  readonly #tree: FileTree
  readonly #clock: Clock
  readonly #lookMs: number

  /** @param lookMs - how often the tree is compared */
  constructor(tree: FileTree, clock: Clock, lookMs = LOOK_MS) {
    this.#tree = tree
    this.#clock = clock
    this.#lookMs = lookMs
  }

  async *watch(request: WatchRequest, signal: AbortSignal): AsyncGenerator<readonly Watched[]> {
    const away = new Set<string>()
    let before = this.#picture(request)
    const start = [...this.#roots(request, away)]
    const { limit } = this.trouble
    const [path = toBytes('/')] = request.roots
    if (limit !== undefined) start.push({ type: 'unwatched', code: limit, path })
    yield [...start, { type: 'ready', folders: limit === undefined ? before.size : 0 }]
    for (;;) {
      await this.#clock.sleep(this.#lookMs, signal)
      const now = this.#picture(request)
      const found = [...this.#roots(request, away), ...this.#changes(before, now)]
      before = now
      if (found.length > 0) yield found
    }
  }

  *#roots({ roots }: WatchRequest, away: Set<string>): Generator<Watched> {
    for (const root of roots) {
      const [path, isThere] = [toText(root), this.#tree.has(root)]
      if (isThere && away.delete(path)) yield { type: 'back', root }
      else if (!isThere && !away.has(path)) {
        away.add(path)
        yield { type: 'away', root }
      }
    }
  }

  *#changes(before: Picture, now: Picture): Generator<Watched> {
    const { isDeaf, isFull, limit } = this.trouble
    const paths = new Set([...before.keys(), ...now.keys()])
    const changed = [...paths].filter((path) => before.get(path) !== now.get(path))
    if (changed.length === 0 || isDeaf || limit !== undefined) return
    if (isFull) {
      yield { type: 'lost' }
      return
    }
    for (const path of changed) {
      yield { type: 'hint', folder: folderOf(path), isDeep: false }
      const isNew = !before.has(path) && now.get(path)?.startsWith('folder') === true
      if (isNew) yield { type: 'hint', folder: toBytes(path), isDeep: true }
    }
  }

  #picture({ roots, excluded, rules }: WatchRequest): Picture {
    const picture = new Map<string, string>()
    const out = new Set(excluded.map(toText))
    for (const root of roots) {
      if (!this.#tree.has(root)) continue
      const below = new SourceRules(rules, latin1(root))
      const left = new Set<string>()
      for (const { path, node } of this.#tree.walk(root)) {
        const [text, folder] = [toText(path), folderOf(toText(path))]
        const isRoot = text === toText(root)
        const name = latin1(path).slice(latin1(folder).length).replace(/^\//, '')
        const rule = isRoot
          ? undefined
          : below.inside(latin1(folder)).excluding(name, node.kind === 'folder')
        const isLeft = left.has(toText(folder)) || out.has(text) || rule !== undefined
        if (isLeft) left.add(text)
        else picture.set(text, stateOf(node))
      }
    }
    return picture
  }
}

/** With the content, since two changes may fall into one tick of the file system's clock. */
function stateOf({ kind, inode, mode, size, ctime, digest }: FileNode): string {
  return [kind, inode, mode, size, ctime.seconds, ctime.nanoseconds, digest].join(' ')
}

function folderOf(path: string): PathBytes {
  return toBytes(path.slice(0, path.lastIndexOf('/')) || '/')
}

function latin1(path: PathBytes): string {
  return Buffer.from(path).toString('latin1')
}
