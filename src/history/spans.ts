/**
 * Spans of one entry: ending one, opening another.
 *
 * A folder that lives on under other attributes keeps its node in its newest span only; the spans
 * before say `next`. So a node may change without touching what has ended.
 */

import type { Attributes, FolderNode, Span, What } from '../../protocol/tree.ts'
import { assert } from '../base/assert.ts'
import { same } from './same.ts'

/** @returns the span that lasts to this day */
export function openSpan(spans: readonly Span[]): Span | undefined {
  const last = spans.at(-1)
  return last?.until === undefined ? last : undefined
}

/**
 * End the open span at `sequence`; one that began there goes without a trace.
 *
 * @returns the very spans that came in where nothing is open
 */
export function endSpan(spans: readonly Span[], sequence: number): readonly Span[] {
  const open = openSpan(spans)
  if (open === undefined) return spans
  assert(open.from <= sequence, 'snapshots come in order')
  const before = spans.slice(0, -1)
  return open.from < sequence ? [...before, { ...open, until: sequence }] : giveBack(before, open)
}

/**
 * Let `what` stand there from `sequence` on. For a folder that is live, its node lives on.
 *
 * @returns the very spans that came in where that stands there already
 */
export function setSpan(
  spans: readonly Span[],
  sequence: number,
  now: { readonly attributes: Attributes; readonly what: What },
): readonly Span[] {
  const open = openSpan(spans)
  const attributes = now.attributes
  const isLiveFolder = open?.what.kind === 'folder' && now.what.kind === 'folder'
  const what = isLiveFolder ? open.what : now.what
  if (open !== undefined && same(open.what, what) && same(open.attributes, attributes)) return spans
  assert((spans.at(-1)?.until ?? open?.from ?? 0) <= sequence, 'snapshots come in order')
  const span: Span = { from: sequence, until: undefined, attributes, what }
  if (!isLiveFolder) return [...endSpan(spans, sequence), span]
  const before = spans.slice(0, -1)
  if (open.from === sequence) return [...before, span]
  const ended: Span = { ...open, until: sequence, what: { kind: 'folder', node: { type: 'next' } } }
  return [...before, ended, span]
}

/** @returns the spans with another node in the open folder span */
export function withNode(spans: readonly Span[], node: FolderNode): readonly Span[] {
  const open = openSpan(spans)
  assert(open !== undefined, 'only a live folder gets another node')
  return [...spans.slice(0, -1), { ...open, what: { kind: 'folder', node } }]
}

/** A span is taken back; a folder that it carried on ends with the span before. */
function giveBack(before: readonly Span[], open: Span): readonly Span[] {
  const last = before.at(-1)
  const isCarriedOn =
    last?.what.kind === 'folder' && last.what.node.type === 'next' && last.until === open.from
  return isCarriedOn ? [...before.slice(0, -1), { ...last, what: open.what }] : before
}
