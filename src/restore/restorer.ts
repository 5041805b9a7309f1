/**
 * The restorer: what stood under some paths at a snapshot, written below a target.
 *
 * One bad file never stops the others: it is told with its reason and leaves nothing behind. Folders
 * get their times and modes last, when nothing more is written into them.
 */

import type { Attributes, FolderNode, Version } from '../../protocol/tree.ts'
import { CairnError, FilesError } from '../base/errors.ts'
import { mapPool } from '../base/pool.ts'
import type { codecs } from '../codec/codecs.ts'
import { fileAttributes } from '../history/file-attributes.ts'
import type { ObjectSource, SealedSource } from '../history/objects.ts'
import type { TreeReader } from '../history/tree-reader.ts'
import type { VisibleEntry } from '../history/visible.ts'
import type { Compute } from '../ports/compute.ts'
import { isWithin, toPath, type Names } from '../source/path.ts'
import { Collisions } from './collisions.ts'
import type { Conflicts, Decision } from './conflict.ts'
import { LinkGroups } from './link-groups.ts'
import { SmallFiles, SmallFilesBatch, smallEntry, type SmallEntry } from './small-files.ts'
import type { Target } from './target.ts'
import { VersionReader } from './version-reader.ts'
import {
  isEntered,
  isMapping,
  nameless,
  placeOf,
  selected,
  type PathMap,
  type Patterns,
  type SelectedEntry,
  type WantedEntry,
} from './wanted.ts'

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
  /** Files and links that were there already, and are what the snapshot has. */
  unchanged: number
  /** Files and links that something else had the place of, which was left. */
  skipped: number
}

/** What became of an entry, or would. */
export type RestoreAction = 'restored' | 'replaced' | 'unchanged' | 'skipped'

export interface RestoreEvents {
  /** A piece of a file was written: a heartbeat within large files. */
  readonly onBytes: (path: Uint8Array, size: number) => void
  readonly onEntry: (path: Uint8Array, size: number, action: RestoreAction) => void
  /** A version came back that calls itself fuzzy: what was read of a file that did not hold still. */
  readonly onFuzzy?: (path: Uint8Array) => void
  readonly onFailure: (failure: RestoreFailure) => void
}

/** All that is kept of a folder until the end: there may be a million. */
interface MadeFolder {
  readonly path: Names
  readonly target: Names
  readonly attributes: Attributes
  isMade: boolean
  /** If it was there before, it keeps the attributes that it has. */
  readonly isLeft: boolean
}

export interface RestoreParts {
  readonly tree: TreeReader
  readonly source: ObjectSource & SealedSource
  readonly compute: Compute<typeof codecs>
  readonly target: Target
  /** Whether the snapshot's sources cover a path, or it lies above one. */
  readonly isIncluded: (names: Names) => boolean
  readonly conflicts: Conflicts
  readonly patterns: Patterns
  readonly map: PathMap
}

/** What is done together, in the order in which it was found. */
interface Task {
  readonly small: SmallFilesBatch
  readonly others: WantedEntry[]
}

export class Restorer {
  readonly #parts: RestoreParts
  readonly #root: FolderNode
  readonly #sequence: number
  readonly #versions: VersionReader
  readonly #small: SmallFiles
  readonly #folders: MadeFolder[] = []
  readonly #links = new LinkGroups()
  #collisions: Collisions | undefined
  readonly totals: RestoreTotals = {
    files: 0,
    folders: 0,
    symlinks: 0,
    specials: 0,
    bytes: 0,
    unchanged: 0,
    skipped: 0,
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
      await this.#expectCollisions(paths)
      const found = this.#wanted(paths, events)
      const work = (task: Task) => this.#do(task, events, signal)
      await mapPool(tasksOf(found), TASKS_MAX, work, signal)
    } finally {
      this.#small.close()
    }

