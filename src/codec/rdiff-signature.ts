/**
 * Signatures: what a file looked like, block by block, in librsync's format (Rabin–Karp + BLAKE2b).
 *
 * A signature is about 1/200 of its file and stands in for it when a delta is made, so the old
 * content is not needed. `rdiff -R rabinkarp -H blake2 -b BLOCK -S STRONG signature` writes the
 * same bytes.
 *
 * Format: docs/formats/delta.md
 */

import { ByteReader, ByteWriter } from '../../protocol/bytes.ts'
import { FormatError } from '../../protocol/errors.ts'
import { assert } from '../base/assert.ts'
import type { SumBlocks } from './kernels/kernels.ts'
import { sumBlocksInWasm } from './kernels/sum-blocks.ts'

/** 'rs' 01 'G': Rabin–Karp weak sums and BLAKE2b strong sums. */
const SIGNATURE_MAGIC = 0x72730147
const HEADER_SIZE = 12
const WEAK_SIZE = 4

/** Largest block: rdiff itself would choose it for a file of 16 TiB; a delta holds one in memory. */
export const BLOCK_SIZE_MAX = 4 * 1024 * 1024

/** Bytes of a whole strong sum. */
const STRONG_SIZE_MAX = 32

/** Bytes of each strong sum in the signatures Cairn keeps: 128 bits stand against chance and 2⁶⁴ tries. */
export const STRONG_SIZE = 16

/** A signature that is cut short, or states impossible sizes, or another kind of sum. */
export class BadSignatureError extends FormatError {
  override readonly name = 'BadSignatureError'
}

/** A signature, read. */
export interface Signature {
  /** bytes per block, 1 … 4 MiB; the file's last block may have been shorter */
  readonly blockSize: number
  /** bytes of each strong sum, 1 … 32 */
  readonly strongSize: number
  /** number of blocks */
  readonly count: number
  /** one sum per block */
  readonly weak: Int32Array
  /** `count` × `strongSize` bytes */
  readonly strong: Uint8Array
}

/** What a signature says of itself. */
export interface SignatureHead {
  readonly blockSize: number
  readonly strongSize: number
  /** Bytes of the head. */
  readonly size: number
  /** Bytes of a block's two sums. */
  readonly sumsSize: number
}

/** Makes the signature of a file from its bytes, as they pass by. */
export class SignatureMaker {
  readonly #blockSize: number
  readonly #strongSize: number
  readonly #sumBlocks: SumBlocks
  #writer = new ByteWriter()
  /** The block under way; allocated when a push ends inside a block. */
  #block: Uint8Array = new Uint8Array(0)
  #filled = 0

  /** @param sumBlocks - the inner loop: the fast one, or its plain twin */
  constructor(
    { blockSize, strongSize = STRONG_SIZE }: { blockSize: number; strongSize?: number },
    sumBlocks: SumBlocks = sumBlocksInWasm,
  ) {
    assert(isBetween(blockSize, 1, BLOCK_SIZE_MAX), 'block sizes are 1 … 4 MiB')
    assert(isBetween(strongSize, 1, STRONG_SIZE_MAX), 'strong sums are 1 … 32 bytes')
    this.#blockSize = blockSize
    this.#strongSize = strongSize
    this.#sumBlocks = sumBlocks
    this.#writer.u32(SIGNATURE_MAGIC)
    this.#writer.u32(blockSize)
    this.#writer.u32(strongSize)
  }

  /** @returns the parts of the signature that are known now */
  push(bytes: Uint8Array): Uint8Array[] {
    const filled = this.#fill(bytes)
    if (this.#filled === this.#blockSize) this.#flush()
    if (this.#filled === 0) {
      const rest = bytes.subarray(filled)
      const whole = rest.length - (rest.length % this.#blockSize)
      this.#sum(rest.subarray(0, whole))
      this.#start(rest.subarray(whole))
    }
    return this.#take()
  }

  /**
   * Pass over a block whose sums are known, in place of its bytes; none may be under way.
   *
   * @param sums - weak and strong sum, as in a signature
   * @returns the parts of the signature that are known now
   */
  putSums(sums: Uint8Array): Uint8Array[] {
    assert(this.#filled === 0, 'a block begins here')
    this.#writer.put(sums)
    return this.#take()
  }

  /** @returns the rest of the signature */
  close(): Uint8Array[] {
    if (this.#filled > 0) this.#flush()
    return this.#take()
  }

  /** Goes on with the block under way, if there is one. @returns how many bytes it took */
  #fill(bytes: Uint8Array): number {
    if (this.#filled === 0) return 0
    const count = Math.min(bytes.length, this.#blockSize - this.#filled)
    this.#block.set(bytes.subarray(0, count), this.#filled)
    this.#filled += count
    return count
  }

  /** @param bytes - less than a block */
  #start(bytes: Uint8Array): void {
    if (bytes.length === 0) return
    if (this.#block.length === 0) this.#block = new Uint8Array(this.#blockSize)
    this.#block.set(bytes)
    this.#filled = bytes.length
  }

  #flush(): void {
    this.#sum(this.#block.subarray(0, this.#filled))
    this.#filled = 0
  }

  #sum(blocks: Uint8Array): void {
    if (blocks.length === 0) return
    const sizes = { blockSize: this.#blockSize, strongSize: this.#strongSize }
    this.#writer.put(this.#sumBlocks(blocks, sizes))
  }

  #take(): Uint8Array[] {
    if (this.#writer.size === 0) return []
    const part = this.#writer.finish()
    this.#writer = new ByteWriter()
    return [part]
  }
}

/**
 * Read a whole signature.
 *
 * @throws {BadSignatureError}
 */
export function parseSignature(bytes: Uint8Array): Signature {
  const { blockSize, strongSize, size, sumsSize } = signatureHead(bytes)
  const reader = new ByteReader(bytes)
  reader.take(size)
  const count = reader.remaining / sumsSize
  const weak = new Int32Array(count)
  const strong = new Uint8Array(count * strongSize)
  for (let block = 0; block < count; block++) {
    weak[block] = reader.u32()
    strong.set(reader.take(strongSize), block * strongSize)
  }
  return { blockSize, strongSize, count, weak, strong }
}

/**
 * Read the head of a signature, and see that whole sums follow.
 *
 * @throws {BadSignatureError}
 */
export function signatureHead(bytes: Uint8Array): SignatureHead {
  if (bytes.length < HEADER_SIZE) throw new BadSignatureError(`${bytes.length} bytes are too few`)
  const reader = new ByteReader(bytes)
  const magic = reader.u32()
  if (magic !== SIGNATURE_MAGIC)
    throw new BadSignatureError(`magic 0x${magic.toString(16)} is not Rabin–Karp with BLAKE2`)
  const blockSize = reader.u32()
  if (!isBetween(blockSize, 1, BLOCK_SIZE_MAX))
    throw new BadSignatureError(`blocks of ${blockSize}`)
  const strongSize = reader.u32()
  if (!isBetween(strongSize, 1, STRONG_SIZE_MAX))
    throw new BadSignatureError(`strong sums of ${strongSize} bytes`)
  const sumsSize = WEAK_SIZE + strongSize
  if (reader.remaining % sumsSize !== 0) throw new BadSignatureError('ends inside a block')
  return { blockSize, strongSize, size: HEADER_SIZE, sumsSize }
}

function isBetween(value: number, min: number, max: number): boolean {
  return Number.isInteger(value) && value >= min && value <= max
}
