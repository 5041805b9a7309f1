/**
 * Histories: the versions of one file, where they are too many for the folder's page.
 *
 * The newest page of a history is the one referred to; `older` leads to the page before. Where an
 * id occurs in two pages, the newer page holds the version that counts.
 *
 * Format: docs/formats/history.md
 */

import { COLUMN, ColumnsReader, ColumnsWriter } from './columns.ts'
import { FormatError } from './errors.ts'
import { ReferenceReader, ReferenceWriter } from './reference-columns.ts'
import type { Reference } from './reference.ts'
import type { Section, Version } from './tree.ts'
import { VersionReader, VersionWriter } from './version-columns.ts'

export interface HistoryPage {
  /** Ids strictly ascending; at least one. */
  readonly versions: readonly Version[]
  readonly older: Reference | undefined
  readonly sections: readonly Section[]
}

/** @throws {FormatError} for a history that no reader would take */
export function encodeHistory({ versions, older, sections }: HistoryPage): Uint8Array {
  if (versions.length === 0) throw new FormatError('history: no versions')
  const columns = new ColumnsWriter()
  const references = new ReferenceWriter(columns)
  columns.unsigned(COLUMN.structure, versions.length)
  columns.unsigned(COLUMN.structure, older === undefined ? 0 : 1)
  if (older !== undefined) references.put(older, 'tree')
  new VersionWriter(columns, references).put(versions, 0)
  return columns.finish(sections)
}

/**
 * @throws {VersionError} for anything a newer Cairn wrote that may not be ignored
 * @throws {FormatError}
 */
export function decodeHistory(body: Uint8Array): HistoryPage {
  const columns = new ColumnsReader(body)
  const references = new ReferenceReader(columns)
  const count = columns.unsigned(COLUMN.structure)
  if (count === 0) throw new FormatError('history: no versions')
  const hasOlder = columns.bounded(COLUMN.structure, 1, 'history, older page') === 1
  const older = hasOlder ? references.take('tree') : undefined
  const versions = new VersionReader(columns, references).take(count, 0)
  columns.end()
  return { versions, older, sections: columns.sections }
}
