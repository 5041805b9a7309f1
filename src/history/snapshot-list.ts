/**
 * The list of snapshots: adding one, and reading all.
 *
 * The root holds the newest rows itself. When they are too many they move into a `snapshots` object,
 * together with the rows of the one before as long as that stays small; so a run adds one row to the
 * root and now and then writes one object.
 */

import { encodeCbor } from '../../protocol/cbor.ts'
import { ROOT_ROWS_MAX } from '../../protocol/root.ts'
import { decodeSnapshots, encodeSnapshots, SNAPSHOT_ROWS_MAX } from '../../protocol/snapshots.ts'
import type { SnapshotPage, SnapshotRow } from '../../protocol/snapshots.ts'
import { assert } from '../base/assert.ts'
import { FormatError } from '../base/errors.ts'
import type { ObjectSink, ObjectSource } from './objects.ts'

/** Rows in the root, bytes: many sources make them move out sooner. */
const ROOT_ROWS_SIZE_MAX = 32_768

/** Rows in one `snapshots` object that is still added to, bytes. */
const PAGE_SIZE_MAX = 1_048_576

/**
 * Add the newest snapshot to a root's list; one of the same sequence is replaced.
 *
 * @param list - the root's list; `{ rows: [], older: null }` for a first snapshot
 * @returns the list for the next root
 */
export async function appendSnapshot(
  list: SnapshotPage,
  row: SnapshotRow,
  parts: { readonly source: ObjectSource; readonly sink: ObjectSink },
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
  let page = list
  let before = Infinity
  for (;;) {
    for (const row of page.rows) {
      if (row.sequence >= before) throw new FormatError('snapshots: sequences do not descend')
      before = row.sequence
      yield row
    }
    if (page.older === null) return
    page = decodeSnapshots(await source.read(page.older, 'snapshots'))
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
