/** Looking through snapshots as the client is asked for it: names through time, and what differs between two. */

import { equal } from '../../protocol/bytes.ts'
import type { SnapshotRow } from '../../protocol/snapshots.ts'
import { covers, type FolderNode, type Span, type Version } from '../../protocol/tree.ts'
import { same } from '../history/same.ts'
import {
  compareSnapshots,
  isSameAttributes,
  isSameContent,
  type Difference,
} from '../history/compare-snapshots.ts'
import type { ObjectSource } from '../history/objects.ts'
import { snapshots } from '../history/snapshot-list.ts'
import type { TreeReader } from '../history/tree-reader.ts'
import { versionOf } from '../history/version-name.ts'
import type { PathThroughTime } from '../history/visible.ts'
import { compareTimes, wholeObject } from '../restore/conflict.ts'
import { isWithin, toNames, toPath, type Names } from '../source/path.ts'
import type { FindRequest, FormerName, FoundSpan, NamedVersions } from './client-types.ts'
import { assertKept, sourceFilter } from './run-restore.ts'
import type { OpenTree, VaultSession } from './vault-session.ts'
import { NoSuchSnapshotError } from './when.ts'

/** Former names that are looked for: each takes a look at every name there ever was. */
const FORMER_MAX = 100

/**
 * Everything under a path that the request means, in whatever snapshots it stands: one answer for each stretch of
 * snapshots in which it was the same.
 */
export async function* findEntries(
  session: VaultSession,
  { path, isWanted, isRecursive = true, onUnreadable }: FindRequest,
  signal: AbortSignal,
): AsyncGenerator<FoundSpan> {
  const opened = await session.openTree(signal)
  const rows = await rowsOf(opened)
  const names = toNames(await session.canonical(path))
  const isKept = coverage(rows)
  for await (const found of throughTime(opened, names, isRecursive, onUnreadable)) {
    signal.throwIfAborted()
    for (const shownSpan of shownSpans(found, isKept)) {
      if (isWanted(found.path, shownSpan.span)) yield { path: toPath(found.path), ...shownSpan }
    }
  }
}

/** Each name in a folder that a snapshot still shows, with every version that was kept of it. */
export async function* listVersions(
  session: VaultSession,
  path: Uint8Array,
  { recursive }: { readonly recursive: boolean },
  signal: AbortSignal,
): AsyncGenerator<NamedVersions> {
  const opened = await session.openTree(signal)
  const rows = await rowsOf(opened)
  const names = toNames(await session.canonical(path))
  const isKept = coverage(rows)
  let isAny = false
  for await (const found of throughTime(opened, names, recursive)) {
    signal.throwIfAborted()
    const spans = shownSpans(found, isKept)
    if (spans.length === 0) continue
    isAny = true
    yield { path: toPath(found.path), spans, versions: await found.versions() }
  }
  if (!isAny) throw new NoSuchSnapshotError(`No snapshot holds anything in ${shown(names)}`)
}

/**
 * What differs between two snapshots under a path, where both have sources.
 *
 * @throws {NoSuchSnapshotError} neither has anything there
 */
export async function* diffSnapshots(
  session: VaultSession,
  { before, after }: { readonly before: SnapshotRow; readonly after: SnapshotRow },
  path: Uint8Array,
  signal: AbortSignal,
): AsyncGenerator<Difference> {
  const { tree, node } = await session.openTree(signal)
  if (node === undefined) return
  const names = toNames(await session.canonical(path))
  try {
    await assertKept(tree, node, names, before)
  } catch (error) {
    if (!(error instanceof NoSuchSnapshotError)) throw error
    await assertKept(tree, node, names, after)
  }
  const filters = [sourceFilter(before), sourceFilter(after)]
  const isIncluded = (found: Names) => filters.every((filter) => filter(found))
  const compared = { before: before.sequence, after: after.sequence, isIncluded }
  for await (const difference of compareSnapshots(tree, node, names, compared)) {
    signal.throwIfAborted()
    yield difference
  }
}

/** What snapshots show of a name, oldest first; what a person sees no difference in is one. */
function shownSpans(
  { path, spans }: PathThroughTime,
  isKept: (path: Names, span: Span) => readonly number[],
): readonly ShownSpan[] {
  const shownOnes: { span: Span; snapshots: number[] }[] = []
  for (const span of spans) {
    const sequences = isKept(path, span)
    if (sequences.length === 0) continue
    const last = shownOnes.at(-1)
    if (last !== undefined && isSameToSee(last.span, span)) last.snapshots.push(...sequences)
    else shownOnes.push({ span, snapshots: [...sequences] })
  }
  return shownOnes
}

type ShownSpan = NamedVersions['spans'][number]

function isSameToSee(a: Span, b: Span): boolean {
  const isSameWhat = a.what.kind === 'folder' ? b.what.kind === 'folder' : same(a.what, b.what)
  return isSameWhat && isSameAttributes(a.attributes, b.attributes)
}

