/**
 * Weights: about how many bytes an entry takes in an encoded page, compressed, without secrets of runs.
 *
 * Only writers use them, to decide where pages end and what lies inline; nobody need agree on them.
 */

import type { Entry, Extra, FolderNode, History, Span, Version } from '../../protocol/tree.ts'

const NAME = 3
const SPAN = 22 // eight bytes of nanoseconds, the rest differences
const REFERENCE = 4
const SECRET = 32
const DIGEST = 32
const VERSION = 5
const STORED = SECRET + REFERENCE

export function weighEntry({ name, spans, history }: Entry): number {
  let weight = NAME + (name.length >> 1) + weighHistory(history)
  for (const span of spans) weight += weighSpan(span)
  return weight
}

export function weighSpan({ attributes, what }: Span): number {
  const weight = SPAN + weighExtra(attributes.extra)
  if (what.kind === 'symlink') return weight + (what.target.length >> 1)
  return what.kind === 'folder' ? weight + weighNode(what.node) : weight
}

export function weighHistory(history: History | undefined): number {
  if (history === undefined) return 0
  if (history.type === 'stored') return STORED
  let weight = 0
  for (const version of history.versions) weight += weighVersion(version)
  return weight
}

/** @returns how many folders lie in each other inside one page, this one included */
export function inlineDepth(entries: readonly Entry[]): number {
  let depth = 0
  for (const { spans } of entries) {
    for (const { what } of spans) {
      if (what.kind !== 'folder' || what.node.type !== 'inline') continue
      depth = Math.max(depth, inlineDepth(what.node.entries))
    }
  }
  return depth + 1
}

function weighNode(node: FolderNode): number {
  if (node.type === 'stored') return STORED
  if (node.type === 'next') return 0
  let weight = 0
  for (const entry of node.entries) weight += weighEntry(entry)
  return weight
}

function weighVersion({ digest, content, extra }: Version): number {
  let weight = VERSION + (digest === undefined ? 0 : DIGEST) + weighExtra(extra)
  for (const { key } of content.parts.references) {
    weight += REFERENCE + (key.type === 'raw' ? SECRET : 0)
  }
  return weight
}

function weighExtra(extra: readonly Extra[]): number {
  let weight = 0
  for (const { bytes } of extra) weight += bytes.length
  return weight
}
