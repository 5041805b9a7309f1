/**
 * Literals of an older version that a newer one has too, in bytes that came from elsewhere.
 *
 * Deltas that were composed or made anew hold bytes as copies of their own, so that where bytes came from
 * does not tell all. What neither version shares with the other by origin is compared by content: blocks
 * of the newer version's literals are looked for in the older's as by any delta, and each match is
 * compared and grown byte by byte.
 */

import { equal } from '../../protocol/bytes.ts'
import { cutStretch, type Composition } from './compose-deltas.ts'
import { PieceList, type Piece } from './pieces.ts'
import { DeltaMaker, makeSignature, parseSignature } from './rdiff.ts'
import { SourceIndex } from './source-index.ts'

/** Literals of either version that are compared, bytes; what is beyond stays a literal. */
export const MATCHED_SIZE_MAX = 32 * 1024 * 1024

/** Up to `FINE_SIZE_MAX` bytes small blocks cost little: some 70 bytes of sums and tables each. */
const FINE_BLOCK_SIZE = 64
const FINE_SIZE_MAX = 4 * 1024 * 1024
const COARSE_BLOCK_SIZE = 512

/** A match is compared byte by byte as well: the sums need not stand alone. */
const STRONG_SIZE = 8

/** Bytes of the older version that are looked through at a time. */
const STEP_SIZE = 1024 * 1024

/** A match: `length` bytes from `from` on in the older version's literals, at `at` in the newer version. */
interface Match {
  readonly from: number
  readonly at: number
  readonly length: number
}

/**
 * @param pieces - the older version upon the newer
 * @param options - `sizeMax`: bytes of literals of either version that are compared
 * @returns the same with copies in place of literals that the newer version has
 */
export function matchLiterals(
  pieces: readonly Piece[],
  older: Composition,
  newer: Composition,
  { sizeMax = MATCHED_SIZE_MAX }: { readonly sizeMax?: number } = {},
): readonly Piece[] {
  const wanted = literalsOf(pieces, new Runs(sizeMax))
  if (wanted.size < FINE_BLOCK_SIZE) return pieces
  const fresh = freshLiterals(newer, older, new Runs(sizeMax))
  if (fresh.size < FINE_BLOCK_SIZE) return pieces
  return withMatches(pieces, findMatches(wanted.finish(), fresh.finish()))
}

/** @returns the literals among the pieces, with their offsets in the older version */
function literalsOf(pieces: readonly Piece[], runs: Runs): Runs {
  let offset = 0
  for (const piece of pieces) {
    if (piece.type === 'literal') runs.add(piece.bytes, offset)
    offset += piece.length
  }
  return runs
}

/** @returns the newer version's literals that the older has not by origin, with their offsets in the newer */
function freshLiterals(newer: Composition, older: Composition, runs: Runs): Runs {
  const index = new SourceIndex(older)
  for (const [at, stretch] of newer.stretches.entries()) {
    if (stretch.type === 'copy') continue
    const offset = newer.endOf(at) - stretch.length
    for (let done = 0; done < stretch.length;) {
      const found = index.find(cutStretch(stretch, done, stretch.length - done))
      if (found.at === undefined) {
        runs.add(stretch.bytes.subarray(done, done + found.length), offset + done)
      }
      done += found.length
    }
  }
  return runs
}

/** @returns matches in order of the wanted bytes, none overlapping there and each within one run of both */
function findMatches(wanted: Joined, fresh: Joined): Match[] {
  const matches: Match[] = []
  let matched = 0
  const onCopy = (offset: number, start: number, length: number): void => {
    for (let done = Math.max(0, matched - offset); done < length;) {
      const [from, at] = [offset + done, start + done]
      const [to, end] = [endOfRun(wanted, from), endOfRun(fresh, at)]
      const count = Math.min(length - done, to - from, end - at)
      const match = grown(wanted, fresh, { from, at, length: count, matched })
      if (match !== undefined) {
        matches.push(match)
        matched = match.from + match.length
      }
      done = Math.max(done + count, matched - offset)
    }
  }
  const blockSize = fresh.bytes.length <= FINE_SIZE_MAX ? FINE_BLOCK_SIZE : COARSE_BLOCK_SIZE
  const signature = makeSignature(fresh.bytes, { blockSize, strongSize: STRONG_SIZE })
  const maker = new DeltaMaker(parseSignature(signature), { onCopy })
  for (let at = 0; at < wanted.bytes.length; at += STEP_SIZE) {
    maker.push(wanted.bytes.subarray(at, at + STEP_SIZE))
  }
  maker.close()
  return matches
}

