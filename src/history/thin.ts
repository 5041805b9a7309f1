/**
 * Thinning: what remains of one file's history once some versions are shown by no kept snapshot.
 */

import type { Version, VersionContent, VersionId } from '../../protocol/tree.ts'
import { assert } from '../base/assert.ts'

/**
 * Decide what remains of a history.
 *
 * @param versions - all of them, ids ascending
 * @param kept - ids of those that stay, at least one
 * @param path - of the file: names from the top
 * @returns the kept versions under their ids, each the same content however it is stored now, and
 *   whichever others they rest on; ids ascending
 */
export type Thin = (
  versions: readonly Version[],
  kept: ReadonlySet<VersionId>,
  path: readonly Uint8Array[],
) => Promise<readonly Version[]>

/** Leave versions stored as they are: kept ones, and every base that one of them rests on. */
export const keepBases: Thin = (versions, kept) => {
  const needed = withBases(versions, kept)
  return Promise.resolve(versions.filter(({ id }) => needed.has(id)))
}

/** @returns the ids, and those of all bases behind them that are there */
export function withBases(
  versions: readonly Version[],
  ids: ReadonlySet<VersionId>,
): ReadonlySet<VersionId> {
  const byId = new Map(versions.map((version) => [version.id, version]))
  const needed = new Set<VersionId>()
  for (const id of ids) {
    let next: VersionId | undefined = id
    while (next !== undefined && !needed.has(next)) {
      const content: VersionContent | undefined = byId.get(next)?.content
      if (content === undefined) break
      needed.add(next)
      next = content.type === 'delta' ? content.base : undefined
    }
  }
  return needed
}

/** What every way of thinning must hold to: no kept version is lost, none appears, none hangs in the air. */
export function checkThinned(
  before: readonly Version[],
  after: readonly Version[],
  kept: ReadonlySet<VersionId>,
): void {
  const known = new Map(before.map((version) => [version.id, version]))
  const ids = new Set(after.map(({ id }) => id))
  assert(kept.isSubsetOf(ids), 'what is kept stays in the history')
  for (const { id, size, content } of after) {
    assert(known.get(id)?.size === size, 'thinning makes no version, and changes no content')
    const isLost = content.type === 'delta' && known.has(content.base) && !ids.has(content.base)
    assert(!isLost, 'what a version rests on stays in the history')
  }
}
