/**
 * Lists: references between a version of many parts and its content.
 *
 * Format: docs/formats/list.md
 */

import { COLUMN, ColumnsReader, ColumnsWriter } from './columns.ts'
import { FormatError } from './errors.ts'
import { ReferenceReader, ReferenceWriter } from './reference-columns.ts'
import type { Reference } from './reference.ts'
import { PARTS_DEPTH_MAX } from './tree.ts'

/** Most references of one list. */
export const LIST_REFERENCES_MAX = 512

export interface List {
  /** Lists between this one and content: 0 where the references are content themselves. */
  readonly depth: number
  /** 1–512. */
  readonly references: readonly Reference[]
}

/** @throws {FormatError} for a list that no reader would take */
export function encodeList(list: List): Uint8Array {
  checkList(list.depth, list.references.length)
  const columns = new ColumnsWriter()
  const references = new ReferenceWriter(columns)
  columns.unsigned(COLUMN.structure, list.depth)
  columns.unsigned(COLUMN.structure, list.references.length)
  for (const reference of list.references) references.put(reference, 'content')
  return columns.finish([])
}

/**
 * @throws {VersionError} for anything a newer Cairn wrote that may not be ignored
 * @throws {FormatError}
 */
export function decodeList(body: Uint8Array): List {
  const columns = new ColumnsReader(body)
  const reader = new ReferenceReader(columns)
  const depth = columns.unsigned(COLUMN.structure)
  const count = columns.unsigned(COLUMN.structure)
  checkList(depth, count)
  const references: Reference[] = []
  for (let left = count; left > 0; left--) references.push(reader.take('content'))
  columns.end()
  return { depth, references }
}

function checkList(depth: number, count: number): void {
  if (depth < 0 || depth >= PARTS_DEPTH_MAX) throw new FormatError(`list: depth ${depth}`)
  if (count < 1 || count > LIST_REFERENCES_MAX) throw new FormatError(`list: ${count} references`)
}
