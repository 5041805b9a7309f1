/**
 * The ledger writer: new packs enter the pack table, as one more segment.
 *
 * Small segments are merged like carries in a binary counter, so that a reader follows few.
 */

import {
  LEDGER_PREVIOUS_MAX,
  NO_HOLDER,
  encodeLedgerSegment,
  segmentsToMerge,
  type LedgerSegment,
  type PackEntry,
  type ReleasedPacks,
} from '../../protocol/ledger.ts'
import { assert } from '../base/assert.ts'
import type { Grid } from '../grid/grid.ts'
import type { PeerId } from '../ports/network.ts'
import type { PackRow, Packs } from '../store/packs.ts'
import { GAP_SIZE, type SegmentRecord } from '../store/published.ts'
import type { ReleaseRow } from '../store/releases.ts'
import type { MetadataSink } from './metadata-sink.ts'

/** Bytes of rows in one segment: well below its largest size, which holds peers and addresses too. */
const ROWS_SIZE_MAX = 2 * 1024 * 1024

export interface LedgerParts {
  readonly packs: Packs
  readonly grid: Grid
  readonly sink: MetadataSink
  /** Hands on what the sink's packer holds; resolves when those packs are safe. */
  readonly settle: () => Promise<void>
}

export interface LedgerChange {
  /** The segments of the head before, newest first. */
  readonly older: readonly SegmentRecord[]
  /** Rows that change with this head, by their numbers; all rows are written then. */
  readonly moved: ReadonlyMap<number, PackRow>
  /** Packs in release, which have no row of their own any more. */
  readonly released: readonly ReleaseRow[]
  /** Whether all rows that are known are written anew: rows that go leave no older segment behind. */
  readonly isWhole: boolean
}

/**
 * @param added - packs the next head names first, ascending
 * @returns the segments of the next head, newest first
 */
export async function writeLedger(
  parts: LedgerParts,
  added: readonly PackRow[],
  { older, moved, released, isWhole }: LedgerChange,
): Promise<SegmentRecord[]> {
  // A part that cannot be read for now names packs that are not known here: it stays as it is.
  const gaps = isWhole ? older.filter(({ size }) => size === GAP_SIZE) : []
  const sizes = older.map(({ size }) => size)
  const mergedCount = isWhole ? older.length : segmentsToMerge(rowsSize(added), sizes)
  const first = Math.min(
    ...added.map(({ number }) => number),
    ...older.slice(0, mergedCount).map((segment) => (isWhole ? 0 : segment.first)),
  )
  const isGoing = new Set(released.map(({ pack }) => pack.number))
  const rows = (added.length === 0 && mergedCount === 0 ? [] : parts.packs.encodedFrom(first))
    .filter(({ number }) => !isGoing.has(number))
    .map((row) => moved.get(row.number) ?? row)

  let segments = [...gaps, ...older.slice(mergedCount)]
  for (const part of parted(rows)) {
    segments = [await writeSegment(parts, part, { previous: segments, released }), ...segments]
  }
  assert(segments.length <= LEDGER_PREVIOUS_MAX, 'merging keeps segments few')
  return segments
}

/** At least one part, since every head has a segment of its own. */
function parted(rows: readonly PackRow[]): PackRow[][] {
  const parts: PackRow[][] = [[]]
  let size = 0
  for (const row of rows) {
    size += rowSize(row)
    if (size > ROWS_SIZE_MAX) {
      parts.push([])
      size = rowSize(row)
    }
    parts.at(-1)?.push(row)
  }
  return parts
}

/** Who holds shares in release stays known: should it be taken back, they are told of it. */
function releasedBy(
  released: readonly ReleaseRow[],
  entryOf: (row: PackRow) => PackEntry,
): ReleasedPacks[] {
  const bySequence = Map.groupBy(released, ({ sequence }) => sequence)
  return [...bySequence].map(([sequence, rows]) => ({
    sequence,
    packs: rows.map(({ pack }) => entryOf(pack)),
  }))
}

/** What a row takes at most: id, a few numbers, a holder for each share or two numbers for each extent. */
function rowSize({ total, extents }: PackRow): number {
  return 56 + (extents === undefined ? 2 * total : 7 * extents.length)
}

function rowsSize(rows: readonly PackRow[]): number {
  return rows.reduce((sum, row) => sum + rowSize(row), 0)
}

async function writeSegment(
  { packs, grid, sink, settle }: LedgerParts,
  rows: readonly PackRow[],
  { previous, released }: { previous: readonly SegmentRecord[]; released: readonly ReleaseRow[] },
): Promise<SegmentRecord> {
  const peers: PeerId[] = []
  const indexOf = (peer: PeerId) => {
    if (!peers.includes(peer)) peers.push(peer)
    return peers.indexOf(peer)
  }
  const entryOf = (row: PackRow): PackEntry => {
    const { number, id, base, extents, size, needed, total } = row
    assert(id !== undefined, 'a ledger names packs that are safe')
    // Who holds a merged pack is told in the row of its own number.
    if (extents !== undefined)
      return { number, id, base, extents, size, needed, total, holders: [] }
    const held = packs.holders(number)
    const holders = Array.from({ length: total }, (_, share) => {
      const peer = held.get(share)
      return peer === undefined ? NO_HOLDER : indexOf(peer)
    })
    return { number, id, base, extents, size, needed, total, holders }
  }
  const entries = rows.map(entryOf)
  const inRelease = releasedBy(released, entryOf)
  const hasExtents = [entries, ...inRelease.map((one) => one.packs)]
    .flat()
    .some(({ extents }) => extents !== undefined)
  const segment: LedgerSegment = {
    version: hasExtents ? 2 : 1,
    previous: previous.map(({ pointer }) => pointer),
    packs: entries,
    peers,
    released: inRelease,
    addresses: grid.roster
      .storagePeers()
      .map(({ peer, addresses }) => ({ peer, multiaddrs: addresses })),
  }
  const reference = await sink.put('ledger', encodeLedgerSegment(segment))
  await settle()
  const pack = packs.get(reference.pack)
  assert(pack?.id !== undefined, 'a settled pack was encoded')
  assert(reference.key.type === 'raw', 'a segment has a key of its own')
  return {
    pointer: {
      pack: pack.id,
      offset: reference.offset,
      length: reference.length,
      key: reference.key.secret,
    },
    size: rowsSize(rows),
    first: rows[0]?.number ?? 0,
  }
}
