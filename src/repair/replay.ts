/**
 * Replays: many versions of one file made again at once, to compare their digests, while the file they
 * are told upon passes once.
 *
 * Most of a version lies in that file in the same order. Read version by version, a hundred of them would
 * read it a hundred times; here each window is read once, and every version takes its part of it.
 */

import { createHash } from 'node:crypto'
import { release } from '../base/release.ts'
import type { Composition, Stretch } from '../codec/compose-deltas.ts'
import { BadDeltaError, type PatchBase } from '../codec/rdiff-patch.ts'

/** Bytes that pass at a time: they stay in the processor's cache while all versions are hashed. */
const WINDOW_SIZE = 256 * 1024

/** Bytes read at a time of what has passed already. */
const READ_SIZE_MAX = 1024 * 1024

interface Window {
  readonly start: number
  readonly bytes: Uint8Array
}

/** One version on its way. */
export class Replay {
  readonly #stretches: readonly Stretch[]
  readonly #hash = createHash('sha256')
  #index = 0
  /** Bytes of the stretch at `#index` that were made. */
  #done = 0

  /** @param made - the version upon the file that passes */
  constructor(made: Composition) {
    this.#stretches = made.stretches
  }

  /**
   * Go on as far as the window allows.
   *
   * @param file - of which the window is a part; read where the version goes back
   * @throws {BadDeltaError} the file is shorter than it was said to be
   */
  async pass(window: Window, file: PatchBase): Promise<void> {
    const end = window.start + window.bytes.length
    for (;;) {
      const stretch = this.#stretches[this.#index]
      if (stretch === undefined) return
      if (stretch.type === 'literal') {
        this.#take(stretch, stretch.bytes)
        continue
      }
      const from = stretch.start + this.#done
      const left = stretch.length - this.#done
      if (from >= end) return
      if (from >= window.start) {
        const skip = from - window.start
        this.#take(stretch, window.bytes.subarray(skip, skip + left))
      } else {
        const length = Math.min(READ_SIZE_MAX, left, window.start - from)
        const bytes = await readAll(file, from, length)
        this.#take(stretch, bytes)
        release(bytes)
      }
    }
  }

  /** @returns SHA-256 of the version. Call once, when the whole file has passed. */
  digest(): Uint8Array {
    return new Uint8Array(this.#hash.digest())
  }

  #take(stretch: Stretch, bytes: Uint8Array): void {
    this.#hash.update(bytes)
    this.#done += bytes.length
    if (this.#done < stretch.length) return
    this.#index += 1
    this.#done = 0
  }
}

/**
 * Let the file pass all of them.
 *
 * @throws {BadDeltaError} the file is shorter than it was said to be
 */
export async function replayAll(
  replays: readonly Replay[],
  file: PatchBase,
  signal: AbortSignal,
): Promise<void> {
  let start = 0
  do {
    signal.throwIfAborted()
    const bytes = await readAll(file, start, Math.min(WINDOW_SIZE, file.size - start))
    for (const replay of replays) await replay.pass({ start, bytes }, file)
    start += bytes.length
    release(bytes)
  } while (start < file.size)
}

async function readAll(file: PatchBase, offset: number, length: number): Promise<Uint8Array> {
  if (length === 0) return new Uint8Array(0)
  const bytes = await file.read(offset, length)
  if (bytes.length !== length) throw new BadDeltaError(`the file ends before ${offset + length}`)
  return bytes
}
