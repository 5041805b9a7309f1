/**
 * Arbitrary values of the tree: anything its formats can hold, for properties.
 */

import * as fc from 'fast-check'

import { compare, equal } from '../../protocol/bytes.ts'
import { SEALED_SIZE_MAX, SEALED_SIZE_MIN } from '../../protocol/object.ts'
import { OFFSET_MAX, PACK_NUMBER_MAX } from '../../protocol/reference.ts'
import type { Reference } from '../../protocol/reference.ts'
import { SEQUENCE_MAX } from '../../protocol/tree.ts'
import type {
  Attributes,
  Entry,
  Extra,
  FolderNode,
  History,
  Page,
  Parts,
  PastLink,
  Section,
  Span,
  Time,
  Version,
  VersionContent,
  What,
} from '../../protocol/tree.ts'
import { LABELS, VERSION_ID_MAX } from '../../protocol/version-columns.ts'

const MAX = Number.MAX_SAFE_INTEGER

export const secret = fc.uint8Array({ minLength: 32, maxLength: 32 })

/** Few runs, so that references share them. */
const runSecret = fc.integer({ min: 0, max: 3 }).map((fill) => new Uint8Array(32).fill(fill))

export const reference: fc.Arbitrary<Reference> = fc.record({
  pack: fc.oneof(fc.integer({ min: 0, max: 3 }), fc.constantFrom(0, PACK_NUMBER_MAX)),
  offset: fc.oneof(fc.integer({ min: 0, max: 1000 }), fc.constantFrom(0, OFFSET_MAX)),
  length: fc.oneof(
    fc.integer({ min: SEALED_SIZE_MIN, max: 9000 }),
    fc.constantFrom(SEALED_SIZE_MIN, SEALED_SIZE_MAX),
  ),
  key: fc.oneof(
    fc.record({ type: fc.constant('raw' as const), secret }),
    fc.record({
      type: fc.constant('run' as const),
      secret: runSecret,
      ordinal: fc.integer({ min: 0, max: 255 }),
    }),
  ),
})

const time: fc.Arbitrary<Time> = fc.record({
  seconds: fc.oneof(fc.integer(), fc.constantFrom(0, -1, -(2 ** 52), 2 ** 52 - 1, 1_700_000_000)),
  nanoseconds: fc.oneof(fc.constantFrom(0, 999_999_999), fc.integer({ min: 0, max: 999_999_999 })),
})

export const extras: fc.Arbitrary<readonly Extra[]> = fc
  .uniqueArray(fc.record({ type: fc.integer({ min: 0, max: 0x7fff }), bytes: fc.uint8Array() }), {
    selector: ({ type }) => type,
    maxLength: 3,
  })
  .map((list) => list.toSorted((a, b) => a.type - b.type))

const accountName = fc.option(fc.constantFrom('', 'anna', 'bob', 'Zoë'), { nil: undefined })

export const attributes: fc.Arbitrary<Attributes> = fc
  .record({
    mode: fc.integer({ min: 0, max: 0o7777 }),
    uid: fc.constantFrom(0, 1000, 2 ** 32 - 1),
    gid: fc.constantFrom(0, 100, 2 ** 32 - 1),
    userName: accountName,
    groupName: accountName,
    times: fc.oneof(
      fc.tuple(time, time),
      time.map((same): [Time, Time] => [same, same]),
    ),
    inode: fc.oneof(
      fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
      fc.constantFrom(0n, 2n ** 64n - 1n),
    ),
    size: fc.oneof(fc.integer({ min: 0, max: 5000 }), fc.constantFrom(0, MAX)),
    extra: extras,
  })
  .map(({ times: [mtime, ctime], userName, groupName, ...rest }) => ({
    ...rest,
    mtime,
    ctime,
    ...(userName === undefined ? {} : { userName }),
    ...(groupName === undefined ? {} : { groupName }),
  }))

function parts(min: number): fc.Arbitrary<Parts> {
  return fc.record({
    depth: fc.integer({ min: 0, max: 3 }),
    references: fc.array(reference, { minLength: min, maxLength: 5 }),
  })
}

const content: fc.Arbitrary<VersionContent> = fc.oneof(
  fc.record({ type: fc.constant('original' as const), parts: parts(1) }),
  fc.record({
    type: fc.constant('delta' as const),
    base: fc.integer({ min: 0, max: VERSION_ID_MAX }),
    parts: parts(1),
  }),
)

const version: fc.Arbitrary<Version> = fc
  .record({
    id: fc.oneof(fc.integer({ min: 0, max: 9000 }), fc.constantFrom(VERSION_ID_MAX)),
    size: fc.oneof(fc.integer({ min: 0, max: 5000 }), fc.constantFrom(MAX)),
    digest: fc.option(secret, { nil: undefined }),
    label: fc.constantFrom(...LABELS),
    content,
    extra: extras,
  })
  .map((candidate): Version => {
    const { id, size, digest, content: made } = candidate
    if (made.type === 'delta') {
      const base = made.base === id ? (id === 0 ? 1 : id - 1) : made.base
      return { ...candidate, digest: digest ?? new Uint8Array(32), content: { ...made, base } }
    }
    if (size === 0) {
      return { ...candidate, content: { type: 'original', parts: { depth: 0, references: [] } } }
    }
    const isOne = made.parts.depth === 0 && made.parts.references.length === 1
    return isOne ? candidate : { ...candidate, digest: digest ?? new Uint8Array(32) }
  })

