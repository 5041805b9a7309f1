/**
 * Versions as columns: what a history holds, in a page or in an object of its own.
 *
 * Format: docs/formats/history.md, "Versions"
 */

import { putExtra, takeExtra } from './attribute-columns.ts'
import { ByteWriter } from './bytes.ts'
import { COLUMN } from './columns.ts'
import type { ColumnsReader, ColumnsWriter } from './columns.ts'
import { FormatError, VersionError } from './errors.ts'
import { DIGEST_SIZE } from './hash.ts'
import { OBJECT_OVERHEAD, SEALED_SIZE_MAX } from './object.ts'
import type { ReferenceReader, ReferenceWriter } from './reference-columns.ts'
import { PARTS_DEPTH_MAX, PARTS_DIRECT_MAX, SEQUENCE_MAX, VERSIONS_PER_SNAPSHOT } from './tree.ts'
import type { Parts, Version, VersionContent, VersionLabel } from './tree.ts'

/** Largest version id. */
export const VERSION_ID_MAX = SEQUENCE_MAX * VERSIONS_PER_SNAPSHOT - 1

/** Labels in the order of their numbers. */
export const LABELS: readonly VersionLabel[] = [
  'stable',
  'retried',
  'copied',
  'fuzzy',
  'app-consistent',
]

// The form: label, then flags, then the depth of the parts.
const LABEL_MASK = 0x07
const DELTA = 0x08
const DIGEST = 0x10
const EXTRA = 0x20
const DEPTH_SHIFT = 6

const ID = { min: 0, max: VERSION_ID_MAX }

export class VersionWriter {
  readonly #columns: ColumnsWriter
  readonly #references: ReferenceWriter

  constructor(columns: ColumnsWriter, references: ReferenceWriter) {
    this.#columns = columns
    this.#references = references
  }

  /**
   * @param versions - ids strictly ascending
   * @param id - what the first one's is expected to be
   */
  put(versions: readonly Version[], id: number): void {
    let expected = id
    let before = -1
    for (const version of versions) {
      checkVersion(version, before)
      this.#columns.signed(COLUMN.versionIds, version.id - expected)
      this.#putVersion(version)
      before = version.id
      expected = version.id
    }
  }

  #putVersion({ size, digest, label, content, extra, id }: Version): void {
    const columns = this.#columns
    const { depth, references } = content.parts
    columns.row()
    columns.unsigned(
      COLUMN.versionForms,
      LABELS.indexOf(label) |
        (content.type === 'delta' ? DELTA : 0) |
        (digest === undefined ? 0 : DIGEST) |
        (extra.length === 0 ? 0 : EXTRA) |
        (depth << DEPTH_SHIFT),
    )
    columns.unsigned(COLUMN.versionSizes, size)
    columns.unsigned(COLUMN.partCounts, references.length)
    if (content.type === 'delta') columns.signed(COLUMN.bases, content.base - id)
    if (digest !== undefined) columns.raw.put(digest)
    if (extra.length > 0) {
      const bytes = new ByteWriter()
      putExtra(bytes, extra)
      columns.bytes(COLUMN.extras, bytes.finish())
    }
    const expected = wholeLength(content.type, size, content.parts)
    for (const reference of references) this.#references.put(reference, 'content', expected)
  }
}

/** The inverse of {@link VersionWriter}. */
export class VersionReader {
  readonly #columns: ColumnsReader
  readonly #references: ReferenceReader

  constructor(columns: ColumnsReader, references: ReferenceReader) {
    this.#columns = columns
    this.#references = references
  }

  /** @throws {FormatError} */
  take(count: number, id: number): Version[] {
    const versions: Version[] = []
    let expected = id
    let before = -1
    for (let left = count; left > 0; left--) {
      const version = this.#takeVersion(this.#columns.near(COLUMN.versionIds, expected, ID))
      checkVersion(version, before)
      before = version.id
      expected = version.id
      versions.push(version)
    }
    return versions
  }

