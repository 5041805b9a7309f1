/**
 * Attributes as columns: what files share (mode, owner, group, extras) stands once in a table per
 * page; times, inode and size are columns of differences; nanoseconds are raw.
 *
 * Format: docs/formats/page.md, "Attributes"
 */

import { ByteWriter, fromUtf8, toHex, utf8 } from './bytes.ts'
import type { ByteReader } from './bytes.ts'
import { COLUMN } from './columns.ts'
import type { ColumnsReader, ColumnsWriter } from './columns.ts'
import { FormatError, VersionError } from './errors.ts'
import { ACCOUNT_NAME_SIZE_MAX, EXTRA_CRITICAL_MIN, EXTRA_SIZE_MAX } from './tree.ts'
import type { Attributes, Extra, Time } from './tree.ts'

/** Earliest second of a time; the latest is one before 2^52. */
export const TIME_SECONDS_MIN = -(2 ** 52)
export const TIME_SECONDS_MAX = 2 ** 52 - 1

/** Bits of the form, which the caller keeps together with what it has to say itself. */
const MTIME_WHOLE = 1
const CTIME_SAME = 2
const CTIME_WHOLE = 4
const HAS_BIRTH = 8

/** How many bits of a form belong to the attributes. */
export const ATTRIBUTE_FORM_BITS = 4

const NANOSECONDS_MAX = 999_999_999
const MODE_MAX = 0o7777
const ID_MAX = 2 ** 32 - 1
const EXTRA_TYPE_MAX = 0xffff
const SIZE = { min: 0, max: Number.MAX_SAFE_INTEGER }
const SECONDS = { min: TIME_SECONDS_MIN, max: TIME_SECONDS_MAX }

type Shared = Omit<Attributes, 'mtime' | 'ctime' | 'bornAt' | 'inode' | 'size'>

export class AttributeWriter {
  readonly #columns: ColumnsWriter
  readonly #table = new Map<string, number>()
  #mtime = 0
  #inode = 0n

  constructor(columns: ColumnsWriter) {
    this.#columns = columns
  }

  /** @returns the bits that {@link AttributeReader.take} wants to see again */
  static form({ mtime, ctime, bornAt }: Attributes): number {
    const form =
      (mtime.nanoseconds === 0 ? MTIME_WHOLE : 0) | (bornAt === undefined ? 0 : HAS_BIRTH)
    if (ctime.seconds === mtime.seconds && ctime.nanoseconds === mtime.nanoseconds) {
      return form | CTIME_SAME
    }
    return form | (ctime.nanoseconds === 0 ? CTIME_WHOLE : 0)
  }

  /** @param size - the size to be expected, bytes */
  put(attributes: Attributes, size: number): void {
    const columns = this.#columns
    const { mtime, ctime, bornAt } = attributes
    checkTime(mtime)
    checkTime(ctime)
    this.#putShared(attributes)
    columns.signed(COLUMN.mtimes, mtime.seconds - this.#mtime)
    this.#mtime = mtime.seconds
    if (mtime.nanoseconds !== 0) columns.raw.u32(mtime.nanoseconds)
    if ((AttributeWriter.form(attributes) & CTIME_SAME) === 0) {
      columns.signed(COLUMN.ctimes, ctime.seconds - mtime.seconds)
      if (ctime.nanoseconds !== 0) columns.raw.u32(ctime.nanoseconds)
    }
    if (bornAt !== undefined) {
      checkTime({ seconds: bornAt, nanoseconds: 0 })
      columns.signed(COLUMN.births, bornAt - ctime.seconds)
    }
    if (BigInt.asUintN(64, attributes.inode) !== attributes.inode) {
      throw new FormatError(`attributes: inode ${attributes.inode}`)
    }
    columns.signed(COLUMN.inodes, BigInt.asIntN(64, attributes.inode - this.#inode))
    this.#inode = attributes.inode
    checkSize(attributes.size)
    columns.signed(COLUMN.sizes, attributes.size - size)
  }

  #putShared(shared: Shared): void {
    const { mode, uid, gid, userName, groupName, extra } = shared
    const extras = extra.map(({ type, bytes }) => `${type}=${toHex(bytes)}`)
    const id = JSON.stringify([mode, uid, gid, userName ?? null, groupName ?? null, extras])
    const number = this.#table.get(id)
    this.#columns.unsigned(COLUMN.attributes, number ?? this.#table.size)
    if (number !== undefined) return
    this.#table.set(id, this.#table.size)
    checkShared(shared)
    const row = new ByteWriter().varint(mode).varint(uid).varint(gid)
    putText(row, userName)
    putText(row, groupName)
    putExtra(row, extra)
    this.#columns.bytes(COLUMN.attributeTable, row.finish())
  }
}

/** The inverse of {@link AttributeWriter}. */
export class AttributeReader {
  readonly #columns: ColumnsReader
  readonly #table: Shared[] = []
  #mtime = 0
  #inode = 0n

  constructor(columns: ColumnsReader) {
    this.#columns = columns
  }

  /** @throws {FormatError} */
  take(form: number, size: number): Attributes {
    const columns = this.#columns
    const shared = this.#takeShared()
    const mtime = {
      seconds: columns.near(COLUMN.mtimes, this.#mtime, SECONDS),
      nanoseconds: (form & MTIME_WHOLE) === 0 ? this.#takeNanoseconds() : 0,
    }
    this.#mtime = mtime.seconds
    const ctime = this.#takeCtime(form, mtime)
    const born =
      (form & HAS_BIRTH) === 0
        ? {}
        : { bornAt: columns.near(COLUMN.births, ctime.seconds, SECONDS) }
    this.#inode = BigInt.asUintN(64, this.#inode + columns.signedWide(COLUMN.inodes))
    return {
      ...shared,
      mtime,
      ctime,
      ...born,
      inode: this.#inode,
      size: columns.near(COLUMN.sizes, size, SIZE),
    }
  }

  #takeCtime(form: number, mtime: Time): Time {
    if ((form & CTIME_SAME) !== 0) {
      if ((form & CTIME_WHOLE) !== 0) throw new FormatError('attributes: impossible form')
      return mtime
    }
    return {
      seconds: this.#columns.near(COLUMN.ctimes, mtime.seconds, SECONDS),
      nanoseconds: (form & CTIME_WHOLE) === 0 ? this.#takeNanoseconds() : 0,
    }
  }

  #takeNanoseconds(): number {
    const value = this.#columns.raw.u32()
    if (value === 0 || value > NANOSECONDS_MAX) {
      throw new FormatError(`attributes: ${value} nanoseconds`)
    }
    return value
  }

  #takeShared(): Shared {
    const number = this.#columns.bounded(
      COLUMN.attributes,
      this.#table.length,
      'number in the attribute table',
    )
    const known = this.#table[number]
    if (known !== undefined) return known
    const table = this.#columns.part(COLUMN.attributeTable)
    const ids = { mode: table.varint(), uid: table.varint(), gid: table.varint() }
    const userName = takeText(table)
    const groupName = takeText(table)
    const shared = {
      ...ids,
      ...(userName === undefined ? {} : { userName }),
      ...(groupName === undefined ? {} : { groupName }),
      extra: takeExtra(table),
    }
    checkShared(shared)
    this.#table.push(shared)
    return shared
  }
}

