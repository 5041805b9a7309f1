/**
 * Past pages: spans that have ended, taken out of a page once they outweighed what lives there.
 *
 * A past page belongs to the pages that list it. An entry here is part of what its folder holds
 * under that name, with the live page's entry and those of other past pages; a name may occur more
 * than once, where past pages were merged.
 *
 * Format: docs/formats/past-page.md
 */

import { ColumnsReader, ColumnsWriter } from './columns.ts'
import { EntryReader, EntryWriter } from './entry-columns.ts'
import { ReferenceReader, ReferenceWriter } from './reference-columns.ts'
import type { Entry, Section } from './tree.ts'

/** Entries with names ascending (equal ones allowed) whose spans have all ended. */
export interface PastPage {
  readonly entries: readonly Entry[]
  readonly sections: readonly Section[]
}

/** @throws {FormatError} for a page that no reader would take */
export function encodePastPage({ entries, sections }: PastPage): Uint8Array {
  const columns = new ColumnsWriter()
  new EntryWriter(columns, new ReferenceWriter(columns)).put(entries, 'past')
  return columns.finish(sections)
}

/**
 * @throws {VersionError} for anything a newer Cairn wrote that may not be ignored
 * @throws {FormatError}
 */
export function decodePastPage(body: Uint8Array): PastPage {
  const columns = new ColumnsReader(body)
  const entries = new EntryReader(columns, new ReferenceReader(columns)).take('past')
  columns.end()
  return { entries, sections: columns.sections }
}
