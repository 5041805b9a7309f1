/**
 * Writing the tree: the tree before and a sorted stream of changes in, the tree after out.
 *
 * Folder by folder, depth first, old pages and changes are merged by name. Only pages with a change
 * in their range are read; only what differs is written, children before parents. Memory holds one
 * page per level of the path, however many changes there are.
 */

import { compare, equal } from '../../protocol/bytes.ts'
import type { Reference } from '../../protocol/reference.ts'
import type {
  Entry,
  FolderNode,
  History,
  Page,
  Span,
  Version,
  VersionId,
  What,
} from '../../protocol/tree.ts'
import { assert } from '../base/assert.ts'
import { FormatError, RecoveryError, type CairnError } from '../base/errors.ts'
import { ChangeCursor } from './change-cursor.ts'
import type { Change, ChangedWhat } from './change.ts'
import { Cuts } from './cuts.ts'
import { addVersions, readVersions, rewriteVersions } from './file-history.ts'
import { FolderOutput } from './folder-output.ts'
import type { WriteParts } from './folder-output.ts'
import { childrenOf } from './index-children.ts'
import { NodeStore } from './node-store.ts'
import type { ObjectSink, ObjectSource } from './objects.ts'
import { uniteSpans } from './past.ts'
import { endSpan, openSpan, setSpan, withNode } from './spans.ts'

type Path = readonly Uint8Array[]

/** Told of a change that could not be made, and why. */
export type OnSkipped = (path: Path, error: CairnError) => void

const EMPTY: Page = { entries: [], past: [], sections: [] }
const EMPTY_NODE: FolderNode = { type: 'inline', entries: [] }
const FIRST = new Uint8Array(0)

/**
 * Write what one snapshot found.
 *
 * A change that states what is there already changes nothing; where nothing differs at all, the very
 * node that came in is returned. A run done again at the same sequence, upon the tree of its first
 * attempt, replaces what that attempt wrote.
 *
 * @param old - the topmost folder as of the snapshot before; `undefined` for a first one
 * @param sequence - of this snapshot; not below any in the tree
 * @param changes - sorted (see change.ts); read at the writer's pace
 * @param parts.cutKey - the vault's key for page boundaries, 32 bytes
 * @param parts.onSkipped - told of each change that lies in a page that cannot be read: the page stays
 *   as it is, unread, and the change is not made; without it the writing ends with the error
 * @returns the topmost folder, always a stored node
 * @throws {FormatError} when an old object is not what it should be
 */
export async function writeTree(
  old: FolderNode | undefined,
  sequence: number,
  changes: AsyncIterable<Change>,
  parts: {
    readonly source: ObjectSource
    readonly sink: ObjectSink
    readonly cutKey: Uint8Array
    readonly onSkipped?: OnSkipped
  },
): Promise<FolderNode> {
  const nodes = new NodeStore(parts.source)
  const cuts = new Cuts(parts.cutKey)
  const cursor = new ChangeCursor(changes)
  try {
    await cursor.advance()
    const writeParts = { nodes, sink: parts.sink, cuts, sequence }
    const writer = new TreeWriter(cursor, writeParts, parts.onSkipped)
    return await writer.writeFolder(old, [])
  } finally {
    await cursor.close()
  }
}

class TreeWriter {
  readonly #cursor: ChangeCursor
  readonly #parts: WriteParts
  readonly #onSkipped: OnSkipped | undefined

  constructor(cursor: ChangeCursor, parts: WriteParts, onSkipped: OnSkipped | undefined) {
    this.#cursor = cursor
    this.#parts = parts
    this.#onSkipped = onSkipped
  }

  /** Write one folder and all below it, using up the changes in it. */
  async writeFolder(old: FolderNode | undefined, path: Path): Promise<FolderNode> {
    const output = new FolderOutput(this.#parts)
    if (old?.type === 'stored') {
      await this.#visit(old, { path, lower: FIRST, upper: undefined, output })
    } else {
      const page = old?.type === 'inline' ? { ...EMPTY, entries: old.entries } : EMPTY
      await this.#mergePage(page, undefined, { path, lower: FIRST, upper: undefined, output })
    }
    return output.finish(old, path.length > 0)
  }

  /** Go over one page, or one index page and what is below it. */
  async #visit(
    node: { readonly level: number; readonly reference: Reference },
    stretch: Stretch,
  ): Promise<void> {
    const { path, lower, upper, output } = stretch
    const { level, reference } = node
    const isTouched = this.#cursor.nameWithin(path, upper) !== undefined
    if (!isTouched && output.isAligned(level)) return output.pass(level, { lower, reference })
    const { nodes } = this.#parts
    if (level === 0) {
      const leaf = await this.#read(() => nodes.page(reference), node, stretch)
      return leaf && this.#mergePage(leaf, reference, stretch)
    }
    const page = await this.#read(() => nodes.index(reference, level), node, stretch)
    if (page === undefined) return
    output.openIndex(page, reference)
    for (const child of childrenOf(page, stretch)) {
      await this.#visit(child, { path, lower: child.lower, upper: child.upper, output })
    }
    return output.closeIndex(level)
  }