export const versions: fc.Arbitrary<readonly Version[]> = fc
  .uniqueArray(version, { selector: ({ id }) => id, minLength: 1, maxLength: 4 })
  .map((list) => list.toSorted((a, b) => a.id - b.id))

const history: fc.Arbitrary<History | undefined> = fc.oneof(
  fc.constant(undefined),
  versions.map((list): History => ({ type: 'inline', versions: list })),
  reference.map((where): History => ({ type: 'stored', reference: where })),
)

const stored: fc.Arbitrary<FolderNode> = fc.record({
  type: fc.constant('stored' as const),
  level: fc.integer({ min: 0, max: 15 }),
  reference,
})

export const name: fc.Arbitrary<Uint8Array> = fc
  .uint8Array({ minLength: 1, maxLength: 12 })
  .filter((bytes) => !bytes.includes(0) && !bytes.includes(0x2f))
  .filter((bytes) => bytes.length > 2 || !bytes.every((byte) => byte === 0x2e))

const u32 = fc.integer({ min: 0, max: 2 ** 32 - 1 })

function what(list: readonly Version[], depth: number): fc.Arbitrary<What> {
  const known = list.length > 0 ? [fc.constantFrom(...list).map(({ id }) => id)] : []
  const id = fc.oneof(...known, fc.integer({ min: 0, max: VERSION_ID_MAX }))
  const node = depth < 2 ? fc.oneof(stored, inline(depth + 1)) : stored
  return fc.oneof(
    fc.record({ kind: fc.constant('file' as const), version: id }),
    fc.record({ kind: fc.constant('folder' as const), node }),
    fc.record({ kind: fc.constant('symlink' as const), target: fc.uint8Array() }),
    fc.record({ kind: fc.constant('fifo' as const) }),
    fc.record({
      kind: fc.constantFrom('characterDevice' as const, 'blockDevice' as const),
      device: fc.record({ major: u32, minor: u32 }),
    }),
  )
}

function inline(depth: number): fc.Arbitrary<FolderNode> {
  return fc
    .constant(undefined)
    .chain(() => entries('live', depth))
    .map((list): FolderNode => ({ type: 'inline', entries: list }))
}

function spans(list: readonly Version[], depth: number): fc.Arbitrary<Span[]> {
  const gap = fc.oneof(fc.integer({ min: 0, max: 5 }), fc.constant(2 ** 30))
  const life = fc.oneof(fc.integer({ min: 1, max: 5 }), fc.constant(2 ** 30))
  return fc
    .record({
      times: fc.array(fc.record({ gap, life, attributes, what: what(list, depth) }), {
        maxLength: 4,
      }),
      isOpen: fc.boolean(),
    })
    .map(({ times, isOpen }) => {
      let at = 0
      return times.map((made, index): Span => {
        const from = at + made.gap
        at = Math.min(from + made.life, SEQUENCE_MAX)
        const until = isOpen && index === times.length - 1 ? undefined : at
        return { from, until, attributes: made.attributes, what: made.what }
      })
    })
}

/** A folder that lived on, where two folder spans touch. */
function withNext(list: readonly Span[]): readonly Span[] {
  return list.map((span, index) => {
    const after = list[index + 1]
    const isCarriedOn = after?.what.kind === 'folder' && after.from === span.until
    if (span.what.kind !== 'folder' || !isCarriedOn) return span
    return { ...span, what: { kind: 'folder', node: { type: 'next' } } }
  })
}

function entry(rules: 'live' | 'past', depth: number): fc.Arbitrary<Entry> {
  return fc
    .record({ name, history })
    .chain((made) => {
      const list = made.history?.type === 'inline' ? made.history.versions : []
      return spans(list, depth).map((times) => ({ ...made, spans: withNext(times) }))
    })
    .map((made): Entry => {
      if (rules === 'live') return made
      return { ...made, spans: made.spans.filter(({ until }) => until !== undefined) }
    })
    .filter((made) => made.spans.length > 0 || made.history !== undefined)
}

export function entries(rules: 'live' | 'past', depth = 0): fc.Arbitrary<readonly Entry[]> {
  return fc.array(entry(rules, depth), { maxLength: 5 }).map((list) => {
    const sorted = list.toSorted((a, b) => compare(a.name, b.name))
    if (rules === 'past') return sorted
    return sorted.filter(({ name: one }, index) => {
      const before = sorted[index - 1]
      return before === undefined || !equal(before.name, one)
    })
  })
}

export const sections: fc.Arbitrary<readonly Section[]> = fc
  .uniqueArray(
    fc.record({ type: fc.integer({ min: 128, max: 100_000 }), bytes: fc.uint8Array() }),
    { selector: ({ type }) => type, maxLength: 3 },
  )
  .map((list) => list.toSorted((a, b) => a.type - b.type))

const link: fc.Arbitrary<PastLink> = fc
  .record({ from: fc.nat(), life: fc.nat(), reference })
  .map(({ from, life, reference: where }) => ({ from, until: from + life, reference: where }))

export const page: fc.Arbitrary<Page> = fc.record({
  entries: entries('live'),
  past: fc.array(link, { maxLength: 4 }),
  sections,
})
