/**
 * Composing deltas: a chain of them as one, from the original straight to the newest version.
 *
 * Each delta says of every stretch of its file whether it is new or lies in the file before. Followed
 * through the chain, every stretch of the newest file is either new somewhere on the way or lies in the
 * original; nothing in between has to be made.
 */

import { BadDeltaError, copyFrom, DeltaReader } from './rdiff-patch.ts'
import type { PatchBase } from './rdiff-patch.ts'

/** A stretch of a file: bytes that are known, or `length` bytes of the original from `start` on. */
export type Stretch =
  | { readonly type: 'literal'; readonly length: number; readonly bytes: Uint8Array }
  | { readonly type: 'copy'; readonly length: number; readonly start: number }

/** Stretches of one file, at most: some 100 bytes each. */
const STRETCHES_MAX = 200_000

/** A version of the file as stretches in order, and where each one ends. */
export class Composition {
  readonly #stretches: Stretch[] = []
  readonly #ends: number[] = []

  /** @param size - bytes of the original */
  static ofOriginal(size: number): Composition {
    const whole = new Composition()
    whole.#add({ type: 'copy', start: 0, length: size })
    return whole
  }

  get stretches(): readonly Stretch[] {
    return this.#stretches
  }

  /** Bytes of the file. */
  get size(): number {
    return this.#ends.at(-1) ?? 0
  }

  /**
   * @param delta - the whole delta, split anywhere; its literals stay views of these arrays
   * @returns the version that the delta makes of this one
   * @throws {BadDeltaError} for a delta that does not fit, or makes more stretches than are worth holding
   */
  followedBy(delta: readonly Uint8Array[]): Composition {
    const reader = new DeltaReader()
    const next = new Composition()
    for (const part of delta) {
      for (const op of reader.push(part)) {
        if (op.type === 'literal') next.#add({ ...op, length: op.bytes.length })
        else for (const stretch of this.#cut(op.start, op.length)) next.#add(stretch)
      }
    }
    reader.close()
    return next
  }

  *#cut(start: number, length: number): Generator<Stretch> {
    const end = start + length
    if (end > this.size) throw new BadDeltaError(`copies up to ${end} of ${this.size} bytes`)
    for (let index = this.#indexOf(start), from = start; from < end; index += 1) {
      const stretch = this.#stretches[index]!
      const skip = from - (this.#ends[index]! - stretch.length)
      const count = Math.min(stretch.length - skip, end - from)
      yield stretch.type === 'copy'
        ? { type: 'copy', start: stretch.start + skip, length: count }
        : { type: 'literal', bytes: stretch.bytes.subarray(skip, skip + count), length: count }
      from += count
    }
  }

  /** @returns which stretch holds the byte at `offset` */
  #indexOf(offset: number): number {
    let low = 0
    let high = this.#ends.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#ends[middle]! <= offset) low = middle + 1
      else high = middle
    }
    return low
  }

  #add(stretch: Stretch): void {
    if (stretch.length === 0) return
    const end = this.size + stretch.length
    const last = this.#stretches.at(-1)
    if (
      stretch.type === 'copy' &&
      last?.type === 'copy' &&
      last.start + last.length === stretch.start
    ) {
      this.#stretches[this.#stretches.length - 1] = {
        ...last,
        length: last.length + stretch.length,
      }
      this.#ends[this.#ends.length - 1] = end
      return
    }
    if (this.#stretches.length === STRETCHES_MAX) {
      throw new BadDeltaError(`more than ${STRETCHES_MAX} stretches`)
    }
    this.#stretches.push(stretch)
    this.#ends.push(end)
  }
}

/** Bytes of the original that are kept behind the furthest one that was needed. */
const KEPT_SIZE = 4 * 1024 * 1024

/** @returns whether the file can be made while the original passes once */
export function isInOrder(stretches: readonly Stretch[]): boolean {
  let furthest = 0
  for (const stretch of stretches) {
    if (stretch.type === 'literal') continue
    if (stretch.start < furthest - KEPT_SIZE) return false
    furthest = Math.max(furthest, stretch.start + stretch.length)
  }
  return true
}

/** Make the file from an original that lies somewhere. @throws {BadDeltaError} */
export async function* applyStretches(
  original: PatchBase,
  stretches: readonly Stretch[],
): AsyncGenerator<Uint8Array> {
  for (const stretch of stretches) {
    if (stretch.type === 'literal') yield stretch.bytes
    else yield* copyFrom(original, stretch)
  }
}

/**
 * Make the file while the original passes.
 *
 * @param original - its bytes in order, in parts of up to 4 MiB; read as far as it is needed
 * @param stretches - in order, as {@link isInOrder} finds
 * @throws {BadDeltaError} if the original is shorter than the stretches need
 */
export async function* applyInOrder(
  original: AsyncIterable<Uint8Array>,
  stretches: readonly Stretch[],
): AsyncGenerator<Uint8Array> {
  const passing = new Passing(original)
  try {
    for (const stretch of stretches) {
      if (stretch.type === 'literal') yield stretch.bytes
      else yield* passing.range(stretch.start, stretch.length)
    }
  } finally {
    await passing.end()
  }
}

/** What of the original has passed and is kept. */
class Passing {
  readonly #source: AsyncIterator<Uint8Array>
  readonly #kept: { readonly start: number; readonly bytes: Uint8Array }[] = []
  #size = 0

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#source = source[Symbol.asyncIterator]()
  }

  async *range(start: number, length: number): AsyncGenerator<Uint8Array> {
    const end = start + length
    for (let at = start; at < end;) {
      while (this.#size <= at) await this.#pass(end)
      for (const part of this.#kept.filter((kept) => kept.start + kept.bytes.length > at)) {
        if (at >= end) break
        const bytes = part.bytes.subarray(at - part.start, end - part.start)
        yield bytes
        at += bytes.length
      }
    }
  }

  async end(): Promise<void> {
    await this.#source.return?.()
  }

  async #pass(wanted: number): Promise<void> {
    const { done, value } = await this.#source.next()
    if (done === true) throw new BadDeltaError(`the old file ends before ${wanted}`)
    this.#kept.push({ start: this.#size, bytes: value })
    this.#size += value.length
    // The last part may end as far behind what was needed as a part is long.
    while (this.#kept.length > 1 && this.#size - endOf(this.#kept[0]!) > 2 * KEPT_SIZE) {
      this.#kept.shift()
    }
  }
}

function endOf({ start, bytes }: { start: number; bytes: Uint8Array }): number {
  return start + bytes.length
}
