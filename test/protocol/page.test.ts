import { readFileSync } from 'node:fs'

import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import { COLUMN, COLUMN_COUNT_MAX, COLUMNS_SIZE_MAX } from '../../protocol/columns.ts'
import { FormatError, VersionError } from '../../protocol/errors.ts'
import { decodeHistory, encodeHistory } from '../../protocol/history.ts'
import { decodeIndexPage, encodeIndexPage } from '../../protocol/index-page.ts'
import { decodeList, encodeList, LIST_REFERENCES_MAX } from '../../protocol/list.ts'
import { checkName } from '../../protocol/name-columns.ts'
import { decodePage, encodePage } from '../../protocol/page.ts'
import { decodePastPage, encodePastPage } from '../../protocol/past-page.ts'
import { ByteWriter } from '../../protocol/bytes.ts'
import { NAME_SIZE_MAX, PARTS_DIRECT_MAX, TARGET_SIZE_MAX } from '../../protocol/tree.ts'
import type { Attributes, Entry, Page, Span, Version } from '../../protocol/tree.ts'
import { withBlock } from '../support/columns.ts'
import { entries, name, page, reference, sections, versions } from '../support/tree-arbitraries.ts'

const indexPage = fc
  .record({
    level: fc.integer({ min: 1, max: 15 }),
    rows: fc.uniqueArray(fc.record({ lower: name, reference }), {
      selector: ({ lower }) => String(lower),
      minLength: 1,
      maxLength: 8,
    }),
    sections,
  })
  .map((made) => ({
    ...made,
    rows: made.rows.toSorted((a, b) => Buffer.compare(a.lower, b.lower)),
  }))

const historyPage = fc.record({
  versions,
  older: fc.option(reference, { nil: undefined }),
  sections,
})

const list = fc.record({
  depth: fc.integer({ min: 0, max: 2 }),
  references: fc.array(reference, { minLength: 1, maxLength: 20 }),
})

const pastPage = fc.record({ entries: entries('past'), sections })

describe('columnar formats', () => {
  it('come out as they went in', () => {
    expect(() => roundTrips(page, encodePage, decodePage)).not.toThrow()
    expect(() => roundTrips(pastPage, encodePastPage, decodePastPage)).not.toThrow()
    expect(() => roundTrips(indexPage, encodeIndexPage, decodeIndexPage)).not.toThrow()
    expect(() => roundTrips(historyPage, encodeHistory, decodeHistory)).not.toThrow()
    expect(() => roundTrips(list, encodeList, decodeList)).not.toThrow()
  })

  it('meet damage with nothing but a FormatError', () => {
    expect(() => survives(page.map(encodePage), decodePage)).not.toThrow()
    expect(() => survives(pastPage.map(encodePastPage), decodePastPage)).not.toThrow()
    expect(() => survives(indexPage.map(encodeIndexPage), decodeIndexPage)).not.toThrow()
    expect(() => survives(historyPage.map(encodeHistory), decodeHistory)).not.toThrow()
    expect(() => survives(list.map(encodeList), decodeList)).not.toThrow()
  })

  it('hold no view of the bytes they came from', () => {
    fc.assert(
      fc.property(page, (value) => {
        const bytes = Buffer.from(encodePage(value))
        const decoded = decodePage(bytes)
        bytes.fill(0xff)
        expect(decoded).toEqual(value)
      }),
      { numRuns: 30 },
    )
  })

  it('refuse what a newer version wrote and may not be ignored', () => {
    const body = encodePage(EMPTY)
    const put = (index: number, byte: number): Uint8Array =>
      body.map((old, at) => (at === index ? byte : old))
    expect(() => decodePage(put(0, 2))).toThrow(VersionError)
    expect(() => decodePage(put(1, 1))).toThrow(VersionError)
    const critical = new ByteWriter().put(body).varint(127).varint(0).finish()
    expect(() => decodePage(critical)).toThrow(VersionError)
    const optional = new ByteWriter().put(body).varint(128).varint(1).u8(5).finish()
    expect(decodePage(optional).sections).toEqual([{ type: 128, bytes: Uint8Array.of(5) }])
    expect(() => decodePage(withColumns(29))).toThrow(VersionError)
    expect(() => decodePage(withColumns(COLUMN_COUNT_MAX + 1))).toThrow(FormatError)
    expect(() => encodePage(pageOf({ ...ATTRIBUTES, extra: [extra(0x8000)] }))).toThrow(
      VersionError,
    )
    expect(decodeOf(pageOf({ ...ATTRIBUTES, extra: [extra(0x7fff)] }))).toBeDefined()
  })

  it('allocate no more than they declare, and declare no more than 4 MiB', () => {
    const declare = (size: number): Uint8Array =>
      new ByteWriter().u8(1).u8(0).varint(size).varint(0).put(new Uint8Array(64)).finish()
    expect(() => decodePage(declare(COLUMNS_SIZE_MAX + 1))).toThrow(/block of/)
    expect(() => decodePage(declare(COLUMNS_SIZE_MAX))).toThrow(/64 left|bytes wanted/)
  })
})

