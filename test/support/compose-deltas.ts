/** Two deltas composed to one, as a rebuild composes whole chains of them. */

import { Composition, encodeComposition, type Promised } from '../../src/codec/compose-deltas.ts'
import { deltaSize, wholeDeltaSize } from '../../src/codec/delta-writer.ts'

/** Two deltas as one; or the advice to store the version whole. */
export type ComposedDelta =
  | { readonly type: 'delta'; readonly parts: Uint8Array[]; readonly size: number }
  | { readonly type: 'original-is-better'; readonly size: number }

/**
 * Compose two deltas: patch(patch(v0, D1), D2) = patch(v0, compose(D1, D2)).
 *
 * Takes time in the commands of both deltas and the pieces that the copies of the second cut out of what
 * the first says; see {@link Composition.followedBy}. A copy of the composed delta may be shorter than the
 * command that tells it; when those are so many that the delta is larger than a single literal would
 * be, an original is better.
 *
 * @param baseSize - bytes of the file that the first delta applies to
 * @param first - the whole delta, split anywhere
 * @param second - upon what the first makes, the same
 * @param promised - at most so many bytes of the file in between, and of the last
 * @returns `size`: bytes of the last file. The delta is at most {@link wholeDeltaSize} of it: 14 bytes more
 * @throws {BadDeltaError} as {@link Composition.followedBy}
 */
export function composeDeltas(
  baseSize: number,
  first: readonly Uint8Array[],
  second: readonly Uint8Array[],
  promised: Promised & { readonly middleSizeMax?: number } = {},
): ComposedDelta {
  const { middleSizeMax, ...last } = promised
  const middle = Composition.ofOriginal(baseSize).followedBy(
    first,
    middleSizeMax === undefined ? {} : { sizeMax: middleSizeMax },
  )
  const composed = middle.followedBy(second, last)
  const { size, stretches } = composed
  if (deltaSize(stretches) > wholeDeltaSize(size)) return { type: 'original-is-better', size }
  return { type: 'delta', parts: encodeComposition(composed), size }
}
