/**
 * The scanner, plain: the twin of `kernels/scan-blocks.ts`.
 *
 * A weak sum rolls along the new file byte by byte. Where the table may know it, the strong sum of the
 * block there decides.
 */

import {
  LITERAL_MAX,
  type BlockScanner,
  type OpenScanner,
  type ScanSink,
} from '../kernels/kernels.ts'
import type { Signature } from '../rdiff-signature.ts'
import { BlockTable } from './block-table.ts'
import { rollWeakSum, shrinkWeakPower, shrinkWeakSum, weakPower, weakSum } from './weak-sum.ts'

export const scanPlainly: OpenScanner = (signature) => new PlainScanner(signature)

class PlainScanner implements BlockScanner {
  readonly #blockSize: number
  readonly #blockPower: number
  readonly #table: BlockTable

  /** The new file: a literal from `#start` to `#position`, then up to `#end` what is not looked at. */
  #buffer: Uint8Array = new Uint8Array(0)
  #start = 0
  #position = 0
  #end = 0
  /** The weak sum of the block at `#position`, where it was reached by rolling. */
  #weak: number | undefined
  /** The block behind the last copy's, or −1. */
  #next = -1

  constructor(signature: Signature) {
    this.#blockSize = signature.blockSize
    this.#blockPower = weakPower(signature.blockSize)
    this.#table = new BlockTable(signature)
  }

  get literalSize(): number {
    return this.#position - this.#start
  }

  push(bytes: Uint8Array, sink: ScanSink): void {
    this.#append(bytes)
    const last = this.#end - this.#blockSize
    // Goes on while there is a block at the position, and a byte behind it to roll on to.
    while (this.#position < last) {
      this.#weak ??= weakSum(this.#buffer, this.#position, this.#position + this.#blockSize)
      const stop = Math.min(last, this.#start + LITERAL_MAX)
      this.#roll(stop)
      if (this.#position < stop && !this.#match(this.#blockSize, sink)) this.#step()
      if (this.#position === this.#start + LITERAL_MAX) this.#flush(sink)
    }
  }

  /** The end of the file may equal the old file's last block, which was short. */
  close(sink: ScanSink): void {
    let length = this.#end - this.#position
    let power = weakPower(length)
    this.#weak ??= weakSum(this.#buffer, this.#position, this.#end)
    while (length > 0 && !this.#match(length, sink)) {
      power = shrinkWeakPower(power)
      this.#weak = shrinkWeakSum(this.#weak, power, this.#buffer[this.#position]!)
      this.#position++
      length--
      if (this.#position === this.#start + LITERAL_MAX) this.#flush(sink)
    }
    this.#flush(sink)
  }

  /** Has room for twice what is kept, so that many small pushes cost no more than a few large ones. */
  #append(bytes: Uint8Array): void {
    if (this.#end + bytes.length > this.#buffer.length) {
      const kept = this.#buffer.subarray(this.#start, this.#end)
      const size = kept.length + bytes.length
      const target = 2 * size > this.#buffer.length ? new Uint8Array(2 * size) : this.#buffer
      target.set(kept)
      this.#buffer = target
      this.#position -= this.#start
      this.#start = 0
      this.#end = kept.length
    }
    this.#buffer.set(bytes, this.#end)
    this.#end += bytes.length
  }

  /** Passes over misses, up to `stop` or to a block whose weak sum the filter holds. */
  #roll(stop: number): void {
    const buffer = this.#buffer
    const blockSize = this.#blockSize
    const power = this.#blockPower
    let position = this.#position
    let weak = this.#weak!
    while (position < stop && !this.#table.mayHold(weak)) {
      weak = rollWeakSum(weak, power, buffer[position]!, buffer[position + blockSize]!)
      position++
    }
    this.#position = position
    this.#weak = weak
  }

  /** A false alarm of the filter: passes over one byte. */
  #step(): void {
    const gone = this.#buffer[this.#position]!
    const come = this.#buffer[this.#position + this.#blockSize]!
    this.#weak = rollWeakSum(this.#weak!, this.#blockPower, gone, come)
    this.#position++
  }

  /**
   * Copies the `length` bytes at the position, if an old block equals them.
   *
   * @returns whether one does
   */
  #match(length: number, sink: ScanSink): boolean {
    const stretch = this.#buffer.subarray(this.#position, this.#position + length)
    const expected = this.#start === this.#position ? this.#next : -1
    const block = this.#table.find(this.#weak!, stretch, expected)
    if (block < 0) return false
    this.#flush(sink)
    sink.copy(block * this.#blockSize, length)
    this.#position += length
    this.#start = this.#position
    this.#next = block + 1
    this.#weak = undefined
    return true
  }

  #flush(sink: ScanSink): void {
    if (this.#start === this.#position) return
    sink.literal(this.#buffer.subarray(this.#start, this.#position))
    this.#start = this.#position
    this.#next = -1
  }
}