describe('pages', () => {
  it('know attributes at their limits', () => {
    const limits: Partial<Attributes>[] = [
      { mtime: { seconds: -(2 ** 52), nanoseconds: 999_999_999 } },
      {
        mtime: { seconds: 2 ** 52 - 1, nanoseconds: 0 },
        ctime: { seconds: -(2 ** 52), nanoseconds: 1 },
      },
      { inode: 2n ** 64n - 1n },
      { size: Number.MAX_SAFE_INTEGER },
      { uid: 2 ** 32 - 1, gid: 2 ** 32 - 1, mode: 0o7777 },
      { extra: [{ type: 1, bytes: new Uint8Array(65_536) }] },
      { userName: 'x'.repeat(256) },
    ]
    for (const limit of limits) {
      const value = pageOf({ ...ATTRIBUTES, ...limit })
      expect(decodeOf(value)).toEqual(value)
    }
    const beyond: Partial<Attributes>[] = [
      { mtime: { seconds: -(2 ** 52) - 1, nanoseconds: 0 } },
      { mtime: { seconds: 2 ** 52, nanoseconds: 0 } },
      { mtime: { seconds: 0, nanoseconds: 1_000_000_000 } },
      { ctime: { seconds: 0, nanoseconds: -1 } },
      { inode: 2n ** 64n },
      { inode: -1n },
      { size: Number.MAX_SAFE_INTEGER + 1 },
      { size: -1 },
      { uid: 2 ** 32 },
      { mode: 0o10000 },
      { extra: [{ type: 1, bytes: new Uint8Array(65_537) }] },
      { extra: [extra(2), extra(1)] },
      { userName: 'x'.repeat(257) },
    ]
    for (const limit of beyond) {
      expect(() => encodePage(pageOf({ ...ATTRIBUTES, ...limit }))).toThrow(FormatError)
    }
  })

  it('hold only names that a folder can hold', () => {
    for (const good of [
      'a',
      '...',
      '-',
      '\n',
      'x'.repeat(NAME_SIZE_MAX - 1),
      'x'.repeat(NAME_SIZE_MAX),
    ]) {
      expect(() => checkName(new TextEncoder().encode(good))).not.toThrow()
    }
    for (const bad of ['', '.', '..', 'a/b', '/', 'a\0', 'x'.repeat(NAME_SIZE_MAX + 1)]) {
      expect(() => checkName(new TextEncoder().encode(bad))).toThrow(FormatError)
    }
  })

  it('hold spans in order, of which only the last may be open', () => {
    const good: [number, number | undefined][][] = [
      [[1, 2]],
      [
        [1, 2],
        [2, undefined],
      ],
      [
        [1, 2],
        [5, 6],
      ],
    ]
    const bad: [number, number | undefined][][] = [
      [[2, 2]],
      [[3, 2]],
      [
        [1, undefined],
        [2, 3],
      ],
      [
        [1, 3],
        [2, 4],
      ],
      [
        [3, 4],
        [1, 2],
      ],
    ]
    const encode = (times: [number, number | undefined][]): Uint8Array =>
      encodePage({ ...EMPTY, entries: [{ ...FILE, spans: times.map(([a, b]) => span(a, b)) }] })
    for (const times of good) expect(() => decodePage(encode(times))).not.toThrow()
    for (const times of bad) expect(() => encode(times)).toThrow(FormatError)
  })

  it('hold names once and in order; past pages may repeat one, but nothing that goes on', () => {
    const twice = [FILE, FILE]
    expect(() => encodePage({ ...EMPTY, entries: twice })).toThrow(/order/)
    const past = twice.map((entry) => ({ ...entry, spans: [span(1, 2)] }))
    expect(decodePastPage(encodePastPage({ entries: past, sections: [] })).entries).toEqual(past)
    expect(() => encodePastPage({ entries: [FILE], sections: [] })).toThrow(/open/)
  })

  it('let a folder without a node stand only before the span it lives on in', () => {
    const folder = (from: number, until: number | undefined, hasNode: boolean): Span => ({
      ...span(from, until),
      what: { kind: 'folder', node: hasNode ? { type: 'inline', entries: [] } : { type: 'next' } },
    })
    const encode = (...spans: Span[]): Uint8Array =>
      encodePage({ ...EMPTY, entries: [{ name: FILE.name, spans, history: undefined }] })
    expect(() => encode(folder(1, 2, false), folder(2, undefined, true))).not.toThrow()
    expect(() => encode(folder(1, 2, false), folder(3, undefined, true))).toThrow(FormatError)
    expect(() => encode(folder(1, 2, false), span(2, 3))).toThrow(FormatError)
    expect(() => encode(folder(1, undefined, false))).toThrow(FormatError)
  })

  it('hold links up to their longest target', () => {
    const link = (size: number): Page => ({
      ...EMPTY,
      entries: [
        {
          name: FILE.name,
          spans: [{ ...span(1, 2), what: { kind: 'symlink', target: new Uint8Array(size) } }],
          history: undefined,
        },
      ],
    })
    expect(decodeOf(link(TARGET_SIZE_MAX - 1))).toEqual(link(TARGET_SIZE_MAX - 1))
    expect(decodeOf(link(TARGET_SIZE_MAX))).toEqual(link(TARGET_SIZE_MAX))
    expect(() => encodePage(link(TARGET_SIZE_MAX + 1))).toThrow(FormatError)
  })

  it('say in their documentation what the columns are', () => {
    const text = readFileSync(new URL('../../docs/formats/page.md', import.meta.url), 'utf8')
    for (const [column, number] of Object.entries(COLUMN)) {
      expect(text).toContain(`| ${number} | ${column} `)
    }
  })
})

