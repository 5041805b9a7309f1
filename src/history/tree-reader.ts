/**
 * Reading the tree, as of any snapshot.
 *
 * An entry is visible at snapshot N iff a span of it and of every folder above covers N. Whether N's
 * sources cover the path is the caller's to know.
 */

import type { Reference } from '../../protocol/reference.ts'
import type { FolderNode, Parts, Span, Version, VersionId } from '../../protocol/tree.ts'
import { BadHistoryError } from './errors.ts'
import { FolderReader } from './folder-reader.ts'
import { NodeStore } from './node-store.ts'
import type { CairnError } from '../base/errors.ts'
import type { ObjectSource } from './objects.ts'
import { readParts } from './parts.ts'
import type {
  EntryPair,
  FileHistory,
  FoundEntry,
  PathThroughTime,
  VisibleEntry,
} from './visible.ts'

/** Most versions of one chain: far beyond what is ever written, and an end to hostile ones. */
export const CHAIN_LENGTH_MAX = 1_024

/** Only what has not ended covers it. */
const NOW = Infinity

type Path = readonly Uint8Array[]

/** A folder's node while the folder stood under the path. */
interface Life {
  readonly node: FolderNode
  readonly from: number
  readonly until: number | undefined
}

interface Listing {
  readonly path: Path
  readonly list: AsyncIterator<VisibleEntry>
}

export class TreeReader {
  readonly #source: ObjectSource
  readonly #nodes: NodeStore

  /** @param parts.source - where the objects of this one vault come from */
  constructor(parts: { readonly source: ObjectSource }) {
    this.#source = parts.source
    this.#nodes = new NodeStore(parts.source)
  }

  /**
   * List a folder.
   *
   * @param path - names from the top; none for the topmost folder
   * @returns what stood in it at snapshot `at`, names ascending; nothing if it was no folder then
   */
  async *list(root: FolderNode, path: Path, at: number): AsyncGenerator<VisibleEntry> {
    const node = await this.#folder(root, path, at)
    if (node !== undefined) yield* this.#folderReader(node).list(at)
  }

  /** @returns what stood under the path at snapshot `at`; `undefined` also for no path at all */
  async entry(root: FolderNode, path: Path, at: number): Promise<VisibleEntry | undefined> {
    const name = path.at(-1)
    const folder = await this.#folder(root, path.slice(0, -1), at)
    if (name === undefined || folder === undefined) return undefined
    return this.#folderReader(folder).entry(name, at)
  }

  /**
   * Everything that stood under a path at snapshot `at`: the entry itself first (unless the path is
   * the topmost folder's), then all below it, folders before what is in them, names ascending.
   *
   * @param onUnreadable - told of a folder part of which cannot be read, once for each part, and the
   *   walk goes on; without it the walk ends with the error
   * @param isEntered - whether what is in a folder is wanted too
   */
  async *walk(
    root: FolderNode,
    path: Path,
    at: number,
    onUnreadable?: (path: Path, error: CairnError) => void,
    isEntered: (path: Path) => boolean = () => true,
  ): AsyncGenerator<FoundEntry> {
    let node: FolderNode | undefined = root
    if (path.length > 0) {
      const entry = await this.entry(root, path, at)
      if (entry === undefined) return
      yield { path, entry }
      node = folderNode(entry.span)
    }
    const listing = (folder: FolderNode, here: Path): Listing => {
      const onError = onUnreadable && ((error: CairnError) => onUnreadable(here, error))
      return { path: here, list: this.#folderReader(folder).list(at, onError) }
    }
    // One open listing per level, innermost last.
    const open: Listing[] = []
    if (node !== undefined) open.push(listing(node, path))
    for (let top = open.at(-1); top !== undefined; top = open.at(-1)) {
      const { done, value } = await top.list.next()
      if (done === true) {
        open.pop()
        continue
      }
      const entry: VisibleEntry = value
      const here = [...top.path, entry.name]
      yield { path: here, entry }
      const below = isEntered(here) ? folderNode(entry.span) : undefined
      if (below !== undefined) open.push(listing(below, here))
    }
  }

  /**
   * What stood in folders at two snapshots, names ascending.
   *
   * @param node - of one folder at both, which is then read once
   */
  pairs(node: FolderNode, before: number, after: number): AsyncGenerator<EntryPair> {
    return this.#folderReader(node).pairs(before, after)
  }

  /** @returns what stood in the folder of this node at snapshot `at`, names ascending */
  listNode(node: FolderNode, at: number): AsyncGenerator<VisibleEntry> {
    return this.#folderReader(node).list(at)
  }

  /**
   * All that ever stood under a path: through every life of the folders above.
   *
   * @returns `undefined` if nothing ever did
   */
  async history(root: FolderNode, path: Path): Promise<FileHistory | undefined> {
    const name = path.at(-1)
    if (name === undefined) return undefined
    const spans: Span[] = []
    const versions = new Map<VersionId, Version>()
    for (const life of await this.#lives(root, path.slice(0, -1))) {
      const folder = this.#folderReader(life.node)
      for (const span of await folder.spans(name)) spans.push(...clip(span, life))
      for (const version of await folder.versions(name)) versions.set(version.id, version)
    }
    if (spans.length === 0 && versions.size === 0) return undefined
    return {
      versions: [...versions.values()].toSorted((a, b) => a.id - b.id),
      spans: spans.toSorted((a, b) => a.from - b.from),
    }
  }

  /**
   * Everything that ever stood in a folder, names ascending, folders before what is in them. A folder that was
   * deleted and made anew is told of once, and what was in it life by life.
   *
   * @param path - names from the top; none for the topmost folder
   * @param isEntered - whether what was in a folder is wanted too
   * @param onUnreadable - as for `walk`
   */
  async *everything(
    root: FolderNode,
    path: Path,
    isEntered: (path: Path) => boolean,
    onUnreadable?: (path: Path, error: CairnError) => void,
  ): AsyncGenerator<PathThroughTime> {
    for (const life of await this.#lives(root, path)) {
      yield* this.#throughLife(life, path, isEntered, onUnreadable)
    }
  }

  async *#throughLife(
    life: Life,
    path: Path,
    isEntered: (path: Path) => boolean,
    onUnreadable?: (path: Path, error: CairnError) => void,
  ): AsyncGenerator<PathThroughTime> {
    const onError = onUnreadable && ((error: CairnError) => onUnreadable(path, error))
    for await (const known of this.#folderReader(life.node).names(onError)) {
      const spans = known.spans.flatMap((span) => clip(span, life))
      if (spans.length === 0) continue
      const here = [...path, known.name]
      yield { ...known, path: here, spans }
      if (!isEntered(here)) continue
      const lives: Life[] = []
      for (const span of spans) {
        const node = folderNode(span)
        if (node !== undefined) join(lives, { node, from: span.from, until: span.until })
      }
      for (const below of lives) yield* this.#throughLife(below, here, isEntered, onUnreadable)
    }
  }