    // Deepest first: a folder's times come after all that changes them, and its mode may lock us out.
    const folders = this.#folders.toSorted((a, b) => b.path.length - a.path.length)
    for (const { path, target, attributes, isMade, isLeft } of folders) {
      // Where something else is in the way, that something is not ours to change.
      if (!isMade || (isLeft && !this.#parts.target.isNew(target))) continue
      try {
        await this.#parts.target.finishFolder(target, attributes)
      } catch (error) {
        if (!(error instanceof CairnError)) throw error
        events.onFailure({ path: toPath(path), error })
      }
    }
  }

  /** What `restore` would do with each entry; nothing is fetched but the tree, and nothing written. */
  async plan(paths: readonly Names[], events: RestoreEvents, signal: AbortSignal): Promise<void> {
    if (isMapping(this.#parts.map)) this.#collisions = new Collisions({ isFolding: false })
    for await (const wanted of this.#wanted(paths, events)) {
      signal.throwIfAborted()
      try {
        this.#claim(wanted)
        const decision = await this.#decide(wanted, signal)
        if (decision instanceof FilesError) throw decision
        const action = actionOf(decision)
        this.#count(wanted.entry, action)
        events.onEntry(toPath(wanted.path), sizeOf(wanted.entry), action)
      } catch (error) {
        if (!(error instanceof CairnError)) throw error
        events.onFailure({ path: toPath(wanted.path), error })
      }
    }
  }

  /** Two names may have one place: by the person's map, or in the eyes of the target's file system. */
  async #expectCollisions([first = []]: readonly Names[]): Promise<void> {
    const { map, conflicts, target } = this.#parts
    const isMapped = isMapping(map)
    // Where nothing that is there is touched, it does not matter who wrote it.
    if (conflicts.policy === 'abort' && !isMapped) return
    const isFolding = await target.foldsNames(placeOf(first, map))
    if (isFolding || isMapped) this.#collisions = new Collisions({ isFolding })
  }

  /** @throws {FilesError} this run wrote something there already */
  #claim({ target, entry }: WantedEntry): void {
    this.#collisions?.claim(target, entry.span.what.kind === 'folder')
  }

  async #decide(wanted: WantedEntry, signal: AbortSignal): Promise<Decision> {
    const { path, there } = await this.#parts.target.look(wanted.target)
    return await this.#parts.conflicts.decide(wanted, path, there, signal)
  }

