/** A backup that looks only where a watcher saw something. */

import { NothingScannedError, scanSources } from '../backup/scan-sources.ts'
import { walkedSnapshot } from '../store/walked-snapshot.ts'
import { equal } from '../../protocol/bytes.ts'
import type { BackupSummary, FileFailure, HintedRequest } from './client-types.ts'
import { assertFits, published } from './run-backup.ts'
import { queueSummary, sourceOf } from './run-scan.ts'
import type { VaultSession } from './vault-session.ts'

/**
 * Friends are asked only if something changed.
 *
 * @returns `unchanged` if nothing did, and `stale` where hints have nothing to stand on: the snapshot that they
 *   came after is not the newest, or is one of other sources. Then all is to be walked.
 * @throws as `runUpload` does
 */
export async function runHinted(
  session: VaultSession,
  request: HintedRequest,
  signal: AbortSignal,
): Promise<BackupSummary | 'unchanged' | 'stale'> {
  const { stores, ports } = session
  const { since, folders } = request.hints
  const source = await sourceOf(session, { ...request, hints: folders })
  assertFits(request, source)
  const before = walkedSnapshot(stores.settings)
  const isSame =
    before?.sequence === since &&
    before.sources.length === source.paths.length &&
    source.paths.every((path, index) => equal(path, before.sources[index] ?? new Uint8Array(0)))
  if (!isSame || stores.published.pending() !== undefined) return 'stale'
  const { files, folders: folderCount, bytes } = before
  const counted = { files, folders: folderCount, bytes, unmodified: files }
  const parts = { ...ports, ...stores }
  const onProgress = () => undefined
  const { report } = await scanSources(parts, source, { counted }, { onProgress }, signal)
  const failures = report.failures.map((failure): FileFailure => ({ ...failure, during: 'scan' }))
  for (const failure of failures) request.onFileError?.(failure)
  const { waiting, ready, gone } = queueSummary(session)
  if (waiting.files + ready + gone === 0) {
    stores.queue.forgetScan()
    return 'unchanged'
  }
  try {
    const whole = { ...request, isWhole: true }
    const summary = await published(session, whole, signal, (backup, events) =>
      backup.upload(events, signal),
    )
    return { ...summary, skipped: [...failures, ...summary.skipped] }
  } catch (error) {
    // The grid knew of a newer head, or the disk has lost a pack: the rows are not what they were.
    if (error instanceof NothingScannedError) return 'stale'
    throw error
  }
}