  /** @returns undefined where it cannot be read, the old node following as it is */
  async #read<T>(
    read: () => Promise<T>,
    node: { readonly level: number; readonly reference: Reference },
    { path, lower, upper, output }: Stretch,
  ): Promise<T | undefined> {
    try {
      return await read()
    } catch (error) {
      const isLost = error instanceof RecoveryError || error instanceof FormatError
      if (!isLost || this.#onSkipped === undefined) throw error
      await output.passUnread(node.level, { lower, reference: node.reference })
      while (this.#cursor.nameWithin(path, upper) !== undefined) {
        this.#onSkipped(this.#cursor.current?.path ?? path, error)
        await this.#cursor.advance()
      }
      return undefined
    }
  }

  /** Merge an old page's entries with the changes in its range. */
  async #mergePage(page: Page, reference: Reference | undefined, stretch: Stretch): Promise<void> {
    const { path, lower, upper, output } = stretch
    output.openPage(lower, page, reference)
    let index = 0
    for (;;) {
      const name = this.#cursor.nameWithin(path, upper)
      const entry = page.entries[index]
      if (name === undefined && entry === undefined) break
      const order = name === undefined ? -1 : entry === undefined ? 1 : compare(entry.name, name)
      if (order <= 0) index += 1
      if (order < 0 && entry !== undefined) {
        await output.push(entry)
      } else if (name !== undefined) {
        const before = order === 0 ? entry : undefined
        const changed = await this.#changeEntry(before, [...path, name], page)
        if (changed !== undefined) await output.push(changed)
      }
    }
    await output.closePage(upper)
  }

  /**
   * Use up the change of one entry and those below it.
   *
   * @returns the very entry that came in where nothing differs; `undefined` where nothing is left of it
   */
  async #changeEntry(old: Entry | undefined, path: Path, page: Page): Promise<Entry | undefined> {
    const name = path.at(-1)
    assert(name !== undefined, 'an entry has a name')
    let entry = old ?? { name, spans: [], history: undefined }
    const change = this.#cursor.current
    if (change?.path.length === path.length) {
      entry = await this.#applyChange(entry, change, page)
      await this.#cursor.advance()
    }
    if (this.#cursor.nameWithin(path, undefined) !== undefined) {
      entry = await this.#changeBelow(entry, path)
    }
    return entry.spans.length === 0 && entry.history === undefined ? undefined : entry
  }

  async #applyChange(entry: Entry, change: Change, page: Page): Promise<Entry> {
    const { sequence } = this.#parts
    if (change.type === 'history') return this.#rewriteHistory(entry, change.versions, page)
    if (change.type === 'gone') return withSpans(entry, endSpan(entry.spans, sequence))
    const { attributes, what: changed } = change
    let history = entry.history
    if (changed.kind === 'file') {
      history = await addVersions(history, changed.versions, this.#parts)
    }
    const what = whatOf(changed, openSpan(entry.spans))
    const spans = setSpan(entry.spans, sequence, { attributes, what })
    return history === entry.history ? withSpans(entry, spans) : { ...entry, spans, history }
  }

  async #rewriteHistory(entry: Entry, versions: readonly Version[], page: Page): Promise<Entry> {
    assert(
      openSpan(entry.spans)?.what.kind === 'file',
      'only a live file has its history rewritten',
    )
    const history = await rewriteVersions(entry.history, versions, this.#parts)
    if (history === entry.history) return entry
    const ids = new Set(versions.map(({ id }) => id))
    const dropped = await this.#droppedIds(entry.history, ids)
    const stays = entry.spans.every(({ what }) => what.kind !== 'file' || ids.has(what.version))
    const isShown = dropped.size > 0 && (await this.#isShown(entry.name, dropped, page))
    assert(stays && !isShown, 'what a span shows stays in the history')
    return { ...entry, history }
  }

  async #droppedIds(
    before: History | undefined,
    kept: ReadonlySet<VersionId>,
  ): Promise<ReadonlySet<VersionId>> {
    const versions = before === undefined ? [] : await readVersions(before, this.#parts.nodes)
    return new Set(versions.map(({ id }) => id)).difference(kept)
  }

  /** @returns whether what ended and left the page shows one of the versions */
  async #isShown(name: Uint8Array, ids: ReadonlySet<VersionId>, page: Page): Promise<boolean> {
    for (const { reference } of page.past) {
      const past = await this.#parts.nodes.past(reference)
      for (const { what } of uniteSpans(past.entries.filter((entry) => equal(entry.name, name)))) {
        if (what.kind === 'file' && ids.has(what.version)) return true
      }
    }
    return false
  }

  async #changeBelow(entry: Entry, path: Path): Promise<Entry> {
    const open = openSpan(entry.spans)
    if (open?.what.kind === 'folder') {
      const { node } = open.what
      if (node.type === 'next') throw new FormatError('span: a folder without a node')
      const changed = await this.writeFolder(node, path)
      return changed === node ? entry : withSpans(entry, withNode(entry.spans, changed))
    }
    // What was in a folder that is gone went with it.
    while (this.#cursor.nameWithin(path, undefined) !== undefined) {
      assert(this.#cursor.current?.type === 'gone', 'what is set lies in a live folder')
      await this.#cursor.advance()
    }
    return entry
  }
}

/** A stretch of a folder's names, and where its entries go. */
interface Stretch {
  readonly path: Path
  readonly lower: Uint8Array
  readonly upper: Uint8Array | undefined
  readonly output: FolderOutput
}

function withSpans(entry: Entry, spans: readonly Span[]): Entry {
  return spans === entry.spans ? entry : { ...entry, spans }
}

function whatOf(changed: ChangedWhat, open: Span | undefined): What {
  if (changed.kind === 'folder') return { kind: 'folder', node: EMPTY_NODE }
  if (changed.kind !== 'file') return changed
  const newest = changed.versions.at(-1)
  if (newest !== undefined) return { kind: 'file', version: newest.id }
  assert(open?.what.kind === 'file', 'a file without new versions is live already')
  return open.what
}
