/**
 * Entries as columns: names, spans and what stood in them, with small folders inside.
 *
 * Entries are written depth first: an inline folder's entries follow the span they belong to.
 *
 * Format: docs/formats/page.md, "Entries"
 */

import { ATTRIBUTE_FORM_BITS, AttributeReader, AttributeWriter } from './attribute-columns.ts'
import { compare } from './bytes.ts'
import { COLUMN } from './columns.ts'
import type { ColumnsReader, ColumnsWriter } from './columns.ts'
import { FormatError, VersionError } from './errors.ts'
import { NameReader, NameWriter } from './name-columns.ts'
import type { ReferenceReader, ReferenceWriter } from './reference-columns.ts'
import { INLINE_DEPTH_MAX, SEQUENCE_MAX, TARGET_SIZE_MAX, VERSIONS_PER_SNAPSHOT } from './tree.ts'
import type { DeviceNumber, Entry, FolderNode, History, Span, Version, What } from './tree.ts'
import { VERSION_ID_MAX, VersionReader, VersionWriter } from './version-columns.ts'

/** Most levels of index pages over a folder's pages. */
export const LEVEL_MAX = 15

const KINDS = ['file', 'folder', 'symlink'] as const
/** The number of all other kinds, of which a number of their own follows. */
const OTHER_KIND = 3
const OTHER_KINDS = ['fifo', 'characterDevice', 'blockDevice'] as const
const DEVICE_NUMBER_MAX = 2 ** 32 - 1
const KIND_MASK = 0x03
const IS_OPEN = 0x04
const FORM_SHIFT = 3
const KINDS_MAX = 2 ** (FORM_SHIFT + ATTRIBUTE_FORM_BITS) - 1

// How an entry's history lies there, beside its number of spans.
const HISTORY_NONE = 0
const HISTORY_INLINE = 1
const HISTORY_STORED = 2
const HISTORY_TYPES = 3

// How a folder's node lies there.
const NODE_NEXT = 0
const NODE_INLINE = 1
const NODE_STORED = 2 // plus the level

// Which version a file's span has: one that is named, or one of the inline history: 1 is the newest.
const VERSION_NAMED = 0

/** Live pages hold names once; past pages may hold one several times, and only what has ended. */
export type EntryRules = 'live' | 'past'

const ID = { min: 0, max: VERSION_ID_MAX }
const SEQUENCE = { min: 0, max: SEQUENCE_MAX }

/** What one span and the next have in common, across all entries of a page. */
class Expected {
  from = 0
  folderSize = 0
}

export class EntryWriter {
  readonly #columns: ColumnsWriter
  readonly #references: ReferenceWriter
  readonly #names: NameWriter
  readonly #versions: VersionWriter
  readonly #attributes: AttributeWriter
  readonly #expected = new Expected()

  constructor(columns: ColumnsWriter, references: ReferenceWriter) {
    this.#columns = columns
    this.#references = references
    this.#names = new NameWriter(columns)
    this.#versions = new VersionWriter(columns, references)
    this.#attributes = new AttributeWriter(columns)
  }

  /** @throws {FormatError} for entries that no reader would take */
  put(entries: readonly Entry[], rules: EntryRules, depth = 0): void {
    checkDepth(depth)
    this.#columns.unsigned(COLUMN.structure, entries.length)
    let before: Uint8Array | undefined
    for (const entry of entries) {
      checkOrder(before, entry.name, rules)
      checkEntry(entry, rules)
      this.#columns.row()
      this.#names.put(entry.name, before)
      before = entry.name
      this.#putEntry(entry, depth)
    }
  }

