import { describe, expect, it } from 'vitest'

import { ROOT_ROWS_MAX } from '../../protocol/root.ts'
import { encodeSnapshots } from '../../protocol/snapshots.ts'
import type { SnapshotPage, SnapshotRow } from '../../protocol/snapshots.ts'
import { AssertionError } from '../../src/base/assert.ts'
import { FormatError } from '../../src/base/errors.ts'
import { appendSnapshot, snapshots } from '../../src/history/snapshot-list.ts'
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

  it('goes downwards, or is refused', async () => {
    const objects = new MemoryObjects()
    const older = await objects.put('snapshots', encodeSnapshots({ rows: [row(5)], older: null }))
    const list = { rows: [row(5)], older }
    await expect(Array.fromAsync(snapshots(list, objects))).rejects.toThrow(FormatError)
  })
})

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
    isPinned: false,
    tags: ['daily'],
    skipped: 0,
  }
}
