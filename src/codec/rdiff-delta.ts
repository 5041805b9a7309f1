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
import type { BlockScanner, OpenScanner } from './kernels/kernels.ts'
import { scanInWasm } from './kernels/scan-blocks.ts'
import { DELTA_MAGIC, END_OPCODE, putCopy, putLiteralHead } from './rdiff-opcodes.ts'
import type { Signature } from './rdiff-signature.ts'

/** Is told each block that was found: where it is in the new file and in the old one, and its length. */
export type OnCopy = (offset: number, start: number, length: number) => void

/** Makes a delta from the bytes of the new file, as they pass by. */
export class DeltaMaker {
  readonly #scanner: BlockScanner

  #writer = new ByteWriter()
  #writtenLiteralSize = 0
  /** The last copy, which may grow. Length 0: none. */
  #copyStart = 0
  #copyLength = 0

  readonly #onCopy: OnCopy | undefined
  /** Bytes of the new file that literals and copies have told, so far. */
  toldSize = 0

  /** @param options - `openScanner`: the inner loop, the fast one or its plain twin */
  constructor(
    signature: Signature,
    options: { readonly openScanner?: OpenScanner; readonly onCopy?: OnCopy } = {},
  ) {
    const { openScanner = scanInWasm, onCopy } = options
    this.#scanner = openScanner(signature)
    this.#onCopy = onCopy
    this.#writer.u32(DELTA_MAGIC)
  }

  /** How many bytes of the new file no block matched, so far. */
  get literalSize(): number {
    return this.#writtenLiteralSize + this.#scanner.literalSize
  }

  /** @returns the parts of the delta that are known now */
  push(bytes: Uint8Array): Uint8Array[] {
    this.#scanner.push(bytes, this)
    return this.#take()
  }

  /** @returns the rest of the delta */
  close(): Uint8Array[] {
    this.#scanner.close(this)
    this.#flushCopy()
    this.#writer.u8(END_OPCODE)
    return this.#take()
  }

  /** What the scanner found: bytes that no block matched. */
  literal(bytes: Uint8Array): void {
    this.#flushCopy()
    putLiteralHead(this.#writer, bytes.length)
    this.#writer.put(bytes)
    this.#writtenLiteralSize += bytes.length
    this.toldSize += bytes.length
  }

  /** What the scanner found: a stretch of the old file. */
  copy(start: number, length: number): void {
    this.#onCopy?.(this.toldSize, start, length)
    this.toldSize += length
    if (this.#copyLength > 0 && start === this.#copyStart + this.#copyLength) {
      this.#copyLength += length
      return
    }
    this.#flushCopy()
    this.#copyStart = start
    this.#copyLength = length
  }

  #flushCopy(): void {
    if (this.#copyLength > 0) putCopy(this.#writer, this.#copyStart, this.#copyLength)
    this.#copyLength = 0
  }

  #take(): Uint8Array[] {
    if (this.#writer.size === 0) return []
    const part = this.#writer.finish()
    this.#writer = new ByteWriter()
    return [part]
  }
}
