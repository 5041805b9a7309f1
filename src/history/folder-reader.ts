/**
 * Reading one folder: its pages, live and past, as one list of names.
 *
 * What a folder holds under a name lies in up to three places: the live page's entry, past pages'
 * entries, and history objects. Past pages are read only when the question is about their time, or
 * when the answer is nowhere else.
 */

import { compare, equal } from '../../protocol/bytes.ts'
import { covers } from '../../protocol/tree.ts'
import type {
  Entry,
  FolderNode,
  Page,
  PastLink,
  Span,
  Version,
  VersionId,
} from '../../protocol/tree.ts'
import { CairnError, FormatError } from '../base/errors.ts'
import { BadHistoryError } from './errors.ts'
import { readVersions, versionPages } from './file-history.ts'
import type { NodeStore } from './node-store.ts'
import { isWithin, uniteSpans } from './past.ts'
import type { NameRange } from './past.ts'
import { openSpan } from './spans.ts'
import type { EntryPair, FileHistory, NameThroughTime, VisibleEntry } from './visible.ts'

const FIRST = new Uint8Array(0)

/** Told of what cannot be read; may throw to end it all. */
export type OnUnreadable = (error: CairnError) => void

export class FolderReader {
  readonly #nodes: NodeStore
  readonly #node: FolderNode

  constructor(nodes: NodeStore, node: FolderNode) {
    this.#nodes = nodes
    this.#node = node
  }

  /** @returns what stood under the name at snapshot `at` */
  async entry(name: Uint8Array, at: number): Promise<VisibleEntry | undefined> {
    const page = await this.#pageOf(name)
    return page.visible(await page.entriesOf(name, at), at)
  }

  /**
   * @param onUnreadable - told of each page, past page or history that cannot be read, and the list
   *   goes on with the next; without it the list ends with the error
   * @returns everything that stood here at snapshot `at`, names ascending
   */
  async *list(at: number, onUnreadable: OnUnreadable = rethrow): AsyncGenerator<VisibleEntry> {
    const whole = { lower: FIRST, upper: undefined }
    for await (const page of this.#pages(this.#node, whole, onUnreadable)) {
      for (const entries of await page.names((link) => isAbout(link, at), onUnreadable)) {
        const visible = await unless(onUnreadable, () => page.visible(entries, at))
        if (visible !== undefined) yield visible
      }
    }
  }

  /**
   * @returns what stood here at one snapshot or the other, names ascending, and folders that stood at both;
   *   nothing of what else was the same at both
   */
  async *pairs(before: number, after: number): AsyncGenerator<EntryPair> {
    const whole = { lower: FIRST, upper: undefined }
    const isWanted = (link: PastLink) => isAbout(link, before) || isAbout(link, after)
    for await (const page of this.#pages(this.#node, whole, rethrow)) {
      for (const entries of await page.names(isWanted, rethrow)) {
        const spans = uniteSpans(entries)
        const [old, now] = [before, after].map((at) => spans.find((span) => covers(span, at)))
        if (old === now && old?.what.kind !== 'folder') continue
        yield {
          before: await page.visible(entries, before),
          after: await page.visible(entries, after),
        }
      }
    }
  }