describe('versions', () => {
  const one = fc.sample(reference, {
    numRuns: 1,
    seed: 1,
  })[0] as Version['content']['parts']['references'][0]
  const version: Version = {
    id: 1024,
    size: 10,
    digest: undefined,
    label: 'stable',
    content: { type: 'original', parts: { depth: 0, references: [one] } },
    extra: [],
  }
  const encode = (change: Partial<Version>): Uint8Array =>
    encodeHistory({ versions: [{ ...version, ...change }], older: undefined, sections: [] })
  const digest = new Uint8Array(32)
  const parts = (count: number, depth = 0): Version['content'] => ({
    type: 'original',
    parts: { depth, references: Array.from({ length: count }, () => one) },
  })

  it('need a digest unless one object holds them', () => {
    expect(() => encode({})).not.toThrow()
    expect(() => encode({ content: parts(2) })).toThrow(/digest/)
    expect(() => encode({ content: parts(2), digest })).not.toThrow()
    expect(() => encode({ content: parts(1, 1) })).toThrow(/digest/)
    const delta: Version['content'] = { ...version.content, type: 'delta', base: 5 }
    expect(() => encode({ content: delta })).toThrow(/digest/)
    expect(() => encode({ content: delta, digest })).not.toThrow()
    expect(() => encode({ digest: new Uint8Array(31) })).toThrow(/digest/)
  })

  it('hold up to 64 references, and none only when empty', () => {
    expect(() => encode({ content: parts(PARTS_DIRECT_MAX - 1), digest })).not.toThrow()
    expect(() => encode({ content: parts(PARTS_DIRECT_MAX), digest })).not.toThrow()
    expect(() => encode({ content: parts(PARTS_DIRECT_MAX + 1), digest })).toThrow(FormatError)
    expect(() => encode({ content: parts(0), digest })).toThrow(FormatError)
    expect(() => encode({ content: parts(0), size: 0 })).not.toThrow()
    expect(() => encode({ content: parts(1, 4), digest })).toThrow(FormatError)
  })

  it('never build on themselves', () => {
    const delta: Version['content'] = { ...version.content, type: 'delta', base: version.id }
    expect(() => encode({ content: delta, digest })).toThrow(/own base/)
  })

  it('have ascending ids', () => {
    const two = [version, version]
    expect(() => encodeHistory({ versions: two, older: undefined, sections: [] })).toThrow(/id/)
  })

  it('have lists of 1 to 512 references', () => {
    const references = (count: number): (typeof one)[] => Array.from({ length: count }, () => one)
    expect(() => encodeList({ depth: 0, references: [] })).toThrow(FormatError)
    for (const count of [1, LIST_REFERENCES_MAX - 1, LIST_REFERENCES_MAX]) {
      const value = { depth: 2, references: references(count) }
      expect(decodeList(encodeList(value))).toEqual(value)
    }
    const many = references(LIST_REFERENCES_MAX + 1)
    expect(() => encodeList({ depth: 0, references: many })).toThrow(FormatError)
    expect(() => encodeList({ depth: 3, references: references(1) })).toThrow(FormatError)
  })
})

