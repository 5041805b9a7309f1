import { describe, expect, it } from 'vitest'
import { compare } from '../../protocol/bytes.ts'
import { toSystemStatus } from '../../src/base/entry-status.ts'
import { recordsOf, StretchBuilder } from '../../src/base/stretch.ts'
import { keysBelow } from '../../src/source/path.ts'
import { Entries, type EntryRow } from '../../src/store/entries.ts'
import { toBytes, toText } from '../../sim/file-tree.ts'
import { NAMES } from '../ports/files.suite.ts'
import { allEntries, fileStatus, memoryDatabase } from '../support/memory-database.ts'

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

  it('are the children of their folder, by name, within bounds', () => {
    const entries = newEntries()
    for (const key of ['b', 'a-', 'a', 'a\0z', 'a\0b\0c', 'a\0b', 'a0', 'a\0b-']) {
      entries.put(entry(key))
    }
    const names = (folder: string, after = '', until?: string) =>
      [
        ...recordsOf(
          entries.records(toBytes(folder), {
            after: toBytes(after),
            until: until === undefined ? undefined : toBytes(until),
          }),
        ),
      ].map(({ name }) => toText(name))
    expect(names('')).toEqual(['a', 'a-', 'a0', 'b'])
    expect(names('a')).toEqual(['b', 'b-', 'z'])
    expect(names('a', 'b')).toEqual(['b-', 'z'])
    expect(names('a', '', 'b-')).toEqual(['b', 'b-'])
    expect(names('a', 'b', 'y')).toEqual(['b-'])
    expect(names('a\0b')).toEqual(['c'])
    expect(names('nowhere')).toEqual([])
  })

  it('are packed just as a scan packs what it finds', () => {
    const entries = newEntries()
    const builder = new StretchBuilder()
    for (const name of NAMES.toSorted(compare)) {
      const status = fileStatus({ size: name.length })
      entries.put(entry(`f\0${toText(name)}`, status))
      builder.add(toText(name), toSystemStatus(status))
    }
    const { records } = builder.finish(toBytes('/f'), '', undefined)
    const bounds = { after: toBytes(''), until: undefined }
    expect(new Uint8Array(entries.records(toBytes('f'), bounds))).toEqual(records)
  })

  it('go with their folder, and nothing beside it does', () => {
    const database = memoryDatabase()
    const entries = new Entries(database)
    const keys = ['b', 'a-', 'a', 'a\0z', 'a\0b\0c', 'a\0b', 'a0', 'a\0b-', 'aa\0b']
    for (const key of keys) entries.put(entry(key))
    entries.removeTree(toBytes('a'), keysBelow(toBytes('a')))
    const left = allEntries(database).map(({ key }) => toText(key))
    expect(left).toEqual(['a-', 'a0', 'aa\0b', 'b'])
    entries.clear()
    expect(allEntries(database)).toEqual([])
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
})

describe('known stretches', () => {
  const digest = new Uint8Array(32).fill(7)
  const known = (entries: Entries, folder = '') =>
    [...entries.stretches({ from: toBytes(folder), until: keysBelow(toBytes(folder)).until })].map(
      (stretch) => `${toText(stretch.folder)}>${toText(stretch.after)}`,
    )
  const know = (entries: Entries, ...stretches: readonly string[]) => {
    for (const stretch of stretches) {
      const [folder = '', after = '', until] = stretch.split('>')
      entries.knowStretch(
        { folder: toBytes(folder), after: toBytes(after), digest },
        until === undefined ? undefined : toBytes(until),
      )
    }
  }

  it('come in tree order by folder and name, as many as there are', () => {
    const entries = newEntries()
    know(entries, 'a\0b>>x', 'a>>m', '>', 'a->', 'a>m', 'a\0b>x')
    expect(known(entries)).toEqual(['>', 'a>', 'a>m', 'a\0b>', 'a\0b>x', 'a->'])
    expect(known(entries, 'a')).toEqual(['a>', 'a>m', 'a\0b>', 'a\0b>x'])
    entries.forgetStretch({ folder: toBytes('a'), after: toBytes('m') })
    expect(known(entries, 'a')).toEqual(['a>', 'a\0b>', 'a\0b>x'])
    const many = Array.from({ length: 1_234 }, (_, index) => `f\0${10_000 + index}>`)
    know(entries, ...many)
    expect(known(entries, 'f')).toEqual(many)
  })

  it('are forgotten when a row in them changes, and only then', () => {
    const entries = newEntries()
    const all = ['>', 'a>>k', 'a>k>s', 'a>s', 'a\0m>', 'a\0m\0n>']
    know(entries, ...all)
    entries.put(entry('a\0m'))
    expect(known(entries)).toEqual(['>', 'a>', 'a>s', 'a\0m>', 'a\0m\0n>'])
    // A name that ends a stretch lies in it.
    entries.put(entry('a\0k'))
    expect(known(entries)).toEqual(['>', 'a>s', 'a\0m>', 'a\0m\0n>'])
    know(entries, 'a>k>s')
    entries.removeTree(toBytes('a\0m'), keysBelow(toBytes('a\0m')))
    expect(known(entries)).toEqual(['>', 'a>s'])
    know(entries, 'a>', 'b>>k', 'b>k>s', 'b>s', 'b>>s')
    expect(known(entries)).toEqual(['>', 'a>', 'b>', 'b>s'])
    entries.clear()
    expect(known(entries)).toEqual([])
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