  #takeVersion(id: number): Version {
    const columns = this.#columns
    columns.row()
    const form = columns.bounded(COLUMN.versionForms, 0xff, 'form of a version')
    const label = LABELS[form & LABEL_MASK]
    if (label === undefined) throw new VersionError(`version: label ${form & LABEL_MASK}`)
    const size = columns.unsigned(COLUMN.versionSizes)
    const count = columns.bounded(COLUMN.partCounts, PARTS_DIRECT_MAX, 'parts of a version')
    const base = (form & DELTA) === 0 ? undefined : columns.near(COLUMN.bases, id, ID)
    const digest = (form & DIGEST) === 0 ? undefined : columns.raw.take(DIGEST_SIZE).slice()
    const extra = (form & EXTRA) === 0 ? [] : takeExtra(columns.part(COLUMN.extras))
    if ((form & EXTRA) !== 0 && extra.length === 0) throw new FormatError('version: empty extra')
    const parts = this.#takeParts(form >> DEPTH_SHIFT, count, { isDelta: base !== undefined, size })
    const content: VersionContent =
      base === undefined ? { type: 'original', parts } : { type: 'delta', base, parts }
    return { id, size, digest, label, content, extra }
  }

  #takeParts(depth: number, count: number, file: { isDelta: boolean; size: number }): Parts {
    const references = []
    const kind = file.isDelta ? 'delta' : 'original'
    const expected = wholeLength(kind, file.size, { depth, references: { length: count } })
    for (let left = count; left > 0; left--) {
      references.push(this.#references.take('content', expected))
    }
    return { depth, references }
  }
}

/** The sealed length of a file that is one object and did not compress; `undefined` for the rest. */
function wholeLength(
  type: VersionContent['type'],
  size: number,
  { depth, references }: { depth: number; references: { readonly length: number } },
): number | undefined {
  if (type === 'delta' || depth > 0 || references.length !== 1) return undefined
  return Math.min(size + OBJECT_OVERHEAD, SEALED_SIZE_MAX)
}

/** What both sides hold true of a version, and of its id after the one `before` it. */
export function checkVersion(version: Version, before: number): void {
  const { id, size, digest, label, content } = version
  if (!Number.isSafeInteger(id) || id <= before || id > VERSION_ID_MAX) {
    throw new FormatError(`version: id ${id} after ${before}`)
  }
  if (!Number.isSafeInteger(size) || size < 0) throw new FormatError(`version: size ${size}`)
  if (!LABELS.includes(label)) throw new FormatError('version: unknown label')
  if (digest !== undefined && digest.length !== DIGEST_SIZE) {
    throw new FormatError(`version: digest of ${digest.length} bytes`)
  }
  checkParts(content.parts)
  if (content.type === 'delta') {
    if (content.base === id) throw new FormatError(`version: ${id} is its own base`)
    if (content.base < 0 || content.base > VERSION_ID_MAX) throw new FormatError('version: base')
    if (digest === undefined) throw new FormatError('version: delta without a digest')
    return
  }
  if ((size === 0) !== (content.parts.references.length === 0)) {
    throw new FormatError(`version: ${content.parts.references.length} parts for ${size} bytes`)
  }
  if (digest === undefined && size > 0 && !isOneObject(content.parts)) {
    throw new FormatError('version: several objects without a digest')
  }
}

function checkParts({ depth, references }: Parts): void {
  if (!Number.isInteger(depth) || depth < 0 || depth > PARTS_DEPTH_MAX) {
    throw new FormatError(`version: parts of depth ${depth}`)
  }
  if (references.length > PARTS_DIRECT_MAX) {
    throw new FormatError(`version: ${references.length} parts`)
  }
  if (depth > 0 && references.length === 0) throw new FormatError('version: no lists')
}

function isOneObject({ depth, references }: Parts): boolean {
  return depth === 0 && references.length === 1
}
