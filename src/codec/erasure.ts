/**
 * Erasure: a pack becomes n pieces, and any k of them bring it back.
 *
 * Systematic Reed–Solomon over GF(2⁸), byte for byte the code of zfec. Read one byte at the same
 * offset of each data piece: the k bytes are the values of one polynomial of degree < k at the first
 * k points of the field (0, 1, 2, 4, 8 …), and piece i holds its value at point i. Any k values fix
 * the polynomial, so both directions are the same act: interpolate from k pieces to the others. A
 * piece does not depend on n.
 *
 * Format: docs/formats/erasure.md
 */

import { FormatError } from '../../protocol/errors.ts'
import { assert } from '../base/assert.ts'
import { unfilled } from './buffers.ts'
import { exponential, logarithm, ORDER } from './galois.ts'
import { combineInWasm } from './kernels/combine.ts'
import type { Combine } from './kernels/kernels.ts'

/** The field has 256 points, so there can be no more pieces. */
export const TOTAL_MAX = 256

/** Any `needed` (k) of `total` (n) pieces are enough; 1 ≤ needed ≤ total ≤ 256. */
export interface Code {
  readonly needed: number
  readonly total: number
}

/** One of the n pieces of a pack. */
export interface Piece {
  /** 0 … total − 1; below `needed` these are the data in order */
  readonly index: number
  readonly bytes: Uint8Array
}

/** Pieces that cannot belong together: too few, two of one index, or unequal sizes. */
export class BadPiecesError extends FormatError {
  override readonly name = 'BadPiecesError'
}

/**
 * Cut a pack into data pieces and make parity pieces.
 *
 * @param pack - any size
 * @param combine - the inner loop: the fast one, or its plain twin
 * @returns `total` arrays of ceil(size / needed) bytes, each with a buffer of its own; the first
 *   `needed` are the pack in order, padded with zeros at its end
 */
export function encodePieces(
  pack: Uint8Array,
  code: Code,
  combine: Combine = combineInWasm,
): Uint8Array[] {
  checkCode(code)
  const size = Math.ceil(pack.length / code.needed)
  const data = range(0, code.needed).map((index) => {
    const part = pack.subarray(index * size, (index + 1) * size)
    const piece = unfilled(size)
    piece.set(part)
    piece.fill(0, part.length)
    return piece
  })
  const rows = interpolate(range(0, code.needed), range(code.needed, code.total))
  return [...data, ...combine(rows, data, size)]
}

/**
 * Bring the data pieces back from any `needed` pieces.
 *
 * Nothing here can tell whether a piece is right: check each against its Merkle root, or the result.
 *
 * @param pieces - in any order; more than `needed` do no harm, the extra ones are not used
 * @param combine - the inner loop: the fast one, or its plain twin
 * @returns the `needed` data pieces in order: those that were given as they are, the others rebuilt
 * @throws {BadPiecesError}
 */
export function decodePieces(
  pieces: readonly Piece[],
  code: Code,
  combine: Combine = combineInWasm,
): Uint8Array[] {
  checkCode(code)
  const sources = choosePieces(pieces, code)
  const size = sources[0]!.bytes.length
  const given = new Map(sources.map(({ index, bytes }) => [index, bytes]))
  const missing = range(0, code.needed).filter((index) => !given.has(index))
  const rows = interpolate([...given.keys()], missing)
  const rebuilt = combine(rows, [...given.values()], size)
  for (const [row, index] of missing.entries()) given.set(index, rebuilt[row]!)
  return range(0, code.needed).map((index) => given.get(index)!)
}

/** The point of the field at which piece `index` holds the polynomial's value. */
function pointOf(index: number): number {
  return index === 0 ? 0 : exponential(index - 1)
}

/**
 * Lagrange's interpolation in logarithms: the factors by which the sources add up to each target.
 *
 * Factor of source j for target t: Π(t − m) / ((t − j) · Π(j − m)), m over the sources other than j
 * in the second product; subtraction is XOR.
 *
 * @returns for each target one factor per source; no target may be a source
 */
function interpolate(sources: readonly number[], targets: readonly number[]): Uint8Array[] {
  const points = sources.map(pointOf)
  const weights = points.map((point) => differences(point, points))
  return targets.map((target) => {
    const point = pointOf(target)
    const whole = differences(point, points)
    return Uint8Array.from(points, (source, at) => {
      const power = whole - logarithm(point ^ source) - weights[at]!
      return exponential((power + 2 * ORDER) % ORDER)
    })
  })
}

/** @returns the logarithm of the product of the differences between `point` and all other `points` */
function differences(point: number, points: readonly number[]): number {
  let power = 0
  for (const other of points) if (other !== point) power += logarithm(point ^ other)
  return power % ORDER
}

/** Data pieces first, since they need no arithmetic. */
function choosePieces(pieces: readonly Piece[], { needed, total }: Code): Piece[] {
  const seen = new Set<number>()
  const size = pieces[0]?.bytes.length
  for (const { index, bytes } of pieces) {
    if (!Number.isInteger(index) || index < 0 || index >= total)
      throw new BadPiecesError(`piece ${index} of ${total}`)
    if (seen.has(index)) throw new BadPiecesError(`piece ${index} twice`)
    if (bytes.length !== size) throw new BadPiecesError('pieces differ in size')
    seen.add(index)
  }
  if (pieces.length < needed)
    throw new BadPiecesError(`${pieces.length} pieces of ${needed} needed`)
  return pieces.toSorted((a, b) => a.index - b.index).slice(0, needed)
}

function checkCode({ needed, total }: Code): void {
  const isWhole = Number.isInteger(needed) && Number.isInteger(total)
  assert(
    isWhole && needed >= 1 && needed <= total && total <= TOTAL_MAX,
    '1 ≤ needed ≤ total ≤ 256',
  )
}

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, at) => from + at)
}