  async #do({ small, others }: Task, events: RestoreEvents, signal: AbortSignal): Promise<void> {
    for (const wanted of others) await this.#one(wanted, events, signal)
    const batch = await this.#batch(small, events, signal)
    if (batch.length === 0) return
    const results = await this.#small.restore(batch)
    for (const [index, { found, file }] of batch.entries()) {
      const result = results[index]
      if (result === 'restored') {
        const path = toPath(found.path)
        this.#count(found.entry, 'restored')
        events.onBytes(path, file.size)
        events.onEntry(path, file.size, 'restored')
        if (found.entry.version?.label === 'fuzzy') events.onFuzzy?.(path)
      } else if (result instanceof CairnError) {
        signal.throwIfAborted()
        events.onFailure({ path: toPath(found.path), error: result })
      } else await this.#one(found, events, signal)
    }
  }

  /** Those that nothing is in the way of; the others are done here, one by one. */
  async #batch(
    { entries }: SmallFilesBatch,
    events: RestoreEvents,
    signal: AbortSignal,
  ): Promise<readonly SmallEntry[]> {
    const { conflicts, target } = this.#parts
    // A batch never overwrites; whether there is something is found out while it is written.
    if (conflicts.policy === 'abort' && this.#collisions === undefined) return entries
    const free: SmallEntry[] = []
    for (const entry of entries) {
      const isFree = (await target.look(entry.found.target)).there === undefined
      if (isFree && this.#collisions === undefined) free.push(entry)
      else await this.#one(entry.found, events, signal)
    }
    return free
  }

  async #one(wanted: WantedEntry, events: RestoreEvents, signal: AbortSignal): Promise<void> {
    const { path, target, entry, isAbove = false } = wanted
    const { attributes, what } = entry.span
    const { policy } = this.#parts.conflicts
    const isLeft = isAbove || policy === 'abort'
    const folder = { path, target, attributes, isMade: false, isLeft }
    try {
      this.#claim(wanted)
      if (what.kind === 'folder') this.#folders.push(folder)
      const decision = policy === 'abort' ? 'write' : await this.#decide(wanted, signal)
      if (decision instanceof FilesError) throw decision
      const made = await this.#linkOrMake(wanted, decision, events, signal)
      folder.isMade = decision !== 'skip'
      const action = actionOf(decision)
      if (made === 'absent') return
      this.#count(entry, action, made === 'linked' ? 0 : sizeOf(entry))
      events.onEntry(toPath(path), sizeOf(entry), action)
      const isWritten = action === 'restored' || action === 'replaced'
      if (isWritten && entry.version?.label === 'fuzzy') events.onFuzzy?.(toPath(path))
    } catch (error) {
      signal.throwIfAborted()
      if (!(error instanceof CairnError)) throw error
      events.onFailure({ path: toPath(path), error })
    }
  }

  /** @param size - bytes that were written */
  #count(
    { span: { what }, version }: VisibleEntry,
    action: RestoreAction,
    size = version?.size ?? 0,
  ): void {
    const { totals } = this
    if (what.kind === 'folder') totals.folders += 1
    else if (action === 'unchanged' || action === 'skipped') totals[action] += 1
    else if (what.kind === 'symlink') totals.symlinks += 1
    else if (what.kind !== 'file') totals.specials += 1
    else {
      totals.files += 1
      totals.bytes += size
    }
  }

  /** What is wanted under the paths, each with the folders above it first. */
  async *#wanted(paths: readonly Names[], events: RestoreEvents): AsyncGenerator<WantedEntry> {
    const { patterns, map } = this.#parts
    const onUnreadable = (path: Names, error: CairnError) =>
      events.onFailure({ path: toPath(path), error })
    for await (const found of selected(this.#found(paths, onUnreadable), patterns)) {
      const target = placeOf(found.path, map)
      if (target.length > 0) yield { ...found, target }
      else if (found.entry.span.what.kind !== 'folder') {
        events.onFailure({ path: toPath(found.path), error: nameless() })
      }
    }
  }

  /** The folders above each path first, then the path with all that is in it. */
  async *#found(
    paths: readonly Names[],
    onUnreadable: (path: Names, error: CairnError) => void,
  ): AsyncGenerator<SelectedEntry> {
    const { tree, map, patterns, isIncluded } = this.#parts
    const told = new Set<string>()
    for (const path of paths) {
      for (let depth = 1; depth < path.length; depth += 1) {
        const above = path.slice(0, depth)
        const id = above.join('/')
        if (told.has(id)) continue
        told.add(id)
        // Mapped elsewhere, a path leaves those above it behind.
        if (!isWithin(placeOf(above, map), placeOf(path, map))) continue
        const entry = await tree.entry(this.#root, above, this.#sequence)
        if (entry !== undefined) yield { path: above, entry, isAbove: true }
      }
      const enters = (names: Names) => isEntered(names, patterns)
      const walk = tree.walk(this.#root, path, this.#sequence, onUnreadable, enters)
      for await (const found of walk) {
        if (isIncluded(found.path)) yield found
      }
    }
  }

  /** Names of one file become one file again. */
  async #linkOrMake(
    wanted: WantedEntry,
    decision: Decision,
    events: RestoreEvents,
    signal: AbortSignal,
  ): Promise<'made' | 'linked' | 'absent'> {
    const make = () => this.#entry(wanted, decision, events, signal)
    const { linkGroup } = fileAttributes(wanted.entry.span)
    if (linkGroup === undefined) return (await make()) || decision === 'skip' ? 'made' : 'absent'
    let isLinked = false
    const link = async (first: WantedEntry) => {
      // What is there already stays what it is.
      if (decision !== 'write' && decision !== 'replace') return false
      const isReplacing = decision === 'replace'
      isLinked = await this.#parts.target.link(first.target, wanted.target, isReplacing)
      return isLinked
    }
    let isThere = true
    await this.#links.restore(linkGroup, wanted, link, async () => (isThere = await make()))
    if (isLinked) return 'linked'
    return isThere || decision === 'skip' ? 'made' : 'absent'
  }

  /** @returns whether it is there now as it was */
  async #entry(
    { path, target: place, entry }: WantedEntry,
    decision: Decision,
    events: RestoreEvents,
    signal: AbortSignal,
  ): Promise<boolean> {
    const { target, conflicts } = this.#parts
    const { attributes, what } = entry.span
    if (what.kind === 'folder') {
      await target.folder(place)
      return true
    }
    if (decision === 'skip') return false
    if (decision === 'unchanged') {
      if (conflicts.policy !== 'identical') await target.refresh(place, what.kind, attributes)
      return true
    }
    const isReplacing = decision === 'replace'
    if (what.kind === 'symlink') {
      await target.symlink(place, what.target, attributes, isReplacing)
      return true
    }
    if (what.kind !== 'file') return await target.special(place, what, attributes, isReplacing)
    const chain = await this.#chain(path, entry)
    const onBytes = (size: number) => events.onBytes(toPath(path), size)
    const fill: Parameters<Target['file']>[2] = (temporary) =>
      this.#versions.write(chain, temporary, onBytes, signal)
    await target.file(place, attributes, fill, isReplacing)
    return true
  }

  async #chain(path: Names, entry: VisibleEntry): Promise<readonly Version[]> {
    const { version } = entry
    if (version?.content.type === 'original') return [version]
    const id = entry.span.what.kind === 'file' ? entry.span.what.version : 0
    return this.#parts.tree.chain(this.#root, path, id)
  }
}

/** Large files by themselves; the rest in batches, which are short where files are large. */
async function* tasksOf(found: AsyncIterable<WantedEntry>): AsyncGenerator<Task> {
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

function actionOf(decision: Exclude<Decision, FilesError>): RestoreAction {
  const actions = { write: 'restored', replace: 'replaced', skip: 'skipped' } as const
  return decision === 'unchanged' ? decision : actions[decision]
}
