import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import { utf8 } from '../../protocol/bytes.ts'
import { decodeCbor, encodeCbor } from '../../protocol/cbor.ts'
import { FormatError } from '../../protocol/errors.ts'
import { EXTENTS_MAX, extentsSize, type Extent } from '../../protocol/extents.ts'
import { sha256 } from '../../protocol/hash.ts'
import {
  decodeLedgerPointer,
  decodeLedgerSegment,
  encodeLedgerPointer,
  encodeLedgerSegment,
  LEDGER_PREVIOUS_MAX,
  LEDGER_RELEASED_MAX,
  LEDGER_SEGMENT_SIZE_MAX,
  NO_HOLDER,
  segmentsToMerge,
  type LedgerPointer,
  type LedgerSegment,
  type PackEntry,
} from '../../protocol/ledger.ts'
import { PACK_SIZE_MAX, packId } from '../../protocol/manifest.ts'
import { peerIdOf, type PeerId } from '../../protocol/peer-id.ts'
import { PACK_NUMBER_MAX } from '../../protocol/reference.ts'
import { z } from 'zod'

import { extentLists } from './extent-lists.ts'
import { foreignError } from './fuzz.ts'

const bytes32 = fc.uint8Array({ minLength: 32, maxLength: 32 })
const peerIds = fc.uniqueArray(bytes32.map(peerIdOf), { minLength: 1, maxLength: 8 })
const ids = bytes32.map(packId)
const pointers: fc.Arbitrary<LedgerPointer> = fc.record({
  pack: ids,
  offset: fc.nat(PACK_SIZE_MAX),
  length: fc.integer({ min: 100, max: 4 * 1024 * 1024 }),
  key: bytes32,
})

const segments: fc.Arbitrary<LedgerSegment> = fc
  .tuple(peerIds, fc.constantFrom(1 as const, 2 as const))
  .chain(([peers, version]) => segmentsOf(peers, version))

function segmentsOf(
  peers: readonly PeerId[],
  version: LedgerSegment['version'],
): fc.Arbitrary<LedgerSegment> {
  return fc.record({
    version: fc.constant(version),
    previous: fc.array(pointers, { maxLength: 3 }),
    packs: fc.uniqueArray(entries(peers.length, version), {
      maxLength: 20,
      selector: ({ number }) => number,
    }),
    peers: fc.constant(peers),
    released: releases(peers.length, version),
    addresses: fc.array(
      fc.record({
        peer: fc.constantFrom(...peers),
        multiaddrs: fc.array(fc.string({ maxLength: 40 }), { maxLength: 3 }),
      }),
      { maxLength: 3 },
    ),
  })
}

