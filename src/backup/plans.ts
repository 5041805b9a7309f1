/**
 * Plans: what maintenance noted for a head on its way takes effect once that is published, or not at all.
 */

import type { Contents } from '../store/contents.ts'
import type { Entries } from '../store/entries.ts'
import type { Moves } from '../store/moves.ts'
import type { Packs } from '../store/packs.ts'
import type { Rebuilt } from '../store/rebuilt.ts'
import type { Releases } from '../store/releases.ts'

export interface PlansParts {
  readonly entries: Entries
  readonly contents: Pick<Contents, 'forgetPack' | 'forgetOutside'>
  readonly packs: Packs
  readonly releases: Releases
  readonly moves: Moves
  readonly rebuilt: Rebuilt
}

/** The head of this sequence is published. Runs in a transaction. */
export function settlePlans(parts: PlansParts, sequence: number): void {
  const { entries, contents, packs, releases, moves, rebuilt } = parts
  rebuilt.settle(sequence, entries)
  for (const { pack } of releases.settle(sequence)) {
    packs.release(pack.number)
    contents.forgetPack(pack.number)
  }
  for (const row of moves.planned(sequence, packs).values()) {
    packs.put(row)
    packs.setHolders(row.number, new Map())
    contents.forgetOutside(row.number, row.extents ?? [])
  }
  moves.clear()
}

/** No head comes of what was planned. Runs in a transaction. */
export function dropPlans({ packs, releases, moves, rebuilt }: PlansParts): void {
  releases.dropPlanned()
  moves.giveUp(packs)
  rebuilt.dropPlanned()
}
