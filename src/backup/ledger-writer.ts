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
} from '../../protocol/ledger.ts'
import { assert } from '../base/assert.ts'
import type { Grid } from '../grid/grid.ts'
import type { PeerId } from '../ports/network.ts'
import type { PackRow, Packs } from '../store/packs.ts'
import type { SegmentRecord } from '../store/published.ts'
import type { MetadataSink } from './metadata-sink.ts'

/** Rows in one segment: at 60 bytes each well below a segment's largest size. */
const ROWS_MAX = 32_768

/** What a row takes, about: for deciding on merging, as a segment's size. */
const ROW_SIZE = 64

export interface LedgerParts {
  readonly packs: Packs
  readonly grid: Grid
  readonly sink: MetadataSink
  /** Hands on what the sink's packer holds; resolves when those packs are safe. */
  readonly settle: () => Promise<void>
}

/**
 * @param added - packs the next head names first, ascending
 * @param older - the segments of the head before, newest first
 * @returns the segments of the next head, newest first
 */
export async function writeLedger(
  parts: LedgerParts,
  added: readonly PackRow[],
  older: readonly SegmentRecord[],
): Promise<SegmentRecord[]> {
  const sizes = older.map(({ size }) => size)
  const mergedCount = segmentsToMerge(added.length * ROW_SIZE, sizes)
  const first = Math.min(
    ...added.map(({ number }) => number),
    ...older.slice(0, mergedCount).map((segment) => segment.first),
  )
  const rows = added.length === 0 && mergedCount === 0 ? [] : parts.packs.encodedFrom(first)

  let segments = older.slice(mergedCount)
  for (let start = 0; start === 0 || start < rows.length; start += ROWS_MAX) {
    const part = rows.slice(start, start + ROWS_MAX)
    segments = [await writeSegment(parts, part, segments), ...segments]
  }
  assert(segments.length <= LEDGER_PREVIOUS_MAX, 'merging keeps segments few')
  return segments
}

async function writeSegment(
  { packs, grid, sink, settle }: LedgerParts,
  rows: readonly PackRow[],
  previous: readonly SegmentRecord[],
): Promise<SegmentRecord> {
  const peers: PeerId[] = []
  const indexOf = (peer: PeerId) => {
    if (!peers.includes(peer)) peers.push(peer)
    return peers.indexOf(peer)
  }
  const entries = rows.map((row): PackEntry => {
    assert(row.id !== undefined, 'a ledger names packs that are safe')
    const held = packs.holders(row.number)
    const holders = Array.from({ length: row.total }, (_, share) => {
      const peer = held.get(share)
      return peer === undefined ? NO_HOLDER : indexOf(peer)
    })
    const { number, id, base, size, needed, total } = row
    return { number, id, base, size, needed, total, holders }
  })
  const segment: LedgerSegment = {
    version: 1,
    previous: previous.map(({ pointer }) => pointer),
    packs: entries,
    peers,
    released: [],
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
    size: rows.length * ROW_SIZE,
    first: rows[0]?.number ?? 0,
  }
}