describe('ledger segments', () => {
  it('come out as they went in, packs by number', () => {
    fc.assert(
      fc.property(segments, (segment) => {
        const packs = byNumber(segment.packs)
        const released = segment.released
          .map((one) => ({ ...one, packs: byNumber(one.packs) }))
          .toSorted((a, b) => a.sequence - b.sequence)
        const decoded = decodeLedgerSegment(encodeLedgerSegment(segment))
        expect(decoded).toEqual({ ...segment, packs, released })
      }),
    )
  })

  it('of a day with few packs take at most 1.5 KB', () => {
    const peers = manyPeers(10)
    const segment: LedgerSegment = {
      version: 1,
      previous: Array.from({ length: 7 }, (_, index) => pointer(index)),
      packs: Array.from({ length: 6 }, (_, index) => ({
        ...entry(40_000 + index),
        size: 16 * 1024 * 1024,
        needed: 4,
        total: 8,
        holders: [0, 1, 2, 3, 4, 5, 6, 7],
      })),
      peers,
      released: [],
      addresses: peers
        .slice(3, 4)
        .map((peer) => ({ peer, multiaddrs: ['/ip4/198.51.100.7/tcp/4001'] })),
    }
    expect(encodeLedgerSegment(segment).length).toBeLessThanOrEqual(1536)
  })

  it('take about 50 bytes for a pack of ten shares', () => {
    const packs = Array.from({ length: 1000 }, (_, index) => ({
      ...entry(index),
      total: 10,
      holders: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
    }))
    const size = encodeLedgerSegment({ ...empty(), packs, peers: manyPeers(10) }).length
    expect(size / packs.length).toBeLessThan(52)
  })

  it('hold pack numbers from 0 to 2^48 − 1', () => {
    const packs = [entry(0), entry(PACK_NUMBER_MAX)]
    expect(decodeLedgerSegment(encodeLedgerSegment({ ...empty(), packs })).packs).toEqual(packs)
    for (const number of [-1, PACK_NUMBER_MAX + 1, 2 ** 53, 0.5, Number.NaN]) {
      expect(() => encodeLedgerSegment({ ...empty(), packs: [entry(number)] })).toThrow(FormatError)
    }
  })

  it('refuse rows that contradict themselves', () => {
    const bad: Partial<PackEntry>[] = [
      { needed: 0 },
      { needed: 4, total: 3 },
      { total: 257 },
      { size: 0 },
      { size: PACK_SIZE_MAX + 1 },
      { base: 1000, size: 1000 },
      { base: -1 },
      { holders: [0, 0, 0, 0] },
      { holders: [1] },
      { holders: [-2] },
    ]
    for (const changes of bad) {
      const packs = [{ ...entry(1), ...changes }]
      const segment = { ...empty(), packs, peers: manyPeers(1) }
      expect(() => encodeLedgerSegment(segment)).toThrow(FormatError)
    }
    expect(() => encodeLedgerSegment({ ...empty(), packs: [entry(5), entry(5)] })).toThrow(
      FormatError,
    )
  })

  it('refuse rows whose fields a hostile writer put out of range', () => {
    const rows = rowsOf(encodeLedgerSegment({ ...empty(), packs: [{ ...entry(1), holders: [] }] }))
    const at = 1 + 32 // number, digest; then base 0, size 1000 in two bytes, needed, total, count
    const changes: [number, number][] = [
      [at + 3, 9], // needed 10 of 3
      [at + 5, 4], // four holders of 3 shares
      [at + 5, 1], // one holder, missing
    ]
    for (const [position, value] of changes) {
      expect(() => decodeLedgerSegment(withRows(rows.with(position, value)))).toThrow(FormatError)
    }
    expect(decodeLedgerSegment(withRows(rows)).packs).toHaveLength(1)
  })

  it('have version 2 where rows have extents, and those within bounds', () => {
    const size = 10 * EXTENTS_MAX
    const encode = (version: 1 | 2, extents: readonly Extent[], base = 0) =>
      encodeLedgerSegment({
        ...empty(),
        version,
        packs: [{ ...entry(1), size, base, extents }],
      })
    const one = { offset: 10, length: 5 }
    const many = (count: number) =>
      Array.from({ length: count }, (_, index) => ({ offset: 20 + 3 * index, length: 2 }))
    const good = many(EXTENTS_MAX)
    expect(decodeLedgerSegment(encode(2, good)).packs[0]?.extents).toEqual(good)
    expect(decodeLedgerSegment(encode(2, [one], size - 5)).packs[0]?.base).toBe(size - 5)
    expect(() => encode(1, [one])).toThrow(FormatError)
    for (const [extents, base] of [
      [[]],
      [many(EXTENTS_MAX + 1)],
      [[one], size - 4],
      [[{ offset: 0, length: size + 1 }]],
      [[{ offset: 0, length: 0 }]],
      [[{ offset: -1, length: 5 }]],
      [[{ offset: PACK_SIZE_MAX - 4, length: 5 }]],
      [[one, { offset: 15, length: 1 }]],
      [[one, { offset: 12, length: 9 }]],
      [[{ offset: 20, length: 1 }, one]],
    ] as const) {
      expect(() => encode(2, extents, base)).toThrow(FormatError)
    }
  })

  it('of version 1, as they were written before there were extents, still read', () => {
    const rows = rowsOf(encodeLedgerSegment({ ...empty(), packs: [entry(1)] }))
    expect(decodeLedgerSegment(withRows(rows)).packs).toEqual([entry(1)])
  })

  it('hold what is in release: each pack once, a list for each head', () => {
    const one = (sequence: number, ...numbers: number[]) => ({
      sequence,
      packs: numbers.map(entry),
    })
    const good = [one(1, 5), one(9, 3, 4)]
    const decode = (released: LedgerSegment['released']) =>
      decodeLedgerSegment(encodeLedgerSegment({ ...empty(), released })).released
    expect(decode(good)).toEqual(good)
    expect(decode(good.toReversed())).toEqual(good)
    for (const bad of [
      [one(1, 5), one(1, 6)],
      [one(1, 5), one(2, 5)],
      [one(1, 5, 5)],
      [one(1)],
      [one(0, 5)],
      [one(2 ** 43, 5)],
      [{ sequence: 1, packs: [{ ...entry(5), holders: [0] }] }],
      Array.from({ length: LEDGER_RELEASED_MAX + 1 }, (_, index) => one(index + 1, index)),
    ]) {
      expect(() => encodeLedgerSegment({ ...empty(), released: bad })).toThrow(FormatError)
    }
  })

  it('refuse releases that a hostile writer put out of order, or half a row of them', () => {
    const rows = rowsOf(encodeLedgerSegment({ ...empty(), packs: [{ ...entry(1), holders: [] }] }))
    const more = rowsOf(encodeLedgerSegment({ ...empty(), packs: [{ ...entry(2), holders: [] }] }))
    const body = decodeCbor(encodeLedgerSegment(empty()), z.looseObject({}), {
      format: 'test',
      sizeMax: 1000,
    })
    const decode = (released: unknown) => decodeLedgerSegment(encodeCbor({ ...body, released }))
    expect(
      decode([
        [7, rows],
        [9, more],
      ]).released,
    ).toHaveLength(2)
    for (const bad of [
      [1],
      [
        [9, rows],
        [7, more],
      ],
      [
        [7, rows],
        [7, more],
      ],
      [
        [7, rows],
        [9, rows],
      ],
      [[7, rows.slice(0, 30)]],
      [[7, rows, 1]],
      [[7, new Uint8Array(0)]],
    ]) {
      expect(() => decode(bad)).toThrow(FormatError)
    }
  })

  it('name at most 32 older segments', () => {
    const previous = Array.from({ length: LEDGER_PREVIOUS_MAX }, (_, index) => pointer(index))
    expect(decodeLedgerSegment(encodeLedgerSegment({ ...empty(), previous })).previous).toEqual(
      previous,
    )
    expect(() => encodeLedgerSegment({ ...empty(), previous: [...previous, pointer(99)] })).toThrow(
      FormatError,
    )
  })

  it('throw nothing but FormatErrors', async () => {
    const [sample = empty()] = fc.sample(segments, { numRuns: 1, seed: 3 })
    const valid = [encodeLedgerSegment(sample), encodeLedgerSegment(empty())]
    expect(await foreignError(decodeLedgerSegment, valid, 1000)).toBeUndefined()
  })
})

