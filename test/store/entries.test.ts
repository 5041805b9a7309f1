import { describe, expect, it } from 'vitest'
import type { FileStatus } from '../../src/ports/files.ts'
import { keysBelow } from '../../src/source/path.ts'
import { Entries, isSameStatus, toEntryStatus, type EntryRow } from '../../src/store/entries.ts'
import { toBytes, toText } from '../../sim/file-tree.ts'
import { fileStatus, memoryDatabase } from '../support/memory-database.ts'

describe('entries', () => {
  it('come back as they were put, at the ends of every range', () => {
    const entries = newEntries()
    const row = entry('a', {
      ...fileStatus({
        inode: 2n ** 64n - 1n,
        size: Number.MAX_SAFE_INTEGER,
        mtime: { seconds: -(2 ** 52) + 1, nanoseconds: 999_999_999 },
        uid: 2 ** 32 - 1,
      }),
      content: Uint8Array.of(1, 2),
      version: 2 ** 52,
      chainLength: 16,
      chainSize: 2 ** 40,
    })
    entries.put(row)
    expect(entries.get(row.key)).toEqual(row)
    entries.put(entry('a'))
    expect(entries.get(row.key)).toEqual(entry('a'))
    expect(entries.get(toBytes('b'))).toBeUndefined()
  })

  it('lie in tree order, and end where their folder ends', () => {
    const entries = newEntries()
    const keys = ['b', 'a-', 'a', 'a\0z', 'a\0b\0c', 'a\0b', 'a0', 'a\0b-']
    for (const key of keys) entries.put(entry(key))
    const { from, until } = keysBelow(toBytes('a'))
    const below = ['a\0b', 'a\0b\0c', 'a\0b-', 'a\0z']
    expect([...entries.range(from, until)].map(({ key }) => toText(key))).toEqual(below)

    entries.removeTree(toBytes('a'), keysBelow(toBytes('a')))
    const all = keysBelow(new Uint8Array(0))
    const left = [...entries.range(all.from, all.until)].map(({ key }) => toText(key))
    expect(left).toEqual(['a-', 'a0', 'b'])
  })

  it('are found by content, and by size where they are chains', () => {
    const entries = newEntries()
    const content = Uint8Array.of(7)
    entries.put(entry('a', { content, size: 100, chainLength: 0 }))
    expect(toText(entries.findContent(content)?.key ?? new Uint8Array(0))).toBe('a')
    expect(entries.findContent(Uint8Array.of(8))).toBeUndefined()
    expect(entries.hasChainedOfSize(100)).toBe(false)
    entries.put(entry('b', { size: 100, chainLength: 2 }))
    expect([entries.hasChainedOfSize(100), entries.hasChainedOfSize(101)]).toEqual([true, false])
  })

  it('may be walked while another table changes, and left half-way', () => {
    const database = memoryDatabase()
    const entries = new Entries(database)
    for (let index = 0; index < 50; index += 1) entries.put(entry(`${100 + index}`))
    const { from, until } = keysBelow(new Uint8Array(0))
    const walk = entries.range(from, until)
    walk.next()
    database.exec("INSERT INTO settings VALUES ('a', x'01')")
    walk.return(undefined)
    entries.clear()
    expect([...entries.range(from, until)]).toEqual([])
    database.close()
  })
})

describe('the change test', () => {
  it.each([
    ['kind', { kind: 'symlink' }],
    ['size', { size: 11 }],
    ['inode', { inode: 6n }],
    ['seconds of the change', { ctime: { seconds: 1_700_000_001, nanoseconds: 2 } }],
    ['nanoseconds of the change', { ctime: { seconds: 1_700_000_000, nanoseconds: 3 } }],
    ['modification', { mtime: { seconds: 1_600_000_000, nanoseconds: 1 } }],
    ['mode', { mode: 0o600 }],
    ['owner', { uid: 1 }],
    ['group', { gid: 1 }],
  ] as const)('sees another %s', (_, change) => {
    expect(isSameStatus(fileStatus(), fileStatus())).toBe(true)
    expect(isSameStatus(fileStatus(), fileStatus(change))).toBe(false)
  })

  it('knows no size of folders, and nothing of sockets and devices', () => {
    const status: FileStatus = { ...fileStatus(), size: 4_096, device: 1n, linkCount: 2 }
    expect(toEntryStatus({ ...status, kind: 'folder' })).toMatchObject({ kind: 'folder', size: 0 })
    for (const kind of ['fifo', 'socket', 'characterDevice', 'blockDevice'] as const) {
      expect(toEntryStatus({ ...status, kind })).toBeUndefined()
    }
  })
})

function newEntries(): Entries {
  return new Entries(memoryDatabase())
}

function entry(key: string, more: Partial<EntryRow> = {}): EntryRow {
  return {
    ...fileStatus(),
    key: toBytes(key),
    content: undefined,
    version: 1_024,
    chainLength: 0,
    chainSize: 10,
    ...more,
  }
}
