/** Snapshots made up for tests of retention. */

import type { SnapshotRow } from '../../protocol/snapshots.ts'
import type { DatedSnapshot } from '../../src/repair/retention.ts'

/** @returns a row whose laptop said `at`, milliseconds since 1970 */
export function row(sequence: number, at: number, more: Partial<SnapshotRow> = {}): SnapshotRow {
  return {
    sequence,
    startedAt: at,
    endedAt: at,
    host: 'box',
    sources: [],
    files: 1,
    folders: 0,
    bytes: 1,
    added: 1,
    isComplete: true,
    isFinished: true,
    isPinned: false,
    tags: [],
    skipped: 0,
    ...more,
  }
}

/** @returns a snapshot that peers witness at `at` */
export function witnessed(
  sequence: number,
  at: number,
  more: Partial<SnapshotRow> = {},
): DatedSnapshot {
  return { row: row(sequence, at, more), time: at, isWitnessed: true }
}

/** @returns a snapshot that nobody but the laptop knows the time of */
export function unwitnessed(sequence: number, at: number): DatedSnapshot {
  return { row: row(sequence, at), time: at, isWitnessed: false }
}
