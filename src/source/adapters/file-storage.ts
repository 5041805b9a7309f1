/**
 * FileStorage, the file that ZODB keeps its objects in: `Data.fs`.
 *
 * Four bytes of magic, then transactions one behind the other, each with its length before and after. A
 * transaction under way stands at the end with the status `c`, or is cut off; what is before it never
 * changes, unless the storage is packed, which makes a new file.
 *
 *     transaction  id 8, length − 8: 8, status 1, lengths of user, description and extension 2 each,
 *                  those three, the data records, length − 8 again: 8
 *     data record  object id 8, transaction id 8, previous record's position 8, transaction's position 8,
 *                  zero 2, length 8, and the data; or without any, the position of the record with the data: 8
 *
 * Format: src/ZODB/FileStorage/format.py of ZODB 5; all numbers are big-endian
 */

import { equal, utf8 } from '../../../protocol/bytes.ts'
import { FormatError } from '../../../protocol/errors.ts'
import { FsIndex, oidAt } from './fs-index.ts'

/** What a storage begins with: written by Python 3, and by Python 2. */
const MAGICS = [utf8('FS30'), utf8('FS21')]

export const MAGIC_SIZE = 4

const TRANSACTION_HEADER_SIZE = 23
const LENGTH_SIZE = 8
const DATA_HEADER_SIZE = 42

/** Where data headers have the position of their transaction. */
const TRANSACTION_POSITION_OFFSET = 24

/** Bytes read at once when going from header to header. */
const WINDOW_SIZE = 256 * 1024

/** As ZODB itself does before it trusts an index. */
const CHECKED_RECORDS_MAX = 5

/** The bytes of a storage. */
export interface StorageFile {
  read(offset: number, length: number): Promise<Uint8Array>
}

interface Transaction {
  /** Without the length behind it. */
  readonly length: number
  readonly status: string
  /** Bytes before the first data record. */
  readonly headerSize: number
}

interface DataRecord {
  readonly oid: { readonly prefix: number; readonly rest: number }
  readonly transaction: number
  readonly size: number
}

export function isFileStorage(head: Uint8Array): boolean {
  const magic = head.subarray(0, MAGIC_SIZE)
  return MAGICS.some((each) => equal(magic, each))
}

