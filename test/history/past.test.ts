import { describe, expect, it } from 'vitest'

import type { Attributes, Entry, PastLink, Span, Version } from '../../protocol/tree.ts'
import { NodeStore } from '../../src/history/node-store.ts'
import {
  mergePast,
  PAST_SMALL_MAX,
  PAST_WEIGHT_MAX,
  putPast,
  spill,
  uniteLinks,
} from '../../src/history/past.ts'
import { weighSpan } from '../../src/history/weight.ts'
import { nameOf } from '../reference/tree-model.ts'
import { MemoryObjects } from '../support/memory-objects.ts'

const ALL = { lower: nameOf(''), upper: undefined }

describe('the past of a page', () => {
  it('stays until it outweighs its limit', () => {
    const countMax = Math.floor(PAST_WEIGHT_MAX / weighSpan(span(1, 2)))
    expect(spill([busy(countMax)], 10_000)).toBeUndefined()
    const spilled = spill([busy(countMax + 1)], 10_000)
    expect(spilled?.live.map(({ spans }) => spans.length)).toEqual([1])
    expect(spilled?.past.map(({ spans }) => spans.length)).toEqual([countMax + 1])
  })

  it('keeps what ended in the very run, and histories of what lives', () => {
    const count = 200
    const spilled = spill([busy(count)], count + 1)
    expect(spilled?.live[0]?.spans.map(({ until }) => until)).toEqual([count + 1, undefined])
    expect(spilled?.live[0]?.history?.type).toBe('inline')
    expect(spilled?.past[0]?.history).toBeUndefined()
  })

  it('takes what is no more along with its history', () => {
    const dead = { ...busy(200), spans: busy(200).spans.slice(0, -1) }
    const spilled = spill([dead], 10_000)
    expect(spilled).toEqual({ live: [], past: [dead] })
  })

  it('is merged above eight small pages, not before', async () => {
    const { objects, links } = await pastPages(PAST_SMALL_MAX + 1)
    const parts = { nodes: new NodeStore(objects), sink: objects, sequence: 50 }
    expect(await mergePast(links.slice(1), ALL, parts)).toEqual(links.slice(1))
    const merged = await mergePast(links, ALL, parts)
    expect(merged.length).toBe(1)
    expect(merged[0]).toMatchObject({ from: 1, until: PAST_SMALL_MAX + 2 })
    const { entries } = await parts.nodes.past((merged[0] as PastLink).reference)
    expect(entries.map(({ spans }) => spans.length)).toEqual([9, 9, 9])
  })

  it('keeps all names of the page in a merge, and only them', async () => {
    const { objects, links } = await pastPages(PAST_SMALL_MAX + 1)
    const parts = { nodes: new NodeStore(objects), sink: objects, sequence: 50 }
    const range = { lower: nameOf('b'), upper: nameOf('c') }
    const [merged] = await mergePast(links, range, parts)
    const { entries } = await parts.nodes.past((merged as PastLink).reference)
    expect(entries.map(({ name }) => name)).toEqual([nameOf('b')])
  })

  it('keeps one copy of what two past pages hold', async () => {
    const { objects, links } = await pastPages(PAST_SMALL_MAX + 1)
    const parts = { nodes: new NodeStore(objects), sink: objects, sequence: 50 }
    const copies = await Promise.all(links.map((link) => copy(link, objects, parts.nodes)))
    const [merged] = await mergePast(uniteLinks(links, copies), ALL, parts)
    const { entries } = await parts.nodes.past((merged as PastLink).reference)
    expect(entries.map(({ spans }) => spans.length)).toEqual([9, 9, 9])
  })

  it('is listed once, the oldest first', async () => {
    const { links } = await pastPages(4)
    expect(uniteLinks(links.toReversed(), links)).toEqual(links)
  })
})

/** Past pages of one span each for a, b and c. */
async function pastPages(count: number): Promise<{ objects: MemoryObjects; links: PastLink[] }> {
  const objects = new MemoryObjects()
  const links: PastLink[] = []
  for (let at = 1; at <= count; at++) {
    const entries = ['a', 'b', 'c'].map((name): Entry => {
      return { name: nameOf(name), spans: [span(at, at + 1)], history: undefined }
    })
    links.push(await putPast(entries, at, objects))
  }
  return { objects, links }
}

async function copy(link: PastLink, objects: MemoryObjects, nodes: NodeStore): Promise<PastLink> {
  const { entries } = await nodes.past(link.reference)
  return putPast(entries, link.from, objects)
}

/** A file with so many ended spans and one that lasts. */
function busy(count: number): Entry {
  const ended = Array.from({ length: count }, (_, index) => span(index + 1, index + 2))
  return {
    name: nameOf('busy'),
    spans: [...ended, span(count + 1, undefined)],
    history: { type: 'inline', versions: [EMPTY] },
  }
}

const EMPTY: Version = {
  id: 1024,
  size: 0,
  digest: undefined,
  label: 'stable',
  content: { type: 'original', parts: { depth: 0, references: [] } },
  extra: [],
}

function span(from: number, until: number | undefined): Span {
  const attributes: Attributes = {
    mode: 0o600,
    uid: 0,
    gid: 0,
    mtime: { seconds: from, nanoseconds: 0 },
    ctime: { seconds: from, nanoseconds: 0 },
    inode: 1n,
    size: 0,
    extra: [],
  }
  return { from, until, attributes, what: { kind: 'file', version: 1024 } }
}
