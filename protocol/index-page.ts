/**
 * Index pages: the way to the right page of a large folder.
 *
 * A row holds every name from its `lower` up to the next row's. Level 1 refers to pages, level n to
 * index pages of level n − 1.
 *
 * Format: docs/formats/index-page.md
 */

import { compare } from './bytes.ts'
import { COLUMN, ColumnsReader, ColumnsWriter } from './columns.ts'
import { LEVEL_MAX } from './entry-columns.ts'
import { FormatError } from './errors.ts'
import { LOWER_SIZE_MAX, putName, takeName } from './name-columns.ts'
import { ReferenceReader, ReferenceWriter } from './reference-columns.ts'
import type { IndexPage, IndexRow } from './tree.ts'

/** @throws {FormatError} for a page that no reader would take */
export function encodeIndexPage({ level, rows, sections }: IndexPage): Uint8Array {
  const columns = new ColumnsWriter()
  const references = new ReferenceWriter(columns)
  checkLevel(level)
  columns.unsigned(COLUMN.structure, level)
  columns.unsigned(COLUMN.structure, rows.length)
  let before: Uint8Array | undefined
  for (const { lower, reference } of rows) {
    checkLower(before, lower)
    columns.row()
    putName(columns, lower, before)
    references.put(reference, 'tree')
    before = lower
  }
  if (before === undefined) throw new FormatError('index: no rows')
  return columns.finish(sections)
}

/**
 * @throws {VersionError} for anything a newer Cairn wrote that may not be ignored
 * @throws {FormatError}
 */
export function decodeIndexPage(body: Uint8Array): IndexPage {
  const columns = new ColumnsReader(body)
  const references = new ReferenceReader(columns)
  const level = columns.unsigned(COLUMN.structure)
  checkLevel(level)
  const rows: IndexRow[] = []
  let before: Uint8Array | undefined
  for (let left = columns.unsigned(COLUMN.structure); left > 0; left--) {
    columns.row()
    const lower = takeName(columns, before)
    checkLower(before, lower)
    rows.push({ lower, reference: references.take('tree') })
    before = lower
  }
  if (before === undefined) throw new FormatError('index: no rows')
  columns.end()
  return { level, rows, sections: columns.sections }
}

function checkLevel(level: number): void {
  if (level < 1 || level > LEVEL_MAX) throw new FormatError(`index: level ${level}`)
}

function checkLower(before: Uint8Array | undefined, lower: Uint8Array): void {
  if (lower.length > LOWER_SIZE_MAX) throw new FormatError(`index: bound of ${lower.length} bytes`)
  if (before !== undefined && compare(before, lower) >= 0) {
    throw new FormatError('index: bounds are out of order')
  }
}
