/**
 * The writing side of one folder: entries in, pages and index pages out.
 *
 * Entries of old pages and new ones arrive in order of name and collect in one page per level of the
 * index, so memory does not grow with the folder. What comes out just as it was read keeps its old
 * object.
 */

import { concat, equal } from '../../protocol/bytes.ts'
import { encodeIndexPage } from '../../protocol/index-page.ts'
import { encodePage } from '../../protocol/page.ts'
import { referenceId } from '../../protocol/reference.ts'
import type { Reference } from '../../protocol/reference.ts'
import { INLINE_DEPTH_MAX } from '../../protocol/tree.ts'
import type {
  Entry,
  FolderNode,
  IndexPage,
  IndexRow,
  Page,
  PastLink,
  Section,
} from '../../protocol/tree.ts'
import { assert } from '../base/assert.ts'
import { INLINE_WEIGHT_MAX } from './cuts.ts'
import type { Cuts } from './cuts.ts'
import type { NodeStore } from './node-store.ts'
import type { ObjectSink } from './objects.ts'
import { clipPast, mergePast, putPast, spill, uniteLinks } from './past.ts'
import { isSameList } from './same.ts'
import { inlineDepth, weighEntry } from './weight.ts'

const FIRST = new Uint8Array(0)

/** What all folders of one run share. */
export interface WriteParts {
  readonly nodes: NodeStore
  readonly sink: ObjectSink
  readonly cuts: Cuts
  readonly sequence: number
  /** Whether a page's past is to hold no names but its own. */
  readonly clipsPast?: boolean
}

/** An old page while its entries go by. */
interface InputPage {
  readonly page: Page
  /** `undefined` for one that lies inline. */
  readonly reference: Reference | undefined
}

/** A page that is being put together. */
interface Draft {
  readonly lower: Uint8Array
  readonly entries: Entry[]
  past: readonly PastLink[]
  sections: readonly Section[]
  weight: number
  /** Old pages that went into it. */
  inputCount: number
  isFull: boolean
}

/** An index page that is being put together. */
interface Level {
  rows: IndexRow[]
  sections: readonly Section[]
  /** The old index page whose rows go by. */
  input: { readonly page: IndexPage; readonly reference: Reference } | undefined
}

export class FolderOutput {
  readonly #parts: WriteParts
  readonly #levels: Level[] = []
  #draft: Draft | undefined
  #input: InputPage | undefined
  /** Nothing has come out yet. */
  #isFirst = true

  constructor(parts: WriteParts) {
    this.#parts = parts
  }

