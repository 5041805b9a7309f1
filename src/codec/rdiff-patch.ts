/**
 * Patching: the new file from the old one and a delta in librsync's format.
 *
 * A delta is read as it streams in. Nothing is allocated by a length it claims: literals come out
 * piece by piece as their bytes arrive, and copies are read from the old file in bounded steps.
 *
 * Format: docs/formats/delta.md
 */

import { FormatError } from '../../protocol/errors.ts'
import {
  COMMAND_SIZE_MAX,
  COPY_OPCODE,
  DELTA_MAGIC,
  END_OPCODE,
  LITERAL_OPCODE,
  LITERAL_SHORT_MAX,
  MAGIC_SIZE,
  RESERVED_OPCODE,
  WIDTHS,
} from './rdiff-opcodes.ts'

/** Bytes of the old file that are read at a time. */
const COPY_READ_SIZE_MAX = 1024 * 1024

/** A delta that breaks its format, or does not fit the old file or the size of the new one. */
export class BadDeltaError extends FormatError {
  override readonly name = 'BadDeltaError'
}

/** A stretch of the old file; at least one byte, and its end is a safe integer. */
export interface Range {
  readonly start: number
  readonly length: number
}

/** What a delta does next. One literal command may come as several of these, as its bytes arrive. */
export type DeltaOp =
  { readonly type: 'literal'; readonly bytes: Uint8Array } | ({ readonly type: 'copy' } & Range)

/** The old file, which may be remote. */
export interface PatchBase {
  readonly size: number
  /** @returns exactly `length` bytes; the range lies within the size */
  read(offset: number, length: number): Promise<Uint8Array>
}

/** Reads a delta from its bytes, split anywhere. */
export class DeltaReader {
  /** The magic or the command under way, as far as it has arrived. */
  readonly #head = new Uint8Array(COMMAND_SIZE_MAX)
  #headSize = 0
  #state: 'magic' | 'command' | 'literal' | 'end' = 'magic'
  #literalLeft = 0

