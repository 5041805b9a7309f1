/**
 * Placed packs: how the vault's packs stand as far as this machine knows, with nobody asked.
 *
 * Peers said that they stored these shares; whether they still hold them is for `check` to find out.
 */

import type { PackId } from '../../protocol/manifest.ts'
import { safeCount } from '../grid/code.ts'
import { holdersThatCount } from '../grid/standing.ts'
import type { PeerId } from '../ports/network.ts'
import type { FriendFacts } from '../repair/pack-health.ts'
import type { Packs, PackRow } from '../store/packs.ts'

/**
 * - `whole`: every share lies with a friend who counts.
 * - `settling`: enough do for it to be safe.
 * - `unsafe`: fewer do.
 */
export type PlacedState = 'whole' | 'settling' | 'unsafe'

export interface PlacedPack {
  readonly row: PackRow
  readonly state: PlacedState
}

type Friends = ReadonlyMap<PeerId, FriendFacts>

const NOBODY = { standing: 'gone', isSeenLately: false } as const

/** Packs read from the database in one go. */
const BATCH = 1024

/** @returns every pack that was encoded, once, by the lowest number that lies in it */
export function* placedPacks(packs: Packs, friends: Friends): Generator<PlacedPack> {
  const known = new Set<PackId>()
  for (let from = 0; ;) {
    const rows = packs.from(from, BATCH)
    for (const row of rows) {
      if (row.id === undefined || known.has(row.id)) continue
      known.add(row.id)
      yield { row, state: stateOf(row, packs.holders(row.number), friends) }
    }
    const last = rows.at(-1)
    if (last === undefined) return
    from = last.number + 1
  }
}

/** Each share has one holder here, so happiness is the number of different domains. */
function stateOf(row: PackRow, holders: ReadonlyMap<number, PeerId>, friends: Friends): PlacedState {
  const held = new Map([...holders].map(([share, peer]) => [share, [peer]]))
  const counting = holdersThatCount(row, held, (peer) => friends.get(peer) ?? NOBODY)
  const domains = new Set([...counting.values()].flat().map((peer) => friends.get(peer)?.domain))
  if (domains.size < safeCount(row)) return 'unsafe'
  return counting.size === row.total ? 'whole' : 'settling'
}
