/**
 * Scanning sources into the queue, and remembering what was scanned: the first half of a backup.
 *
 * Until a scan has ended there is nothing to upload: half of one and half of another would be no snapshot.
 */

import { UsageError } from '../base/errors.ts'
import type { Source } from '../source/folder-source.ts'
import { keysBelow, pathToKey } from '../source/path.ts'
import type { Published } from '../store/published.ts'
import type { ScanRecord } from '../store/scan-record.ts'
import type { Settings } from '../store/settings.ts'
import {
  Scanner,
  type Counted,
  type ScannerParts,
  type ScanReport,
  type ScanTotals,
} from './scanner.ts'

/** A snapshot is on its way: the queue is as it has it, and no scan may change that. */
export class SnapshotWaitsError extends UsageError {
  override readonly name = 'SnapshotWaitsError'
}

/** There is nothing to upload: no scan has ended since the last snapshot. */
export class NothingScannedError extends UsageError {
  override readonly name = 'NothingScannedError'
}

export interface ScanParts extends ScannerParts {
  readonly settings: Settings
  readonly published: Published
}

export interface ScanOptions {
  /** Every file is read, whatever its times say. */
  readonly isHashCheck?: boolean
  /** Of files that only grew the ends are read, when they are uploaded. */
  readonly isQuick?: boolean
  /** What the last snapshot holds in all; for a source that has hints. */
  readonly counted?: Counted
}

export interface ScanEvents {
  /** Told of the totals, which grow as the scan goes on. */
  readonly onStart?: (totals: ScanTotals) => void
  /** @param expected - so many files the last snapshots had there; undefined if there are more already */
  readonly onProgress: (totals: ScanTotals, expected: number | undefined) => void
}

export interface Scan {
  readonly record: ScanRecord
  readonly report: ScanReport
}

/** @throws {SnapshotWaitsError} */
export async function scanSources(
  parts: ScanParts,
  source: Source,
  options: ScanOptions,
  events: ScanEvents,
  signal: AbortSignal,
): Promise<Scan> {
  const { queue, settings, published, clock } = parts
  const pending = published.pending()
  if (pending !== undefined) {
    throw new SnapshotWaitsError(
      `Snapshot ${pending.sequence} is on its way: "cairn upload" sends it, then scan again`,
    )
  }
  const startedAt = clock.now()
  const run = settings.next('run')
  queue.forgetScan()
  const scanner = new Scanner(parts, source, { ...options, run })
  events.onStart?.(scanner.totals)
  const expected = filesKnown(parts, source)
  const onProgress = (totals: ScanTotals) =>
    events.onProgress(totals, expected >= totals.files && expected > 0 ? expected : undefined)
  const report = await scanner.scan(onProgress, signal)
  const record: ScanRecord = {
    run,
    startedAt,
    sources: [...source.paths],
    isPartial: source.isPartial === true,
    isQuick: options.isQuick === true,
    failed: report.failures.length,
    totals: { ...report.totals },
  }
  queue.noteScan(record)
  return { record, report }
}

/** @returns how many files the last snapshots had in what is walked */
function filesKnown({ entries }: ScanParts, source: Source): number {
  const counts = source.walked.map((path) => {
    const key = pathToKey(path)
    const below = entries.countFiles({ from: key, until: keysBelow(key).until })
    return below + (entries.get(key)?.kind === 'file' ? 1 : 0)
  })
  return counts.reduce((sum, count) => sum + count, 0)
}

/** How far a scan is, for the person. */
export function scanProgress({ files, bytes }: ScanTotals, expected: number | undefined) {
  return {
    phase: 'scan',
    filesDone: files,
    filesTotal: expected,
    isEstimate: expected !== undefined,
    bytesDone: bytes,
    bytesTotal: undefined,
    current: undefined,
  } as const
}
