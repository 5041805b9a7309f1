import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import { ROOT_ROWS_MAX } from '../../protocol/root.ts'
import { encodeSnapshots } from '../../protocol/snapshots.ts'
import type { SnapshotPage, SnapshotRow } from '../../protocol/snapshots.ts'
import { AssertionError } from '../../src/base/assert.ts'
import { FormatError } from '../../src/base/errors.ts'
import {
  appendSnapshot,
  forgetRows,
  setPinned,
  snapshots,
} from '../../src/history/snapshot-list.ts'
import { MemoryObjects } from '../support/memory-objects.ts'

describe('the list of snapshots', () => {
  it('gives every row, newest first, however many there are', async () => {
    const objects = new MemoryObjects()
    let list: SnapshotPage = { rows: [], older: null }
    for (let sequence = 1; sequence <= 1_500; sequence++) {
      list = await appendSnapshot(list, row(sequence), { source: objects, sink: objects })
      expect(list.rows.length).toBeLessThanOrEqual(ROOT_ROWS_MAX)
    }
    const all = await Array.fromAsync(snapshots(list, objects))
    expect(all.map(({ sequence }) => sequence)).toEqual(
      Array.from({ length: 1_500 }, (_, index) => 1_500 - index),
    )
    expect(all.at(-1)).toEqual(row(1))
  })

  it('reads few objects', async () => {
    const objects = new MemoryObjects()
    let list: SnapshotPage = { rows: [], older: null }
    for (let sequence = 1; sequence <= 1_500; sequence++) {
      list = await appendSnapshot(list, row(sequence), { source: objects, sink: objects })
    }
    objects.reset()
    await Array.fromAsync(snapshots(list, objects))
    expect(objects.reads).toBeLessThanOrEqual(4)
    expect(objects.puts).toEqual([])
  })

  it('replaces the newest row by one of the same sequence, and takes none below', async () => {
    const objects = new MemoryObjects()
    const parts = { source: objects, sink: objects }
    let list: SnapshotPage = { rows: [], older: null }
    for (const sequence of [1, 5, 9]) list = await appendSnapshot(list, row(sequence), parts)
    const again = { ...row(9), host: 'other' }
    list = await appendSnapshot(list, again, parts)
    expect(list.rows).toEqual([again, row(5), row(1)])
    await expect(appendSnapshot(list, row(7), parts)).rejects.toThrow(AssertionError)
  })

  it('moves rows with very many sources out of the root sooner', async () => {
    const objects = new MemoryObjects()
    const sources = Array.from({ length: 256 }, () => new Uint8Array(4_096).fill(0x2f))
    let list: SnapshotPage = { rows: [], older: null }
    for (let sequence = 1; sequence <= 10; sequence++) {
      const large = { ...row(sequence), sources }
      list = await appendSnapshot(list, large, { source: objects, sink: objects })
      expect(list.rows.length).toBe(1)
    }
    const all = await Array.fromAsync(snapshots(list, objects))
    expect(all.map(({ sequence }) => sequence)).toEqual([10, 9, 8, 7, 6, 5, 4, 3, 2, 1])
  })

  it('loses rows and keeps the others in order, older pages that lose none as they lie', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(1, 20, 32, 33, 600, 1_200),
        fc.integer({ min: 1, max: 1_300 }),
        fc.integer({ min: 1, max: 40 }),
        async (count, from, every) => {
          const parts = newParts()
          const list = await listOf(count, parts)
          const all = await Array.fromAsync(snapshots(list, parts.source))
          const isKept = (at: number): boolean => at < from || at % every === 0
          const keep = new Set(all.map(({ sequence }) => sequence).filter(isKept))
          const left = await forgetRows(list, keep, parts)
          const rest = await Array.fromAsync(snapshots(left, parts.source))
          expect(rest).toEqual(all.filter(({ sequence }) => keep.has(sequence)))
          expect(left.rows.length).toBeLessThanOrEqual(ROOT_ROWS_MAX)
          expect(left.rows.length > 0 || rest.length === 0).toBe(true)
          parts.sink.reset()
          expect(await forgetRows(left, keep, parts)).toBe(left)
          expect(parts.sink.puts).toEqual([])
          const next = await appendSnapshot(left, row(5_000), parts)
          expect((await Array.fromAsync(snapshots(next, parts.source))).length).toBe(keep.size + 1)
        },
      ),
      { numRuns: 30 },
    )
  })

  it('writes no old page again that loses nothing', async () => {
    const parts = newParts()
    const list = await listOf(1_500, parts)
    const newest = list.rows[0]?.sequence ?? 0
    const keep = new Set(Array.from({ length: newest - 1 }, (_, index) => index + 1))
    parts.sink.reset()
    const left = await forgetRows(list, keep, parts)
    expect(left.older).toEqual(list.older)
    expect(parts.sink.puts).toEqual([])
  })

  it('fills the root from older pages, within the size that a root may have', async () => {
    const parts = newParts()
    const sources = Array.from({ length: 2 }, () => new Uint8Array(4_000).fill(0x2f))
    let list: SnapshotPage = { rows: [], older: null }
    for (let sequence = 1; sequence <= 40; sequence++) {
      list = await appendSnapshot(list, { ...row(sequence), sources }, parts)
    }
    const keep = new Set(Array.from({ length: 20 }, (_, index) => index + 1))
    const left = await forgetRows(list, keep, parts)
    expect(left.rows.map(({ sequence }) => sequence)).toEqual([20, 19, 18, 17])
    expect((await Array.fromAsync(snapshots(left, parts.source))).length).toBe(20)
  })

  it('has rows pinned and let go, wherever they lie', async () => {
    const parts = newParts()
    const list = await listOf(1_000, parts)
    const chosen = new Set([3, 700, 1_000])
    const pinned = await setPinned(list, { sequences: chosen, isPinned: true }, parts)
    const rows = await Array.fromAsync(snapshots(pinned, parts.source))
    expect(new Set(rows.filter((one) => one.isPinned).map(({ sequence }) => sequence))).toEqual(
      chosen,
    )
    expect(await setPinned(pinned, { sequences: chosen, isPinned: true }, parts)).toBe(pinned)
    const free = await setPinned(pinned, { sequences: chosen, isPinned: false }, parts)
    expect(await Array.fromAsync(snapshots(free, parts.source))).toEqual(
      await Array.fromAsync(snapshots(list, parts.source)),
    )
  })

  it('goes downwards, or is refused', async () => {
    const objects = new MemoryObjects()
    const older = await objects.put('snapshots', encodeSnapshots({ rows: [row(5)], older: null }))
    const list = { rows: [row(5)], older }
    await expect(Array.fromAsync(snapshots(list, objects))).rejects.toThrow(FormatError)
  })
})

function newParts(): { source: MemoryObjects; sink: MemoryObjects } {
  const objects = new MemoryObjects()
  return { source: objects, sink: objects }
}

async function listOf(count: number, parts: ReturnType<typeof newParts>): Promise<SnapshotPage> {
  let list: SnapshotPage = { rows: [], older: null }
  for (let sequence = 1; sequence <= count; sequence++) {
    list = await appendSnapshot(list, row(sequence), parts)
  }
  return list
}

function row(sequence: number): SnapshotRow {
  return {
    sequence,
    startedAt: sequence * 1000,
    endedAt: sequence * 1000 + 500,
    host: 'laptop',
    sources: [new TextEncoder().encode('/home/anna')],
    files: 3,
    folders: 1,
    bytes: 1234,
    added: 99,
    isComplete: true,
    isFinished: true,
    isPinned: false,
    tags: ['daily'],
    skipped: 0,
  }
}
