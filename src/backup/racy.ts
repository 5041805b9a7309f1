/**
 * Racy files: those that changed so lately that a later change could bear the same time.
 *
 * A file system's clock goes in ticks. A change within the tick of the one before leaves size and times as they
 * were, so a file is read once its change time was seen a tick ago, and is recorded as racy where that cannot be
 * had: it is compared by content next time. Reasons: docs/adr/0094-file-system-clock.md
 */

import type { FileTime } from '../ports/files.ts'
import type { QueueRow } from '../store/queue.ts'

/** Linux's coarsest tick is 10 ms; doubled for a tick that comes late, and clocks that do not run alike. */
const GRANULARITY_MS = 20

/** FAT counts in 2 s, older systems in 1 s: a time without a fraction may be one of theirs. */
const COARSE_GRANULARITY_MS = 2_020

/**
 * By our own clock, for what is recorded as the scan finds it: folders, links, special files.
 *
 * @param ctime - when it last changed
 * @param seenAt - when looking at it began: milliseconds since 1970
 */
export function isRacy(ctime: FileTime, seenAt: number): boolean {
  const isCoarse = ctime.nanoseconds === 0
  const changedAt = ctime.seconds * 1000 + ctime.nanoseconds / 1e6
  return changedAt >= seenAt - (isCoarse ? COARSE_GRANULARITY_MS : GRANULARITY_MS)
}

/** A change time that was seen. */
export interface SeenTime {
  readonly ctime: FileTime
  /** When it had been seen, monotonic milliseconds: then or before. */
  readonly at: number
}

/**
 * The file system's clock may be another than ours, but it goes on as ours does, and had come to a change time
 * when that was seen. A tick later it is past it, whatever either clock says.
 *
 * @param now - by the same clock as `seen.at`
 * @returns milliseconds until every change will bear another time
 */
export function racyForMs({ ctime, at }: SeenTime, now: number): number {
  const granularity = ctime.nanoseconds === 0 ? COARSE_GRANULARITY_MS : GRANULARITY_MS
  return Math.max(0, granularity + 1 - (now - at))
}

/** A change time for the record that the file's own next status cannot equal: it is read again. */
export function beforeRacy(ctime: FileTime): FileTime {
  return { seconds: ctime.seconds - 1, nanoseconds: 999_999_999 }
}

/**
 * A change time that says too little is recorded as an earlier one, so that the file is read again; and so is
 * that of a file of which the end alone was read.
 */
export function recordedCtime(row: Pick<QueueRow, 'status' | 'isRacy' | 'isQuick'>): FileTime {
  return row.isRacy || row.isQuick ? beforeRacy(row.status.ctime) : row.status.ctime
}