const EMPTY: Page = { entries: [], past: [], sections: [] }

const ATTRIBUTES: Attributes = {
  mode: 0o644,
  uid: 1,
  gid: 2,
  mtime: { seconds: 10, nanoseconds: 5 },
  ctime: { seconds: 10, nanoseconds: 6 },
  inode: 77n,
  size: 3,
  extra: [],
}

const FILE: Entry = {
  name: new TextEncoder().encode('file'),
  spans: [span(1, undefined)],
  history: undefined,
}

function span(from: number, until: number | undefined): Span {
  return { from, until, attributes: ATTRIBUTES, what: { kind: 'file', version: 1024 } }
}

function extra(type: number): { type: number; bytes: Uint8Array } {
  return { type, bytes: Uint8Array.of(1) }
}

function pageOf(attributes: Attributes): Page {
  return { ...EMPTY, entries: [{ ...FILE, spans: [{ ...span(1, undefined), attributes }] }] }
}

function decodeOf(value: Page): Page {
  return decodePage(encodePage(value))
}

/** A body that says it has so many columns, each of one byte. */
function withColumns(count: number): Uint8Array {
  const block = new ByteWriter().varint(count)
  for (let index = 0; index < 2 * count; index++) block.u8(1)
  return withBlock(encodePage(EMPTY), () => block.finish())
}

function roundTrips<T>(
  values: fc.Arbitrary<T>,
  encode: (value: T) => Uint8Array,
  decode: (bytes: Uint8Array) => T,
): void {
  fc.assert(
    fc.property(values, (value) => {
      expect(decode(encode(value))).toEqual(value)
    }),
    { numRuns: 150 },
  )
}

function survives(bodies: fc.Arbitrary<Uint8Array>, decode: (bytes: Uint8Array) => unknown): void {
  const attempt = (bytes: Uint8Array): void => {
    try {
      decode(bytes)
    } catch (error) {
      if (!(error instanceof FormatError)) throw error
    }
  }
  const damage = fc.array(fc.tuple(fc.nat(), fc.nat({ max: 255 })), { minLength: 1, maxLength: 4 })
  const apply = (bytes: Uint8Array, hits: [number, number][]): Uint8Array => {
    const damaged = Uint8Array.from(bytes)
    for (const [at, byte] of hits) damaged[at % Math.max(1, bytes.length)] = byte
    return damaged
  }
  fc.assert(fc.property(fc.uint8Array(), attempt), { numRuns: 300 })
  fc.assert(
    fc.property(bodies, damage, fc.nat(), (body, hits, cut) => {
      attempt(apply(body, hits))
      attempt(withBlock(body, (block) => apply(block, hits)))
      attempt(body.subarray(0, cut % body.length))
      attempt(withBlock(body, (block) => block.subarray(0, cut % block.length)))
    }),
    { numRuns: 300 },
  )
}
