/**
 * Helpers seen: who looks after this vault while its computer is off, as its friends tell.
 */

import { peerIdOf } from '../../protocol/peer-id.ts'
import type { PeerStatus } from '../grid/grid.ts'
import type { PeerId } from '../ports/network.ts'

export interface SeenHelper {
  readonly peer: PeerId
  /** When it last renewed the lease, ms since 1970: the middle of what those say who heard it. */
  readonly at: number
  /** Friends who heard it. */
  readonly heardBy: number
}

/** @returns the one heard last first */
export function helpersSeen(states: readonly PeerStatus[]): SeenHelper[] {
  const told = new Map<PeerId, number[]>()
  for (const { status } of states) {
    for (const { peer, at } of status?.helpers ?? []) {
      const id = peerIdOf(peer)
      told.set(id, [...(told.get(id) ?? []), at])
    }
  }
  return [...told]
    .map(([peer, times]) => ({ peer, at: middleOf(times), heardBy: times.length }))
    .toSorted((a, b) => b.at - a.at || (a.peer < b.peer ? -1 : 1))
}

/** One friend with a wrong clock, or one that lies, moves it little. */
function middleOf(times: readonly number[]): number {
  const sorted = times.toSorted((a, b) => a - b)
  return sorted[Math.floor((sorted.length - 1) / 2)] ?? 0
}
