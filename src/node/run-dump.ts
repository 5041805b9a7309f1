/** Content to standard output, as the client is asked for it: an archive, or the bytes of files. */

import { UsageError } from '../base/errors.ts'
import { Dump } from '../restore/dump.ts'
import { scratchIn } from '../restore/scratch.ts'
import { VersionReader } from '../restore/version-reader.ts'
import { EVERYTHING } from '../restore/wanted.ts'
import { outermost, toNames, toPath } from '../source/path.ts'
import type { CatRequest, DumpRequest, DumpSummary, FileFailure } from './client-types.ts'
import { assertKept, canonicalMap, sourceFilter } from './run-restore.ts'
import type { VaultSession } from './vault-session.ts'
import { NoSuchSnapshotError } from './when.ts'

/** The path is no file, so it has no content of its own. */
export class NoContentError extends UsageError {
  override readonly name = 'NoContentError'
}

/**
 * Write what stood under the paths as a tar archive.
 *
 * @throws {NoSuchSnapshotError} a path was not in the snapshot; nothing was written
 * @throws {DumpCutShortError}
 */
export async function runDump(
  session: VaultSession,
  request: DumpRequest,
  signal: AbortSignal,
): Promise<DumpSummary> {
  const { at, patterns = EVERYTHING } = request
  const { tree, source, node } = await session.openTree(signal)
  if (node === undefined) throw new NoSuchSnapshotError('There is no snapshot yet')
  const paths = await Promise.all(request.paths.map((path) => session.canonical(path)))
  const wanted = outermost((paths.length > 0 ? paths : at.sources).map(toNames))
  for (const names of wanted) await assertKept(tree, node, names, at)
  const map = await canonicalMap(session, request)
  const versions = new VersionReader({ tree, source, compute: session.ports.compute })
  const temporary = scratchIn(request.scratch, session.ports)
  const isIncluded = sourceFilter(at)
  const parts = { tree, source, versions, temporary, isIncluded, patterns, map }
  const dump = new Dump(parts, node, at.sequence)
  const failures: FileFailure[] = []
  const onFailure = (failure: Omit<FileFailure, 'during'>) => {
    failures.push({ ...failure, during: 'restore' })
    request.onFileError?.({ ...failure, during: 'restore' })
  }
  for await (const bytes of dump.tar(wanted, onFailure, signal)) await request.write(bytes)
  const { bytesFetched } = source
  return { ...dump.totals, bytesFetched, failures, warnings: session.takeWarnings() }
}

/**
 * Write a file's content.
 *
 * @throws {NoSuchSnapshotError} it was not in the snapshot
 * @throws {NoContentError}
 */
export async function runCat(
  session: VaultSession,
  request: CatRequest,
  signal: AbortSignal,
): Promise<void> {
  const { at } = request
  const { tree, source, node } = await session.openTree(signal)
  if (node === undefined) throw new NoSuchSnapshotError('There is no snapshot yet')
  const names = toNames(await session.canonical(request.path))
  await assertKept(tree, node, names, at)
  const entry = names.length === 0 ? undefined : await tree.entry(node, names, at.sequence)
  const { version } = entry ?? {}
  if (entry?.span.what.kind !== 'file' || version === undefined) {
    const kind = entry?.span.what.kind ?? 'folder'
    const path = JSON.stringify(new TextDecoder().decode(toPath(names)))
    throw new NoContentError(`${path} is a ${kind}, not a file: ${INSTEAD[kind]}`)
  }
  const isOriginal = version.content.type === 'original'
  const chain = isOriginal ? [version] : await tree.chain(node, names, version.id)
  const versions = new VersionReader({ tree, source, compute: session.ports.compute })
  const temporary = scratchIn(request.scratch, session.ports)
  for await (const bytes of versions.stream(chain, temporary, signal)) await request.write(bytes)
}

const INSTEAD: Readonly<Record<string, string>> = {
  folder: '"cairn ls" lists it, "cairn dump --tar" writes all of it',
  symlink: '"cairn ls --long" shows where it leads',
}
