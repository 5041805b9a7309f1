/**
 * Forgetting under one name: which spans and versions stay of all that a folder ever held there.
 */

import { referenceId } from '../../protocol/reference.ts'
import type {
  Entry,
  FolderNode,
  History,
  Span,
  Version,
  VersionId,
  What,
} from '../../protocol/tree.ts'
import { FormatError } from '../base/errors.ts'
import { readVersions, rewriteVersions } from './file-history.ts'
import { overlap } from './kept.ts'
import type { Kept, Period } from './kept.ts'
import type { NodeStore } from './node-store.ts'
import type { ObjectSink } from './objects.ts'
import { uniteSpans } from './past.ts'
import { isSameList } from './same.ts'
import { checkThinned, withBases } from './thin.ts'
import type { Thin } from './thin.ts'

type Path = readonly Uint8Array[]

export interface ForgetNamesParts {
  readonly nodes: NodeStore
  readonly sink: ObjectSink
  readonly kept: Kept
  readonly thin: Thin
  /** Forget in a folder that stood under the path in this period. */
  readonly forgetFolder: (node: FolderNode, path: Path, period: Period) => Promise<FolderNode>
}

/** One of the histories under a name, without versions that one before it holds. */
interface Part {
  readonly entry: Entry
  readonly history: History
  readonly versions: readonly Version[]
  /** Whether nothing had to be left out. */
  readonly isWhole: boolean
}

/**
 * @param entries - all that the folder holds under one name: the live page's entry first, then what
 *   past pages have
 * @param period - when the folder stood there
 * @returns for each entry what is left of it: the very entry where all is, `undefined` where nothing is
 */
export async function forgetName(
  entries: readonly Entry[],
  path: Path,
  period: Period,
  parts: ForgetNamesParts,
): Promise<readonly (Entry | undefined)[]> {
  const spans = await forgetSpans(uniteSpans(entries), path, period, parts)
  const shown = new Set<VersionId>()
  for (const { what } of spans.values()) if (what.kind === 'file') shown.add(what.version)
  const histories = await forgetHistories(entries, shown, path, parts)
  return entries.map((entry) => {
    // What two past pages hold is kept in the first only.
    const left = entry.spans.flatMap((span) => spans.get(span) ?? [])
    const history = histories.get(entry)
    if (left.length === 0 && history === undefined) return undefined
    const isAll = isSameList(left, entry.spans) && history === entry.history
    return isAll ? entry : { ...entry, spans: left, history }
  })
}

/** @returns for each span that stays what it becomes */
async function forgetSpans(
  spans: readonly Span[],
  path: Path,
  period: Period,
  parts: ForgetNamesParts,
): Promise<ReadonlyMap<Span, Span>> {
  const left = new Map<Span, Span>()
  for (const life of livesOf(spans)) {
    const kept = life.filter((span) => parts.kept.isShown(span, period))
    const last = life.at(-1)
    if (last === undefined || kept.length === 0) continue
    if (last.what.kind !== 'folder') {
      left.set(last, last)
      continue
    }
    const stood = overlap({ from: life[0]?.from ?? last.from, until: last.until }, period)
    const node = await parts.forgetFolder(last.what.node, path, stood)
    for (const [index, span] of kept.entries())
      left.set(span, folderSpan(span, kept[index + 1], node))
  }
  return left
}

/**
 * @param after - the next span that stays of the same life: this one lasts until then, for a folder's
 *   spans must touch, and of the snapshots between none is kept
 */
function folderSpan(span: Span, after: Span | undefined, node: FolderNode): Span {
  const until = after?.from ?? span.until
  const own: FolderNode = after === undefined ? node : { type: 'next' }
  const hasNode = span.what.kind === 'folder' && isSameNode(span.what.node, own)
  if (span.until === until && hasNode) return span
  const what: What = { kind: 'folder', node: own }
  return { ...span, until, what }
}

/** @returns spans in groups: those of a folder that lived on together, all others alone */
function livesOf(spans: readonly Span[]): readonly (readonly Span[])[] {
  const lives: Span[][] = []
  let before: Span | undefined
  for (const span of spans) {
    if (before === undefined || !isCarriedOn(before)) {
      lives.push([span])
    } else {
      const isNext = span.what.kind === 'folder' && span.from === before.until
      if (!isNext) throw new FormatError('span: a folder without a node')
      lives.at(-1)?.push(span)
    }
    before = span
  }
  if (before !== undefined && isCarriedOn(before)) {
    throw new FormatError('span: a folder without a node')
  }
  return lives
}

async function forgetHistories(
  entries: readonly Entry[],
  shown: ReadonlySet<VersionId>,
  path: Path,
  parts: ForgetNamesParts,
): Promise<ReadonlyMap<Entry, History>> {
  const left = new Map<Entry, History>()
  const found = await partsOf(entries, parts.nodes)
  const all = found.flatMap(({ versions }) => versions)
  for (const part of found) {
    const kept = keptOf(part, { all, shown })
    const history = await forgetHistory(part, kept, path, parts)
    if (history !== undefined) left.set(part.entry, history)
  }
  return left
}

async function forgetHistory(
  { history, versions, isWhole }: Part,
  kept: ReadonlySet<VersionId>,
  path: Path,
  { thin, nodes, sink }: ForgetNamesParts,
): Promise<History | undefined> {
  if (kept.size === 0) return undefined
  if (kept.size === versions.length) {
    return isWhole ? history : rewriteVersions(history, versions, { nodes, sink })
  }
  const thinned = await thin(versions, kept, path)
  checkThinned(versions, thinned, kept)
  return rewriteVersions(history, thinned, { nodes, sink })
}

/** @returns which versions of one history are shown, or needed by a shown one of another history */
function keptOf(
  { versions }: Part,
  { all, shown }: { readonly all: readonly Version[]; readonly shown: ReadonlySet<VersionId> },
): ReadonlySet<VersionId> {
  const own = new Set(versions.map(({ id }) => id))
  const kept = own.intersection(shown)
  if (own.size === all.length) return kept
  const needed = withBases(all, shown)
  for (const { id, content } of all) {
    const isOutside = !own.has(id) && needed.has(id) && content.type === 'delta'
    if (isOutside && own.has(content.base)) kept.add(content.base)
  }
  return kept
}

async function partsOf(entries: readonly Entry[], nodes: NodeStore): Promise<readonly Part[]> {
  const found: Part[] = []
  const seen = new Set<VersionId>()
  const stored = new Set<string>()
  for (const entry of entries) {
    const { history } = entry
    if (history === undefined) continue
    if (history.type === 'stored') {
      const id = referenceId(history.reference)
      if (stored.has(id)) continue
      stored.add(id)
    }
    const all = await readVersions(history, nodes)
    const versions = all.filter(({ id }) => !seen.has(id))
    for (const { id } of versions) seen.add(id)
    found.push({ entry, history, versions, isWhole: versions.length === all.length })
  }
  return found
}

function isCarriedOn({ what }: Span): boolean {
  return what.kind === 'folder' && what.node.type === 'next'
}

function isSameNode(a: FolderNode, b: FolderNode): boolean {
  return a === b || (a.type === 'next' && b.type === 'next')
}
