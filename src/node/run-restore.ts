/** Listing and restoring as the client is asked for it: what a snapshot shows, and bringing it back. */

import type { SnapshotRow } from '../../protocol/snapshots.ts'
import type { FolderNode } from '../../protocol/tree.ts'
import type { TreeReader } from '../history/tree-reader.ts'
import { linkSignals } from '../base/abort.ts'
import { Conflicts } from '../restore/conflict.ts'
import { Restorer, type RestoreEvents } from '../restore/restorer.ts'
import { Target } from '../restore/target.ts'
import { PLAIN_METADATA, type Unset, type UnsetKind } from '../restore/unset.ts'
import { EVERYTHING, WHOLE_PATHS, type PathMap, type Patterns } from '../restore/wanted.ts'
import { isWithin, outermost, toNames, toPath, type Names } from '../source/path.ts'
import type { FileFailure, ListedEntry, RestoreRequest, RestoreSummary } from './client-types.ts'
import type { VaultSession } from './vault-session.ts'
import { contentMemory } from './content-memory.ts'
import { NoSuchSnapshotError } from './when.ts'

/**
 * @param path - a folder, or a file for itself; `/` for everything
 * @returns what the snapshot shows there, names ascending
 * @throws {NoSuchSnapshotError} nothing was there
 */
export async function* listSnapshot(
  session: VaultSession,
  row: SnapshotRow,
  path: Uint8Array,
  { recursive }: { readonly recursive: boolean },
  signal: AbortSignal,
): AsyncGenerator<ListedEntry> {
  const { tree, node } = await session.openTree(signal)
  if (node === undefined) return
  const names = toNames(await session.canonical(path))
  const isShown = sourceFilter(row)
  await assertKept(tree, node, names, row)
  const own = names.length === 0 ? undefined : await tree.entry(node, names, row.sequence)
  if (own !== undefined && own.span.what.kind !== 'folder') {
    yield { path: toPath(names), entry: own }
    return
  }
  if (recursive) {
    for await (const { path: found, entry } of tree.walk(node, names, row.sequence)) {
      if (isShown(found) && found.length > names.length) yield { path: toPath(found), entry }
    }
    return
  }
  for await (const entry of tree.list(node, names, row.sequence)) {
    const found = [...names, entry.name]
    if (isShown(found)) yield { path: toPath(found), entry }
  }
}

/**
 * Write what stood under the paths below the target, each under its whole path.
 *
 * @throws {NoSuchSnapshotError} a path was not in the snapshot; nothing was written
 * @throws {FilesError} the target cannot be made
 */
export async function runRestore(
  session: VaultSession,
  request: RestoreRequest,
  signal: AbortSignal,
): Promise<RestoreSummary> {
  const { files, random, compute } = session.ports
  const { tree, source, node } = await session.openTree(signal)
  if (node === undefined) throw new NoSuchSnapshotError('There is no snapshot yet')
  const paths = await Promise.all(request.paths.map((path) => session.canonical(path)))
  // A path within another comes back with it.
  const wanted = outermost((paths.length > 0 ? paths : request.at.sources).map(toNames))
  for (const names of wanted) await assertKept(tree, node, names, request.at)

  const { conflict = 'abort', isDryRun = false, patterns = EVERYTHING } = request
  const map = await canonicalMap(session, request)
  const unset: Partial<Record<UnsetKind, number>> = {}
  const onUnset = (one: Unset) => {
    unset[one.kind] = (unset[one.kind] ?? 0) + 1
    request.onUnset?.(one)
  }
  const { metadata = PLAIN_METADATA } = request
  const target = await Target.open({ files, random }, request.target, toNames(request.target), {
    metadata,
    onUnset,
    isOverwriting: conflict === 'overwrite',
    isDry: isDryRun,
  })
  const knownContent = contentMemory(session.stores)
  const conflicts = new Conflicts({ files, source, knownContent }, conflict)
  const isIncluded = sourceFilter(request.at)
  const parts = { tree, source, compute, target, isIncluded, conflicts, patterns, map }
  const restorer = new Restorer(parts, node, request.at.sequence)
  const { totals } = restorer
  const failures: FileFailure[] = []
  const { files: filesTotal, bytes: bytesTotal } = totalsOf(request.at, wanted, patterns)
  let bytesWritten = 0
  const tell = (current: Uint8Array) =>
    request.onProgress?.({
      phase: 'restore',
      filesDone: totals.files,
      filesTotal,
      bytesDone: Math.min(bytesWritten, bytesTotal ?? Infinity),
      bytesTotal,
      current,
    })
  const fuzzy: Uint8Array[] = []
  const first = linkSignals(signal)
  const events: RestoreEvents = {
    onFuzzy: (path) => void fuzzy.push(path),
    onBytes: (current, size) => {
      bytesWritten += size
      tell(current)
    },
    onEntry: (current, size, action) => {
      tell(current)
      request.onEntry?.({ path: current, size, action })
    },
    onFailure: (failure) => {
      if (first.signal.aborted) return
      failures.push({ ...failure, during: 'restore' })
      request.onFileError?.({ ...failure, during: 'restore' })
      if (request.onError === 'abort') first.abort(failure.error)
    },
  }
  try {
    await restorer[isDryRun ? 'plan' : 'restore'](wanted, events, first.signal)
  } catch (error) {
    // The first failure ended it, as was asked for, and has been told.
    if (signal.aborted || error !== failures[0]?.error || request.onError !== 'abort') throw error
  } finally {
    first.release()
  }
  return {
    filesRestored: totals.files,
    foldersRestored: totals.folders,
    symlinksRestored: totals.symlinks,
    specialsRestored: totals.specials,
    bytesRestored: totals.bytes,
    unchanged: totals.unchanged,
    skipped: totals.skipped,
    bytesFetched: source.bytesFetched,
    isStopped: request.onError === 'abort' && failures.length > 0,
    failures,
    unset,
    warnings: [...session.takeWarnings(), ...fuzzyWarning(fuzzy)],
  }
}

