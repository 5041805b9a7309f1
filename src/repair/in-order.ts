/**
 * In order: of things that should ascend, as many as agree with each other.
 */

/**
 * The longest subsequence that never descends, in O(n log n) (Schensted 1961). A few that contradict
 * many are left out, wherever they stand, and nothing else is.
 *
 * @returns indices, ascending; of several that are equally long one of high values: times on which
 *   there is doubt are young rather than old
 */
export function inOrder(values: readonly number[]): number[] {
  // From the end, and upside down: there the best ends are the highest beginnings.
  const mirrored = values.toReversed().map((value) => -value)
  return lowInOrder(mirrored)
    .toReversed()
    .map((index) => values.length - 1 - index)
}

/** The same, of low values. */
function lowInOrder(values: readonly number[]): number[] {
  /** For each length, the index at which the best subsequence of that length ends. */
  const ends: number[] = []
  const previous: (number | undefined)[] = []
  for (const [index, value] of values.entries()) {
    const length = countUpTo(ends, value, values)
    previous.push(ends[length - 1])
    ends[length] = index
  }
  const chosen: number[] = []
  for (let at = ends.at(-1); at !== undefined; at = previous[at]) chosen.push(at)
  return chosen.toReversed()
}

/** @returns how many of the ends have a value of at most `limit`; their values ascend */
function countUpTo(ends: readonly number[], limit: number, values: readonly number[]): number {
  let low = 0
  let high = ends.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((values[ends[middle] ?? 0] ?? 0) <= limit) low = middle + 1
    else high = middle
  }
  return low
}
