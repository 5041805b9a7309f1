/**
 * Composing deltas: a chain of them as one, from the original straight to the newest version.
 *
 * Each delta says of every stretch of its file whether it is new or lies in the file before. Followed
 * through the chain, every stretch of the newest file is either new somewhere on the way or lies in the
 * original; nothing in between has to be made. Told as a delta again, they are one delta in place of many.
 *
 * Format: docs/formats/delta.md
 */

import { commandsOf, DeltaWriter } from './delta-writer.ts'
import { BadDeltaError, copyFrom, DeltaReader } from './rdiff-patch.ts'
import type { PatchBase } from './rdiff-patch.ts'

/** A stretch of a file: bytes that are known, or `length` bytes of the original from `start` on. */
export type Stretch =
  | { readonly type: 'literal'; readonly length: number; readonly bytes: Uint8Array }
  | { readonly type: 'copy'; readonly length: number; readonly start: number }

/** Stretches of one file, at most: some 150 bytes each where no other version has the same. */
export const STRETCHES_MAX = 200_000

/** What a delta promises: at most so many bytes of its file. */
export interface Promised {
  readonly sizeMax?: number
}

/** A version of the file as stretches in order, and where each one ends. */
export class Composition {
  readonly #stretches: Stretch[] = []
  readonly #ends: number[] = []
  #size = 0
  /** Where in the version before the last copy ended. */
  #near = 0

  /** @param size - bytes of the original */
  static ofOriginal(size: number): Composition {
    const whole = new Composition()
    whole.#add({ type: 'copy', start: 0, length: size })
    return whole
  }

  /** Adjacent copies, and adjacent views of one literal, are one stretch. None is empty. */
  get stretches(): readonly Stretch[] {
    return this.#stretches
  }

  /** Bytes of the file. */
  get size(): number {
    return this.#size
  }

  /**
   * Takes time in the delta's commands and the stretches of this version that its copies cut out; a copy
   * finds its first stretch in the logarithm of how far it is from where the last one ended.
   *
   * @param delta - the whole delta, split anywhere; its literals stay views of these arrays
   * @returns the version that the delta makes of this one; it shares the stretches that are not cut
   * @throws {BadDeltaError} for a delta that does not fit, makes more than it promised, or makes more
   *   stretches than are worth holding
   */
  followedBy(delta: readonly Uint8Array[], promised: Promised = {}): Composition {
    const reader = new DeltaReader()
    const next = new Composition()
    for (const part of delta) {
      for (const op of reader.push(part)) {
        if (op.type === 'copy') next.#follow(this, op, promised)
        else next.#follow(this, { ...op, length: op.bytes.length }, promised)
      }
    }
    reader.close()
    return next
  }

  /**
   * As {@link followedBy}, for a delta that is known as stretches.
   *
   * @param stretches - copies from this version, and literals
   * @throws {BadDeltaError}
   */
  followedByStretches(stretches: Iterable<Stretch>, promised: Promised = {}): Composition {
    const next = new Composition()
    for (const stretch of stretches) next.#follow(this, stretch, promised)
    return next
  }

  /** @returns where in the file the stretch at `index` ends */
  endOf(index: number): number {
    return this.#ends[index]!
  }

  /**
   * @param offset - within the file
   * @param near - a stretch that may be close: searched from there on, in widening steps
   * @returns which stretch holds the byte at `offset`
   */
  indexOf(offset: number, near = 0): number {
    const ends = this.#ends
    let low = near > 0 && near < ends.length && ends[near - 1]! <= offset ? near : 0
    let high = low
    for (let step = 1; high < ends.length && ends[high]! <= offset; step *= 2) {
      low = high + 1
      high += step
    }
    high = Math.min(high, ends.length)
    while (low < high) {
      const middle = (low + high) >>> 1
      if (ends[middle]! <= offset) low = middle + 1
      else high = middle
    }
    return low
  }

  #follow(
    before: Composition,
    stretch: Stretch,
    { sizeMax = Number.MAX_SAFE_INTEGER }: Promised,
  ): void {
    if (stretch.length > sizeMax - this.#size) {
      throw new BadDeltaError(`makes more than ${sizeMax} bytes`)
    }
    if (stretch.type === 'literal') {
      this.#add(stretch)
      return
    }
    const end = stretch.start + stretch.length
    if (end > before.size) throw new BadDeltaError(`copies up to ${end} of ${before.size} bytes`)
    let index = before.indexOf(stretch.start, this.#near)
    for (let from = stretch.start; from < end; index += 1) {
      const source = before.#stretches[index]!
      const skip = from - (before.#ends[index]! - source.length)
      const count = Math.min(source.length - skip, end - from)
      this.#add(cutStretch(source, skip, count))
      from += count
    }
    this.#near = index - 1
  }

  #add(stretch: Stretch): void {
    if (stretch.length === 0) return
    const last = this.#stretches.length - 1
    const before = this.#stretches[last]
    const joined = before === undefined ? undefined : joinedStretch(before, stretch)
    this.#size += stretch.length
    if (joined !== undefined) {
      this.#stretches[last] = joined
      this.#ends[last] = this.#size
      return
    }
    if (this.#stretches.length === STRETCHES_MAX) {
      throw new BadDeltaError(`more than ${STRETCHES_MAX} stretches`)
    }
    this.#stretches.push(stretch)
    this.#ends.push(this.#size)
  }
}

/** @returns `count` bytes of a stretch from `skip` on; the very stretch if that is all of it */
export function cutStretch(stretch: Stretch, skip: number, count: number): Stretch {
  if (count === stretch.length) return stretch
  if (stretch.type === 'copy') return { type: 'copy', start: stretch.start + skip, length: count }
  return { type: 'literal', bytes: stretch.bytes.subarray(skip, skip + count), length: count }
}

/** @returns both as one, if the second goes on where the first ends in its source */
function joinedStretch(first: Stretch, second: Stretch): Stretch | undefined {
  const length = first.length + second.length
  if (first.type === 'copy') {
    const isNext = second.type === 'copy' && first.start + first.length === second.start
    return isNext ? { type: 'copy', start: first.start, length } : undefined
  }
  if (second.type === 'copy') return undefined
  const { buffer, byteOffset } = first.bytes
  const isNext =
    second.bytes.buffer === buffer && second.bytes.byteOffset === byteOffset + first.length
  return isNext
    ? { type: 'literal', bytes: new Uint8Array(buffer, byteOffset, length), length }
    : undefined
}

/**
 * @returns the delta that makes this version of the original at once, in parts of at most 1 MiB; adjacent
 *   literals are one, whatever deltas they came from
 */
export function encodeComposition(composition: Composition): Uint8Array[] {
  const writer = new DeltaWriter()
  for (const command of commandsOf(composition.stretches)) {
    if (command.type === 'copy') writer.copy(command.start, command.length)
    else {
      writer.literal(command.length)
      for (const { bytes } of command.pieces) writer.put(bytes)
    }
  }
  return writer.close()
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
