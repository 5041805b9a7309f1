/**
 * Pages: a stretch of a folder's entries, the leaves of the tree.
 *
 * Format: docs/formats/page.md
 */

import { COLUMN, ColumnsReader, ColumnsWriter } from './columns.ts'
import { EntryReader, EntryWriter } from './entry-columns.ts'
import { FormatError } from './errors.ts'
import { ReferenceReader, ReferenceWriter } from './reference-columns.ts'
import { SEQUENCE_MAX } from './tree.ts'
import type { Page, PastLink } from './tree.ts'

/** Most past pages of one page. */
export const PAST_LINKS_MAX = 4_096

const SEQUENCE = { min: 0, max: SEQUENCE_MAX }

/** @throws {FormatError} for a page that no reader would take */
export function encodePage({ entries, past, sections }: Page): Uint8Array {
  const columns = new ColumnsWriter()
  const references = new ReferenceWriter(columns)
  new EntryWriter(columns, references).put(entries, 'live')
  putLinks(columns, references, past)
  return columns.finish(sections)
}

/**
 * @throws {VersionError} for anything a newer Cairn wrote that may not be ignored
 * @throws {FormatError}
 */
export function decodePage(body: Uint8Array): Page {
  const columns = new ColumnsReader(body)
  const references = new ReferenceReader(columns)
  const entries = new EntryReader(columns, references).take('live')
  const past = takeLinks(columns, references)
  columns.end()
  return { entries, past, sections: columns.sections }
}

function putLinks(
  columns: ColumnsWriter,
  references: ReferenceWriter,
  past: readonly PastLink[],
): void {
  checkCount(past.length)
  columns.unsigned(COLUMN.links, past.length)
  let expected = 0
  for (const { from, until, reference } of past) {
    checkLink(from, until)
    columns.signed(COLUMN.links, from - expected)
    columns.unsigned(COLUMN.links, until - from)
    references.put(reference, 'tree')
    expected = until
  }
}

function takeLinks(columns: ColumnsReader, references: ReferenceReader): PastLink[] {
  const links: PastLink[] = []
  const count = columns.unsigned(COLUMN.links)
  checkCount(count)
  let expected = 0
  for (let left = count; left > 0; left--) {
    const from = columns.near(COLUMN.links, expected, SEQUENCE)
    const until = from + columns.unsigned(COLUMN.links)
    checkLink(from, until)
    links.push({ from, until, reference: references.take('tree') })
    expected = until
  }
  return links
}

function checkCount(count: number): void {
  if (count > PAST_LINKS_MAX) throw new FormatError(`page: ${count} past pages`)
}

function checkLink(from: number, until: number): void {
  if (!(0 <= from && from <= until && until <= SEQUENCE_MAX)) {
    throw new FormatError(`page: past page from ${from} until ${until}`)
  }
}
