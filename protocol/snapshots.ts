/**
 * Snapshots: the list of every backup, newest first, in pages.
 *
 * The root holds the newest rows; older ones lie in `snapshots` objects, each leading to the one
 * before it.
 *
 * Format: docs/formats/snapshots.md
 */

import { z } from 'zod'

import { bytesField, check, count, decodeCbor, encodeCbor, integer, text } from './cbor.ts'
import { FormatError, VersionError } from './errors.ts'
import { OBJECT_SIZE_MAX } from './object.ts'
import { referenceSchema, referenceToCbor } from './reference.ts'
import type { Reference } from './reference.ts'
import { SEQUENCE_MAX } from './tree.ts'

/** Most rows in one `snapshots` object. */
export const SNAPSHOT_ROWS_MAX = 512

/** Most sources of one snapshot. */
export const SOURCES_MAX = 256

/** Longest path of a source, bytes. */
export const SOURCE_SIZE_MAX = 4_096

/** Most tags of one snapshot. */
export const TAGS_MAX = 64

/** Longest tag or host label, bytes of UTF-8. */
export const LABEL_SIZE_MAX = 256

const VERSION = 1
const TIME_MAX = 8_640_000_000_000_000 // the last moment a Date can hold

/** One backup. */
export interface SnapshotRow {
  readonly sequence: number
  /** Milliseconds since 1970, UTC. */
  readonly startedAt: number
  readonly endedAt: number
  /** What the person calls this machine. */
  readonly host: string
  /** Absolute paths that the backup covered. */
  readonly sources: readonly Uint8Array[]
  /** What the sources held in all. */
  readonly files: number
  readonly folders: number
  readonly bytes: number
  /** Sealed bytes that this backup added, before erasure coding. */
  readonly added: number
  /** Whether every source was visited to its end, and nothing left out. */
  readonly isComplete: boolean
  /** Whether the backup ended with it; a *partial* snapshot shows what one had done while it went on. */
  readonly isFinished: boolean
  readonly isPinned: boolean
  readonly tags: readonly string[]
  /** Files that could not be read. */
  readonly skipped: number
}

/** A stretch of the list, newest first. */
export interface SnapshotPage {
  /** Sequences strictly descending. */
  readonly rows: readonly SnapshotRow[]
  readonly older: Reference | null
}

const MAX = Number.MAX_SAFE_INTEGER

/** A row inside other structured data. */
export const snapshotRowSchema: z.ZodType<SnapshotRow> = z
  .strictObject({
    sequence: count(SEQUENCE_MAX),
    startedAt: integer(-TIME_MAX, TIME_MAX),
    endedAt: integer(-TIME_MAX, TIME_MAX),
    host: text(LABEL_SIZE_MAX),
    sources: z.array(bytesField(1, SOURCE_SIZE_MAX)).max(SOURCES_MAX),
    files: count(MAX),
    folders: count(MAX),
    bytes: count(MAX),
    added: count(MAX),
    isComplete: z.boolean(),
    isFinished: z.boolean(),
    isPinned: z.boolean(),
    tags: z.array(text(LABEL_SIZE_MAX)).max(TAGS_MAX),
    skipped: count(MAX),
  })
  .refine(({ isComplete, isFinished }) => isFinished || !isComplete, {
    error: 'must be finished to be complete',
  })

/** @returns a schema for rows in their order, at most `max` */
export function snapshotRows(max: number): z.ZodType<readonly SnapshotRow[]> {
  return z
    .array(snapshotRowSchema)
    .max(max)
    .refine(isDescending, { error: 'must have descending sequences' })
}

const pageSchema = z.strictObject({
  version: z.literal(VERSION),
  rows: snapshotRows(SNAPSHOT_ROWS_MAX),
  older: referenceSchema.nullable(),
})

const versionOnly = z.looseObject({ version: count(MAX) })

/** @throws {FormatError} for rows that no reader would take */
export function encodeSnapshots(page: SnapshotPage): Uint8Array {
  const bytes = encodeCbor({
    version: VERSION,
    rows: page.rows.map((row) => ({ ...row })),
    older: page.older === null ? null : referenceToCbor(page.older),
  })
  decodeSnapshots(bytes)
  return bytes
}

/**
 * @throws {VersionError} for a list of a newer version
 * @throws {FormatError}
 */
export function decodeSnapshots(bytes: Uint8Array): SnapshotPage {
  const value = decodeCbor<{ version: number }>(bytes, versionOnly, {
    format: 'snapshots',
    sizeMax: OBJECT_SIZE_MAX,
  })
  if (value.version > VERSION) throw new VersionError(`snapshots: version ${value.version}`)
  const { rows, older } = check(value, pageSchema, 'snapshots')
  if (rows.length === 0) throw new FormatError('snapshots: no rows')
  return { rows, older }
}

function isDescending(rows: readonly SnapshotRow[]): boolean {
  return rows.every((row, index) => index === 0 || row.sequence < (rows[index - 1]?.sequence ?? 0))
}
