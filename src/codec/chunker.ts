/**
 * The chunker: cuts a file where its content says so, so that equal stretches of different files,
 * or of one file before and after an edit, become equal chunks.
 *
 * A hash of the last 32 bytes rolls along (a "gear" hash: shift by one bit, add a table's word for the
 * byte). Where it is below a threshold there is a cut. The table is keyed, so that the places of the
 * cuts do not tell a peer which well-known file this is.
 *
 * Format: docs/formats/chunking.md
 */

import { hkdf } from '../../protocol/hash.ts'
import { assert } from '../base/assert.ts'
import { unfilled } from './buffers.ts'
import { findCutsInWasm } from './kernels/find-cut.ts'
import type { CutFinder, OpenCutFinder } from './kernels/kernels.ts'

/** A word per byte value. */
const GEAR_LENGTH = 256
const GEAR_LABEL = 'cairn chunker gear 1'

/** Bytes that a hash of 32 bits depends on: each is shifted out after 32 steps. */
const WINDOW_SIZE = 32

/** Bytes of a chunk. The average is over random content. */
export interface ChunkSizes {
  readonly sizeMin: number
  /** also: a file up to this size is one chunk, wherever its content would be cut */
  readonly sizeAverage: number
  readonly sizeMax: number
}

export const CHUNK_SIZES: ChunkSizes = {
  sizeMin: 256 * 1024,
  sizeAverage: 1024 * 1024,
  sizeMax: 4 * 1024 * 1024,
}

/** The table for a vault: HKDF of its cut key, as 256 big-endian words. */
export function gearTable(cutKey: Uint8Array): Uint32Array {
  const stream = hkdf(cutKey, GEAR_LABEL, 4 * GEAR_LENGTH)
  const view = new DataView(stream.buffer, stream.byteOffset, stream.length)
  return Uint32Array.from({ length: GEAR_LENGTH }, (_, byte) => view.getUint32(4 * byte))
}

/** Cuts one file. Where its bytes are split into pushes makes no difference. */
export class Chunker {
  readonly #sizes: ChunkSizes
  readonly #cuts: CutFinder

  /** While the file may still be one chunk, it is only collected. */
  #isWhole = true
  #parts: Uint8Array[] = []
  /** Bytes of the chunk under way: the sum of `#parts`. */
  #size = 0

  /** @param openCutFinder - the inner loop: the fast one, or its plain twin */
  constructor(
    gear: Uint32Array,
    sizes: ChunkSizes = CHUNK_SIZES,
    openCutFinder: OpenCutFinder = findCutsInWasm,
  ) {
    const { sizeMin, sizeAverage, sizeMax } = sizes
    assert(gear.length === GEAR_LENGTH, 'the gear table has a word for each byte value')
    assert(
      WINDOW_SIZE <= sizeMin && sizeMin < sizeAverage && sizeAverage <= sizeMax,
      '32 ≤ min < average ≤ max',
    )
    this.#sizes = sizes
    this.#cuts = openCutFinder(gear, Math.round(2 ** 32 / (sizeAverage - sizeMin)))
  }

  /**
   * @param bytes - kept as they are until their chunk is complete: not to be changed by the caller
   * @returns the chunks that are complete, each an array of its own
   */
  push(bytes: Uint8Array): Uint8Array[] {
    if (!this.#isWhole) return this.#cut(bytes)
    if (this.#size + bytes.length <= this.#sizes.sizeAverage) {
      this.#hold(bytes)
      return []
    }
    const parts = [...this.#parts, bytes]
    this.#isWhole = false
    this.#parts = []
    this.#size = 0
    return parts.flatMap((part) => this.#cut(part))
  }

  /** @returns the last chunk; nothing for an empty file */
  close(): Uint8Array[] {
    return this.#size > 0 ? [this.#take()] : []
  }

  #cut(bytes: Uint8Array): Uint8Array[] {
    const chunks: Uint8Array[] = []
    let from = 0
    while (from < bytes.length) {
      const to = this.#nextCut(bytes, from)
      this.#hold(bytes.subarray(from, to ?? bytes.length))
      if (to === undefined) break
      chunks.push(this.#take())
      from = to
    }
    return chunks
  }

  /**
   * @param from - where in `bytes` the chunk under way goes on
   * @returns where it ends, or undefined if that is not in these bytes
   */
  #nextCut(bytes: Uint8Array, from: number): number | undefined {
    const { sizeMin, sizeMax } = this.#sizes
    const start = from - this.#size // of the chunk, maybe in an earlier push
    const last = Math.min(bytes.length, start + sizeMax)
    const first = start + sizeMin
    const warm = Math.max(from, first - WINDOW_SIZE)
    // Behind the byte at `first` − 1 is where the least chunk ends.
    const cut = this.#cuts.find(bytes, warm, first - 1, last)
    if (cut !== undefined) return cut
    return start + sizeMax <= bytes.length ? start + sizeMax : undefined
  }

  #hold(bytes: Uint8Array): void {
    if (bytes.length > 0) this.#parts.push(bytes)
    this.#size += bytes.length
  }

  #take(): Uint8Array {
    const chunk = unfilled(this.#size)
    let at = 0
    for (const part of this.#parts) {
      chunk.set(part, at)
      at += part.length
    }
    this.#parts = []
    this.#size = 0
    this.#cuts.restart()
    return chunk
  }
}
