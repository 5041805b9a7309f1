/** Comparing a snapshot with live files, as the client is asked for it. */

import { LiveComparison } from '../restore/compare-live.ts'
import { scratchIn } from '../restore/scratch.ts'
import { VersionReader } from '../restore/version-reader.ts'
import { EVERYTHING } from '../restore/wanted.ts'
import { outermost, toNames } from '../source/path.ts'
import type { CompareRequest, CompareSummary, FileFailure } from './client-types.ts'
import { contentMemory } from './content-memory.ts'
import { assertKept, sourceFilter, totalsOf } from './run-restore.ts'
import type { VaultSession } from './vault-session.ts'
import { NoSuchSnapshotError } from './when.ts'

const ROOT = Uint8Array.of(0x2f)

/** @throws {NoSuchSnapshotError} a path was not in the snapshot */
export async function runCompare(
  session: VaultSession,
  request: CompareRequest,
  signal: AbortSignal,
): Promise<CompareSummary> {
  const { at, method, patterns = EVERYTHING, below = ROOT } = request
  const { files, compute } = session.ports
  const { tree, source, node } = await session.openTree(signal)
  if (node === undefined) throw new NoSuchSnapshotError('There is no snapshot yet')
  const paths = await Promise.all(request.paths.map((path) => session.canonical(path)))
  const wanted = outermost((paths.length > 0 ? paths : at.sources).map(toNames))
  for (const names of wanted) await assertKept(tree, node, names, at)
  const parts = {
    tree,
    source,
    files,
    versions: new VersionReader({ tree, source, compute }),
    temporary: scratchIn(request.scratch, session.ports),
    knownContent: contentMemory(session.stores),
    isIncluded: sourceFilter(at),
    patterns,
    method,
    below,
  }
  const comparison = new LiveComparison(parts, node, at.sequence)
  const failures: FileFailure[] = []
  const { files: filesTotal, bytes: bytesTotal } = totalsOf(at, wanted, patterns)
  let [filesDone, bytesDone] = [0, 0]
  await comparison.compare(
    wanted,
    {
      onDifference: (difference) => request.onDifference?.(difference),
      onFailure: (failure) => {
        failures.push({ ...failure, during: 'compare' })
        request.onFileError?.({ ...failure, during: 'compare' })
      },
      onEntry: (current, size) => {
        filesDone += 1
        bytesDone += size
        request.onProgress?.({
          phase: 'compare',
          filesDone,
          filesTotal,
          bytesDone: Math.min(bytesDone, bytesTotal ?? Infinity),
          bytesTotal,
          current,
        })
      },
    },
    signal,
  )
  const { bytesFetched } = source
  return { ...comparison.totals, bytesFetched, failures, warnings: session.takeWarnings() }
}
