/**
 * The last snapshot that was complete, and what came after it: whoever looks may want to be alarmed.
 */

import { z } from 'zod'
import { count, integer } from '../../protocol/cbor.ts'
import { FormatError } from '../../protocol/errors.ts'
import type { SnapshotRow } from '../../protocol/snapshots.ts'
import type { Settings } from './settings.ts'

const SETTING = 'last snapshot'
const MAX = Number.MAX_SAFE_INTEGER

const schema = z.strictObject({
  /** Of the newest that is complete; null before the first. */
  complete: z.strictObject({ sequence: count(MAX), endedAt: integer(-MAX, MAX) }).nullable(),
  /** Snapshots since then in which something was left out. */
  incomplete: count(MAX),
  /** Whether the newest is partial: its backup was not at its end. */
  isPartial: z.boolean(),
})

export type LastSnapshot = z.infer<typeof schema>

/** What is noted of a snapshot. */
export type SnapshotNote = Pick<SnapshotRow, 'sequence' | 'endedAt' | 'isComplete' | 'isFinished'>

export const snapshotNoteSchema: z.ZodType<SnapshotNote> = z.strictObject({
  sequence: count(MAX),
  endedAt: integer(-MAX, MAX),
  isComplete: z.boolean(),
  isFinished: z.boolean(),
})

/** @returns `undefined` before the first snapshot, and where nothing is known of any */
export function lastSnapshot(settings: Settings): LastSnapshot | undefined {
  try {
    return settings.get(SETTING, schema)
  } catch (error) {
    if (error instanceof FormatError) return undefined
    throw error
  }
}

/** A snapshot was published, or is learnt of; in order of their sequences. */
export function noteSnapshot(settings: Settings, note: SnapshotNote): void {
  const { sequence, endedAt, isComplete, isFinished } = note
  const { complete = null, incomplete = 0 } = lastSnapshot(settings) ?? {}
  settings.set(
    SETTING,
    isComplete
      ? { complete: { sequence, endedAt }, incomplete: 0, isPartial: false }
      : { complete, incomplete: incomplete + (isFinished ? 1 : 0), isPartial: !isFinished },
  )
}
