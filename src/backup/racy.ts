/**
 * Racy files: those that changed so lately that a later change could bear the same time.
 *
 * A file system's clock goes in ticks. A change within the tick of the one before leaves size and
 * times as they were, so a file seen that soon after its change is compared by content next time.
 */

import type { FileTime } from '../ports/files.ts'
import type { QueueRow } from '../store/queue.ts'

/** Linux's coarsest tick is 10 ms; doubled for the error between the file system's clock and ours. */
const GRANULARITY_MS = 20

/** FAT counts in 2 s, older systems in 1 s: a time without a fraction may be one of theirs. */
const COARSE_GRANULARITY_MS = 2_020

/**
 * @param ctime - when the file last changed
 * @param seenAt - when looking at it, or reading it, began: milliseconds since 1970
 */
export function isRacy(ctime: FileTime, seenAt: number): boolean {
  const isCoarse = ctime.nanoseconds === 0
  const changedAt = ctime.seconds * 1000 + ctime.nanoseconds / 1e6
  return changedAt >= seenAt - (isCoarse ? COARSE_GRANULARITY_MS : GRANULARITY_MS)
}

/**
 * @returns milliseconds until a change would bear a later time than `ctime`; 0 where it would already, and
 *   where `ctime` lies so far ahead that the clocks do not agree
 */
export function racyForMs(ctime: FileTime, now: number): number {
  if (!isRacy(ctime, now)) return 0
  const granularity = ctime.nanoseconds === 0 ? COARSE_GRANULARITY_MS : GRANULARITY_MS
  const ms = ctime.seconds * 1000 + ctime.nanoseconds / 1e6 + granularity - now + 1
  return ms <= 2 * granularity ? Math.max(0, ms) : 0
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
