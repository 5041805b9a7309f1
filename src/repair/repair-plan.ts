/**
 * Repair plan: which packs are due, the most endangered first.
 */

import { pieceSize } from '../../protocol/manifest.ts'
import { margin, type PackHealth } from './pack-health.ts'
import type { Origin } from './pack-source.ts'

/** How the shares of a pack come to be: made again from its bytes, or taken from a peer that leaves. */
export type Means = Origin | 'leaver'

/** What repairing one pack takes, about. */
export interface RepairCost {
  readonly means: Means
  readonly bytesDown: number
  readonly bytesUp: number
}

const KIND_RANK = { ledger: 0, metadata: 1, delta: 2, data: 3 } as const

/**
 * Packs that miss shares for which there is a taker now. Of those that cannot be read from peers, too:
 * our own disk may have them.
 *
 * @returns the fewest shares above k first; then what everything else rests on
 */
export function packsDue(packs: readonly PackHealth[]): PackHealth[] {
  return packs
    .filter(({ missing, takers }) => missing.length > 0 && takers.length > 0)
    .map((health) => ({ health, danger: margin(health), rank: KIND_RANK[health.pack.kind] }))
    .toSorted((a, b) => a.danger - b.danger || a.rank - b.rank)
    .map(({ health }) => health)
}

/** @returns the shares to place now: data before parity, since they are read without arithmetic */
export function sharesToPlace({ missing, takers }: PackHealth): number[] {
  return missing.slice(0, takers.length)
}

/**
 * The cheapest way, in bytes from and to peers.
 *
 * @param lacking - bytes that our own sources could not make; `undefined` where they can make nothing
 * @returns `undefined` where there is none now
 */
export function costOf(health: PackHealth, lacking: number | undefined): RepairCost | undefined {
  const { readable } = health
  const { shape } = health.pack
  const shares = sharesToPlace(health)
  const size = pieceSize(shape)
  const bytesUp = shares.length * size
  const isReadable = readable.size >= shape.needed
  const ways: RepairCost[] = []
  if (lacking !== undefined && (lacking === 0 || readable.size > 0)) {
    ways.push({ means: lacking === 0 ? 'spool' : 'files', bytesDown: lacking, bytesUp })
  }
  if (canMove(health, shares)) ways.push({ means: 'leaver', bytesDown: bytesUp, bytesUp })
  if (isReadable) ways.push({ means: 'peers', bytesDown: shape.needed * size, bytesUp })
  return ways.toSorted((a, b) => a.bytesDown - b.bytesDown)[0]
}

/** Whether every one of these shares lies at somebody who answers, though it counts no more there. */
export function canMove({ readable }: PackHealth, shares: readonly number[]): boolean {
  return shares.every((share) => readable.has(share))
}
