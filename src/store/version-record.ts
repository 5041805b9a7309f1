/**
 * Version records: a finished file's new versions, as the queue keeps them until they are published.
 *
 * Local only; the tree has formats of its own. A version's references are listed whole here, however
 * many; the tree phase turns long lists into list objects.
 */

import { z } from 'zod'
import { bytesField, count, decodeCbor, encodeCbor } from '../../protocol/cbor.ts'
import { referenceSchema, referenceToCbor } from '../../protocol/reference.ts'
import type { Version } from '../../protocol/tree.ts'

/** A version of 10 TiB in chunks of 1 MiB takes half of this. */
const RECORD_SIZE_MAX = 1024 * 1024 * 1024

const VERSION_ID_MAX = Number.MAX_SAFE_INTEGER

const partsSchema = z.strictObject({
  depth: count(3),
  references: z.array(referenceSchema),
})

const versionSchema = z.strictObject({
  id: count(VERSION_ID_MAX),
  size: count(Number.MAX_SAFE_INTEGER),
  digest: bytesField(32, 32).nullable(),
  label: z.enum(['stable', 'retried', 'copied', 'fuzzy', 'app-consistent']),
  base: count(VERSION_ID_MAX).nullable(),
  parts: partsSchema,
})

export function encodeVersions(versions: readonly Version[]): Uint8Array {
  return encodeCbor(
    versions.map(({ id, size, digest, label, content }) => ({
      id,
      size,
      digest: digest ?? null,
      label,
      base: content.type === 'delta' ? content.base : null,
      parts: {
        depth: content.parts.depth,
        references: content.parts.references.map(referenceToCbor),
      },
    })),
  )
}

export function decodeVersions(bytes: Uint8Array): Version[] {
  const stored = decodeCbor(bytes, z.array(versionSchema), {
    format: 'version record',
    sizeMax: RECORD_SIZE_MAX,
  })
  return stored.map(({ id, size, digest, label, base, parts }) => ({
    id,
    size,
    digest: digest ?? undefined,
    label,
    content: base === null ? { type: 'original', parts } : { type: 'delta', base, parts },
    extra: [],
  }))
}