  #putEntry({ spans, history }: Entry, depth: number): void {
    const columns = this.#columns
    const historyType =
      history === undefined
        ? HISTORY_NONE
        : history.type === 'inline'
          ? HISTORY_INLINE
          : HISTORY_STORED
    columns.unsigned(COLUMN.structure, spans.length * HISTORY_TYPES + historyType)
    this.#putTimes(spans)
    this.#putHistory(history, spans)
    for (const span of spans) this.#putWhat(span, history, depth)
  }

  #putTimes(spans: readonly Span[]): void {
    const columns = this.#columns
    let before: Span | undefined
    for (const span of spans) {
      columns.row()
      const form = AttributeWriter.form(span.attributes) << FORM_SHIFT
      const open = span.until === undefined ? IS_OPEN : 0
      columns.unsigned(COLUMN.kinds, kindNumber(span.what) | open | form)
      columns.signed(COLUMN.froms, span.from - (before?.until ?? this.#expected.from))
      if (span.until !== undefined) columns.unsigned(COLUMN.untils, span.until - span.from)
      before = span
    }
    this.#expected.from = spans[0]?.from ?? this.#expected.from
  }

  #putHistory(history: History | undefined, spans: readonly Span[]): void {
    if (history?.type === 'stored') this.#references.put(history.reference, 'tree')
    if (history?.type !== 'inline') return
    this.#columns.unsigned(COLUMN.structure, history.versions.length)
    this.#versions.put(history.versions, (spans[0]?.from ?? 0) * VERSIONS_PER_SNAPSHOT)
  }

  #putWhat({ what, attributes }: Span, history: History | undefined, depth: number): void {
    const columns = this.#columns
    if (what.kind === 'file') {
      const versions = history?.type === 'inline' ? history.versions : []
      const index = versions.findLastIndex(({ id }) => id === what.version)
      columns.unsigned(COLUMN.nodes, index < 0 ? VERSION_NAMED : versions.length - index)
      if (index < 0) columns.signed(COLUMN.versionIds, what.version - this.#namedId())
      this.#attributes.put(attributes, versions[index]?.size ?? 0)
    } else if (what.kind === 'symlink') {
      columns.unsigned(COLUMN.targets, what.target.length)
      columns.bytes(COLUMN.targets, what.target)
      this.#attributes.put(attributes, what.target.length)
    } else if (what.kind === 'folder') {
      this.#attributes.put(attributes, this.#expected.folderSize)
      this.#expected.folderSize = attributes.size
      this.#putNode(what.node, depth)
    } else {
      columns.unsigned(COLUMN.nodes, OTHER_KINDS.indexOf(what.kind))
      if (what.kind !== 'fifo') {
        checkDevice(what.device)
        columns.unsigned(COLUMN.nodes, what.device.major)
        columns.unsigned(COLUMN.nodes, what.device.minor)
      }
      this.#attributes.put(attributes, 0)
    }
  }

  #namedId(): number {
    return this.#expected.from * VERSIONS_PER_SNAPSHOT
  }

  #putNode(node: FolderNode, depth: number): void {
    if (node.type === 'next') {
      this.#columns.unsigned(COLUMN.nodes, NODE_NEXT)
    } else if (node.type === 'inline') {
      this.#columns.unsigned(COLUMN.nodes, NODE_INLINE)
      this.put(node.entries, 'live', depth + 1)
    } else {
      this.#columns.unsigned(COLUMN.nodes, NODE_STORED + node.level)
      this.#references.put(node.reference, 'tree')
    }
  }
}

/** The inverse of {@link EntryWriter}. */
export class EntryReader {
  readonly #columns: ColumnsReader
  readonly #references: ReferenceReader
  readonly #names: NameReader
  readonly #versions: VersionReader
  readonly #attributes: AttributeReader
  readonly #expected = new Expected()

  constructor(columns: ColumnsReader, references: ReferenceReader) {
    this.#columns = columns
    this.#references = references
    this.#names = new NameReader(columns)
    this.#versions = new VersionReader(columns, references)
    this.#attributes = new AttributeReader(columns)
  }

  /** @throws {FormatError} */
  take(rules: EntryRules, depth = 0): Entry[] {
    checkDepth(depth)
    const entries: Entry[] = []
    let before: Uint8Array | undefined
    for (let left = this.#columns.unsigned(COLUMN.structure); left > 0; left--) {
      this.#columns.row()
      const name = this.#names.take(before)
      checkOrder(before, name, rules)
      const entry = this.#takeEntry(name, depth)
      checkEntry(entry, rules)
      entries.push(entry)
      before = name
    }
    return entries
  }

