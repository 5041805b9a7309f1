/**
 * A backup that looks only where a watcher saw something, and at other names of the files that changed: of those
 * nobody is told.
 */

import { equal, toHex } from '../../protocol/bytes.ts'
import type { Counted, ScanReport } from '../backup/scanner.ts'
import { NothingScannedError, scanSources } from '../backup/scan-sources.ts'
import type { PathBytes } from '../ports/files.ts'
import type { FolderSource } from '../source/folder-source.ts'
import { fromKey, toPath } from '../source/path.ts'
import { walkedSnapshot } from '../store/walked-snapshot.ts'
import type { BackupSummary, FileFailure, HintedRequest } from './client-types.ts'
import { assertFits, published } from './run-backup.ts'
import { queueSummary, sourceOf } from './run-scan.ts'
import type { VaultSession } from './vault-session.ts'

/** Paths that are looked at in one go. */
const LOOK_MAX = 1_000

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
  const { stores } = session
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
  const report = await scanHinted(session, request, { source, counted }, signal)
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

async function scanHinted(
  session: VaultSession,
  request: HintedRequest,
  { source, counted }: { readonly source: FolderSource; readonly counted: Counted },
  signal: AbortSignal,
): Promise<ScanReport> {
  const { stores, ports } = session
  const parts = { ...ports, ...stores }
  const events = { onProgress: () => undefined }
  let { folders } = request.hints
  const asked = new Set(folders.map(({ folder }) => toHex(folder)))
  for (let next = source; ; next = await sourceOf(session, { ...request, hints: folders })) {
    const { report } = await scanSources(parts, next, { counted }, events, signal)
    const others = (await foldersOfOtherNames(session)).filter((folder) => {
      const isNew = !asked.has(toHex(folder))
      asked.add(toHex(folder))
      return isNew
    })
    if (others.length === 0) return report
    folders = [...folders, ...others.map((folder) => ({ folder, isDeep: false }))]
  }
}

/** @returns folders in which files that wait have other names, as far as the last snapshot knows */
async function foldersOfOtherNames({ ports, stores }: VaultSession): Promise<PathBytes[]> {
  const { queue, entries } = stores
  const inodes = new Set<bigint>()
  let paths: PathBytes[] = []
  const look = async () => {
    for (const found of await ports.files.look(paths)) {
      if ('status' in found && found.status.linkCount > 1) inodes.add(found.status.inode)
    }
    paths = []
  }
  for (const { key } of queue.rows('waiting')) {
    paths.push(toPath(fromKey(key)))
    if (paths.length === LOOK_MAX) await look()
  }
  if (paths.length > 0) await look()
  if (inodes.size === 0) return []
  return entries.foldersOf(inodes).map((key) => toPath(fromKey(key)))
}
