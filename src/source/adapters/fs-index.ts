/**
 * The index of a FileStorage: where in `Data.fs` each object's newest record begins.
 *
 * ZODB keeps it in `Data.fs.index` and reads the whole storage where it has none that fits. The file is a row of
 * pickles: the position up to which it speaks, then for each 6-byte prefix of object ids the pair of that
 * prefix and its bucket, then None. A bucket is the 2-byte rests of the ids, ascending, and then their
 * positions, 6 bytes each; all big-endian.
 *
 * Format: src/ZODB/fsIndex.py of ZODB 5, `toBytes` of BTrees' fsBTree
 */

import { concat } from '../../../protocol/bytes.ts'
import { pickleNone, pickleNumber, picklePair, PickleReader } from './pickle.ts'

const PREFIX_SIZE = 6
const REST_SIZE = 2
const POSITION_SIZE = 6
const RESTS = 2 ** (8 * REST_SIZE)

/** From so many ids on, a table of all that a prefix can have takes less than a map of those it has. */
const DENSE_COUNT_MIN = 8_192

/** Ids of one prefix. A storage counts its ids up, so buckets are full but for the last. */
class Bucket {
  #sparse: Map<number, number> | undefined = new Map()
  #dense: Float64Array | undefined

  get(rest: number): number {
    return this.#dense?.[rest] ?? this.#sparse?.get(rest) ?? 0
  }

  set(rest: number, position: number): void {
    if (this.#dense !== undefined) {
      this.#dense[rest] = position
      return
    }
    this.#sparse?.set(rest, position)
    if (this.#sparse === undefined || this.#sparse.size < DENSE_COUNT_MIN) return
    this.#dense = new Float64Array(RESTS)
    for (const [key, value] of this.#sparse) this.#dense[key] = value
    this.#sparse = undefined
  }

  toBytes(): Uint8Array {
    const rests: number[] = []
    if (this.#sparse !== undefined)
      rests.push(...[...this.#sparse.keys()].toSorted((a, b) => a - b))
    this.#dense?.forEach((position, rest) => {
      if (position > 0) rests.push(rest)
    })
    const bytes = new Uint8Array(rests.length * (REST_SIZE + POSITION_SIZE))
    const view = new DataView(bytes.buffer)
    for (const [index, rest] of rests.entries()) {
      view.setUint16(index * REST_SIZE, rest)
      const at = rests.length * REST_SIZE + index * POSITION_SIZE
      const position = this.get(rest)
      view.setUint16(at, Math.floor(position / 2 ** 32))
      view.setUint32(at + 2, position % 2 ** 32)
    }
    return bytes
  }
}

/** An object id as two numbers: its first 6 bytes, and the last 2. */
export interface Oid {
  readonly prefix: number
  readonly rest: number
}

export class FsIndex {
  readonly #buckets = new Map<number, Bucket>()

  /** @returns where the object's newest record begins; 0 if there is none */
  get({ prefix, rest }: Oid): number {
    return this.#buckets.get(prefix)?.get(rest) ?? 0
  }

  set({ prefix, rest }: Oid, position: number): void {
    let bucket = this.#buckets.get(prefix)
    if (bucket === undefined) {
      bucket = new Bucket()
      this.#buckets.set(prefix, bucket)
    }
    bucket.set(rest, position)
  }

  /** @param end - the position up to which it speaks: the end of the storage */
  encode(end: number): Uint8Array {
    const parts = [pickleNumber(end)]
    for (const [prefix, bucket] of [...this.#buckets].toSorted(([a], [b]) => a - b)) {
      parts.push(picklePair(prefixBytes(prefix), bucket.toBytes()))
    }
    return concat(...parts, pickleNone())
  }

  /** @returns undefined for what is no such index, or one of another form */
  static decode(bytes: Uint8Array): { readonly index: FsIndex; readonly end: number } | undefined {
    const reader = new PickleReader(bytes)
    const end = reader.next()
    if (typeof end !== 'number') return undefined
    const index = new FsIndex()
    for (;;) {
      const pair = reader.next()
      if (pair === null) return { index, end }
      if (pair === undefined || typeof pair === 'number' || pair instanceof Uint8Array)
        return undefined
      const [prefix, bucket] = pair
      if (!(prefix instanceof Uint8Array) || !(bucket instanceof Uint8Array)) return undefined
      if (!index.#fill(prefix, bucket)) return undefined
    }
  }

  #fill(prefixed: Uint8Array, bytes: Uint8Array): boolean {
    const count = bytes.length / (REST_SIZE + POSITION_SIZE)
    if (prefixed.length !== PREFIX_SIZE || !Number.isInteger(count)) return false
    const prefix = numberOf(prefixed)
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
    for (let each = 0; each < count; each += 1) {
      const at = count * REST_SIZE + each * POSITION_SIZE
      const position = view.getUint16(at) * 2 ** 32 + view.getUint32(at + 2)
      this.set({ prefix, rest: view.getUint16(each * REST_SIZE) }, position)
    }
    return true
  }
}

/** @param view - of at least 8 bytes from `at` on */
export function oidAt(view: DataView, at: number): Oid {
  return {
    prefix: view.getUint32(at) * 2 ** 16 + view.getUint16(at + 4),
    rest: view.getUint16(at + 6),
  }
}

function prefixBytes(prefix: number): Uint8Array {
  const bytes = new Uint8Array(PREFIX_SIZE)
  const view = new DataView(bytes.buffer)
  view.setUint16(0, Math.floor(prefix / 2 ** 32))
  view.setUint32(2, prefix % 2 ** 32)
  return bytes
}

function numberOf(bytes: Uint8Array): number {
  return bytes.reduce((sum, byte) => sum * 256 + byte, 0)
}