  /**
   * The history of the file that stands under a path to this day: what a change of type `history`
   * tells anew. Unlike {@link history}, it leaves out files that stood there before and are no more.
   *
   * @returns the versions, ids ascending, and the spans that show one of them, oldest first;
   *   `undefined` if no file stands there now
   */
  async liveHistory(root: FolderNode, path: Path): Promise<FileHistory | undefined> {
    const name = path.at(-1)
    const folder = await this.#folder(root, path.slice(0, -1), NOW)
    if (name === undefined || folder === undefined) return undefined
    return this.#folderReader(folder).liveHistory(name)
  }

  /**
   * The versions that it takes to make one whole.
   *
   * @returns an original first, then delta upon delta, the wanted version last
   * @throws {BadHistoryError} when one is missing, bases go round in a circle, or there are too many
   */
  async chain(root: FolderNode, path: Path, id: VersionId): Promise<readonly Version[]> {
    const history = await this.history(root, path)
    const versions = new Map(history?.versions.map((version) => [version.id, version]))
    const chain: Version[] = []
    const seen = new Set<VersionId>()
    let next: VersionId | undefined = id
    while (next !== undefined) {
      const version = versions.get(next)
      if (version === undefined) throw new BadHistoryError(`history: version ${next} is missing`)
      if (seen.has(next)) throw new BadHistoryError(`history: version ${next} builds on itself`)
      if (chain.length === CHAIN_LENGTH_MAX) {
        throw new BadHistoryError(`history: version ${id} has more than ${CHAIN_LENGTH_MAX} bases`)
      }
      seen.add(next)
      chain.push(version)
      next = version.content.type === 'delta' ? version.content.base : undefined
    }
    return chain.toReversed()
  }

  /** @returns the objects of one version in order, list by list as the caller goes on */
  references(parts: Parts): AsyncIterable<Reference> {
    return readParts(parts, this.#source)
  }

  #folderReader(node: FolderNode): FolderReader {
    return new FolderReader(this.#nodes, node)
  }

  async #folder(root: FolderNode, path: Path, at: number): Promise<FolderNode | undefined> {
    let node: FolderNode | undefined = root
    for (const name of path) {
      const entry: VisibleEntry | undefined = await this.#folderReader(node).entry(name, at)
      node = entry && folderNode(entry.span)
      if (node === undefined) return undefined
    }
    return node
  }

  /** @returns every node that the folder ever had under the path, and when */
  async #lives(root: FolderNode, path: Path): Promise<readonly Life[]> {
    let lives: readonly Life[] = [{ node: root, from: 0, until: undefined }]
    for (const name of path) {
      const next: Life[] = []
      for (const life of lives) {
        for (const span of await this.#folderReader(life.node).spans(name)) {
          const node = folderNode(span)
          if (node === undefined) continue
          for (const { from, until } of clip(span, life)) join(next, { node, from, until })
        }
      }
      lives = next
    }
    return lives
  }
}

function folderNode({ what }: Span): FolderNode | undefined {
  return what.kind === 'folder' ? what.node : undefined
}

/** @returns the span within the folder's life; none if they do not meet */
function clip(span: Span, { from, until }: Life): readonly Span[] {
  const start = Math.max(span.from, from)
  const end = Math.min(span.until ?? Infinity, until ?? Infinity)
  if (start >= end) return []
  return [{ ...span, from: start, until: end === Infinity ? undefined : end }]
}

/** A folder that lived on with other attributes has one node, and is looked into once. */
function join(lives: Life[], life: Life): void {
  const last = lives.at(-1)
  if (last?.node === life.node && last.until === life.from) {
    lives[lives.length - 1] = { ...last, until: life.until }
  } else {
    lives.push(life)
  }
}
