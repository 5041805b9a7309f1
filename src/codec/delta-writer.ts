/**
 * Writing a delta from copies and literals that are known, in librsync's format.
 *
 * Copies that go on where the last one ended are one command, and so are literals in a row: what a delta
 * makes decides its bytes, not how it was come by.
 *
 * Format: docs/formats/delta.md
 */

import { ByteWriter } from '../../protocol/bytes.ts'
import {
  COMMAND_SIZE_MAX,
  copyCommandSize,
  DELTA_MAGIC,
  END_OPCODE,
  literalHeadSize,
  MAGIC_SIZE,
  putCopy,
  putLiteralHead,
} from './rdiff-opcodes.ts'
import type { Range } from './rdiff-patch.ts'

/** Bytes of one part of a delta. */
export const PART_SIZE_MAX = 1024 * 1024

/** A copy from the base, or any other `length` bytes: they become a literal. */
export type Told =
  ({ readonly type: 'copy' } & Range) | { readonly type: string; readonly length: number }

/** A command of the delta; a literal with what it is made of. */
export type Command<Piece> =
  | ({ readonly type: 'copy' } & Range)
  | { readonly type: 'literal'; readonly length: number; readonly pieces: readonly Piece[] }

/**
 * Join what is adjacent.
 *
 * @param pieces - of at least one byte each, in order
 */
export function* commandsOf<Piece extends Told>(
  pieces: Iterable<Piece>,
): Generator<Command<Exclude<Piece, { readonly type: 'copy' }>>> {
  type Other = Exclude<Piece, { readonly type: 'copy' }>
  let copy: Range | undefined
  let others: Other[] = []
  for (const piece of pieces) {
    if (isCopy(piece)) {
      if (others.length > 0) yield literalOf(others)
      others = []
      if (copy !== undefined && copy.start + copy.length === piece.start) {
        copy = { start: copy.start, length: copy.length + piece.length }
      } else {
        if (copy !== undefined) yield { type: 'copy', ...copy }
        copy = piece
      }
    } else {
      if (copy !== undefined) yield { type: 'copy', start: copy.start, length: copy.length }
      copy = undefined
      others.push(piece as Other)
    }
  }
  if (copy !== undefined) yield { type: 'copy', start: copy.start, length: copy.length }
  if (others.length > 0) yield literalOf(others)
}

/** @returns how many bytes the delta of these pieces has */
export function deltaSize(pieces: Iterable<Told>): number {
  let size = MAGIC_SIZE + 1
  for (const command of commandsOf(pieces)) {
    size +=
      command.type === 'copy'
        ? copyCommandSize(command.start, command.length)
        : literalHeadSize(command.length) + command.length
  }
  return size
}

/** @returns the size of a delta that tells a whole file of `size` bytes as one literal: up to 14 more */
export function wholeDeltaSize(size: number): number {
  return MAGIC_SIZE + 1 + (size === 0 ? 0 : literalHeadSize(size) + size)
}

/** Puts the bytes of a delta into parts. */
export class DeltaWriter {
  readonly #parts: Uint8Array[] = []
  #writer = new ByteWriter().u32(DELTA_MAGIC)

  copy(start: number, length: number): void {
    this.#reserve(COMMAND_SIZE_MAX)
    putCopy(this.#writer, start, length)
  }

  /** A literal begins; its `length` bytes come next. */
  literal(length: number): void {
    this.#reserve(COMMAND_SIZE_MAX)
    putLiteralHead(this.#writer, length)
  }

  /** Copies the bytes. */
  put(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length;) {
      this.#reserve(1)
      const some = bytes.subarray(at, at + PART_SIZE_MAX - this.#writer.size)
      this.#writer.put(some)
      at += some.length
    }
  }

  /** @returns the parts that are full, of at most 1 MiB each */
  take(): Uint8Array[] {
    return this.#parts.splice(0)
  }

  /** @returns the rest of the delta */
  close(): Uint8Array[] {
    this.#reserve(1)
    this.#writer.u8(END_OPCODE)
    return [...this.take(), this.#writer.finish()]
  }

  #reserve(count: number): void {
    if (this.#writer.size + count <= PART_SIZE_MAX) return
    this.#parts.push(this.#writer.finish())
    this.#writer = new ByteWriter()
  }
}

function isCopy(piece: Told): piece is { readonly type: 'copy' } & Range {
  return piece.type === 'copy'
}

function literalOf<Piece extends { readonly length: number }>(
  pieces: readonly Piece[],
): Command<Piece> {
  let length = 0
  for (const piece of pieces) length += piece.length
  return { type: 'literal', length, pieces }
}
