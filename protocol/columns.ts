/**
 * Columns: the layout that pages, past pages, index pages, histories and lists have in common.
 *
 * Values of one kind stand together in one column, mostly as differences from what was to be
 * expected; all columns are compressed as one block. What is random (secrets, digests, nanoseconds)
 * follows in the raw section, then sections that a newer version may have added.
 *
 * Format: docs/formats/page.md, "Columns"
 */

import { ByteReader, ByteWriter } from './bytes.ts'
import { FormatError, VersionError } from './errors.ts'
import { OBJECT_SIZE_MAX } from './object.ts'
import type { Section } from './tree.ts'
import { putBlock, takeBlock } from './zstd-block.ts'

/** Largest block of columns before compression, bytes. */
export const COLUMNS_SIZE_MAX = OBJECT_SIZE_MAX

/** Most entries, spans, versions, references and rows together in one object. */
export const COLUMN_ROWS_MAX = 262_144

/** Most columns that an object may have; versions to come may add some. */
export const COLUMN_COUNT_MAX = 64

/** Sections numbered from here on may be kept unread; below, a reader that does not know one refuses. */
export const SECTION_OPTIONAL_MIN = 128

/** Most sections of one object. */
export const SECTION_COUNT_MAX = 64

const VERSION = 1
const SHAPE_WHOLE = 0
const WIDE_SIZE_MAX = 10 // 64 bits, seven a byte
const U64 = 1n << 64n
const SMALL_MAX = 2 ** 49 // seven bytes of varint

/** Which column holds what; the numbers are the format. */
export const COLUMN = {
  structure: 0,
  namePrefixes: 1,
  nameSizes: 2,
  names: 3,
  kinds: 4,
  froms: 5,
  untils: 6,
  attributes: 7,
  attributeTable: 8,
  mtimes: 9,
  ctimes: 10,
  inodes: 11,
  sizes: 12,
  versionIds: 13,
  versionForms: 14,
  versionSizes: 15,
  bases: 16,
  partCounts: 17,
  keys: 18,
  packs: 19,
  offsets: 20,
  ordinals: 21,
  lengths: 22,
  nodes: 23,
  targets: 24,
  extras: 25,
  links: 26,
  births: 27,
} as const

const COLUMN_COUNT = Object.keys(COLUMN).length

/** Collects columns and raw bytes; `finish` makes the object's body of them. */
export class ColumnsWriter {
  /** What does not compress: secrets, digests, nanoseconds. */
  readonly raw = new ByteWriter()
  readonly #columns: ByteWriter[] = []
  #rows = 0