/**
 * @param hit - what the sums say, within one run of both; `matched`: up to here there are matches already
 * @returns it with all equal bytes around it in those runs, in offsets of the newer version; `undefined` if
 *   the sums were wrong
 */
function grown(
  wanted: Joined,
  fresh: Joined,
  hit: Match & { readonly matched: number },
): Match | undefined {
  const [a, b] = [wanted.bytes, fresh.bytes]
  let { from, at, length } = hit
  if (!equal(a.subarray(from, from + length), b.subarray(at, at + length))) return undefined
  const [run, freshRun] = [runOf(wanted, from), runOf(fresh, at)]
  const first = Math.max(wanted.starts[run]!, hit.matched)
  const freshFirst = fresh.starts[freshRun]!
  const [end, freshEnd] = [endOfRun(wanted, from), endOfRun(fresh, at)]
  while (from > first && at > freshFirst && a[from - 1] === b[at - 1]) {
    from -= 1
    at -= 1
    length += 1
  }
  while (from + length < end && at + length < freshEnd && a[from + length] === b[at + length]) {
    length += 1
  }
  return { from, at: fresh.offsets[freshRun]! + at - freshFirst, length }
}

/** @returns the pieces with the matches in them as copies */
function withMatches(pieces: readonly Piece[], matches: readonly Match[]): readonly Piece[] {
  const list = new PieceList()
  let index = 0
  /** Where the piece starts among the wanted bytes. */
  let start = 0
  for (const piece of pieces) {
    if (piece.type === 'copy') list.copy(piece.start, piece)
    else if (piece.type === 'original') list.add(piece)
    else {
      const end = start + piece.length
      for (let from = start; from < end;) {
        while (index < matches.length && endOf(matches[index]!) <= from) index += 1
        const match = matches[index]
        const isMatched = match !== undefined && match.from <= from
        const to = Math.min(end, isMatched ? endOf(match) : (match?.from ?? end))
        const same = cutStretch(piece, from - start, to - from)
        if (isMatched) list.copy(match.at + from - match.from, same)
        else list.add(same)
        from = to
      }
      start = end
    }
  }
  return list.close()
}

function endOf({ from, length }: Match): number {
  return from + length
}

/** Bytes of several runs, one behind the other; where each run starts among them, and in its file. */
interface Joined {
  readonly bytes: Uint8Array
  readonly starts: readonly number[]
  readonly offsets: readonly number[]
}

/** @returns the index of the run that holds the byte at `offset` */
function runOf({ starts }: Joined, offset: number): number {
  let low = 0
  let high = starts.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (starts[middle]! <= offset) low = middle + 1
    else high = middle
  }
  return low - 1
}

function endOfRun(joined: Joined, offset: number): number {
  return joined.starts[runOf(joined, offset) + 1] ?? joined.bytes.length
}

/** Gathers {@link Joined} bytes, up to a size. */
class Runs {
  readonly #sizeMax: number
  readonly #parts: Uint8Array[] = []
  readonly #starts: number[] = []
  readonly #offsets: number[] = []
  /** Where in the file the last run ends. */
  #end = -1
  size = 0

  constructor(sizeMax: number) {
    this.#sizeMax = sizeMax
  }

  /** @param offset - in the file; where the last run ends, the bytes belong to it */
  add(bytes: Uint8Array, offset: number): void {
    const some = bytes.subarray(0, this.#sizeMax - this.size)
    if (some.length === 0) return
    if (offset !== this.#end) {
      this.#starts.push(this.size)
      this.#offsets.push(offset)
    }
    this.#parts.push(some)
    this.#end = offset + some.length
    this.size += some.length
  }

  finish(): Joined {
    const bytes = new Uint8Array(this.size)
    let at = 0
    for (const part of this.#parts) {
      bytes.set(part, at)
      at += part.length
    }
    return { bytes, starts: this.#starts, offsets: this.#offsets }
  }
}
