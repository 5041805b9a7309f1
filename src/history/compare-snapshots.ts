/**
 * Comparing two snapshots: what was added, removed, changed.
 *
 * Both lie in one tree, so a folder that stood at both is read once: a name whose span covers both is
 * the same at both. Only folders that were made anew or moved here are read for each.
 */

import { compare, equal } from '../../protocol/bytes.ts'
import { referenceId } from '../../protocol/reference.ts'
import type { Attributes, FolderNode, Version } from '../../protocol/tree.ts'
import { same } from './same.ts'
import type { TreeReader } from './tree-reader.ts'
import type { EntryPair, VisibleEntry } from './visible.ts'

type Path = readonly Uint8Array[]

/** `content`: another content or link target. `metadata`: only mode, owner, time and the like. `type`: another kind. */
export type ChangeKind = 'added' | 'removed' | 'content' | 'metadata' | 'type'

export interface Difference {
  readonly path: Path
  readonly change: ChangeKind
  readonly before: VisibleEntry | undefined
  readonly after: VisibleEntry | undefined
}

export interface ComparedSnapshots {
  readonly before: number
  readonly after: number
  /** Whether both are about the path: where one has no source, nothing was added or removed. */
  readonly isIncluded: (path: Path) => boolean
}

/** @returns every difference under the path, folders before what is in them, names ascending */
export async function* compareSnapshots(
  tree: TreeReader,
  root: FolderNode,
  path: Path,
  snapshots: ComparedSnapshots,
): AsyncGenerator<Difference> {
  const comparison = new Comparison(tree, snapshots)
  if (path.length === 0) {
    yield* comparison.folders(path, root, root)
    return
  }
  const before = await tree.entry(root, path, snapshots.before)
  const after = await tree.entry(root, path, snapshots.after)
  if (before !== undefined || after !== undefined) yield* comparison.pair(path, { before, after })
}

/** @returns whether two versions have the same bytes, as far as that can be told without reading them */
export function isSameContent(a: Version, b: Version): boolean {
  if (a.size !== b.size) return false
  if (a.digest !== undefined && b.digest !== undefined) return equal(a.digest, b.digest)
  return a.content.type === b.content.type && same(a.content.parts, b.content.parts)
}

/** @returns whether a person would see no difference: not by inode and time of change */
export function isSameAttributes(a: Attributes, b: Attributes): boolean {
  return (
    a.mode === b.mode &&
    a.uid === b.uid &&
    a.gid === b.gid &&
    a.userName === b.userName &&
    a.groupName === b.groupName &&
    same(a.mtime, b.mtime) &&
    same(a.extra, b.extra)
  )
}

class Comparison {
  readonly #tree: TreeReader
  readonly #snapshots: ComparedSnapshots

  constructor(tree: TreeReader, snapshots: ComparedSnapshots) {
    this.#tree = tree
    this.#snapshots = snapshots
  }

  async *pair(path: Path, { before, after }: EntryPair): AsyncGenerator<Difference> {
    if (!this.#snapshots.isIncluded(path)) return
    const change = changeOf(before, after)
    if (change !== undefined) yield { path, change, before, after }
    const [old, now] = [before, after].map((entry) => entry && folderNode(entry))
    if (old !== undefined || now !== undefined) yield* this.folders(path, old, now)
  }

  async *folders(
    path: Path,
    before: FolderNode | undefined,
    after: FolderNode | undefined,
  ): AsyncGenerator<Difference> {
    for await (const pair of this.#pairs(before, after)) {
      const name = (pair.before ?? pair.after)?.name
      if (name !== undefined) yield* this.pair([...path, name], pair)
    }
  }

  #pairs(before: FolderNode | undefined, after: FolderNode | undefined): AsyncGenerator<EntryPair> {
    const at = this.#snapshots
    if (before !== undefined && after !== undefined && isSameNode(before, after)) {
      return this.#tree.pairs(after, at.before, at.after)
    }
    return merged(
      before === undefined ? nothing() : this.#tree.listNode(before, at.before),
      after === undefined ? nothing() : this.#tree.listNode(after, at.after),
    )
  }
}

function changeOf(
  before: VisibleEntry | undefined,
  after: VisibleEntry | undefined,
): ChangeKind | undefined {
  if (before === undefined) return after === undefined ? undefined : 'added'
  if (after === undefined) return 'removed'
  const [old, now] = [before.span, after.span]
  if (old.what.kind !== now.what.kind) return 'type'
  if (!hasSameContent(before, after)) return 'content'
  return isSameAttributes(old.attributes, now.attributes) ? undefined : 'metadata'
}

function hasSameContent(before: VisibleEntry, after: VisibleEntry): boolean {
  const [old, now] = [before.span.what, after.span.what]
  if (old.kind === 'symlink' && now.kind === 'symlink') return equal(old.target, now.target)
  const { version: from } = before
  const { version: to } = after
  return from === undefined || to === undefined || isSameContent(from, to)
}

/** Two lists, names ascending, as one. */
async function* merged(
  before: AsyncGenerator<VisibleEntry>,
  after: AsyncGenerator<VisibleEntry>,
): AsyncGenerator<EntryPair> {
  let [old, now] = [await before.next(), await after.next()]
  while (old.done !== true || now.done !== true) {
    const order =
      old.done === true ? 1 : now.done === true ? -1 : compare(old.value.name, now.value.name)
    yield {
      before: order <= 0 && old.done !== true ? old.value : undefined,
      after: order >= 0 && now.done !== true ? now.value : undefined,
    }
    if (order <= 0) old = await before.next()
    if (order >= 0) now = await after.next()
  }
}

async function* nothing(): AsyncGenerator<VisibleEntry> {}

function folderNode({ span: { what } }: VisibleEntry): FolderNode | undefined {
  return what.kind === 'folder' ? what.node : undefined
}

function isSameNode(a: FolderNode, b: FolderNode): boolean {
  if (a === b) return true
  return (
    a.type === 'stored' &&
    b.type === 'stored' &&
    referenceId(a.reference) === referenceId(b.reference)
  )
}
