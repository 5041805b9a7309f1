/**
 * A FileStorage as ZODB writes it, made by hand: transactions go to the end of a file, and are under way until
 * they are finished.
 *
 * It also opens one as ZODB does, and tells what it found (src/ZODB/FileStorage/FileStorage.py, `read_index`).
 */

import {
  appendFileSync,
  openSync,
  closeSync,
  readFileSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { concat, utf8 } from '../../protocol/bytes.ts'
import { outside } from '../../sim/poison.ts'

export interface WrittenObject {
  readonly oid: number
  readonly data: Uint8Array
}

export class DataFs {
  readonly path: string
  #tid = 1n
  readonly #positions = new Map<number, number>()

  constructor(path: string) {
    this.path = path
    this.become(utf8('FS30'))
  }

  /** What is in the file. */
  get bytes(): Uint8Array {
    return outside(() => readFileSync(this.path))
  }

  become(bytes: Uint8Array): void {
    outside(() => writeFileSync(this.path, bytes))
  }

  /** A whole transaction. */
  commit(...objects: readonly WrittenObject[]): void {
    this.vote(...objects)()
  }

  /** Write a transaction that is under way; @returns what finishes it */
  vote(...objects: readonly WrittenObject[]): () => void {
    const start = outside(() => statSync(this.path).size)
    const bytes = this.transaction(start, 'c', ...objects)
    outside(() => appendFileSync(this.path, bytes))
    return () =>
      outside(() => {
        const file = openSync(this.path, 'r+')
        writeSync(file, ' ', start + 16)
        closeSync(file)
      })
  }

  /** @returns the bytes of a transaction that would begin there */
  transaction(start: number, status: string, ...objects: readonly WrittenObject[]): Uint8Array {
    const tid = u64(this.#tid++)
    const description = utf8('changed')
    const records: Uint8Array[] = []
    let at = start + 23 + description.length
    for (const { oid, data } of objects) {
      const previous = this.#positions.get(oid) ?? 0
      const content = data.length === 0 ? u64(previous) : data
      records.push(u64(oid), tid, u64(previous), u64(start), u16(0), u64(data.length), content)
      this.#positions.set(oid, at)
      at += 42 + content.length
    }
    const length = u64(at - start)
    const sizes = [u16(0), u16(description.length), u16(0)]
    return concat(tid, length, utf8(status), ...sizes, description, ...records, length)
  }
}

/** What opening a storage gave. */
export interface OpenedStorage {
  readonly transactions: number
  /** Where the reading of transactions began: at the end, if the index spoke up to there. */
  readonly scannedFrom: number
  /** Position of each object's newest record. */
  readonly positions: ReadonlyMap<number, number>
  /** Bytes behind the last complete transaction, which ZODB cuts off. */
  readonly torn: number
}

/** @throws {Error} where ZODB would not open it, or would not trust the index beside it */
export function openStorage(path: string): OpenedStorage {
  const [bytes, indexBytes] = outside(() => [readFileSync(path), readFileSync(`${path}.index`)])
  const index = readIndexFile(indexBytes)
  const positions = new Map<number, number>()
  let at = 4
  let transactions = 0
  while (at + 23 <= bytes.length) {
    const length = Number(bytes.readBigUInt64BE(at + 8))
    const status = bytes.toString('latin1', at + 16, at + 17)
    if (at + length + 8 > bytes.length || status === 'c') break
    if (Number(bytes.readBigUInt64BE(at + length)) !== length) throw new Error(`lengths at ${at}`)
    const sizes = [17, 19, 21].map((offset) => bytes.readUInt16BE(at + offset))
    let record = at + 23 + sizes.reduce((sum, size) => sum + size, 0)
    for (; record < at + length;) {
      if (Number(bytes.readBigUInt64BE(record + 24)) !== at) throw new Error(`record at ${record}`)
      positions.set(Number(bytes.readBigUInt64BE(record)), record)
      const size = Number(bytes.readBigUInt64BE(record + 34))
      record += 42 + (size === 0 ? 8 : size)
    }
    if (record !== at + length) throw new Error(`records of ${at} do not add up`)
    at += length + 8
    transactions += 1
  }
  for (const [oid, position] of positions) {
    if (index.positions.get(oid) !== position)
      throw new Error(`the index has object ${oid} elsewhere`)
  }
  if (index.positions.size !== positions.size) throw new Error('the index has more objects')
  if (index.end > bytes.length) throw new Error('the index goes beyond the storage')
  return { transactions, scannedFrom: index.end, positions, torn: bytes.length - at }
}

/** As far as storages of fewer than 65,536 objects need it. */
function readIndexFile(bytes: Buffer): { end: number; positions: Map<number, number> } {
  let at = 0
  const number = (size: number) => bytes.readUIntLE((at += size) - size, size)
  const string = (size: number) => bytes.subarray((at += size) - size, at)
  const expect = (...ops: number[]) => {
    for (const op of ops) if (bytes[at++] !== op) throw new Error(`pickle at ${at - 1}`)
  }
  const expectOne = (sizes: Readonly<Record<number, number>>) => {
    const size = sizes[number(1)]
    if (size === undefined) throw new Error(`pickle at ${at - 1}`)
    return number(size)
  }
  expect(0x80, 3)
  const end = expectOne({ 0x4b: 1, 0x4d: 2, 0x4a: 4 })
  expect(0x2e, 0x80, 3)
  const positions = new Map<number, number>()
  if (bytes[at] !== 0x4e) {
    expect(0x43, 6)
    const prefix = string(6).readUIntBE(0, 6)
    const bucket = string(expectOne({ 0x43: 1, 0x42: 4 }))
    const count = bucket.length / 8
    for (let each = 0; each < count; each += 1) {
      const oid = prefix * 65_536 + bucket.readUInt16BE(each * 2)
      positions.set(oid, bucket.readUIntBE(count * 2 + each * 6, 6))
    }
    expect(0x86, 0x2e, 0x80, 3)
  }
  expect(0x4e, 0x2e)
  if (at !== bytes.length) throw new Error('more behind the index')
  return { end, positions }
}

function u16(value: number): Uint8Array {
  return Uint8Array.of(value >> 8, value & 0xff)
}

function u64(value: number | bigint): Uint8Array {
  const bytes = new Uint8Array(8)
  new DataView(bytes.buffer).setBigUint64(0, BigInt(value))
  return bytes
}
