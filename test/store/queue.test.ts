import { describe, expect, it } from 'vitest'
import { toBytes, toText } from '../../sim/file-tree.ts'
import { keysBelow } from '../../src/source/path.ts'
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

  it('gives heavy files first, then what is new and small, and folders whole within a step', () => {
    const queue = newQueue()
    const now = 1_800_000_000_000
    const at = (days: number) => ({ seconds: now / 1_000 - days * 86_400, nanoseconds: 0 })
    const files: readonly (readonly [string, number, number])[] = [
      ['a/new', 10, 0],
      ['a/old', 10, 60],
      ['b/huge', 2 ** 30, 0],
      ['b/new', 10, 0.5],
      ['b/week', 10, 7],
      ['c/before 1970', 10, 50_000],
      ['c/future', 10, -3],
      ['heavy/huge and old', 2 ** 40, 5_000],
      ['heavy/not/light', 1, 0],
      ['light/new', 1, 0],
    ]
    for (const [path, size, days] of files)
      queue.add(1, pathKey(path), found({ size, mtime: at(days) }))
    queue.add(1, pathKey('folder'), found({ kind: 'folder' }))
    const weights = [
      { path: 'heavy', weight: 5 },
      { path: 'heavy/not', weight: 0 },
      { path: 'light/new', weight: -1 },
    ].map(({ path, weight }) => ({ key: pathKey(path), below: keysBelow(pathKey(path)), weight }))
    const order = [...queue.inOrder({ now, weights })].map((row) =>
      toText(row.key).replaceAll('\0', '/'),
    )
    expect(order).toEqual([
      'heavy/huge and old',
      'a/new',
      'b/new',
      'c/future',
      'heavy/not/light',
      'b/week',
      'a/old',
      'c/before 1970',
      'b/huge',
      'light/new',
    ])
  })

  it('gives every waiting file once, however many, though some are finished meanwhile', () => {
    const queue = newQueue()
    const count = 2_500
    for (let index = 0; index < count; index += 1) {
      queue.add(1, pathKey(`f/${index}`), found({ size: index * 1_000 }))
    }
    const seen = new Set<string>()
    for (const row of queue.inOrder({ now: 0, weights: [] })) {
      seen.add(toText(row.key))
      queue.finish(row.key, { status: row.status, isRacy: false }, result)
    }
    expect(seen.size).toBe(count)
    expect([...queue.inOrder({ now: 0, weights: [] })]).toEqual([])
  })

  it('forgets the scan that it is of when it is emptied', () => {
    const queue = newQueue()
    const totals = {
      files: 1,
      folders: 0,
      symlinks: 0,
      specials: 0,
      bytes: 2,
      unmodified: 0,
      unsupported: 0,
      leftOut: 0,
    }
    const sources = [toBytes('/home')]
    const record = {
      run: 3,
      startedAt: 5,
      sources,
      isPartial: false,
      isQuick: true,
      failed: 0,
      totals,
    }
    expect(queue.scanned()).toBeUndefined()
    queue.noteScan(record)
    expect(queue.scanned()).toEqual(record)
    queue.clear()
    expect(queue.scanned()).toBeUndefined()
  })
})

function pathKey(path: string): Uint8Array {
  return toBytes(path.replaceAll('/', '\0'))
}

function newQueue(): Queue {
  return new Queue(memoryDatabase())
}

function found(more: Parameters<typeof fileStatus>[0] = {}) {
  return { status: fileStatus(more), isRacy: false, target: undefined }
}
