/**
 * Snapshot fields: a snapshot's row as JSON, and as the echo that every answer about the past begins
 * with.
 */

import type { SnapshotRow } from '../../protocol/snapshots.ts'
import { escapeLine, pathFields } from './escape.ts'
import { formatCount, formatMoment, formatTime } from './format.ts'
import type { JsonRecord, Output } from './output.ts'

export type { SnapshotRow }

export function snapshotFields(row: SnapshotRow): JsonRecord {
  return {
    message_type: 'snapshot',
    id: String(row.sequence),
    short_id: String(row.sequence),
    time: formatMoment(row.startedAt),
    end_time: formatMoment(row.endedAt),
    hostname: row.host,
    paths: row.sources.map((source) => pathFields(source).path),
    tags: row.tags,
    is_complete: row.isComplete,
    is_finished: row.isFinished,
    is_pinned: row.isPinned,
    total_files: row.files,
    total_dirs: row.folders,
    total_bytes: row.bytes,
    data_added: row.added,
    error_count: row.skipped,
  }
}

/** Say which snapshot was chosen: `--at` has many spellings, and the reader must know. */
export function echoSnapshot(output: Output, row: SnapshotRow): void {
  output.json(snapshotFields(row))
  const doubt = row.isFinished ? '' : ', partial: its backup was not at its end'
  output.say(`snapshot ${row.sequence} of ${formatTime(row.startedAt)}${doubt}`)
}

/** @returns what a reader of the list must know beside the numbers */
export function snapshotMarks(row: SnapshotRow): string[] {
  const { tags, isPinned, isComplete, isFinished, skipped } = row
  const leftOut = skipped === 0 ? '' : `, ${formatCount(skipped)} left out`
  return [
    ...tags.map((tag) => `#${escapeLine(tag)}`),
    ...(isPinned ? ['pinned'] : []),
    ...(isFinished ? [] : [`partial${leftOut}`]),
    ...(isFinished && !isComplete ? [`incomplete${leftOut}`] : []),
  ]
}