  /** Whether an old node of this level may follow as it is: nothing smaller is unfinished. */
  isAligned(level: number): boolean {
    if (this.#draft !== undefined) return false
    return this.#levels.slice(1, level + 1).every(({ rows }) => rows.length === 0)
  }

  /** Let an old node follow as it is; the output must be aligned. */
  async pass(level: number, row: IndexRow): Promise<void> {
    await this.#pushRow(level + 1, row)
  }

  /** Let an old node that cannot be read follow as it is, whatever is unfinished. */
  async passUnread(level: number, row: IndexRow): Promise<void> {
    if (this.#draft !== undefined) await this.#flush(row.lower)
    for (let index = 1; index <= level; index++) {
      if (this.#level(index).rows.length > 0) await this.#flushIndex(index)
    }
    await this.pass(level, row)
  }

  /** An old page's entries will follow, with changes among them. */
  openPage(lower: Uint8Array, page: Page, reference: Reference | undefined): void {
    this.#input = { page, reference }
    if (this.#draft === undefined) {
      this.#start(lower)
    } else {
      this.#draft.past = uniteLinks(this.#draft.past, page.past)
      this.#draft.sections = uniteSections(this.#draft.sections, page.sections)
      this.#draft.inputCount += 1
    }
  }

  async push(entry: Entry): Promise<void> {
    if (this.#draft?.isFull === true) {
      const upper = justAfter(this.#draft.entries.at(-1)?.name)
      await this.#flush(upper)
      this.#start(upper)
    }
    const draft = this.#draft
    assert(draft !== undefined, 'entries come between openPage and closePage')
    const weight = weighEntry(entry)
    draft.entries.push(entry)
    draft.weight += weight
    draft.isFull = this.#parts.cuts.afterEntry(entry.name, weight, draft)
  }

  /** @param upper - where the old page's names end */
  async closePage(upper: Uint8Array | undefined): Promise<void> {
    const draft = this.#draft
    if (draft?.isFull === true || this.#oldReference(draft) !== undefined) await this.#flush(upper)
    this.#input = undefined
  }

  /** An old index page's rows will follow. */
  openIndex(page: IndexPage, reference: Reference): void {
    const level = this.#level(page.level)
    level.input = { page, reference }
    level.sections = uniteSections(level.sections, page.sections)
  }

  async closeIndex(index: number): Promise<void> {
    const level = this.#level(index)
    if (isAsRead(level)) await this.#flushIndex(index)
    level.input = undefined
    if (level.rows.length === 0) level.sections = []
  }

  /**
   * Finish the folder.
   *
   * @param old - the node that was read, to be given back where nothing differs
   * @param canInline - whether a small folder may lie in its parent's page
   */
  async finish(old: FolderNode | undefined, canInline: boolean): Promise<FolderNode> {
    if (this.#isFirst) {
      this.#draft ??= newDraft(FIRST)
      if (canInline && isSmall(this.#draft)) return inlineNode(this.#draft.entries, old)
    }
    if (this.#draft !== undefined && (this.#isFirst || !isEmpty(this.#draft))) {
      await this.#flush(undefined)
    }
    for (let index = 1; ; index++) {
      const [row, ...others] = this.#level(index).rows
      if (row === undefined) continue
      const isTop = this.#levels.slice(index + 1).every(({ rows }) => rows.length === 0)
      if (isTop && others.length === 0) return storedNode(index - 1, row.reference, old)
      await this.#flushIndex(index)
    }
  }

  #start(lower: Uint8Array): void {
    this.#draft = newDraft(this.#isFirst ? FIRST : lower)
    if (this.#input === undefined) return
    this.#draft.past = this.#input.page.past
    this.#draft.sections = this.#input.page.sections
    this.#draft.inputCount = 1
  }

  /** @returns where the draft lies already, if it is just the old page that went by */
  #oldReference(draft: Draft | undefined): Reference | undefined {
    const input = this.#input
    if (draft === undefined || input === undefined || draft.inputCount !== 1) return undefined
    return isSameList(draft.entries, input.page.entries) ? input.reference : undefined
  }

  async #flush(upper: Uint8Array | undefined): Promise<void> {
    const draft = this.#draft
    assert(draft !== undefined, 'there is a page to finish')
    const reference = this.#oldReference(draft) ?? (await this.#put(draft, upper))
    this.#draft = undefined
    await this.#pushRow(1, { lower: draft.lower, reference })
  }

  async #put(draft: Draft, upper: Uint8Array | undefined): Promise<Reference> {
    const { nodes, sink, sequence, clipsPast = false } = this.#parts
    const spilled = spill(draft.entries, sequence)
    let past = draft.past
    if (spilled !== undefined) past = [...past, await putPast(spilled.past, sequence, sink)]
    const range = { lower: draft.lower, upper }
    if (clipsPast) past = await clipPast(past, range, { nodes, sink, sequence })
    past = await mergePast(past, range, { nodes, sink, sequence })
    const entries = spilled?.live ?? draft.entries
    const page: Page = { entries, past: uniteLinks(past), sections: draft.sections }
    return sink.put('page', encodePage(page))
  }

  async #pushRow(index: number, row: IndexRow): Promise<void> {
    const { rows } = this.#level(index)
    rows.push(this.#isFirst ? { lower: FIRST, reference: row.reference } : row)
    this.#isFirst = false
    const isFull = this.#parts.cuts.afterRow(row.lower, index, rows.length)
    if (isFull) await this.#flushIndex(index)
  }

  async #flushIndex(index: number): Promise<void> {
    const level = this.#level(index)
    const { rows, input, sections } = level
    const first = rows[0]
    assert(first !== undefined, 'there is an index page to finish')
    const reference =
      input !== undefined && isAsRead(level)
        ? input.reference
        : await this.#parts.sink.put('index', encodeIndexPage({ level: index, rows, sections }))
    level.rows = []
    level.sections = input?.page.sections ?? []
    await this.#pushRow(index + 1, { lower: first.lower, reference })
  }

  #level(index: number): Level {
    for (let next = this.#levels.length; next <= index; next++) {
      this.#levels.push({ rows: [], sections: [], input: undefined })
    }
    const level = this.#levels[index]
    assert(level !== undefined, 'it was made just now')
    return level
  }
}

function newDraft(lower: Uint8Array): Draft {
  return { lower, entries: [], past: [], sections: [], weight: 0, inputCount: 0, isFull: false }
}

function isEmpty({ entries, past, sections }: Draft): boolean {
  return entries.length === 0 && past.length === 0 && sections.length === 0
}

function isSmall({ entries, past, sections, weight }: Draft): boolean {
  if (weight > INLINE_WEIGHT_MAX || past.length > 0 || sections.length > 0) return false
  return inlineDepth(entries) <= INLINE_DEPTH_MAX
}

function inlineNode(entries: readonly Entry[], old: FolderNode | undefined): FolderNode {
  return old?.type === 'inline' && isSameList(entries, old.entries)
    ? old
    : { type: 'inline', entries }
}

function storedNode(level: number, reference: Reference, old: FolderNode | undefined): FolderNode {
  return old?.type === 'stored' && referenceId(old.reference) === referenceId(reference)
    ? old
    : { type: 'stored', level, reference }
}

/** Whether the level's rows are just those of the old index page that went by. */
function isAsRead({ rows, input }: Level): boolean {
  const old = input?.page.rows
  return (
    old?.length === rows.length &&
    rows.every(({ lower, reference }, index) => {
      const row = old[index]
      if (row === undefined || !equal(lower, row.lower)) return false
      return referenceId(reference) === referenceId(row.reference)
    })
  )
}

/** Sections of pages that become one: where two have one type, the first stays. */
function uniteSections(a: readonly Section[], b: readonly Section[]): readonly Section[] {
  if (b.length === 0) return a
  const sections = new Map([...b, ...a].map((section) => [section.type, section]))
  return [...sections.values()].toSorted((x, y) => x.type - y.type)
}

/** @returns the first name after this one in byte order: no name holds a zero byte */
function justAfter(name: Uint8Array | undefined): Uint8Array {
  assert(name !== undefined, 'a full page holds entries')
  return concat(name, Uint8Array.of(0))
}
