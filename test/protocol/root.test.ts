import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import { encodeCbor } from '../../protocol/cbor.ts'
import { FormatError, VersionError } from '../../protocol/errors.ts'
import { decodeRoot, encodeRoot, ROOT_ROWS_MAX } from '../../protocol/root.ts'
import type { Root } from '../../protocol/root.ts'
import { decodeSnapshots, encodeSnapshots, SNAPSHOT_ROWS_MAX } from '../../protocol/snapshots.ts'
import type { SnapshotRow } from '../../protocol/snapshots.ts'
import { extras, reference, versions } from '../support/tree-arbitraries.ts'

const count = fc.maxSafeNat()
const label = fc.string({ unit: 'grapheme', maxLength: 20 })

const states = [
  { isComplete: true, isFinished: true },
  { isComplete: false, isFinished: true },
  { isComplete: false, isFinished: false },
]

const facts = fc.record({
  sequence: fc.integer({ min: 0, max: 1000 }),
  startedAt: fc.integer(),
  endedAt: fc.integer(),
  host: label,
  sources: fc.array(fc.uint8Array({ minLength: 1 }), { maxLength: 3 }),
  files: count,
  folders: count,
  bytes: count,
  added: count,
  isPinned: fc.boolean(),
  tags: fc.array(label, { maxLength: 3 }),
  skipped: count,
})

const row: fc.Arbitrary<SnapshotRow> = fc
  .tuple(facts, fc.constantFrom(...states))
  .map(([all, state]) => ({ ...all, ...state }))

function rows(min: number): fc.Arbitrary<SnapshotRow[]> {
  return fc
    .uniqueArray(row, { selector: ({ sequence }) => sequence, minLength: min, maxLength: 5 })
    .map((list) => list.toSorted((a, b) => b.sequence - a.sequence))
}

const older = fc.option(reference, { nil: null })

const root: fc.Arbitrary<Root> = fc.record({
  device: label,
  sequence: fc.integer({ min: 1000, max: 2 ** 42 }),
  tree: fc.option(fc.record({ level: fc.integer({ min: 0, max: 15 }), reference }), { nil: null }),
  snapshots: fc.record({ rows: rows(0), older }),
  backupdb: fc.oneof(fc.constant([]), versions),
  extra: extras,
})

const snapshotPage = fc.record({ rows: rows(1), older })

describe('roots and snapshots', () => {
  it('come out as they went in', () => {
    fc.assert(
      fc.property(root, (value) => {
        expect(decodeRoot(encodeRoot(value))).toEqual(value)
      }),
    )
    fc.assert(
      fc.property(snapshotPage, (value) => {
        expect(decodeSnapshots(encodeSnapshots(value))).toEqual(value)
      }),
    )
  })

  it('meet damage with nothing but a FormatError', () => {
    expect(() => survives(root.map(encodeRoot), decodeRoot)).not.toThrow()
    expect(() => survives(snapshotPage.map(encodeSnapshots), decodeSnapshots)).not.toThrow()
  })

  it('hold 32 rows in the root and 512 in an object', () => {
    for (const length of [ROOT_ROWS_MAX - 1, ROOT_ROWS_MAX]) {
      const value = { ...ROOT, snapshots: { rows: many(length), older: null } }
      expect(decodeRoot(encodeRoot(value))).toEqual(value)
    }
    const beyond = { ...ROOT, snapshots: { rows: many(ROOT_ROWS_MAX + 1), older: null } }
    expect(() => encodeRoot(beyond)).toThrow(FormatError)
    for (const length of [1, SNAPSHOT_ROWS_MAX - 1, SNAPSHOT_ROWS_MAX]) {
      const value = { rows: many(length), older: null }
      expect(decodeSnapshots(encodeSnapshots(value))).toEqual(value)
    }
    for (const length of [0, SNAPSHOT_ROWS_MAX + 1]) {
      expect(() => encodeSnapshots({ rows: many(length), older: null })).toThrow(FormatError)
    }
  })

  it('refuse what a newer version wrote', () => {
    expect(() => decodeRoot(encodeCbor({ version: 2, other: 1 }))).toThrow(VersionError)
    expect(() => decodeSnapshots(encodeCbor({ version: 2 }))).toThrow(VersionError)
    expect(() => decodeRoot(encodeCbor({ version: 0 }))).toThrow(FormatError)
    const critical = { ...ROOT, extra: [{ type: 0x8000, bytes: new Uint8Array(0) }] }
    expect(() => encodeRoot(critical)).toThrow(VersionError)
  })

  it('have descending snapshots, none newer than the root', () => {
    const bad = [
      [1, 2],
      [2, 2],
      [101, 1],
    ]
    for (const sequences of bad) {
      const made = sequences.map((sequence) => ({ ...ROW, sequence }))
      expect(() => encodeRoot({ ...ROOT, snapshots: { rows: made, older: null } })).toThrow(
        FormatError,
      )
    }
  })
})

const ROW: SnapshotRow = {
  sequence: 1,
  startedAt: 0,
  endedAt: 1,
  host: 'h',
  sources: [],
  files: 0,
  folders: 0,
  bytes: 0,
  added: 0,
  isComplete: true,
  isFinished: true,
  isPinned: false,
  tags: [],
  skipped: 0,
}

const ROOT: Root = {
  device: 'd',
  sequence: 100,
  tree: null,
  snapshots: { rows: [], older: null },
  backupdb: [],
  extra: [],
}

function many(length: number): SnapshotRow[] {
  return Array.from({ length }, (_, index) => ({ ...ROW, sequence: length - index }))
}

function survives(bodies: fc.Arbitrary<Uint8Array>, decode: (bytes: Uint8Array) => unknown): void {
  const attempt = (bytes: Uint8Array): void => {
    try {
      decode(bytes)
    } catch (error) {
      if (!(error instanceof FormatError)) throw error
    }
  }
  fc.assert(fc.property(fc.uint8Array(), attempt))
  fc.assert(
    fc.property(bodies, fc.nat(), fc.nat({ max: 255 }), (body, at, byte) => {
      const damaged = Uint8Array.from(body)
      damaged[at % body.length] = byte
      attempt(damaged)
      attempt(body.subarray(0, at % body.length))
    }),
    { numRuns: 300 },
  )
}