  /** Count an entry, span, version, reference or row. */
  row(): void {
    this.#rows += 1
    if (this.#rows > COLUMN_ROWS_MAX) throw new FormatError('columns: too many rows')
  }

  unsigned(column: number, value: number): void {
    this.#column(column).varint(value)
  }

  /** @param value - a difference of two numbers of up to 53 bits, or of 64 bits as a bigint */
  signed(column: number, value: number | bigint): void {
    const writer = this.#column(column)
    if (typeof value === 'number' && Math.abs(value) < 2 ** 52) writer.zigzag(value)
    else putWide(writer, BigInt(value))
  }

  bytes(column: number, bytes: Uint8Array): void {
    this.#column(column).put(bytes)
  }

  /** @returns the body: an array of its own */
  finish(sections: readonly Section[]): Uint8Array {
    const body = new ByteWriter().u8(VERSION).u8(SHAPE_WHOLE)
    putBlock(body, this.#block())
    body.varint(this.raw.size).put(this.raw.finish())
    checkSections(sections)
    for (const { type, bytes } of sections) {
      body.varint(type).varint(bytes.length).put(bytes)
    }
    return body.finish()
  }

  #column(index: number): ByteWriter {
    return (this.#columns[index] ??= new ByteWriter())
  }

  #block(): Uint8Array {
    const block = new ByteWriter().varint(this.#columns.length)
    for (let index = 0; index < this.#columns.length; index++) {
      block.varint(this.#columns[index]?.size ?? 0)
    }
    for (const column of this.#columns) if (column !== undefined) block.put(column.finish())
    if (block.size > COLUMNS_SIZE_MAX) throw new FormatError('columns: block too large')
    return block.finish()
  }
}

/** Reads what {@link ColumnsWriter} wrote; every method throws {FormatError} where bytes are wrong. */
export class ColumnsReader {
  readonly raw: ByteReader
  readonly sections: readonly Section[]
  readonly #columns: readonly ByteReader[]
  #rows = 0

  /**
   * @throws {VersionError} for a version, shape, column or section that may not be ignored
   * @throws {FormatError}
   */
  constructor(body: Uint8Array) {
    const reader = new ByteReader(plainView(body))
    const version = reader.u8()
    if (version !== VERSION) throw new VersionError(`columns: version ${version}`)
    const shape = reader.u8()
    if (shape !== SHAPE_WHOLE) throw new VersionError(`columns: shape ${shape}`)
    this.#columns = openColumns(takeBlock(reader, COLUMNS_SIZE_MAX))
    this.raw = new ByteReader(reader.take(reader.varint()))
    this.sections = openSections(reader)
  }

  row(): void {
    this.#rows += 1
    if (this.#rows > COLUMN_ROWS_MAX) throw new FormatError('columns: too many rows')
  }

  unsigned(column: number): number {
    return this.#column(column).varint()
  }

  /** An unsigned number, refused above `max`. */
  bounded(column: number, max: number, what: string): number {
    const value = this.unsigned(column)
    if (value > max) throw new FormatError(`${what}: ${value} is above ${max}`)
    return value
  }

  /** @returns a difference; its sum with the expected value is the caller's to check */
  signed(column: number): number {
    const value = takeWide(this.#column(column))
    if (typeof value === 'bigint') throw new FormatError('columns: difference beyond 53 bits')
    return value
  }

  /** The expected value plus a difference, refused outside `min`..`max`. */
  near(column: number, expected: number, range: { min: number; max: number }): number {
    const value = expected + this.signed(column)
    if (!Number.isSafeInteger(value) || value < range.min || value > range.max) {
      throw new FormatError(`columns: ${value} is not within ${range.min} to ${range.max}`)
    }
    return value
  }

  /** @returns a difference of 64-bit numbers */
  signedWide(column: number): bigint {
    return BigInt(takeWide(this.#column(column)))
  }

  /** @returns a copy */
  bytes(column: number, length: number): Uint8Array {
    return length === 0 ? new Uint8Array(0) : this.#column(column).take(length).slice()
  }

  /** The column itself, for what is written row by row. */
  part(column: number): ByteReader {
    return this.#column(column)
  }

  /** @throws {FormatError} if a column or the raw section holds more than was read */
  end(): void {
    for (const column of this.#columns) column.end()
    this.raw.end()
  }

  #column(index: number): ByteReader {
    const column = this.#columns[index]
    if (column === undefined) throw new FormatError(`columns: column ${index} is missing`)
    return column
  }
}

/** The same bytes without Buffer's ways: its `slice` is a view. */
function plainView(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length)
}

function openColumns(block: Uint8Array): ByteReader[] {
  const reader = new ByteReader(block)
  const count = reader.varint()
  if (count > COLUMN_COUNT_MAX) throw new FormatError(`columns: ${count} columns`)
  const sizes: number[] = []
  for (let index = 0; index < count; index++) sizes.push(reader.varint())
  if (count > 0 && sizes.at(-1) === 0) throw new FormatError('columns: last column is empty')
  if (count > COLUMN_COUNT) throw new VersionError(`columns: column ${count - 1} is unknown`)
  const columns = sizes.map((size) => new ByteReader(reader.take(size)))
  reader.end()
  return columns
}

function openSections(reader: ByteReader): Section[] {
  const sections: Section[] = []
  while (reader.remaining > 0) {
    const type = reader.varint()
    sections.push({ type, bytes: reader.take(reader.varint()).slice() })
    if (sections.length > SECTION_COUNT_MAX) throw new FormatError('columns: too many sections')
  }
  checkSections(sections)
  return sections
}

function checkSections(sections: readonly Section[]): void {
  let before = -1
  for (const { type } of sections) {
    if (type <= before) throw new FormatError('columns: sections are out of order')
    if (type < SECTION_OPTIONAL_MIN) throw new VersionError(`columns: section ${type} is unknown`)
    before = type
  }
}

/** Zigzag and LEB128 beyond 53 bits: as ByteWriter's varint, up to ten bytes. */
function putWide(writer: ByteWriter, value: bigint): void {
  let rest = value < 0n ? -2n * value - 1n : 2n * value
  if (rest >= U64) throw new FormatError(`columns: ${value} is no difference of 64 bits`)
  for (; rest >= 0x80n; rest >>= 7n) writer.u8(Number(rest & 0x7fn) | 0x80)
  writer.u8(Number(rest))
}

/** @returns a number within ±(2^53 − 1), a bigint beyond */
function takeWide(reader: ByteReader): number | bigint {
  let value = 0
  let wide = 0n
  let scale = 1
  for (let size = 1; size <= WIDE_SIZE_MAX; size++) {
    const byte = reader.u8()
    if (scale < SMALL_MAX) {
      value += (byte & 0x7f) * scale
      scale *= 128
    } else {
      wide |= BigInt(byte & 0x7f) << BigInt(7 * (size - 1))
    }
    if (byte >= 0x80) continue
    if (byte === 0 && size > 1) throw new FormatError('varint is longer than it needs to be')
    if (wide === 0n) return value % 2 === 0 ? value / 2 : -(value + 1) / 2
    const zigzag = wide + BigInt(value)
    if (zigzag >= U64) break
    const signed = zigzag % 2n === 0n ? zigzag / 2n : -(zigzag + 1n) / 2n
    const isSafe = -Number.MAX_SAFE_INTEGER <= signed && signed <= Number.MAX_SAFE_INTEGER
    return isSafe ? Number(signed) : signed
  }
  throw new FormatError('columns: number beyond 64 bits')
}