  /**
   * @returns the operations that are known now; literals are views into `bytes`
   * @throws {BadDeltaError}
   */
  push(bytes: Uint8Array): DeltaOp[] {
    const ops: DeltaOp[] = []
    let at = 0
    while (at < bytes.length) {
      if (this.#state === 'end') throw new BadDeltaError('bytes follow the end')
      if (this.#state === 'literal') {
        const literal = bytes.subarray(at, at + this.#literalLeft)
        ops.push({ type: 'literal', bytes: literal })
        at += literal.length
        this.#literalLeft -= literal.length
        if (this.#literalLeft === 0) this.#state = 'command'
      } else {
        this.#head[this.#headSize++] = bytes[at++]!
        const op = this.#headSize === this.#headNeeded() ? this.#begin() : undefined
        if (op !== undefined) ops.push(op)
      }
    }
    return ops
  }

  /** @throws {BadDeltaError} if the delta has not come to its end */
  close(): void {
    if (this.#state !== 'end') throw new BadDeltaError(`cut short, in a ${this.#state}`)
  }

  #headNeeded(): number {
    if (this.#state === 'magic') return MAGIC_SIZE
    const opcode = this.#head[0]!
    if (opcode >= RESERVED_OPCODE)
      throw new BadDeltaError(`opcode 0x${opcode.toString(16)} is reserved`)
    if (opcode >= COPY_OPCODE) return 1 + startWidth(opcode) + lengthWidth(opcode)
    return opcode >= LITERAL_OPCODE ? 1 + literalWidth(opcode) : 1
  }

  /** The magic or a command has arrived whole. */
  #begin(): DeltaOp | undefined {
    this.#headSize = 0
    const opcode = this.#head[0]!
    if (this.#state === 'magic') {
      const magic = this.#number(0, MAGIC_SIZE)
      if (magic !== DELTA_MAGIC) throw new BadDeltaError(`magic 0x${magic.toString(16)}`)
      this.#state = 'command'
    } else if (opcode === END_OPCODE) {
      this.#state = 'end'
    } else if (opcode < COPY_OPCODE) {
      this.#literalLeft =
        opcode <= LITERAL_SHORT_MAX ? opcode : this.#length(1, literalWidth(opcode))
      this.#state = 'literal'
    } else {
      const start = this.#number(1, startWidth(opcode))
      const length = this.#length(1 + startWidth(opcode), lengthWidth(opcode))
      if (!Number.isSafeInteger(start + length)) throw new BadDeltaError('a copy ends beyond 2⁵³')
      return { type: 'copy', start, length }
    }
    return undefined
  }

  #length(offset: number, width: number): number {
    const length = this.#number(offset, width)
    if (length === 0) throw new BadDeltaError('a length of 0')
    return length
  }

  #number(offset: number, width: number): number {
    let value = 0
    for (let at = offset; at < offset + width; at++) value = 256 * value + this.#head[at]!
    if (!Number.isSafeInteger(value)) throw new BadDeltaError('a number beyond 2⁵³')
    return value
  }
}

/**
 * Apply a delta.
 *
 * The result is what the delta says, no more: compare its digest with the version's.
 *
 * @param base - the old file, read only where the delta copies from it
 * @param delta - the bytes of one delta, split anywhere
 * @param sizeMax - the new file's size, bytes: no byte beyond it is read or given
 * @returns the new file, in parts of at most 1 MiB or the size of a part of `delta`
 * @throws {BadDeltaError} when the fault is met; what was given before may already be wrong
 */
export async function* applyDelta(
  base: PatchBase,
  delta: AsyncIterable<Uint8Array>,
  { sizeMax }: { sizeMax: number },
): AsyncGenerator<Uint8Array> {
  const reader = new DeltaReader()
  let size = 0
  for await (const part of delta) {
    for (const op of reader.push(part)) {
      size += op.type === 'literal' ? op.bytes.length : op.length
      if (size > sizeMax) throw new BadDeltaError(`makes more than ${sizeMax} bytes`)
      if (op.type === 'literal') yield op.bytes
      else yield* copyFrom(base, op)
    }
  }
  reader.close()
}

/**
 * @returns a stretch of the old file, in parts of at most 1 MiB
 * @throws {BadDeltaError} if it does not lie within the file
 */
export async function* copyFrom(
  base: PatchBase,
  { start, length }: Range,
): AsyncGenerator<Uint8Array> {
  const end = start + length
  if (end > base.size) throw new BadDeltaError(`copies up to ${end} of ${base.size} bytes`)
  for (let offset = start; offset < end; offset += COPY_READ_SIZE_MAX) {
    const count = Math.min(COPY_READ_SIZE_MAX, end - offset)
    const bytes = await base.read(offset, count)
    if (bytes.length !== count) throw new BadDeltaError(`the old file ends before ${end}`)
    yield bytes
  }
}

/**
 * What of the old file a delta needs.
 *
 * @returns ranges in order of their start, none touching another
 */
export function patchRanges(ops: Iterable<DeltaOp>): Range[] {
  return joinRanges([...ops].filter((op) => op.type === 'copy'))
}

/** @returns what these ranges cover, in order of start, none touching another */
export function joinRanges(some: readonly Range[]): Range[] {
  const ranges: Range[] = []
  for (const { start, length } of some.toSorted((a, b) => a.start - b.start)) {
    const last = ranges.at(-1)
    if (last === undefined || start > last.start + last.length) ranges.push({ start, length })
    else {
      const end = Math.max(last.start + last.length, start + length)
      ranges[ranges.length - 1] = { start: last.start, length: end - last.start }
    }
  }
  return ranges
}

function literalWidth(opcode: number): number {
  return WIDTHS[opcode - LITERAL_OPCODE]!
}

function startWidth(opcode: number): number {
  return WIDTHS[(opcode - COPY_OPCODE) >> 2]!
}

function lengthWidth(opcode: number): number {
  return WIDTHS[(opcode - COPY_OPCODE) & 3]!
}