/** Write a list of extras: its length, then type, size and bytes of each. */
export function putExtra(writer: ByteWriter, extra: readonly Extra[]): void {
  checkExtra(extra)
  writer.varint(extra.length)
  for (const { type, bytes } of extra) writer.varint(type).varint(bytes.length).put(bytes)
}

/**
 * @throws {VersionError} for a type that may not be ignored
 * @throws {FormatError}
 */
export function takeExtra(reader: ByteReader): readonly Extra[] {
  const extra: Extra[] = []
  for (let left = reader.varint(); left > 0; left--) {
    const type = reader.varint()
    extra.push({ type, bytes: reader.take(reader.varint()).slice() })
  }
  checkExtra(extra)
  return extra
}

/** @throws {FormatError} unless types ascend, none is critical, and all together are within bounds */
export function checkExtra(extra: readonly Extra[]): void {
  let before = -1
  let size = 0
  for (const { type, bytes } of extra) {
    if (type <= before || type > EXTRA_TYPE_MAX) throw new FormatError(`extra: type ${type}`)
    if (type >= EXTRA_CRITICAL_MIN) throw new VersionError(`extra: type ${type} is unknown`)
    before = type
    size += bytes.length
  }
  if (size > EXTRA_SIZE_MAX) throw new FormatError(`extra: ${size} bytes`)
}

function checkTime({ seconds, nanoseconds }: Time): void {
  const isSound =
    Number.isInteger(seconds) &&
    seconds >= TIME_SECONDS_MIN &&
    seconds <= TIME_SECONDS_MAX &&
    Number.isInteger(nanoseconds) &&
    nanoseconds >= 0 &&
    nanoseconds <= NANOSECONDS_MAX
  if (!isSound) throw new FormatError(`attributes: time ${seconds} s ${nanoseconds} ns`)
}

function checkSize(size: number): void {
  if (!Number.isSafeInteger(size) || size < 0) throw new FormatError(`attributes: size ${size}`)
}

function checkShared({ mode, uid, gid }: Shared): void {
  if (mode > MODE_MAX || uid > ID_MAX || gid > ID_MAX) {
    throw new FormatError(`attributes: mode ${mode}, uid ${uid} or gid ${gid} is too large`)
  }
}

/** 0 for none, or the text's size + 1 and the text. */
function putText(writer: ByteWriter, text: string | undefined): void {
  if (text === undefined) {
    writer.varint(0)
    return
  }
  const bytes = utf8(text)
  if (bytes.length > ACCOUNT_NAME_SIZE_MAX) throw new FormatError('attributes: name too long')
  writer.varint(bytes.length + 1).put(bytes)
}

function takeText(reader: ByteReader): string | undefined {
  const size = reader.varint()
  if (size === 0) return undefined
  if (size > ACCOUNT_NAME_SIZE_MAX + 1) throw new FormatError('attributes: name too long')
  return fromUtf8(reader.take(size - 1))
}
