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
})

export type LastSnapshot = z.infer<typeof schema>

type Row = Pick<SnapshotRow, 'sequence' | 'endedAt' | 'isComplete'>

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
export function noteSnapshot(settings: Settings, { sequence, endedAt, isComplete }: Row): void {
  const { complete = null, incomplete = 0 } = lastSnapshot(settings) ?? {}
  settings.set(
    SETTING,
    isComplete
      ? { complete: { sequence, endedAt }, incomplete: 0 }
      : { complete, incomplete: incomplete + 1 },
  )
}
