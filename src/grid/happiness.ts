/**
 * Happiness: how many shares lie on places of their own.
 *
 * It is the size of a maximum matching between shares and the places (peers, or failure domains) that
 * hold them: ten shares on one peer are worth one, and one share on ten peers as well.
 *
 * Found by augmenting paths (Kuhn's algorithm): at most 256 shares, so shares × edges is nothing.
 */

/**
 * @param places - for each place the share numbers it holds
 * @returns the largest number of pairs (place, share) in which no place and no share occurs twice
 */
export function happiness<Place>(places: ReadonlyMap<Place, Iterable<number>>): number {
  return match(places).size
}

/**
 * The shares that count where one place stands for one share: who says that it has all of them stands for
 * one, and the others are missing until somebody else has them.
 *
 * @param holders - share number → places that hold it
 * @returns as many shares as find a place of their own, each with all its holders
 */
export function onPlacesOfTheirOwn<Place>(
  holders: ReadonlyMap<number, readonly Place[]>,
): Map<number, readonly Place[]> {
  const places = new Map<Place, number[]>()
  for (const [share, holding] of holders) {
    for (const place of holding) places.set(place, [...(places.get(place) ?? []), share])
  }
  const matched = match(places)
  return new Map([...holders].filter(([share]) => matched.has(share)))
}

/** @returns a maximum matching: share number → index of its place */
function match<Place>(places: ReadonlyMap<Place, Iterable<number>>): Map<number, number> {
  const holdings = [...places.values()].map((shares) => [...shares])
  const matched = new Map<number, number>()

  const augment = (place: number, tried: Set<number>): boolean => {
    for (const share of holdings[place] ?? []) {
      if (tried.has(share)) continue
      tried.add(share)
      const holder = matched.get(share)
      if (holder === undefined || augment(holder, tried)) {
        matched.set(share, place)
        return true
      }
    }
    return false
  }

  for (const place of holdings.keys()) augment(place, new Set())
  return matched
}
