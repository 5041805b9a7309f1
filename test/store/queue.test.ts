import { describe, expect, it } from 'vitest'
import { toBytes, toText } from '../../sim/file-tree.ts'
import { Queue, type QueueResult } from '../../src/store/queue.ts'
import { fileStatus, memoryDatabase } from '../support/memory-database.ts'

const result: QueueResult = {
  versions: Uint8Array.of(1),
  content: Uint8Array.of(2),
  version: 1_024,
  chainLength: 0,
  chainSize: 99,
}
const key = toBytes('home\0file')

describe('the queue', () => {
  it('keeps what an earlier run finished, while the file is still as it was', () => {
    const queue = newQueue()
    queue.add(1, key, found())
    queue.finish(key, { status: fileStatus(), isRacy: false }, result)
    queue.add(2, key, found())
    queue.dropUnseen(2)
    expect(queue.get(key)).toMatchObject({ state: 'done', result })
  })

  it.each([
    { size: 11 },
    { mode: 0o600 },
    { uid: 0 },
    { gid: 0 },
    { inode: 6n },
    { mtime: { seconds: 1_700_000_000, nanoseconds: 2 } },
    { ctime: { seconds: 1_700_000_001, nanoseconds: 2 } },
  ])('reads a finished file again that differs in %o', (change) => {
    const queue = newQueue()
    queue.add(1, key, found())
    queue.finish(key, { status: fileStatus(), isRacy: false }, result)
    queue.add(2, key, found(change))
    expect(queue.get(key)).toMatchObject({ state: 'waiting', status: change, result: undefined })
  })

  it('reads a finished file again that was read too soon after it changed', () => {
    const queue = newQueue()
    queue.add(1, key, found())
    queue.finish(key, { status: fileStatus(), isRacy: true }, result)
    queue.add(2, key, found())
    expect(queue.get(key)).toMatchObject({ state: 'waiting', isRacy: false })
  })

  it('notes of a finished file what was true while it was read', () => {
    const queue = newQueue()
    queue.add(1, key, { ...found(), isRacy: true })
    queue.finish(key, { status: fileStatus({ size: 12 }), isRacy: false }, result)
    expect(queue.get(key)).toMatchObject({ status: { size: 12 }, isRacy: false })
  })

  it('knows a file again that was gone, and the other way round', () => {
    const queue = newQueue()
    queue.addGone(1, key, fileStatus())
    queue.add(2, key, found())
    expect(queue.get(key)?.state).toBe('waiting')
    queue.finish(key, { status: fileStatus(), isRacy: false }, result)
    queue.addGone(3, key, fileStatus())
    expect(queue.get(key)).toMatchObject({ state: 'gone', result: undefined })
  })

  it('finishes folders and links at once, with where they point', () => {
    const queue = newQueue()
    const target = toBytes('../elsewhere')
    queue.add(1, key, { ...found({ kind: 'symlink' }), target })
    expect(queue.get(key)).toMatchObject({ state: 'done', target, result: undefined })
  })

  it('drops what the newest run did not see', () => {
    const queue = newQueue()
    queue.add(1, toBytes('a'), found())
    queue.addGone(1, toBytes('b'), fileStatus())
    queue.add(2, toBytes('c'), found())
    queue.dropUnseen(2)
    expect([...queue.rows()].map((row) => toText(row.key))).toEqual(['c'])
  })

  it('keeps what is there for the sake of another, whatever the newest run saw', () => {
    const queue = newQueue()
    queue.add(1, key, found())
    queue.finish(key, { status: fileStatus(), isRacy: false }, result)
    queue.addBeside(key, fileStatus())
    queue.add(1, toBytes('home\0other'), found())
    queue.dropUnseen(2)
    expect(queue.beside().map((row) => [toText(row.key), row.state])).toEqual([
      ['home\0file', 'waiting'],
    ])
    queue.add(2, key, found({ size: 11 }))
    expect(queue.beside()).toEqual([])
  })

  it('finds rows by how their paths end', () => {
    const queue = newQueue()
    for (const name of ['a', 'a-wal', 'b-wal', 'b-wa', '-walk'])
      queue.add(1, toBytes(name), found())
    queue.addGone(1, toBytes('c-wal'), fileStatus())
    const names = queue.endingIn(toBytes('-wal'), 'waiting').map((row) => toText(row.key))
    expect(names).toEqual(['a-wal', 'b-wal'])
  })

  it('gives its rows in order, also when they are finished or dropped meanwhile', () => {
    const queue = newQueue()
    const keys = Array.from({ length: 2_500 }, (_, index) => toBytes(`f\0${10_000 + index}`))
    for (const one of keys.toReversed()) queue.add(1, one, found())
    const seen: string[] = []
    for (const row of queue.rows('waiting')) {
      seen.push(toText(row.key))
      if (seen.length % 2 === 0) queue.drop(row.key)
      else queue.finish(row.key, { status: row.status, isRacy: false }, result)
    }
    expect(seen).toEqual(keys.map(toText))
    expect(queue.totals('waiting')).toEqual({ files: 0, bytes: 0 })
    expect(queue.totals('done')).toEqual({ files: 1_250, bytes: 12_500 })
  })

  it('holds inodes and sizes of any length', () => {
    const queue = newQueue()
    const status = { inode: 2n ** 64n - 1n, size: Number.MAX_SAFE_INTEGER }
    queue.add(1, key, found(status))
    expect(queue.get(key)).toMatchObject({ status })
  })
})

function newQueue(): Queue {
  return new Queue(memoryDatabase())
}

function found(more: Parameters<typeof fileStatus>[0] = {}) {
  return { status: fileStatus(more), isRacy: false, target: undefined }
}