/** The entry itself where it is no folder, or all that ever was in it. */
async function* throughTime(
  { tree, node }: OpenTree,
  names: Names,
  isRecursive: boolean,
  onUnreadable?: FindRequest['onUnreadable'],
): AsyncGenerator<PathThroughTime> {
  if (node === undefined) return
  const own = names.length === 0 ? undefined : await tree.history(node, names)
  const files = own?.spans.filter(({ what }) => what.kind !== 'folder') ?? []
  const name = names.at(-1)
  if (own !== undefined && name !== undefined && files.length > 0) {
    const { versions } = own
    yield { path: names, name, spans: files, versions: () => Promise.resolve(versions) }
  }
  const onError = onUnreadable && ((at: Names, error: Error) => onUnreadable(toPath(at), error))
  yield* tree.everything(node, names, () => isRecursive, onError)
}

export async function rowsOf({ root, source }: OpenTree): Promise<readonly SnapshotRow[]> {
  if (root === undefined) return []
  const rows: SnapshotRow[] = []
  for await (const row of snapshots(root.snapshots, source)) rows.push(row)
  return rows.toReversed()
}

/** @returns the snapshots, oldest first, in which a span of a path is seen */
function coverage(rows: readonly SnapshotRow[]): (path: Names, span: Span) => readonly number[] {
  const known = rows.map((row) => ({ row, sources: row.sources.map(toNames) }))
  return (path, span) =>
    known.flatMap(({ row, sources }) => {
      if (!covers(span, row.sequence)) return []
      const isCovered = sources.some((source) => isWithin(source, path) || isWithin(path, source))
      return isCovered ? [row.sequence] : []
    })
}

function shown(names: Names): string {
  return JSON.stringify(new TextDecoder().decode(toPath(names)))
}

/**
 * The names that a file had before it got this one, the last one first.
 *
 * A file that was moved starts a history of its own, so all names are looked through for one that ended
 * as this one began, with the same inode, size and time, or else with the same content.
 */
export async function formerNames(
  session: VaultSession,
  path: Uint8Array,
  signal: AbortSignal,
): Promise<readonly FormerName[]> {
  const opened = await session.openTree(signal)
  const { tree, node } = opened
  if (node === undefined) return []
  const former: FormerName[] = []
  let at = await beginning(tree, node, toNames(await session.canonical(path)))
  while (at !== undefined && former.length < FORMER_MAX) {
    const { from } = at.span
    const before = await endedAs(opened, node, at, signal)
    if (before === undefined) break
    former.push({ path: toPath(before), until: from })
    at = await beginning(tree, node, before, from)
  }
  return former
}

/** A file's first state under a name. */
interface Beginning {
  readonly path: Names
  readonly span: Span
  readonly version: Version
}

/** @param until - of the file that stood there just before this snapshot */
async function beginning(
  tree: TreeReader,
  node: FolderNode,
  path: Names,
  until = Infinity,
): Promise<Beginning | undefined> {
  const history = await tree.history(node, path)
  const spans = (history?.spans ?? []).filter(({ from }) => from < until)
  // Back as far as a file stood there without a gap.
  let index = spans.length - 1
  while (index > 0 && spans[index - 1]?.until === spans[index]?.from) {
    if (spans[index - 1]?.what.kind !== 'file') break
    index -= 1
  }
  const span = spans[index]
  const version = span && versionOf(span, history?.versions ?? [])
  return span === undefined || version === undefined ? undefined : { path, span, version }
}

/** @returns the path of the file that ended where this one began, if there is one with its content */
async function endedAs(
  { tree, source }: OpenTree,
  node: FolderNode,
  { path, span, version }: Beginning,
  signal: AbortSignal,
): Promise<Names | undefined> {
  let found: Names | undefined
  for await (const other of tree.everything(node, [], () => true)) {
    signal.throwIfAborted()
    const last = other.spans.find(({ until }) => until === span.from)
    if (last?.what.kind !== 'file' || isSamePath(other.path, path)) continue
    // It stayed there, in another state.
    if (other.spans.some(({ from }) => from === span.from)) continue
    if (last.attributes.size !== span.attributes.size) continue
    // Of copies, the very file that was moved has its inode still.
    const isMoved = last.attributes.inode === span.attributes.inode
    if (isMoved && compareTimes(last.attributes.mtime, span.attributes.mtime) === 0) {
      return other.path
    }
    const before = versionOf(last, await other.versions())
    if (before === undefined || found !== undefined) continue
    if (await isSame(before, version, source)) found = other.path
  }
  return found
}

/** Small files carry no digest: two of one size are read. */
async function isSame(a: Version, b: Version, source: ObjectSource): Promise<boolean> {
  if (isSameContent(a, b)) return true
  const isOne = ({ digest, content }: Version) =>
    digest === undefined && content.type === 'original' && content.parts.references.length === 1
  if (a.size !== b.size || !isOne(a) || !isOne(b)) return false
  return equal(await wholeObject(a, source), await wholeObject(b, source))
}

function isSamePath(a: Names, b: Names): boolean {
  return a.length === b.length && isWithin(a, b)
}