  /**
   * @param onUnreadable - as for `list`
   * @returns every name that was ever here, ascending, with its spans; a folder's spans have their nodes
   */
  async *names(onUnreadable: OnUnreadable = rethrow): AsyncGenerator<NameThroughTime> {
    const whole = { lower: FIRST, upper: undefined }
    for await (const page of this.#pages(this.#node, whole, onUnreadable)) {
      for (const entries of await page.names(() => true, onUnreadable)) {
        const [first] = entries
        if (first === undefined) continue
        const spans = uniteSpans(entries)
        const whats = await unless(onUnreadable, async () =>
          spans.map((span) => withOwnNode(span, spans)),
        )
        if (whats === undefined) continue
        yield { name: first.name, spans: whats, versions: () => this.#versionsOf(entries) }
      }
    }
  }

  /** @returns all that ever stood under the name; a folder's spans have their nodes */
  async spans(name: Uint8Array): Promise<readonly Span[]> {
    const page = await this.#pageOf(name)
    const spans = uniteSpans(await page.entriesOf(name))
    return spans.map((span) => withOwnNode(span, spans))
  }

  /** @returns every version under the name, ids ascending */
  async versions(name: Uint8Array): Promise<readonly Version[]> {
    const page = await this.#pageOf(name)
    return this.#versionsOf(await page.entriesOf(name))
  }

  async #versionsOf(entries: readonly Entry[]): Promise<readonly Version[]> {
    const versions = new Map<VersionId, Version>()
    for (const { history } of entries) {
      if (history === undefined) continue
      for (const version of await readVersions(history, this.#nodes)) {
        if (!versions.has(version.id)) versions.set(version.id, version)
      }
    }
    return [...versions.values()].toSorted((a, b) => a.id - b.id)
  }

  /** @returns the history of the file that stands under the name to this day, and when it was shown */
  async liveHistory(name: Uint8Array): Promise<FileHistory | undefined> {
    const page = await this.#pageOf(name)
    const entry = page.live(name)
    if (entry?.history === undefined) return undefined
    if (openSpan(entry.spans)?.what.kind !== 'file') return undefined
    const versions = await readVersions(entry.history, this.#nodes)
    const ids = new Set(versions.map(({ id }) => id))
    const spans = uniteSpans(await page.entriesOf(name))
    return {
      versions,
      spans: spans.filter(({ what }) => what.kind === 'file' && ids.has(what.version)),
    }
  }

  async #pageOf(name: Uint8Array): Promise<PageReader> {
    let node = this.#node
    let upper: Uint8Array | undefined
    let lower: Uint8Array = FIRST
    while (node.type === 'stored' && node.level > 0) {
      const { rows } = await this.#nodes.index(node.reference, node.level)
      const index = Math.max(
        0,
        rows.findLastIndex((row) => compare(row.lower, name) <= 0),
      )
      const row = rows[index]
      if (row === undefined) throw new FormatError('index: no rows')
      if (index > 0) lower = row.lower
      upper = rows[index + 1]?.lower ?? upper
      node = { type: 'stored', level: node.level - 1, reference: row.reference }
    }
    return this.#page(node, { lower, upper })
  }

  async *#pages(
    node: FolderNode,
    range: NameRange,
    onUnreadable: OnUnreadable,
  ): AsyncGenerator<PageReader> {
    if (node.type !== 'stored' || node.level === 0) {
      const page = await unless(onUnreadable, () => this.#page(node, range))
      if (page !== undefined) yield page
      return
    }
    const { level, reference: top } = node
    const rows = (await unless(onUnreadable, () => this.#nodes.index(top, level)))?.rows ?? []
    for (const [index, { lower, reference }] of rows.entries()) {
      const child = { type: 'stored' as const, level: level - 1, reference }
      const within = {
        lower: index === 0 ? range.lower : lower,
        upper: rows[index + 1]?.lower ?? range.upper,
      }
      yield* this.#pages(child, within, onUnreadable)
    }
  }

  async #page(node: FolderNode, range: NameRange): Promise<PageReader> {
    if (node.type === 'next') throw new FormatError('span: a folder without a node')
    const page =
      node.type === 'inline'
        ? { entries: node.entries, past: [], sections: [] }
        : await this.#nodes.page(node.reference)
    return new PageReader(this.#nodes, page, range)
  }
}

/** One page with its past, within its range of names. */
class PageReader {
  readonly #nodes: NodeStore
  readonly #page: Page
  readonly #range: NameRange

  constructor(nodes: NodeStore, page: Page, range: NameRange) {
    this.#nodes = nodes
    this.#page = page
    this.#range = range
  }

  /** @returns the entries, from the live page and past pages that are wanted, grouped by name */
  async names(
    isWanted: (link: PastLink) => boolean,
    onUnreadable: OnUnreadable,
  ): Promise<readonly (readonly Entry[])[]> {
    const entries = [...this.#page.entries]
    for (const link of this.#page.past) {
      if (!isWanted(link)) continue
      const past = await unless(onUnreadable, () => this.#nodes.past(link.reference))
      if (past === undefined) continue
      entries.push(...past.entries.filter(({ name }) => isWithin(name, this.#range)))
    }
    const groups: Entry[][] = []
    let before: Uint8Array | undefined
    for (const entry of entries.toSorted((a, b) => compare(a.name, b.name))) {
      if (before !== undefined && equal(before, entry.name)) groups.at(-1)?.push(entry)
      else groups.push([entry])
      before = entry.name
    }
    return groups
  }

  /** @returns the entry in the page itself, without its past */
  live(name: Uint8Array): Entry | undefined {
    return this.#page.entries.find((entry) => equal(entry.name, name))
  }

  /** @param at - leave out past pages that do not cover it */
  async entriesOf(name: Uint8Array, at?: number): Promise<readonly Entry[]> {
    const entries = this.#page.entries.filter((entry) => equal(entry.name, name))
    for (const link of this.#page.past) {
      if (at !== undefined && !isAbout(link, at)) continue
      const past = await this.#nodes.past(link.reference)
      entries.push(...past.entries.filter((entry) => equal(entry.name, name)))
    }
    return entries
  }

  /** @param entries - what is at hand under one name; more is fetched where that does not do */
  async visible(entries: readonly Entry[], at: number): Promise<VisibleEntry | undefined> {
    const span = uniteSpans(entries).find((candidate) => covers(candidate, at))
    const name = entries[0]?.name
    if (span === undefined || name === undefined) return undefined
    if (span.what.kind === 'file') {
      return { name, span, version: await this.#version(span.what.version, name, entries) }
    }
    if (span.what.kind !== 'folder' || span.what.node.type !== 'next') return { name, span }
    return { name, span: withOwnNode(span, uniteSpans(await this.entriesOf(name))) }
  }

  async #version(id: VersionId, name: Uint8Array, entries: readonly Entry[]): Promise<Version> {
    const version =
      (await this.#find(id, entries)) ?? (await this.#find(id, await this.entriesOf(name)))
    if (version === undefined) throw new BadHistoryError(`history: version ${id} is missing`)
    return version
  }

  async #find(id: VersionId, entries: readonly Entry[]): Promise<Version | undefined> {
    for (const { history } of entries) {
      if (history === undefined) continue
      for await (const part of versionPages(history, this.#nodes)) {
        const version = part.find((candidate) => candidate.id === id)
        if (version !== undefined) return version
      }
    }
    return undefined
  }
}

function rethrow(error: CairnError): never {
  throw error
}

/** @returns what `read` gives, or nothing where it fails and that was told */
async function unless<T>(
  onUnreadable: OnUnreadable,
  read: () => Promise<T>,
): Promise<T | undefined> {
  try {
    return await read()
  } catch (error) {
    if (!(error instanceof CairnError)) throw error
    onUnreadable(error)
    return undefined
  }
}

function isAbout({ from, until }: PastLink, at: number): boolean {
  return from <= at && at < until
}

/** @returns the span; for a folder that lived on, with the node it has by then */
function withOwnNode(span: Span, spans: readonly Span[]): Span {
  if (span.what.kind !== 'folder' || span.what.node.type !== 'next') return span
  return { ...span, what: { kind: 'folder', node: nodeAfter(span, spans) } }
}

/** @returns the node of a folder that lived on: that of the first span after which has one */
function nodeAfter(span: Span, spans: readonly Span[]): FolderNode {
  let until = span.until
  for (const { from, until: end, what } of spans) {
    if (from !== until) continue
    if (what.kind !== 'folder') break
    if (what.node.type !== 'next') return what.node
    until = end
  }
  throw new FormatError('span: a folder without a node')
}
