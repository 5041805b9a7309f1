/**
 * Reverse deltas: an older version of a file told upon a newer one.
 *
 * Both versions are compositions over the original of their chain, so that of every byte it is known where
 * it came from: a range of the original, or a literal of one of the deltas. What the newer version still
 * has of that is copied from it; the rest are literals, either at hand or overwritten ranges of the
 * original, which have to be fetched. The newer version itself is not read.
 *
 * Format: docs/formats/delta.md
 */

import { cutStretch, type Composition, type Stretch } from './compose-deltas.ts'
import { commandsOf, DeltaWriter } from './delta-writer.ts'
import { matchLiterals } from './match-literals.ts'
import { PieceList, type Piece } from './pieces.ts'
import { BadDeltaError, joinRanges, type Range } from './rdiff-patch.ts'
import { SourceIndex, type Found } from './source-index.ts'

export { PIECES_MAX, type Piece } from './pieces.ts'

/** Bytes of the original that are asked for at a time. */
const READ_SIZE_MAX = 1024 * 1024

/**
 * Tell an older version upon a newer one.
 *
 * Takes time in the stretches of both and the pieces that come out, times the logarithm of the former;
 * and in the bytes of those literals that only one of the two has.
 *
 * @param older - upon the same original as `newer`, and of the same arrays where they share a delta
 * @returns the older version in order; literals are views of what the older version has
 * @throws {BadDeltaError} for more than {@link PIECES_MAX} pieces
 */
export function differenceOf(older: Composition, newer: Composition): readonly Piece[] {
  const index = new SourceIndex(newer)
  const pieces = new PieceList()
  /** Which stretch of the newer version follows the last copy. */
  let near = 0
  for (const stretch of older.stretches) {
    for (let done = 0; done < stretch.length;) {
      const rest = cutStretch(stretch, done, stretch.length - done)
      const offset = pieces.next
      if (offset < newer.size) near = newer.indexOf(offset, near)
      const { at, length } = goOn(newer, { near, offset }, rest) ?? index.find(rest)
      const found = cutStretch(rest, 0, length)
      if (at === undefined)
        pieces.add(found.type === 'copy' ? { ...found, type: 'original' } : found)
      else pieces.copy(at, found)
      done += length
    }
  }
  return matchLiterals(pieces.close(), older, newer)
}

/** @returns where the newer version goes on behind the last copy, if that is what comes next */
function goOn(
  newer: Composition,
  { near, offset }: { near: number; offset: number },
  wanted: Stretch,
): Found | undefined {
  const stretch = offset < newer.size ? newer.stretches[near]! : undefined
  if (stretch === undefined) return undefined
  const skip = offset - (newer.endOf(near) - stretch.length)
  const isSame =
    stretch.type === 'copy'
      ? wanted.type === 'copy' && stretch.start + skip === wanted.start
      : wanted.type === 'literal' &&
        stretch.bytes.buffer === wanted.bytes.buffer &&
        stretch.bytes.byteOffset + skip === wanted.bytes.byteOffset
  if (!isSame) return undefined
  return { at: offset, length: Math.min(stretch.length - skip, wanted.length) }
}

/** @returns what has to be fetched of the original: ascending, none touching another */
export function originalRanges(pieces: readonly Piece[]): Range[] {
  return joinRanges(pieces.filter((piece) => piece.type === 'original'))
}

/**
 * Take in what was fetched.
 *
 * Forward deltas are made of blocks: one changed byte overwrites a block, and most of it is still there,
 * as a literal of the newer version. With the bytes at hand this is found as it is for literals.
 *
 * @param pieces - of these versions, by {@link differenceOf}
 * @param readOriginal - what it gives is kept
 * @returns the pieces without `original`: most of the time in fewer bytes
 */
export function withOriginals(
  pieces: readonly Piece[],
  { older, newer }: { readonly older: Composition; readonly newer: Composition },
  readOriginal: ReadOriginal<Uint8Array>,
): readonly Piece[] {
  return matchLiterals(
    pieces.map((piece) => literalOf(piece, readOriginal)),
    older,
    newer,
  )
}

/** @returns exactly `length` bytes of the original from `start` on */
export type ReadOriginal<Result> = (start: number, length: number) => Result

/**
 * The delta of the older version upon the newer.
 *
 * @param readOriginal - asked for at most 1 MiB, and only for what {@link originalRanges} names
 * @returns the delta in parts of at most 1 MiB
 * @throws {BadDeltaError} if the original ends too early
 */
export async function* encodePieces(
  pieces: readonly Piece[],
  readOriginal: ReadOriginal<Promise<Uint8Array> | Uint8Array>,
): AsyncGenerator<Uint8Array> {
  const writer = new DeltaWriter()
  for (const command of commandsOf(pieces)) {
    if (command.type === 'copy') writer.copy(command.start, command.length)
    else {
      writer.literal(command.length)
      for (const piece of command.pieces) {
        if (piece.type === 'literal') writer.put(piece.bytes)
        else {
          for (const { start, length } of steps(piece)) {
            writer.put(checked(await readOriginal(start, length), length))
            yield* writer.take()
          }
        }
        yield* writer.take()
      }
    }
  }
  yield* writer.close()
}

function literalOf(piece: Piece, readOriginal: ReadOriginal<Uint8Array>): Stretch {
  if (piece.type !== 'original') return piece
  const { start, length } = piece
  return { type: 'literal', length, bytes: checked(readOriginal(start, length), length) }
}

function* steps({ start, length }: Range): Generator<Range> {
  const end = start + length
  for (let at = start; at < end; at += READ_SIZE_MAX) {
    yield { start: at, length: Math.min(READ_SIZE_MAX, end - at) }
  }
}

function checked(bytes: Uint8Array, length: number): Uint8Array {
  if (bytes.length !== length) throw new BadDeltaError('the original ends too early')
  return bytes
}
