/**
 * Retention: which snapshots to keep, in restic's words.
 */

import type { SnapshotRow } from '../../protocol/snapshots.ts'

/** What to keep; a snapshot stays if any rule wants it. */
export interface RetentionPolicy {
  readonly last?: number
  readonly hourly?: number
  readonly daily?: number
  readonly weekly?: number
  readonly monthly?: number
  readonly yearly?: number
  /** Milliseconds before the newest snapshot. */
  readonly within?: number
  readonly withinHourly?: number
  readonly withinDaily?: number
  readonly withinWeekly?: number
  readonly withinMonthly?: number
  readonly withinYearly?: number
  /** Each is a set of tags that a snapshot must carry all of. */
  readonly tags?: readonly (readonly string[])[]
}

/** What becomes of one snapshot. */
export interface Decision {
  readonly row: SnapshotRow
  readonly isKept: boolean
  /** Why it is kept, or why not; at least one. */
  readonly reasons: readonly string[]
  /** When it was taken as the peers witness it, milliseconds since 1970; as the laptop said, if nobody does. */
  readonly time: number
  readonly isWitnessed: boolean
}
