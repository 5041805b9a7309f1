/**
 * Rows to fill: which leaves of which data shares lack bytes, cut so that each stretch of rows lacks the
 * same shares all along.
 */

import type { Extent } from '../../protocol/extents.ts'
import { leafCount, pieceSize, type Manifest } from '../../protocol/manifest.ts'
import { READ_SIZE_MAX } from '../../protocol/messages.ts'

/** Leaves `first` to `first + count` − 1, at most 1 MiB of them. */
export interface Rows {
  readonly first: number
  readonly count: number
  /** Data shares that lack something there, ascending. */
  readonly wanted: readonly number[]
}

/** @param gaps - stretches of the pack, ascending, not touching each other */
export function rowsToFill(manifest: Manifest, gaps: readonly Extent[]): Rows[] {
  const size = pieceSize(manifest)
  const { leafSize } = manifest
  /** For each data share: leaves that lack something, as [from, until) in order. */
  const lacking = Array.from({ length: manifest.needed }, (_, share) =>
    gaps.flatMap(({ offset, length }) => {
      const from = Math.max(offset, share * size) - share * size
      const until = Math.min(offset + length, (share + 1) * size) - share * size
      return from < until
        ? [[Math.floor(from / leafSize), Math.ceil(until / leafSize)] as const]
        : []
    }),
  )
  const edges = new Set([0, leafCount(manifest)])
  for (const [from, until] of lacking.flat()) edges.add(from).add(until)
  const cuts = [...edges].toSorted((a, b) => a - b)
  const countMax = READ_SIZE_MAX / leafSize
  return cuts.flatMap((from, index) => {
    const until = cuts[index + 1]
    if (until === undefined) return []
    const wanted = lacking.flatMap((stretches, share) =>
      stretches.some((stretch) => stretch[0] <= from && from < stretch[1]) ? [share] : [],
    )
    if (wanted.length === 0) return []
    const rows: Rows[] = []
    for (let first = from; first < until; first += countMax) {
      rows.push({ first, count: Math.min(countMax, until - first), wanted })
    }
    return rows
  })
}
