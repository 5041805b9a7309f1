/**
 * The restorer: what stood under some paths at a snapshot, written below a target.
 *
 * One bad file never stops the others: it is told with its reason and leaves nothing behind. Folders
 * get their times and modes last, when nothing more is written into them.
 */

import type { Attributes, FolderNode, Version, What } from '../../protocol/tree.ts'
import { CairnError } from '../base/errors.ts'
import { mapPool } from '../base/pool.ts'
import type { codecs } from '../codec/codecs.ts'
import { fileAttributes } from '../history/file-attributes.ts'
import type { ObjectSource, SealedSource } from '../history/objects.ts'
import type { TreeReader } from '../history/tree-reader.ts'
import type { FoundEntry, VisibleEntry } from '../history/visible.ts'
import type { Compute } from '../ports/compute.ts'
import { toPath, type Names } from '../source/path.ts'
import { LinkGroups } from './link-groups.ts'
import { SmallFiles, SmallFilesBatch, smallEntry } from './small-files.ts'
import type { Target } from './target.ts'
import { VersionReader } from './version-reader.ts'

/** Large files, or batches of small ones, at once: enough to keep several peers busy, and in order. */
const TASKS_MAX = 4

/** Folders and links in one task. */
const OTHERS_MAX = 256

export interface RestoreFailure {
  readonly path: Uint8Array
  readonly error: CairnError
}

export interface RestoreTotals {
  files: number
  folders: number
  symlinks: number
  /** FIFOs and devices. */
  specials: number
  bytes: number
}

export interface RestoreEvents {
  /** A piece of a file was written: a heartbeat within large files. */
  readonly onBytes: (path: Uint8Array, size: number) => void
  readonly onEntry: (path: Uint8Array, size: number) => void
  readonly onFailure: (failure: RestoreFailure) => void
}

/** All that is kept of a folder until the end: there may be a million. */
interface MadeFolder {
  readonly path: Names
  readonly attributes: Attributes
  isMade: boolean
}

export interface RestoreParts {
  readonly tree: TreeReader
  readonly source: ObjectSource & SealedSource
  readonly compute: Compute<typeof codecs>
  readonly target: Target
  /** Whether the snapshot's sources cover a path, or it lies above one. */
  readonly isIncluded: (names: Names) => boolean
}

/** What is done together, in the order in which it was found. */
interface Task {
  readonly small: SmallFilesBatch
  readonly others: FoundEntry[]
}

export class Restorer {
  readonly #parts: RestoreParts
  readonly #root: FolderNode
  readonly #sequence: number
  readonly #versions: VersionReader
  readonly #small: SmallFiles
  readonly #folders: MadeFolder[] = []
  readonly #links = new LinkGroups()
  readonly totals: RestoreTotals = {
    files: 0,
    folders: 0,
    symlinks: 0,
    specials: 0,
    bytes: 0,
  }

  constructor(parts: RestoreParts, root: FolderNode, sequence: number) {
    this.#parts = parts
    this.#root = root
    this.#sequence = sequence
    this.#versions = new VersionReader(parts)
    this.#small = new SmallFiles(parts)
  }

