/**
 * One file's history: adding versions to it and reading it, wherever it lies.
 *
 * A history stays in its page up to 64 references in all. Above that it moves into `history` objects:
 * one holds the newest versions and leads to the one with older versions.
 */

import { encodeHistory } from '../../protocol/history.ts'
import type { Reference } from '../../protocol/reference.ts'
import type { History, Section, Version, VersionId } from '../../protocol/tree.ts'
import { assert } from '../base/assert.ts'
import type { NodeStore } from './node-store.ts'
import type { ObjectSink } from './objects.ts'
import { same } from './same.ts'

/** Most references (a version counts as one at least) of a history that lies in its page. */
export const HISTORY_INLINE_MAX = 64

/** Most references of one `history` object that is still added to: some 16 KiB. */
export const HISTORY_PAGE_MAX = 256

/**
 * @param added - ids ascending; one that is there already takes the place of the old one
 * @returns the very history that came in if it holds all of them already
 */
export async function addVersions(
  history: History | undefined,
  added: readonly Version[],
  parts: { readonly nodes: NodeStore; readonly sink: ObjectSink },
): Promise<History | undefined> {
  if (added.length === 0) return history
  if (history?.type === 'stored') return addToStored(history, added, parts)
  const versions = merge(history?.versions ?? [], added)
  if (history !== undefined && same(versions, history.versions)) return history
  if (count(versions) <= HISTORY_INLINE_MAX) return { type: 'inline', versions }
  return { type: 'stored', reference: await putPages(versions, undefined, parts.sink) }
}

/**
 * @returns every version, ids ascending; all of them are in memory then
 */
export async function readVersions(
  history: History,
  nodes: NodeStore,
): Promise<readonly Version[]> {
  const versions = new Map<VersionId, Version>()
  for await (const page of versionPages(history, nodes)) {
    for (const version of page) if (!versions.has(version.id)) versions.set(version.id, version)
  }
  return [...versions.values()].toSorted((a, b) => a.id - b.id)
}

/**
 * Write a history anew; no object of the old one is used again.
 *
 * @param versions - all that it shall hold, ids ascending, at least one
 * @returns the very history that came in if it holds just these already
 */
export async function rewriteVersions(
  history: History | undefined,
  versions: readonly Version[],
  parts: { readonly nodes: NodeStore; readonly sink: ObjectSink },
): Promise<History> {
  assert(isAscending(versions), 'a history has versions, ids ascending')
  if (history !== undefined) {
    const before = await readVersions(history, parts.nodes)
    if (same(before, versions)) return history
  }
  const sections = history === undefined ? [] : await sectionsOf(history, parts.nodes)
  if (sections.length === 0 && count(versions) <= HISTORY_INLINE_MAX) {
    return { type: 'inline', versions }
  }
  return { type: 'stored', reference: await putPages(versions, undefined, parts.sink, sections) }
}

/** @returns versions page by page, the newest page first, as they lie there */
export async function* versionPages(
  history: History,
  nodes: NodeStore,
): AsyncGenerator<readonly Version[]> {
  if (history.type === 'inline') {
    yield history.versions
    return
  }
  let next: Reference | undefined = history.reference
  while (next !== undefined) {
    const page = await nodes.history(next)
    yield page.versions
    next = page.older
  }
}

async function addToStored(
  history: History & { type: 'stored' },
  added: readonly Version[],
  { nodes, sink }: { readonly nodes: NodeStore; readonly sink: ObjectSink },
): Promise<History> {
  const newest = await nodes.history(history.reference)
  const versions = merge(newest.versions, added)
  if (same(versions, newest.versions)) return history
  if (count(versions) > HISTORY_PAGE_MAX) {
    return { type: 'stored', reference: await putPages(added, history.reference, sink) }
  }
  const body = encodeHistory({ ...newest, versions })
  return { type: 'stored', reference: await sink.put('history', body) }
}

/** Write versions in as many pages as they need, oldest first. */
async function putPages(
  versions: readonly Version[],
  before: Reference | undefined,
  sink: ObjectSink,
  newestSections: readonly Section[] = [],
): Promise<Reference> {
  let older = before
  const pages = pagesOf(versions)
  for (const [index, page] of pages.entries()) {
    const sections = index === pages.length - 1 ? newestSections : []
    older = await sink.put('history', encodeHistory({ versions: page, older, sections }))
  }
  assert(older !== undefined, 'there are versions to write')
  return older
}

/** Cut versions into pages that are full, except the last. */
function pagesOf(versions: readonly Version[]): readonly (readonly Version[])[] {
  const pages: Version[][] = []
  let room = 0
  for (const version of versions) {
    const page = pages.at(-1)
    room -= weight(version)
    if (page !== undefined && room >= 0) {
      page.push(version)
    } else {
      pages.push([version])
      room = HISTORY_PAGE_MAX - weight(version)
    }
  }
  return pages
}

/** What a newer Cairn wrote beside the versions; of two sections of one type the newer page's stays. */
async function sectionsOf(history: History, nodes: NodeStore): Promise<readonly Section[]> {
  const sections = new Map<number, Section>()
  let next = history.type === 'stored' ? history.reference : undefined
  while (next !== undefined) {
    const page = await nodes.history(next)
    for (const section of page.sections) {
      if (!sections.has(section.type)) sections.set(section.type, section)
    }
    next = page.older
  }
  return [...sections.values()].toSorted((a, b) => a.type - b.type)
}

function isAscending(versions: readonly Version[]): boolean {
  return (
    versions.length > 0 &&
    versions.every(({ id }, index) => index === 0 || id > (versions[index - 1]?.id ?? id))
  )
}

function merge(before: readonly Version[], added: readonly Version[]): readonly Version[] {
  const versions = new Map(before.map((version) => [version.id, version]))
  for (const version of added) versions.set(version.id, version)
  return [...versions.values()].toSorted((a, b) => a.id - b.id)
}

function count(versions: readonly Version[]): number {
  return versions.reduce((sum, version) => sum + weight(version), 0)
}

function weight({ content }: Version): number {
  return Math.max(1, content.parts.references.length)
}
