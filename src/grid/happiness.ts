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
  const holdings = [...places.values()].map((shares) => [...shares])
  /** For each share: the index of the place it is matched with. */
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

  return holdings.filter((_, place) => augment(place, new Set())).length
}
