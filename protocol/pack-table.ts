/**
 * Pack tables: number → pack, for a whole ledger in memory.
 *
 * A million packs are kept as columns of numbers and bytes, about 60 bytes a pack and 2 more for each
 * holder, not as a million objects. One block of columns for each segment, newest first; a look-up is
 * a binary search in each block until one has the number.
 */

import type { LedgerSegment } from './ledger.ts'
import { PACK_ID_SIZE, packIdFromBytes, packIdToBytes, type PackId } from './manifest.ts'
import type { PeerId } from './peer-id.ts'

/** Where a numbered pack's bytes are: at `base` in the pack `id`. */
export interface PackPlace {
  readonly id: PackId
  readonly base: number
}

/** One row with the holders spelt out. */
export interface PackRow extends PackPlace {
  readonly number: number
  readonly size: number
  readonly needed: number
  readonly total: number
  /** By share number; a share without a known holder is absent. */
  readonly holders: ReadonlyMap<number, PeerId>
}

/** The rows of one segment, sorted by number. */
interface Block {
  readonly numbers: Float64Array
  readonly ids: Uint8Array
  readonly bases: Uint32Array
  readonly sizes: Uint32Array
  /** needed − 1 and total − 1, in turn. */
  readonly codes: Uint8Array
  /** Where a row's holders start; one more at the end. */
  readonly holderStarts: Uint32Array
  /** 1 + index into `peers`, 0 for nobody. */
  readonly holders: Uint16Array
  readonly peers: readonly PeerId[]
}

export class PackTable {
  readonly #blocks: Block[] = []

  /** @param segments - newest first, as a ledger is read; they need not be kept afterwards */
  static fromSegments(segments: Iterable<LedgerSegment>): PackTable {
    const table = new PackTable()
    for (const segment of segments) table.addOlder(segment)
    return table
  }

  /** Rows of a segment older than all so far: they hold where no newer one has the number. */
  addOlder(segment: Pick<LedgerSegment, 'packs' | 'peers'>): void {
    if (segment.packs.length > 0) this.#blocks.push(makeBlock(segment))
  }

  /** Rows of a segment newer than all so far: they hold whatever was known before. */
  addNewer(segment: Pick<LedgerSegment, 'packs' | 'peers'>): void {
    if (segment.packs.length > 0) this.#blocks.unshift(makeBlock(segment))
  }

  /** @returns where pack `number` lies, or undefined if the ledger does not say */
  resolve(number: number): PackPlace | undefined {
    for (const block of this.#blocks) {
      const row = findRow(block, number)
      if (row !== undefined) return { id: idAt(block, row), base: block.bases[row] ?? 0 }
    }
    return undefined
  }

  /** @returns everything the ledger says about pack `number` */
  row(number: number): PackRow | undefined {
    for (const block of this.#blocks) {
      const row = findRow(block, number)
      if (row !== undefined) return rowAt(block, row)
    }
    return undefined
  }

  /** Every number once, block by block: ascending within each, in no order between them. */
  *rows(): Generator<PackRow> {
    for (const [index, block] of this.#blocks.entries()) {
      const newer = this.#blocks.slice(0, index)
      for (const [row, number] of block.numbers.entries()) {
        if (newer.every((other) => findRow(other, number) === undefined)) yield rowAt(block, row)
      }
    }
  }

  /** Bytes of memory the columns take. */
  get size(): number {
    return this.#blocks.reduce((sum, block) => sum + blockSize(block), 0)
  }

  /** The highest number any row has, or −1: where a device that lost its counter goes on. */
  get numberMax(): number {
    return Math.max(-1, ...this.#blocks.map((block) => block.numbers.at(-1) ?? -1))
  }
}

function makeBlock({ packs, peers }: Pick<LedgerSegment, 'packs' | 'peers'>): Block {
  const sorted = packs.toSorted((a, b) => a.number - b.number)
  const holderCount = sorted.reduce((sum, pack) => sum + pack.holders.length, 0)
  const block: Block = {
    numbers: Float64Array.from(sorted, (pack) => pack.number),
    ids: new Uint8Array(PACK_ID_SIZE * sorted.length),
    bases: Uint32Array.from(sorted, (pack) => pack.base),
    sizes: Uint32Array.from(sorted, (pack) => pack.size),
    codes: Uint8Array.from(sorted.flatMap((pack) => [pack.needed - 1, pack.total - 1])),
    holderStarts: new Uint32Array(sorted.length + 1),
    holders: new Uint16Array(holderCount),
    peers,
  }
  let next = 0
  for (const [row, pack] of sorted.entries()) {
    block.ids.set(packIdToBytes(pack.id), PACK_ID_SIZE * row)
    for (const holder of pack.holders) block.holders[next++] = holder + 1
    block.holderStarts[row + 1] = next
  }
  return block
}

function blockSize(block: Block): number {
  const { numbers, ids, bases, sizes, codes, holderStarts, holders } = block
  const columns = [numbers, ids, bases, sizes, codes, holderStarts, holders]
  return columns.reduce((sum, column) => sum + column.byteLength, 0)
}

function findRow({ numbers }: Block, number: number): number | undefined {
  let low = 0
  let high = numbers.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((numbers[middle] ?? 0) < number) low = middle + 1
    else high = middle
  }
  return numbers[low] === number ? low : undefined
}

function idAt(block: Block, row: number): PackId {
  return packIdFromBytes(block.ids.subarray(PACK_ID_SIZE * row, PACK_ID_SIZE * (row + 1)))
}

function rowAt(block: Block, row: number): PackRow {
  const holders = new Map<number, PeerId>()
  const start = block.holderStarts[row] ?? 0
  const end = block.holderStarts[row + 1] ?? start
  for (let at = start; at < end; at += 1) {
    const peer = block.peers[(block.holders[at] ?? 0) - 1]
    if (peer !== undefined) holders.set(at - start, peer)
  }
  return {
    number: block.numbers[row] ?? 0,
    id: idAt(block, row),
    base: block.bases[row] ?? 0,
    size: block.sizes[row] ?? 0,
    needed: (block.codes[2 * row] ?? 0) + 1,
    total: (block.codes[2 * row + 1] ?? 0) + 1,
    holders,
  }
}