/** They are what was read, to the byte; what was read may never have been whole. */
function fuzzyWarning(paths: readonly Uint8Array[]): string[] {
  if (paths.length === 0) return []
  const named = paths.slice(0, FUZZY_NAMED).map((path) => Buffer.from(path).toString())
  const more = paths.length > named.length ? `, and ${paths.length - named.length} more` : ''
  const subject = paths.length === 1 ? '1 file was changing' : `${paths.length} files were changing`
  return [
    `${subject} while being backed up and may be a mixture of moments: ${named.join(', ')}${more}`,
  ]
}

/** So many are named in a warning. */
const FUZZY_NAMED = 10

/** What a person maps is where it truly lies, as in the tree. */
export async function canonicalMap(
  session: VaultSession,
  request: Pick<RestoreRequest, 'map' | 'stripCount'>,
): Promise<PathMap> {
  const { map: rules = [], stripCount = 0 } = request
  if (rules.length === 0 && stripCount === 0) return WHOLE_PATHS
  const canonical = async ({ from, to }: { from: Uint8Array; to: Uint8Array }) => ({
    from: toNames(await session.canonical(from)),
    to: toNames(to),
  })
  return { rules: await Promise.all(rules.map(canonical)), stripCount }
}

/**
 * What a snapshot has in all, for the person who waits; of a part nobody knows how much it is before it was
 * walked.
 */
export function totalsOf(
  row: SnapshotRow,
  wanted: readonly Names[],
  { include, exclude }: Patterns,
): { readonly files: number | undefined; readonly bytes: number | undefined } {
  const isAll = row.sources
    .map(toNames)
    .every((source) => wanted.some((names) => isWithin(names, source)))
  const isFiltered = include.length + exclude.length > 0
  return isAll && !isFiltered ? row : { files: undefined, bytes: undefined }
}

/** What a snapshot covered: its sources with all in them, and the folders above. */
export function sourceFilter(row: SnapshotRow): (names: Names) => boolean {
  const sources = row.sources.map(toNames)
  return (names) => sources.some((source) => isWithin(source, names) || isWithin(names, source))
}

/** @throws {NoSuchSnapshotError} the snapshot has nothing there */
export async function assertKept(
  tree: TreeReader,
  node: FolderNode,
  names: Names,
  row: SnapshotRow,
): Promise<void> {
  if (names.length === 0) return
  const entry = await tree.entry(node, names, row.sequence)
  const isCovered = sourceFilter(row)(names)
  if (entry !== undefined && isCovered) return
  const path = JSON.stringify(new TextDecoder().decode(toPath(names)))
  throw new NoSuchSnapshotError(
    isCovered
      ? `Snapshot ${row.sequence} holds nothing at ${path}: ` +
          '"cairn ls" shows what a snapshot holds, "cairn history" when a path was there'
      : `Snapshot ${row.sequence} is of other paths than ${path}: ` +
          '"cairn snapshots" shows which are of it, --at NUMBER takes one of them',
  )
}