describe('ledger pointers', () => {
  it('come out as they went in', () => {
    fc.assert(
      fc.property(pointers, (value) => {
        expect(decodeLedgerPointer(encodeLedgerPointer(value))).toEqual(value)
      }),
    )
  })

  it('throw nothing but FormatErrors', async () => {
    expect(
      await foreignError(decodeLedgerPointer, [encodeLedgerPointer(pointer(1))]),
    ).toBeUndefined()
    expect(() => encodeLedgerPointer({ ...pointer(1), offset: -1 })).toThrow(FormatError)
    expect(() => encodeLedgerPointer({ ...pointer(1), key: new Uint8Array(31) })).toThrow(
      FormatError,
    )
  })
})

describe('merging segments', () => {
  it('takes in what is not larger than what was gathered', () => {
    expect(segmentsToMerge(10, [])).toBe(0)
    expect(segmentsToMerge(10, [11, 10])).toBe(0)
    expect(segmentsToMerge(10, [10, 20, 41])).toBe(2)
    expect(segmentsToMerge(100, [10, 20, 41])).toBe(3)
  })

  it('never makes a segment larger than one object', () => {
    expect(segmentsToMerge(10, [5, LEDGER_SEGMENT_SIZE_MAX - 14])).toBe(1)
    expect(segmentsToMerge(LEDGER_SEGMENT_SIZE_MAX - 5, [5])).toBe(1)
    expect(segmentsToMerge(LEDGER_SEGMENT_SIZE_MAX - 5, [6])).toBe(0)
  })

  it('keeps a ledger to a handful of segments, each byte written a few times', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 60, max: 5000 }), { maxLength: 1500 }), (days) => {
        let sizes: number[] = []
        let written = 0
        let added = 0
        for (const day of days) {
          const merged = segmentsToMerge(day, sizes)
          const size = sizes.slice(0, merged).reduce((sum, other) => sum + other, day)
          sizes = [size, ...sizes.slice(merged)]
          written += size
          added += day
        }
        expect(sizes.length).toBeLessThanOrEqual(Math.ceil(Math.log2(added / 60 + 2)) + 1)
        expect(written).toBeLessThanOrEqual(added * (Math.log2(days.length + 1) + 2))
      }),
      { numRuns: 30 },
    )
  })

  it('keeps to 32 segments with the new one, even where sizes grow as a worst case', () => {
    const sizes = Array.from({ length: 40 }, (_, index) => 100 + index)
    const merged = segmentsToMerge(10, sizes)
    expect(1 + sizes.length - merged).toBeLessThanOrEqual(LEDGER_PREVIOUS_MAX)
  })
})

