/**
 * Scanning sources into the queue, and remembering what was scanned: the first half of a backup.
 *
 * Until a scan has ended there is nothing to upload: half of one and half of another would be no snapshot.
 */

import { UsageError } from '../base/errors.ts'
import type { Source } from '../source/folder-source.ts'
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
  /** What the last snapshot holds in all; for a source that has hints. */
  readonly counted?: Counted
}

export interface ScanEvents {
  /** Told of the totals, which grow as the scan goes on. */
  readonly onStart?: (totals: ScanTotals) => void
  readonly onProgress: (totals: ScanTotals) => void
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
  const report = await scanner.scan(events.onProgress, signal)
  const record: ScanRecord = {
    run,
    startedAt,
    sources: [...source.paths],
    isPartial: source.isPartial === true,
    failed: report.failures.length,
    totals: { ...report.totals },
  }
  queue.noteScan(record)
  return { record, report }
}
