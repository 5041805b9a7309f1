/**
 * The snapshot that hints may stand on: the newest one, if all of its sources are as the backupdb has them.
 *
 * A scan that has hints takes what it does not look at from the rows, so they must be of a snapshot of the
 * same sources, and its counts begin with what that snapshot holds.
 */

import { z } from 'zod'
import { bytesField, count } from '../../protocol/cbor.ts'
import { FormatError } from '../../protocol/errors.ts'
import { SOURCE_SIZE_MAX } from '../../protocol/snapshots.ts'
import type { Settings } from './settings.ts'

const SETTING = 'walked snapshot'
const MAX = Number.MAX_SAFE_INTEGER

const schema = z.strictObject({
  sequence: count(MAX),
  sources: z.array(bytesField(0, SOURCE_SIZE_MAX)),
  files: count(MAX),
  folders: count(MAX),
  bytes: count(MAX),
})

export type WalkedSnapshot = Readonly<Omit<z.infer<typeof schema>, 'sources'>> & {
  readonly sources: readonly Uint8Array[]
}

/** @returns `undefined` where the newest snapshot is of something else, and where nothing is known of it */
export function walkedSnapshot(settings: Settings): WalkedSnapshot | undefined {
  try {
    return settings.get(SETTING, schema)
  } catch (error) {
    if (error instanceof FormatError) return undefined
    throw error
  }
}

export function noteWalked(
  settings: Settings,
  { sequence, sources, files, folders, bytes }: WalkedSnapshot,
): void {
  settings.set(SETTING, { sequence, sources: [...sources], files, folders, bytes })
}

/** A snapshot is on its way, or published, that hints cannot stand on. */
export function forgetWalked(settings: Settings): void {
  settings.remove(SETTING)
}
