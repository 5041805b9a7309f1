/**
 * Deltas: a new file told as copies from an old one and literal bytes, in librsync's format.
 *
 * The old file is known by its signature only. `rdiff patch` applies what is written here. Adjacent
 * copies are merged; where several old blocks are equal, the one that continues the last copy is
 * taken, so a run of equal blocks is one copy.
 *
 * Format: docs/formats/delta.md
 */

import { ByteWriter } from '../../protocol/bytes.ts'
import { BlockTable } from './block-table.ts'
import { DELTA_MAGIC, END_OPCODE, putCopy, putLiteralHead } from './rdiff-opcodes.ts'
import type { Signature } from './rdiff-signature.ts'
import { rollWeakSum, shrinkWeakPower, shrinkWeakSum, weakPower, weakSum } from './weak-sum.ts'

/** Longest literal command, as in librsync: with the 3 bytes of its head it fills 64 KiB. */
const LITERAL_MAX = 65_533

/** Makes a delta from the bytes of the new file, as they pass by. */
export class DeltaMaker {
  readonly #blockSize: number
  readonly #blockPower: number
  readonly #table: BlockTable

  #writer = new ByteWriter()
  #writtenLiteralSize = 0

  /** The new file: a literal from `#start` to `#position`, then up to `#end` what is not looked at. */
  #buffer: Uint8Array = new Uint8Array(0)
  #start = 0
  #position = 0
  #end = 0
  /** The weak sum of the block at `#position`, where it was reached by rolling. */
  #weak: number | undefined
  /** The copy before the literal; it may grow while the literal is empty. Length 0: none. */
  #copyStart = 0
  #copyLength = 0

  constructor(signature: Signature) {
    this.#blockSize = signature.blockSize
    this.#blockPower = weakPower(signature.blockSize)
    this.#table = new BlockTable(signature)
    this.#writer.u32(DELTA_MAGIC)
  }

  /** How many bytes of the new file no block matched, so far. */
  get literalSize(): number {
    return this.#writtenLiteralSize + this.#position - this.#start
  }

  /** @returns the parts of the delta that are known now */
  push(bytes: Uint8Array): Uint8Array[] {
    this.#append(bytes)
    this.#scan()
    return this.#take()
  }

  /** @returns the rest of the delta */
  close(): Uint8Array[] {
    this.#scanTail()
    this.#flush()
    this.#writer.u8(END_OPCODE)
    return this.#take()
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

  /** Goes on while there is a block at the position, and a byte behind it to roll on to. */
  #scan(): void {
    const last = this.#end - this.#blockSize
    while (this.#position < last) {
      this.#weak ??= weakSum(this.#buffer, this.#position, this.#position + this.#blockSize)
      const stop = Math.min(last, this.#start + LITERAL_MAX)
      this.#roll(stop)
      if (this.#position < stop && !this.#match(this.#blockSize)) this.#step()
      if (this.#position === this.#start + LITERAL_MAX) this.#flush()
    }
  }

  /** Passes over misses, up to `stop` or to a block whose weak sum the filter holds. */
  #roll(stop: number): void {
    // Locals throughout: this loop sees every byte that has changed.
    const buffer = this.#buffer
    const blockSize = this.#blockSize
    const power = this.#blockPower
    const { filter, filterShift } = this.#table
    let position = this.#position
    let weak = this.#weak!
    while (position < stop) {
      const bit = weak >>> filterShift
      if ((filter[bit >>> 5]! >>> (bit & 31)) & 1) break
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

  /** The end of the file may equal the old file's last block, which was short. */
  #scanTail(): void {
    let length = this.#end - this.#position
    let power = weakPower(length)
    this.#weak ??= weakSum(this.#buffer, this.#position, this.#end)
    while (length > 0 && !this.#match(length)) {
      power = shrinkWeakPower(power)
      this.#weak = shrinkWeakSum(this.#weak, power, this.#buffer[this.#position]!)
      this.#position++
      length--
      if (this.#position === this.#start + LITERAL_MAX) this.#flush()
    }
  }

  /**
   * Copies the `length` bytes at the position, if an old block equals them.
   *
   * @returns whether one does
   */
  #match(length: number): boolean {
    const isNext = this.#copyLength > 0 && this.#start === this.#position
    const copyEnd = this.#copyStart + this.#copyLength
    const stretch = this.#buffer.subarray(this.#position, this.#position + length)
    const expected = isNext ? copyEnd / this.#blockSize : -1
    const block = this.#table.find(this.#weak!, stretch, expected)
    if (block < 0) return false

    if (!isNext || block !== expected) {
      this.#flush()
      this.#copyStart = block * this.#blockSize
      this.#copyLength = 0
    }
    this.#copyLength += length
    this.#position += length
    this.#start = this.#position
    this.#weak = undefined
    return true
  }

  /** Writes the copy and the literal that are held back. */
  #flush(): void {
    if (this.#copyLength > 0) putCopy(this.#writer, this.#copyStart, this.#copyLength)
    this.#copyLength = 0
    const literal = this.#buffer.subarray(this.#start, this.#position)
    if (literal.length > 0) {
      putLiteralHead(this.#writer, literal.length)
      this.#writer.put(literal)
    }
    this.#writtenLiteralSize += literal.length
    this.#start = this.#position
  }

  #take(): Uint8Array[] {
    if (this.#writer.size === 0) return []
    const part = this.#writer.finish()
    this.#writer = new ByteWriter()
    return [part]
  }
}
