/**
 * The list of snapshots: adding one, reading all, and taking some out.
 *
 * The root holds the newest rows itself. When they are too many they move into a `snapshots` object,
 * together with the rows of the one before as long as that stays small; so a run adds one row to the
 * root and now and then writes one object.
 */

import { encodeCbor } from '../../protocol/cbor.ts'
import type { Reference } from '../../protocol/reference.ts'
import { ROOT_ROWS_MAX } from '../../protocol/root.ts'
import { decodeSnapshots, encodeSnapshots, SNAPSHOT_ROWS_MAX } from '../../protocol/snapshots.ts'
import type { SnapshotPage, SnapshotRow } from '../../protocol/snapshots.ts'
import { assert } from '../base/assert.ts'
import { FormatError } from '../base/errors.ts'
import type { ObjectSink, ObjectSource } from './objects.ts'
import { isSameList } from './same.ts'

/** Rows in the root, bytes: many sources make them move out sooner. */
const ROOT_ROWS_SIZE_MAX = 32_768

/** Rows in one `snapshots` object that is still added to, bytes. */
const PAGE_SIZE_MAX = 1_048_576

export interface ListParts {
  readonly source: ObjectSource
  readonly sink: ObjectSink
}

/**
 * Add the newest snapshot to a root's list; one of the same sequence is replaced.
 *
 * @param list - the root's list; `{ rows: [], older: null }` for a first snapshot
 * @returns the list for the next root
 */
export async function appendSnapshot(
  list: SnapshotPage,
  row: SnapshotRow,
  parts: ListParts,
): Promise<SnapshotPage> {
  const rows = list.rows.filter(({ sequence }) => sequence !== row.sequence)
  assert((rows[0]?.sequence ?? -1) < row.sequence, 'snapshots come in order')
  const isFull = rows.length >= ROOT_ROWS_MAX || sizeOf([row, ...rows]) > ROOT_ROWS_SIZE_MAX
  if (!isFull || rows.length === 0) return { rows: [row, ...rows], older: list.older }
  const page = await joinOlder({ rows, older: list.older }, parts.source)
  return { rows: [row], older: await parts.sink.put('snapshots', encodeSnapshots(page)) }
}

/**
 * @returns every snapshot, newest first; older ones are read as the caller goes on
 * @throws {FormatError} when the list does not go on downwards
 */
export async function* snapshots(
  list: SnapshotPage,
  source: ObjectSource,
): AsyncGenerator<SnapshotRow> {
  for await (const { rows } of pagesOf(list, source)) yield* rows
}

/**
 * Take snapshots out of a root's list. The others keep their order and lie in the pages they lay in,
 * save that the root takes over rows when all of its own go.
 *
 * @param keep - sequences of those that stay
 * @returns the list for the next root; the very list if none goes
 * @throws {FormatError} when the list does not go on downwards
 */
export async function forgetRows(
  list: SnapshotPage,
  keep: ReadonlySet<number>,
  parts: ListParts,
): Promise<SnapshotPage> {
  return rewriteRows(list, (row) => (keep.has(row.sequence) ? row : undefined), parts)
}

/**
 * Pin snapshots of a root's list, or let go of them again.
 *
 * @returns the list for the next root; the very list if it says so already
 * @throws {FormatError} when the list does not go on downwards
 */
export async function setPinned(
  list: SnapshotPage,
  { sequences, isPinned }: { readonly sequences: ReadonlySet<number>; readonly isPinned: boolean },
  parts: ListParts,
): Promise<SnapshotPage> {
  const pin = (row: SnapshotRow): SnapshotRow =>
    sequences.has(row.sequence) && row.isPinned !== isPinned ? { ...row, isPinned } : row
  return rewriteRows(list, pin, parts)
}

/** Rows that lie together: those in the root have no reference, and those that changed lost it. */
interface RowsPage {
  readonly rows: readonly SnapshotRow[]
  readonly reference: Reference | undefined
}

async function rewriteRows(
  list: SnapshotPage,
  change: (row: SnapshotRow) => SnapshotRow | undefined,
  { source, sink }: ListParts,
): Promise<SnapshotPage> {
  const before = await Array.fromAsync(pagesOf(list, source))
  const after = before.map((page) => changePage(page, change))
  if (isSameList(after, before)) return list
  const [newest, ...others] = fillRoot(after)
  let older: Reference | null = null
  let isAsBefore = true
  for (const { rows, reference } of others.toReversed()) {
    isAsBefore &&= reference !== undefined
    if (isAsBefore && reference !== undefined) older = reference
    else if (rows.length > 0) older = await sink.put('snapshots', encodeSnapshots({ rows, older }))
  }
  return { rows: newest?.rows ?? [], older }
}

function changePage(
  page: RowsPage,
  change: (row: SnapshotRow) => SnapshotRow | undefined,
): RowsPage {
  const rows = page.rows.flatMap((row) => change(row) ?? [])
  return isSameList(rows, page.rows) ? page : { rows, reference: undefined }
}

/** The root shows the newest snapshot without another object: where its rows are gone, it takes over some. */
function fillRoot(pages: readonly RowsPage[]): readonly RowsPage[] {
  const index = pages.findIndex(({ rows }) => rows.length > 0)
  const next = pages[index]
  if (index <= 0 || next === undefined) return pages
  let count = Math.min(next.rows.length, ROOT_ROWS_MAX)
  while (count > 1 && sizeOf(next.rows.slice(0, count)) > ROOT_ROWS_SIZE_MAX) count -= 1
  const [root, rest] = [next.rows.slice(0, count), next.rows.slice(count)]
  return [
    { rows: root, reference: undefined },
    { rows: rest, reference: undefined },
    ...pages.slice(index + 1),
  ]
}

async function* pagesOf(list: SnapshotPage, source: ObjectSource): AsyncGenerator<RowsPage> {
  let before = Infinity
  let page = list
  let reference: Reference | undefined
  for (;;) {
    for (const { sequence } of page.rows) {
      if (sequence >= before) throw new FormatError('snapshots: sequences do not descend')
      before = sequence
    }
    yield { rows: page.rows, reference }
    if (page.older === null) return
    reference = page.older
    page = decodeSnapshots(await source.read(reference, 'snapshots'))
  }
}

async function joinOlder(page: SnapshotPage, source: ObjectSource): Promise<SnapshotPage> {
  if (page.older === null) return page
  const older = decodeSnapshots(await source.read(page.older, 'snapshots'))
  const rows = [...page.rows, ...older.rows]
  const isSmall = rows.length <= SNAPSHOT_ROWS_MAX && sizeOf(rows) <= PAGE_SIZE_MAX
  return isSmall ? { rows, older: older.older } : page
}

function sizeOf(rows: readonly SnapshotRow[]): number {
  return encodeCbor(rows).length
}
