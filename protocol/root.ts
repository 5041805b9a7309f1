/**
 * Roots: where a device's tree, its list of snapshots and its backupdb's history begin.
 *
 * Every published head leads to one root; the newest root holds the whole history.
 *
 * Format: docs/formats/root.md
 */

import { z } from 'zod'

import { checkExtra } from './attribute-columns.ts'
import { bytesField, check, count, decodeCbor, encodeCbor, text } from './cbor.ts'
import { LEVEL_MAX } from './entry-columns.ts'
import { FormatError, VersionError } from './errors.ts'
import { DIGEST_SIZE } from './hash.ts'
import { OBJECT_SIZE_MAX } from './object.ts'
import { referenceSchema, referenceToCbor } from './reference.ts'
import type { Reference } from './reference.ts'
import { snapshotRows } from './snapshots.ts'
import type { SnapshotPage } from './snapshots.ts'
import { EXTRA_SIZE_MAX, PARTS_DEPTH_MAX, PARTS_DIRECT_MAX, SEQUENCE_MAX } from './tree.ts'
import type { Extra, Version, VersionContent } from './tree.ts'
import { LABELS, VERSION_ID_MAX, checkVersion } from './version-columns.ts'

/** Most rows of the list of snapshots that lie in the root itself. */
export const ROOT_ROWS_MAX = 32

/** Most versions of the backupdb's export. */
export const ROOT_VERSIONS_MAX = 256

/** Longest name of a device, bytes of UTF-8. */
export const DEVICE_SIZE_MAX = 256

const VERSION = 1
const EXTRAS_MAX = 64

export interface Root {
  /** The device's public key as text. */
  readonly device: string
  /** The newest snapshot. */
  readonly sequence: number
  /** The topmost folder's page (level 0) or index page; `null` while nothing was ever backed up. */
  readonly tree: { readonly level: number; readonly reference: Reference } | null
  readonly snapshots: SnapshotPage
  /** The export of what the tree lacks, as a history; ids ascending. */
  readonly backupdb: readonly Version[]
  /** What a newer Cairn recorded and this one keeps. */
  readonly extra: readonly Extra[]
}

const treeSchema = z.strictObject({ level: count(LEVEL_MAX), reference: referenceSchema })

const extraSchema = z
  .array(z.strictObject({ type: count(0xffff), bytes: bytesField(0, EXTRA_SIZE_MAX) }))
  .max(EXTRAS_MAX)

const partsSchema = z.strictObject({
  depth: count(PARTS_DEPTH_MAX),
  references: z.array(referenceSchema).max(PARTS_DIRECT_MAX),
})

const contentSchema: z.ZodType<VersionContent> = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('original'), parts: partsSchema }),
  z.strictObject({ type: z.literal('delta'), base: count(VERSION_ID_MAX), parts: partsSchema }),
])

const versionSchema: z.ZodType<Version> = z
  .strictObject({
    id: count(VERSION_ID_MAX),
    size: count(Number.MAX_SAFE_INTEGER),
    digest: bytesField(DIGEST_SIZE, DIGEST_SIZE).nullable(),
    label: z.enum(LABELS),
    content: contentSchema,
    extra: extraSchema,
  })
  .transform((version) => ({ ...version, digest: version.digest ?? undefined }))

const rootSchema = z.strictObject({
  version: z.literal(VERSION),
  device: text(DEVICE_SIZE_MAX),
  sequence: count(SEQUENCE_MAX),
  tree: treeSchema.nullable(),
  snapshots: z.strictObject({
    rows: snapshotRows(ROOT_ROWS_MAX),
    older: referenceSchema.nullable(),
  }),
  backupdb: z.array(versionSchema).max(ROOT_VERSIONS_MAX),
  extra: extraSchema,
})

const versionOnly = z.looseObject({ version: count(Number.MAX_SAFE_INTEGER) })

/** @throws {FormatError} for a root that no reader would take */
export function encodeRoot(root: Root): Uint8Array {
  const { tree, snapshots } = root
  const bytes = encodeCbor({
    version: VERSION,
    device: root.device,
    sequence: root.sequence,
    tree: tree && { level: tree.level, reference: referenceToCbor(tree.reference) },
    snapshots: {
      rows: snapshots.rows.map((row) => ({ ...row })),
      older: snapshots.older && referenceToCbor(snapshots.older),
    },
    backupdb: root.backupdb.map(versionToCbor),
    extra: root.extra.map(({ type, bytes: value }) => ({ type, bytes: value })),
  })
  decodeRoot(bytes)
  return bytes
}

/**
 * @throws {VersionError} for a root of a newer version
 * @throws {FormatError}
 */
export function decodeRoot(bytes: Uint8Array): Root {
  const value = decodeCbor<{ version: number }>(bytes, versionOnly, {
    format: 'root',
    sizeMax: OBJECT_SIZE_MAX,
  })
  if (value.version > VERSION) throw new VersionError(`root: version ${value.version}`)
  const { version: _, ...root } = check(value, rootSchema, 'root')
  checkExtra(root.extra)
  let before = -1
  for (const version of root.backupdb) {
    checkVersion(version, before)
    checkExtra(version.extra)
    before = version.id
  }
  const newest = root.snapshots.rows[0]
  if (newest !== undefined && newest.sequence > root.sequence) {
    throw new FormatError(`root: snapshot ${newest.sequence} in the root of ${root.sequence}`)
  }
  return root
}

function versionToCbor({ id, size, digest, label, content, extra }: Version): unknown {
  const parts = {
    depth: content.parts.depth,
    references: content.parts.references.map(referenceToCbor),
  }
  return {
    id,
    size,
    digest: digest ?? null,
    label,
    content:
      content.type === 'original'
        ? { type: content.type, parts }
        : { type: content.type, base: content.base, parts },
    extra: extra.map(({ type, bytes }) => ({ type, bytes })),
  }
}
