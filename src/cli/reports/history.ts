/**
 * What `cairn history` says: each version and how it is stored, and what the chain costs.
 */

import type { Span, Version } from '../../../protocol/tree.ts'
import { versionName } from '../../history/version-name.ts'
import type { ExtractedHistory, HistoryReport } from '../../node/maintenance-types.ts'
import { pathFields } from '../escape.ts'
import { formatBytes, formatInstant, KIND_WORDS } from '../format.ts'
import type { JsonRecord } from '../output.ts'
import { chainFields, chainLines } from './chain.ts'

/** Of the longest, `app-consistent`. */
const LABEL_WIDTH = 14

const HEADING =
  'version         size     stored as                     label          snapshots          modified'

/** @returns a record for each version, for each time as something else, and for the chain */
export function historyRecords(path: Uint8Array, report: HistoryReport): JsonRecord[] {
  const { history, storedSizes, chain } = report
  const others = history.spans.filter((span) => versionOf(span) === undefined)
  return [
    ...history.versions.map((version) =>
      versionRecord(path, version, {
        spans: spansOf(history.spans, version),
        storedSize: storedSizes.get(version.id),
      }),
    ),
    ...others.map((span) => ({
      message_type: 'span',
      ...pathFields(path),
      ...spanFields(span),
    })),
    ...(chain === undefined
      ? []
      : [{ message_type: 'chain', ...pathFields(path), ...chainFields(chain) }]),
  ]
}

/** @returns a line for each version, oldest first, and what the chain costs */
export function historyLines({ history, storedSizes, chain }: HistoryReport): string[] {
  const others = history.spans.filter((span) => versionOf(span) === undefined)
  return [
    ...(history.versions.length > 0 ? [HEADING] : []),
    ...history.versions.map((version) =>
      describeVersion(version, spansOf(history.spans, version), storedSizes.get(version.id)),
    ),
    ...others.map((span) => `${span.what.kind.padEnd(9)} ${snapshotsOf([span])}`),
    ...(chain === undefined ? [] : chainLines(chain)),
  ]
}

/** @returns a record for each file that was written, and for the folder */
export function extractedRecords(folder: string, extracted: ExtractedHistory): JsonRecord[] {
  return [
    ...extracted.files.map(({ name, version, type, base, size }) => ({
      message_type: 'extracted_file',
      name,
      version,
      stored_as: type,
      base_version: base,
      size,
    })),
    { message_type: 'extracted', folder, table: extracted.table, files: extracted.files.length },
  ]
}

export function extractedLines({ files, table }: ExtractedHistory): string[] {
  return [...files.map(({ name, size }) => `${formatBytes(size).padStart(10)} ${name}`), table]
}

function describeVersion(
  version: Version,
  spans: readonly Span[],
  storedSize: number | undefined,
): string {
  const modified = spans[0] && formatInstant(spans[0].attributes.mtime)
  return [
    versionName(version.id).padEnd(9),
    formatBytes(version.size).padStart(10),
    (storedSize === undefined ? '' : formatBytes(storedSize)).padStart(10),
    storedAs(version).padEnd(22),
    version.label.padEnd(LABEL_WIDTH),
    snapshotsOf(spans).padEnd(18),
    modified ?? '',
  ]
    .join(' ')
    .trimEnd()
}

function versionRecord(
  path: Uint8Array,
  version: Version,
  { spans, storedSize }: { spans: readonly Span[]; storedSize: number | undefined },
): JsonRecord {
  const { content } = version
  return {
    message_type: 'version',
    ...pathFields(path),
    version: version.id,
    size: version.size,
    stored_size: storedSize,
    label: version.label,
    stored_as: content.type,
    base_version: content.type === 'delta' ? content.base : undefined,
    direction: content.type === 'delta' ? direction(version.id, content.base) : undefined,
    spans: spans.map(spanFields),
  }
}

function spanFields(span: Span) {
  return {
    type: KIND_WORDS[span.what.kind],
    from_snapshot: span.from,
    until_snapshot: span.until,
    mtime: formatInstant(span.attributes.mtime),
    mode: span.attributes.mode,
  }
}

function storedAs({ id, content }: Version): string {
  if (content.type === 'original') return 'original'
  return `${direction(id, content.base)} delta on ${versionName(content.base)}`
}

/** A reverse delta makes an older version from a newer one. */
function direction(id: number, base: number): 'forward' | 'reverse' {
  return base > id ? 'reverse' : 'forward'
}

function spansOf(spans: readonly Span[], version: Version): Span[] {
  return spans.filter((span) => versionOf(span) === version.id)
}

function versionOf(span: Span): number | undefined {
  return span.what.kind === 'file' ? span.what.version : undefined
}

/** `until` is the first snapshot that no longer shows it. */
function snapshotsOf(spans: readonly Span[]): string {
  if (spans.length === 0) return 'in no snapshot'
  return spans
    .map(({ from, until }) => {
      if (until === undefined) return `snapshot ${from} on`
      return until - 1 <= from ? `snapshot ${from}` : `snapshots ${from}–${until - 1}`
    })
    .join(', ')
}