  /** @param paths - what to restore, each with all that is in it */
  async restore(
    paths: readonly Names[],
    events: RestoreEvents,
    signal: AbortSignal,
  ): Promise<void> {
    try {
      const found = this.#found(paths, (path, error) => {
        events.onFailure({ path: toPath(path), error })
      })
      const work = (task: Task) => this.#do(task, events, signal)
      await mapPool(tasksOf(found), TASKS_MAX, work, signal)
    } finally {
      this.#small.close()
    }

    // Deepest first: a folder's times come after all that changes them, and its mode may lock us out.
    const folders = this.#folders.toSorted((a, b) => b.path.length - a.path.length)
    for (const { path, attributes, isMade } of folders) {
      // Where something else is in the way, that something is not ours to change.
      if (!isMade) continue
      try {
        await this.#parts.target.finishFolder(path, attributes)
      } catch (error) {
        if (!(error instanceof CairnError)) throw error
        events.onFailure({ path: toPath(path), error })
      }
    }
  }

  async #do({ small, others }: Task, events: RestoreEvents, signal: AbortSignal): Promise<void> {
    for (const found of others) await this.#one(found, events, signal)
    if (small.entries.length === 0) return
    const results = await this.#small.restore(small.entries)
    for (const [index, { found, file }] of small.entries.entries()) {
      const result = results[index]
      if (result === 'restored') this.#onFile(found, file.size, events)
      else if (result instanceof CairnError) {
        signal.throwIfAborted()
        events.onFailure({ path: toPath(found.path), error: result })
      } else await this.#one(found, events, signal)
    }
  }

  #onFile(found: FoundEntry, size: number, events: RestoreEvents): void {
    const path = toPath(found.path)
    this.totals.files += 1
    this.totals.bytes += size
    events.onBytes(path, size)
    events.onEntry(path, size)
  }

  async #one(found: FoundEntry, events: RestoreEvents, signal: AbortSignal): Promise<void> {
    const { attributes, what } = found.entry.span
    const folder = { path: found.path, attributes, isMade: false }
    if (what.kind === 'folder') this.#folders.push(folder)
    try {
      await this.#linkOrMake(found, events, signal)
      folder.isMade = true
      events.onEntry(toPath(found.path), sizeOf(found.entry))
    } catch (error) {
      signal.throwIfAborted()
      if (!(error instanceof CairnError)) throw error
      events.onFailure({ path: toPath(found.path), error })
    }
  }

  /** The folders above each path first, then the path with all that is in it. */
  async *#found(
    paths: readonly Names[],
    onUnreadable: (path: Names, error: CairnError) => void,
  ): AsyncGenerator<FoundEntry> {
    const told = new Set<string>()
    for (const path of paths) {
      for (let depth = 1; depth < path.length; depth += 1) {
        const above = path.slice(0, depth)
        const id = above.join('/')
        if (told.has(id)) continue
        told.add(id)
        const entry = await this.#parts.tree.entry(this.#root, above, this.#sequence)
        if (entry !== undefined) yield { path: above, entry }
      }
      const walk = this.#parts.tree.walk(this.#root, path, this.#sequence, onUnreadable)
      for await (const found of walk) {
        if (this.#parts.isIncluded(found.path)) yield found
      }
    }
  }

  /** Names of one file become one file again. */
  async #linkOrMake(found: FoundEntry, events: RestoreEvents, signal: AbortSignal): Promise<void> {
    const make = () => this.#entry(found, events, signal)
    const { linkGroup, kind } = fileAttributes(found.entry.span)
    if (linkGroup === undefined) {
      await make()
      return
    }
    const link = async (first: FoundEntry) => {
      const isMade = await this.#parts.target.link(first.path, found.path)
      if (isMade) this.#count(kind)
      return isMade
    }
    return this.#links.restore(linkGroup, found, link, make)
  }

  #count(kind: What['kind']): void {
    if (kind === 'file') this.totals.files += 1
    else if (kind === 'folder') this.totals.folders += 1
    else if (kind === 'symlink') this.totals.symlinks += 1
    else this.totals.specials += 1
  }

  /** @returns whether it is there now */
  async #entry(
    { path, entry }: FoundEntry,
    events: RestoreEvents,
    signal: AbortSignal,
  ): Promise<boolean> {
    const { target } = this.#parts
    const { attributes, what } = entry.span
    switch (what.kind) {
      case 'folder':
        await target.folder(path)
        this.#count(what.kind)
        return true
      case 'symlink':
        await target.symlink(path, what.target, attributes)
        this.#count(what.kind)
        return true
      case 'file': {
        const chain = await this.#chain(path, entry)
        const onBytes = (size: number) => events.onBytes(toPath(path), size)
        await target.file(path, attributes, (temporary) =>
          this.#versions.write(chain, temporary, onBytes, signal),
        )
        this.#count(what.kind)
        this.totals.bytes += sizeOf(entry)
        return true
      }
      default: {
        const isMade = await target.special(path, what, attributes)
        if (isMade) this.#count(what.kind)
        return isMade
      }
    }
  }

  async #chain(path: Names, entry: VisibleEntry): Promise<readonly Version[]> {
    const { version } = entry
    if (version?.content.type === 'original') return [version]
    const id = entry.span.what.kind === 'file' ? entry.span.what.version : 0
    return this.#parts.tree.chain(this.#root, path, id)
  }
}

/** Large files by themselves; the rest in batches, which are short where files are large. */
async function* tasksOf(found: AsyncIterable<FoundEntry>): AsyncGenerator<Task> {
  let task: Task = { small: new SmallFilesBatch(), others: [] }
  for await (const one of found) {
    const small = smallEntry(one)
    if (small !== undefined) task.small.add(small)
    else if (one.entry.span.what.kind === 'file') {
      yield { small: new SmallFilesBatch(), others: [one] }
      continue
    } else task.others.push(one)
    if (!task.small.isFull && task.others.length < OTHERS_MAX) continue
    yield task
    task = { small: new SmallFilesBatch(), others: [] }
  }
  yield task
}

function sizeOf(entry: VisibleEntry): number {
  return entry.version?.size ?? 0
}