/** A storage as far as it is complete. */
export class FileStorage {
  readonly #file: StorageFile
  #window: { readonly offset: number; readonly bytes: Uint8Array } = {
    offset: 0,
    bytes: new Uint8Array(0),
  }

  constructor(file: StorageFile) {
    this.#file = file
  }

  /**
   * @param size - of the file
   * @param from - a position that a transaction begins at
   * @returns where the last complete transaction ends
   * @throws {FormatError} the storage is damaged
   */
  async findEnd(size: number, from: number = MAGIC_SIZE): Promise<number> {
    // Most often nothing is under way.
    if (await this.endsAt(size, size)) return size
    let at = from
    for (;;) {
      const transaction = await this.#transaction(at)
      const length = transaction?.length ?? 0
      const end = at + length + LENGTH_SIZE
      const isWhole = length >= TRANSACTION_HEADER_SIZE && end <= size
      if (!isWhole || transaction?.status === 'c') {
        if (await this.#isUnderWay(at, size, transaction)) return at
      } else if (await this.endsAt(end, size)) {
        at = end
        continue
      }
      throw new FormatError(`its transaction at ${at} is damaged`)
    }
  }

  /**
   * @param transaction - as its header tells; `undefined` where the file ends within
   * @returns whether all from there on is one transaction that is not complete, or was never written: else
   *   there may be more behind it, and to cut that off would lose it
   */
  async #isUnderWay(at: number, size: number, transaction?: Transaction): Promise<boolean> {
    // What only begins as a storage does must not become four bytes.
    if (transaction === undefined) return at === size || at > MAGIC_SIZE
    const { length, status, headerSize } = transaction
    if (length < TRANSACTION_HEADER_SIZE) return await this.#isZero(at, size)
    if (!Number.isFinite(length) || !' puc'.includes(status) || headerSize > length) return false
    const end = Math.min(at + length, size)
    for (let place = at + headerSize; place < end;) {
      const record = await this.#record(place)
      if (record === undefined) return true
      if (record.transaction !== at) return false
      place += record.size
    }
    return true
  }

  /** @returns whether a crash left zeros in place of what was never written */
  async #isZero(from: number, size: number): Promise<boolean> {
    for (let at = from; at < size;) {
      const bytes = await this.#file.read(at, WINDOW_SIZE)
      if (bytes.length === 0) return true
      if (bytes.some((byte) => byte !== 0)) return false
      at += bytes.length
    }
    return true
  }

  /** @returns whether a complete transaction ends there, and what it says of itself holds together */
  async endsAt(end: number, size: number): Promise<boolean> {
    if (end === MAGIC_SIZE) return true
    if (end < MAGIC_SIZE + TRANSACTION_HEADER_SIZE + LENGTH_SIZE || end > size) return false
    const length = await this.#number(end - LENGTH_SIZE)
    const at = end - LENGTH_SIZE - length
    if (at < MAGIC_SIZE) return false
    const transaction = await this.#transaction(at)
    if (transaction === undefined || transaction.length !== length) return false
    if (!' pu'.includes(transaction.status) || transaction.headerSize > length) return false
    if (transaction.headerSize === length) return true
    const record = await this.#record(at + transaction.headerSize)
    return record?.transaction === at
  }

  /**
   * @param end - where the last complete transaction ends
   * @param known - an index of an earlier moment of this storage; it is gone on with
   * @throws {FormatError} the storage is damaged
   */
  async index(end: number, known?: { index: FsIndex; end: number }): Promise<FsIndex> {
    const isUsable = known !== undefined && known.end <= end && (await this.#fits(known))
    const index = isUsable ? known.index : new FsIndex()
    for (let at = isUsable ? known.end : MAGIC_SIZE; at < end;) {
      const transaction = await this.#transaction(at)
      const isWhole =
        transaction !== undefined &&
        transaction.headerSize <= transaction.length &&
        at + transaction.length + LENGTH_SIZE <= end
      if (!isWhole) throw new FormatError(`its transaction at ${at} is damaged`)
      if (transaction.status !== 'u') await this.#indexRecords(index, at, transaction)
      at += transaction.length + LENGTH_SIZE
    }
    return index
  }

  async #indexRecords(index: FsIndex, start: number, transaction: Transaction): Promise<void> {
    const end = start + transaction.length
    for (let at = start + transaction.headerSize; at < end;) {
      const record = await this.#record(at)
      if (record === undefined || record.transaction !== start || at + record.size > end) {
        throw new FormatError(`its record at ${at} is damaged`)
      }
      index.set(record.oid, at)
      at += record.size
    }
  }

  /** @returns whether the last transactions before the index's end have their records where it says */
  async #fits({ index, end }: { index: FsIndex; end: number }): Promise<boolean> {
    let checked = 0
    let until = end
    while (checked < CHECKED_RECORDS_MAX && until > MAGIC_SIZE) {
      if (!(await this.endsAt(until, until))) return false
      const start = until - LENGTH_SIZE - (await this.#number(until - LENGTH_SIZE))
      const transaction = await this.#transaction(start)
      if (transaction === undefined) return false
      until = start
      if (transaction.status === 'u') continue
      for (let at = start + transaction.headerSize; at < start + transaction.length;) {
        const record = await this.#record(at)
        if (record === undefined || index.get(record.oid) !== at) return false
        at += record.size
        checked += 1
        if (checked === CHECKED_RECORDS_MAX) return true
      }
      // Records of older transactions may have newer ones by now.
      if (checked > 0) return true
    }
    return true
  }

  async #transaction(at: number): Promise<Transaction | undefined> {
    const view = await this.#view(at, TRANSACTION_HEADER_SIZE)
    if (view === undefined) return undefined
    const sizes = [17, 19, 21].map((offset) => view.getUint16(offset))
    return {
      length: numberAt(view, 8),
      status: String.fromCharCode(view.getUint8(16)),
      headerSize: sizes.reduce((sum, size) => sum + size, TRANSACTION_HEADER_SIZE),
    }
  }

  async #record(at: number): Promise<DataRecord | undefined> {
    const view = await this.#view(at, DATA_HEADER_SIZE)
    if (view === undefined) return undefined
    const length = numberAt(view, DATA_HEADER_SIZE - LENGTH_SIZE)
    return {
      oid: oidAt(view, 0),
      transaction: numberAt(view, TRANSACTION_POSITION_OFFSET),
      size: DATA_HEADER_SIZE + (length === 0 ? LENGTH_SIZE : length),
    }
  }

  async #number(at: number): Promise<number> {
    const view = await this.#view(at, LENGTH_SIZE)
    return view === undefined ? Number.POSITIVE_INFINITY : numberAt(view, 0)
  }

  /** @returns the bytes from there on; undefined if the file ends before */
  async #view(at: number, length: number): Promise<DataView | undefined> {
    const { offset, bytes } = this.#window
    if (at < offset || at + length > offset + bytes.length) {
      this.#window = { offset: at, bytes: await this.#file.read(at, WINDOW_SIZE) }
    }
    const start = at - this.#window.offset
    if (start + length > this.#window.bytes.length) return undefined
    return new DataView(this.#window.bytes.buffer, this.#window.bytes.byteOffset + start, length)
  }
}

/** Beyond 2^53 nothing is a length or a position: it is infinite, and no bound holds it. */
function numberAt(view: DataView, at: number): number {
  const value = view.getUint32(at) * 2 ** 32 + view.getUint32(at + 4)
  return Number.isSafeInteger(value) ? value : Number.POSITIVE_INFINITY
}