function empty(): LedgerSegment {
  return { version: 1, previous: [], packs: [], peers: [], released: [], addresses: [] }
}

function entry(number: number): PackEntry {
  const id = packId(utf8(`pack ${number}`))
  return { number, id, base: 0, extents: undefined, size: 1000, needed: 2, total: 3, holders: [] }
}

function entries(peerCount: number, version: LedgerSegment['version']): fc.Arbitrary<PackEntry> {
  return fc
    .record({
      number: fc.oneof(fc.nat(100), fc.integer({ min: 0, max: PACK_NUMBER_MAX })),
      id: ids,
      size: fc.integer({ min: 1, max: PACK_SIZE_MAX }),
      where: fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }),
      code: fc.tuple(fc.integer({ min: 1, max: 256 }), fc.integer({ min: 1, max: 256 })),
      holders: fc.array(fc.integer({ min: NO_HOLDER, max: peerCount - 1 }), { maxLength: 12 }),
      extents: version === 1 ? fc.constant(undefined) : fc.option(extentLists, { nil: undefined }),
    })
    .map(({ where, code, holders, extents, ...rest }) => {
      const [needed = 1, total = 1] = code.toSorted((a, b) => a - b)
      const inside = extents === undefined || extentsSize(extents) > rest.size ? undefined : extents
      const base = Math.floor(where * (rest.size - extentsSize(inside ?? [])))
      return { ...rest, extents: inside, base, needed, total, holders: holders.slice(0, total) }
    })
}

/** Pairs of packs, each pair released by a head of its own. */
function releases(
  peerCount: number,
  version: LedgerSegment['version'],
): fc.Arbitrary<LedgerSegment['released']> {
  const selector = ({ number }: PackEntry) => number
  const packs = fc.uniqueArray(entries(peerCount, version), { maxLength: 12, selector })
  return packs.map((all) =>
    Array.from({ length: Math.ceil(all.length / 2) }, (_, index) => ({
      sequence: 1 + 7 * index,
      packs: all.slice(2 * index, 2 * index + 2),
    })),
  )
}

function byNumber(packs: readonly PackEntry[]): PackEntry[] {
  return packs.toSorted((a, b) => a.number - b.number)
}

function pointer(number: number): LedgerPointer {
  const pack = packId(utf8(`pointer ${number}`))
  return { pack, offset: 100_000 + number, length: 1200, key: sha256(utf8(`key ${number}`)) }
}

function manyPeers(count: number): PeerId[] {
  return Array.from({ length: count }, (_, index) => peerIdOf(sha256(utf8(`peer ${index}`))))
}

const loose = z.looseObject({ packs: z.instanceof(Uint8Array) })

function rowsOf(segment: Uint8Array): Uint8Array {
  return decodeCbor(segment, loose, { format: 'test', sizeMax: 10_000 }).packs.slice()
}

function withRows(packs: Uint8Array): Uint8Array {
  return encodeCbor({
    version: 1,
    previous: [],
    packs,
    peers: new Uint8Array(0),
    released: [],
    addresses: [],
  })
}
