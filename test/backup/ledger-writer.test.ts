import { describe, expect, it } from 'vitest'
import { sha256 } from '../../protocol/hash.ts'
import {
  LEDGER_SEGMENT_SIZE_MAX,
  decodeLedgerSegment,
  type LedgerSegment,
} from '../../protocol/ledger.ts'
import { packId } from '../../protocol/manifest.ts'
import { utf8 } from '../../protocol/bytes.ts'
import { writeLedger } from '../../src/backup/ledger-writer.ts'
import { MetadataSink } from '../../src/backup/metadata-sink.ts'
import { Packer } from '../../src/backup/packer.ts'
import { open } from '../../src/codec/seal.ts'
import { Packs } from '../../src/store/packs.ts'
import type { SegmentRecord } from '../../src/store/published.ts'
import { memoryDatabase } from '../support/memory-database.ts'
import { contentSecret, padKey, startPacking } from '../support/packing.ts'
import { TestGrid } from '../support/test-grid.ts'

describe('the ledger', () => {
  it('names every pack once it is added, in few segments', async () => {
    await writing(async ({ add, write, read }) => {
      let segments: SegmentRecord[] = []
      let number = 0
      for (let head = 1; head <= 40; head += 1) {
        const added = [add(++number), add(++number)]
        segments = await write(added, segments)
        expect(segments.length).toBeLessThanOrEqual(7)
      }
      const found = segments.flatMap((segment) => read(segment).packs)
      expect(found.map((row) => row.number).toSorted((a, b) => a - b)).toEqual(
        Array.from({ length: 80 }, (_, index) => index + 1),
      )
      for (const row of found) expect(row.id).toBe(idOf(row.number))
      const [newest, ...older] = segments
      expect(newest && read(newest).previous).toEqual(older.map(({ pointer }) => pointer))
    })
  })

  it('has a segment for a head that adds nothing', async () => {
    await writing(async ({ write, read }) => {
      const [only] = await write([], [])
      expect(only && read(only)).toMatchObject({ packs: [], previous: [] })
    })
  })

  it('cuts what is too large for one segment', async () => {
    await writing(async ({ add, write, read, bytesOf }) => {
      const added = Array.from({ length: 8_000 }, (_, index) => add(index + 1, 250))
      const segments = await write(added, [])
      expect(segments.length).toBe(3)
      for (const segment of segments) {
        expect(bytesOf(segment)).toBeLessThan(LEDGER_SEGMENT_SIZE_MAX)
        expect(segment.first).toBe(read(segment).packs[0]?.number)
      }
      expect(segments.flatMap((segment) => read(segment).packs)).toHaveLength(8_000)
    })
  })
})

interface Writing {
  /** A pack that is placed. */
  readonly add: (number: number, total?: number) => NonNullable<ReturnType<Packs['get']>>
  readonly write: (
    added: readonly NonNullable<ReturnType<Packs['get']>>[],
    older: readonly SegmentRecord[],
  ) => Promise<SegmentRecord[]>
  readonly read: (segment: SegmentRecord) => LedgerSegment
  readonly bytesOf: (segment: SegmentRecord) => number
}

async function writing(story: (writing: Writing) => Promise<void>): Promise<void> {
  const test = new TestGrid({ peers: 3 })
  await test.tell(async () => {
    const { disk } = test.laptop.ports
    const { spool } = await startPacking(disk)
    const packs = new Packs(memoryDatabase())
    const stored = new Map<string, Uint8Array>()
    let next = 1_000_000
    const packer = new Packer({
      kind: 'ledger',
      padKey,
      spool,
      nextNumber: () => ++next,
      // As the uploader does once the pack is safe.
      onPack: async ({ number, kind, size }) => {
        const bytes = await spool.readWhole(number, size)
        const id = idOf(number)
        stored.set(id, bytes ?? new Uint8Array(0))
        packs.put({ ...plain, number, kind, size, id })
      },
    })
    const grid = await test.client()
    const sink = new MetadataSink(packer, contentSecret)
    const settle = () => packer.flush()
    const read = ({ pointer: { pack, offset, length, key } }: SegmentRecord) => {
      const sealed = stored.get(pack)?.subarray(offset, offset + length) ?? new Uint8Array(0)
      return open(sealed, { type: 'raw', secret: key }).body
    }
    await story({
      add: (number, total = 4) => {
        packs.put({ ...plain, number, total, id: idOf(number) })
        const row = packs.get(number)
        if (row === undefined) throw new Error('it was just put')
        return row
      },
      write: (added, older) =>
        writeLedger({ packs, grid, sink, settle }, added, {
          older,
          moved: new Map(),
          released: [],
          isWhole: false,
        }),
      read: (segment) => decodeLedgerSegment(read(segment)),
      bytesOf: (segment) => read(segment).length,
    })
  })
}

const plain = {
  kind: 'data',
  state: 'complete',
  size: 1_000,
  needed: 2,
  total: 4,
  base: 0,
  extents: undefined,
  isPublished: false,
} as const

function idOf(number: number) {
  return packId(sha256(utf8(String(number))))
}
