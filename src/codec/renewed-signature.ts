/**
 * The signature of a new file, made beside its delta.
 *
 * A block that the delta copies, and that lies in the new file where one of its blocks begins, has the sums
 * of the old block: finding it compared both. Only the other blocks are summed. The bytes of the result
 * are those that `SignatureMaker` gives.
 */

import { ByteWriter } from '../../protocol/bytes.ts'
import { SignatureMaker, STRONG_SIZE, type Signature } from './rdiff-signature.ts'

const WEAK_SIZE = 4

export class RenewedSignature {
  readonly #old: Signature
  readonly #blockSize: number
  readonly #maker: SignatureMaker
  readonly #writer = new ByteWriter()

  /** Bytes of the new file from `#signed` on. */
  #parts: Uint8Array[] = []
  /** How far the signature has come: at the start of a block. */
  #signed = 0
  /** Blocks behind that whose old block is known: where they start, and the old block's index. */
  #known: { readonly offset: number; readonly block: number }[] = []

  constructor(old: Signature, blockSize: number) {
    this.#old = old
    this.#blockSize = blockSize
    this.#maker = new SignatureMaker({ blockSize })
  }

  /** @param bytes - of the new file, in order; kept until they are signed */
  push(bytes: Uint8Array): void {
    this.#parts.push(bytes)
  }

  /**
   * The delta copies `length` bytes of the old file from `start` on, to `offset` of the new one; in the
   * order of the new file, one whole block or the file's last.
   */
  onCopy(offset: number, start: number, length: number): void {
    const isSame = this.#old.blockSize === this.#blockSize && this.#old.strongSize === STRONG_SIZE
    if (isSame && length === this.#blockSize && offset % this.#blockSize === 0)
      this.#known.push({ offset, block: start / this.#blockSize })
  }

  /** All copies up to `size` bytes of the new file have been told, and those bytes pushed. */
  advance(size: number): void {
    const end = size - (size % this.#blockSize)
    for (const { offset, block } of this.#known) {
      if (offset >= end) break
      this.#sum(offset)
      this.#write(this.#maker.putSums(this.#sumsOf(block)))
      this.#take(this.#blockSize)
    }
    this.#known = this.#known.filter(({ offset }) => offset >= end)
    this.#sum(end)
  }

  /** @returns the whole signature, once all has been pushed and told */
  close(): Uint8Array {
    for (const part of this.#parts) this.#write(this.#maker.push(part))
    this.#parts = []
    this.#write(this.#maker.close())
    return this.#writer.finish()
  }

  /** Signs what lies before `end`, block by block. */
  #sum(end: number): void {
    for (const part of this.#take(end - this.#signed)) this.#write(this.#maker.push(part))
  }

  /** @returns the next `length` bytes, as views */
  #take(length: number): Uint8Array[] {
    const taken: Uint8Array[] = []
    let left = length
    let used = 0
    for (; left > 0; used++) {
      const part = this.#parts[used]!
      taken.push(part.subarray(0, left))
      if (part.length > left) {
        this.#parts[used] = part.subarray(left)
        left = 0
        break
      }
      left -= part.length
    }
    this.#parts.splice(0, used)
    this.#signed += length
    return taken
  }

  #sumsOf(block: number): Uint8Array {
    const sums = new Uint8Array(WEAK_SIZE + STRONG_SIZE)
    new DataView(sums.buffer).setInt32(0, this.#old.weak[block]!)
    sums.set(this.#old.strong.subarray(block * STRONG_SIZE, (block + 1) * STRONG_SIZE), WEAK_SIZE)
    return sums
  }

  #write(parts: readonly Uint8Array[]): void {
    for (const part of parts) this.#writer.put(part)
  }
}