  #takeEntry(name: Uint8Array, depth: number): Entry {
    const structure = this.#columns.unsigned(COLUMN.structure)
    const times = this.#takeTimes(Math.floor(structure / HISTORY_TYPES))
    const history = this.#takeHistory(structure % HISTORY_TYPES, times[0]?.from ?? 0)
    const versions = history?.type === 'inline' ? history.versions : []
    const spans = times.map(({ kinds, from, until }): Span => {
      const { attributes, what } = this.#takeWhat(kinds, versions, depth)
      return { from, until, attributes, what }
    })
    return { name, spans, history }
  }

  #takeTimes(count: number): { kinds: number; from: number; until: number | undefined }[] {
    const columns = this.#columns
    const times: { kinds: number; from: number; until: number | undefined }[] = []
    let expected = this.#expected.from
    for (let left = count; left > 0; left--) {
      columns.row()
      const kinds = columns.bounded(COLUMN.kinds, KINDS_MAX, 'kind of a span')
      const from = columns.near(COLUMN.froms, expected, SEQUENCE)
      const isOpen = (kinds & IS_OPEN) !== 0
      const until = isOpen
        ? undefined
        : from + columns.bounded(COLUMN.untils, SEQUENCE_MAX - from, 'length of a span')
      times.push({ kinds, from, until })
      expected = until ?? this.#expected.from
    }
    this.#expected.from = times[0]?.from ?? this.#expected.from
    return times
  }

  #takeHistory(type: number, from: number): History | undefined {
    if (type === HISTORY_NONE) return undefined
    if (type === HISTORY_STORED) return { type: 'stored', reference: this.#references.take('tree') }
    const count = this.#columns.unsigned(COLUMN.structure)
    if (count === 0) throw new FormatError('entry: empty history')
    return { type: 'inline', versions: this.#versions.take(count, from * VERSIONS_PER_SNAPSHOT) }
  }

  #takeWhat(
    kinds: number,
    versions: readonly Version[],
    depth: number,
  ): Pick<Span, 'attributes' | 'what'> {
    const columns = this.#columns
    const kind = KINDS[kinds & KIND_MASK]
    const form = kinds >> FORM_SHIFT
    if (kind === undefined) {
      const what = this.#takeOther()
      return { what, attributes: this.#attributes.take(form, 0) }
    }
    if (kind === 'file') {
      const what = this.#takeVersionOf(versions)
      const size = versions.findLast(({ id }) => id === what.version)?.size ?? 0
      return { what, attributes: this.#attributes.take(form, size) }
    }
    if (kind === 'symlink') {
      const size = columns.bounded(COLUMN.targets, TARGET_SIZE_MAX, 'target of a link')
      const target = columns.bytes(COLUMN.targets, size)
      return { what: { kind, target }, attributes: this.#attributes.take(form, size) }
    }
    const attributes = this.#attributes.take(form, this.#expected.folderSize)
    this.#expected.folderSize = attributes.size
    return { what: { kind, node: this.#takeNode(depth) }, attributes }
  }

  #takeOther(): What {
    const columns = this.#columns
    const number = columns.unsigned(COLUMN.nodes)
    const kind = OTHER_KINDS[number]
    if (kind === undefined) throw new VersionError(`entry: kind ${OTHER_KIND}, ${number}`)
    if (kind === 'fifo') return { kind }
    const major = columns.unsigned(COLUMN.nodes)
    const device = { major, minor: columns.unsigned(COLUMN.nodes) }
    checkDevice(device)
    return { kind, device }
  }

  #takeVersionOf(versions: readonly Version[]): What & { kind: 'file' } {
    const columns = this.#columns
    const number = columns.unsigned(COLUMN.nodes)
    if (number === VERSION_NAMED) {
      const expected = this.#expected.from * VERSIONS_PER_SNAPSHOT
      return { kind: 'file', version: columns.near(COLUMN.versionIds, expected, ID) }
    }
    const version = versions[versions.length - number]
    if (version === undefined) throw new FormatError(`entry: no version ${number} in its history`)
    return { kind: 'file', version: version.id }
  }

  #takeNode(depth: number): FolderNode {
    const type = this.#columns.bounded(COLUMN.nodes, NODE_STORED + LEVEL_MAX, 'node of a folder')
    if (type === NODE_NEXT) return { type: 'next' }
    if (type === NODE_INLINE) return { type: 'inline', entries: this.take('live', depth + 1) }
    return { type: 'stored', level: type - NODE_STORED, reference: this.#references.take('tree') }
  }
}

function kindNumber({ kind }: What): number {
  switch (kind) {
    case 'file':
    case 'folder':
    case 'symlink':
      return KINDS.indexOf(kind)
    default:
      return OTHER_KIND
  }
}

function checkDevice({ major, minor }: DeviceNumber): void {
  if (major > DEVICE_NUMBER_MAX || minor > DEVICE_NUMBER_MAX) {
    throw new FormatError(`entry: device ${major}, ${minor}`)
  }
}

function checkDepth(depth: number): void {
  if (depth > INLINE_DEPTH_MAX) throw new FormatError('entries: folders too deep inside a page')
}

function checkOrder(before: Uint8Array | undefined, name: Uint8Array, rules: EntryRules): void {
  if (before === undefined) return
  const order = compare(before, name)
  if (order > 0 || (order === 0 && rules === 'live')) {
    throw new FormatError('entries: names are out of order')
  }
}

/** What both sides hold true of an entry by itself. */
function checkEntry({ spans, history }: Entry, rules: EntryRules): void {
  if (spans.length === 0 && history === undefined) throw new FormatError('entry: holds nothing')
  if (history?.type === 'inline' && history.versions.length === 0) {
    throw new FormatError('entry: empty history')
  }
  for (const [index, span] of spans.entries()) {
    checkSpan(span, spans[index + 1])
    if (rules === 'past' && span.until === undefined) throw new FormatError('past: an open span')
    const isNext = span.what.kind === 'folder' && span.what.node.type === 'next'
    if (isNext && rules === 'live') checkNext(span, spans[index + 1])
  }
}

function checkSpan({ from, until, what }: Span, after: Span | undefined): void {
  if (from < 0 || (until !== undefined && (until <= from || until > SEQUENCE_MAX))) {
    throw new FormatError(`span: from ${from} until ${until}`)
  }
  if (after !== undefined && (until === undefined || after.from < until)) {
    throw new FormatError(`span: until ${until}, and the next one from ${after.from}`)
  }
  if (what.kind === 'symlink' && what.target.length > TARGET_SIZE_MAX) {
    throw new FormatError(`span: target of ${what.target.length} bytes`)
  }
}

/** A folder that lived on has its node in the span that follows at once. */
function checkNext(span: Span, after: Span | undefined): void {
  if (after?.what.kind !== 'folder' || after.from !== span.until) {
    throw new FormatError('span: a folder without a node')
  }
}
