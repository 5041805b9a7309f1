/**
 * The past of a page: moving ended spans out of it, and keeping past pages few.
 */

import { compare, toHex } from '../../protocol/bytes.ts'
import { encodePastPage } from '../../protocol/past-page.ts'
import { referenceId } from '../../protocol/reference.ts'
import type { Entry, History, PastLink, Section, Span, Version } from '../../protocol/tree.ts'
import type { NodeStore } from './node-store.ts'
import type { ObjectSink } from './objects.ts'
import { weighEntry, weighSpan } from './weight.ts'

/** Ended spans, and files that are no more, stay in their page up to this weight in all. */
export const PAST_WEIGHT_MAX = 2_048

/** Past pages of one page that are still small; above that they are merged. */
export const PAST_SMALL_MAX = 8

/** A past page of this many sealed bytes is no longer merged with others. */
export const PAST_SMALL_SIZE = 32_768

/** Past pages are merged up to this weight. */
const MERGED_WEIGHT_MAX = 262_144

/** The names a page is responsible for: `lower` and above, below `upper`. */
export interface NameRange {
  readonly lower: Uint8Array
  /** `undefined` for the end of the folder. */
  readonly upper: Uint8Array | undefined
}

/** A page's entries apart: what stays, and what goes to a past page. */
export interface Spilled {
  readonly live: readonly Entry[]
  readonly past: readonly Entry[]
}

/**
 * Take out of a page what ended before `sequence`, if it outweighs its limit.
 *
 * What ended at `sequence` itself stays: a run done again at the same sequence may take it back. An
 * entry that is still live keeps its history, since deltas to come may build on it.
 */
export function spill(entries: readonly Entry[], sequence: number): Spilled | undefined {
  const live: Entry[] = []
  const past: Entry[] = []
  let weight = 0
  for (const entry of entries) {
    const ended = entry.spans.filter((span) => hasEnded(span, sequence))
    const rest = entry.spans.filter((span) => !hasEnded(span, sequence))
    if (rest.length === 0) {
      past.push(entry)
      weight += weighEntry(entry)
    } else {
      live.push(ended.length === 0 ? entry : { ...entry, spans: rest })
      if (ended.length > 0) past.push({ name: entry.name, spans: ended, history: undefined })
      for (const span of ended) weight += weighSpan(span)
    }
  }
  return weight > PAST_WEIGHT_MAX ? { live, past } : undefined
}

/** @param sequence - stands in where the entries hold histories only */
export async function putPast(
  entries: readonly Entry[],
  sequence: number,
  sink: ObjectSink,
  sections: readonly Section[] = [],
): Promise<PastLink> {
  let from = Infinity
  let until = 0
  for (const { spans } of entries) {
    for (const span of spans) {
      from = Math.min(from, span.from)
      until = Math.max(until, span.until ?? 0)
    }
  }
  const reference = await sink.put('past', encodePastPage({ entries, sections }))
  return from <= until ? { from, until, reference } : { from: sequence, until: sequence, reference }
}

/**
 * Merge small past pages once there are more than eight, dropping what lies outside the page's range:
 * pages that were one page before still share their past.
 *
 * @returns the very links that came in where nothing is to be merged
 */
export async function mergePast(
  links: readonly PastLink[],
  range: NameRange,
  parts: { readonly nodes: NodeStore; readonly sink: ObjectSink; readonly sequence: number },
): Promise<readonly PastLink[]> {
  const small = links.filter(({ reference }) => reference.length < PAST_SMALL_SIZE)
  if (small.length <= PAST_SMALL_MAX) return links
  const merged = links.filter((link) => !small.includes(link))
  let group: Entry[] = []
  let weight = 0
  for (const { reference } of small) {
    const past = await parts.nodes.past(reference)
    for (const entry of past.entries) {
      if (!isWithin(entry.name, range)) continue
      group.push(entry)
      weight += weighEntry(entry)
    }
    if (weight < MERGED_WEIGHT_MAX) continue
    merged.push(await putPast(uniteEntries(group), parts.sequence, parts.sink))
    group = []
    weight = 0
  }
  if (group.length > 0) {
    merged.push(await putPast(uniteEntries(group), parts.sequence, parts.sink))
  }
  return merged
}

/**
 * Leave out of past pages what lies outside the page's range: pages that list it hold that.
 *
 * @returns the very links that came in where all names are the page's own
 */
export async function clipPast(
  links: readonly PastLink[],
  range: NameRange,
  parts: { readonly nodes: NodeStore; readonly sink: ObjectSink; readonly sequence: number },
): Promise<readonly PastLink[]> {
  const clipped: PastLink[] = []
  for (const link of links) {
    const { entries, sections } = await parts.nodes.past(link.reference)
    const own = entries.filter(({ name }) => isWithin(name, range))
    if (own.length === entries.length) clipped.push(link)
    else if (own.length > 0) {
      clipped.push(await putPast(own, parts.sequence, parts.sink, sections))
    }
  }
  return clipped
}

/** All links once, the oldest first. */
export function uniteLinks(...lists: readonly (readonly PastLink[])[]): readonly PastLink[] {
  const links = new Map<string, PastLink>()
  for (const list of lists) {
    for (const link of list) links.set(referenceId(link.reference), link)
  }
  return [...links.values()].toSorted((a, b) => a.until - b.until || a.from - b.from)
}

export function isWithin(name: Uint8Array, { lower, upper }: NameRange): boolean {
  return compare(lower, name) <= 0 && (upper === undefined || compare(name, upper) < 0)
}

/**
 * Spans of one name from several places, oldest first; pages that once shared a past page may hold
 * copies of one span, and one is enough.
 */
export function uniteSpans(entries: readonly Entry[]): readonly Span[] {
  const spans = new Map<number, Span>()
  for (const entry of entries) {
    for (const span of entry.spans) if (!spans.has(span.from)) spans.set(span.from, span)
  }
  return [...spans.values()].toSorted((a, b) => a.from - b.from)
}

/** One entry per name where histories allow it: a second history needs a second entry. */
function uniteEntries(entries: readonly Entry[]): readonly Entry[] {
  const groups = Map.groupBy(entries, ({ name }) => toHex(name))
  const united: Entry[] = []
  for (const group of groups.values()) {
    const [first, ...others] = uniteHistories(group)
    const name = group[0]?.name
    if (name === undefined) continue
    const spans = uniteSpans(group)
    if (first !== undefined || spans.length > 0) united.push({ name, spans, history: first })
    for (const history of others) united.push({ name, spans: [], history })
  }
  return united.toSorted((a, b) => compare(a.name, b.name))
}

/** Each stored history once, and all inline ones as one. */
function uniteHistories(entries: readonly Entry[]): readonly History[] {
  const stored = new Map<string, History>()
  const versions = new Map<number, Version>()
  for (const { history } of entries) {
    if (history?.type === 'stored') stored.set(referenceId(history.reference), history)
    if (history?.type !== 'inline') continue
    for (const version of history.versions) versions.set(version.id, version)
  }
  if (versions.size === 0) return [...stored.values()]
  const ascending = [...versions.values()].toSorted((a, b) => a.id - b.id)
  return [{ type: 'inline', versions: ascending }, ...stored.values()]
}

function hasEnded({ until }: Span, sequence: number): boolean {
  return until !== undefined && until < sequence
}
