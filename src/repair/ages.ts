/**
 * Ages: when snapshots were taken, by those who received them, and what time it is for them.
 *
 * A laptop's clock proves nothing, and neither does that of one peer. A snapshot's time is the median
 * of the receipts that three or more peers gave for its head; of an even number the later of the two in
 * the middle, and of fewer the latest there is: on doubt it is younger. One peer whose clock jumped is
 * outvoted.
 *
 * What the time is now is asked of the peers too, and each is believed for two days at most from one
 * check to the next, so that a jump, of one peer or of all, ages nothing by more than that. Ages may
 * lag for it: who looks once a month keeps by `within` rules longer than they say.
 */

import type { SnapshotRow } from '../../protocol/snapshots.ts'
import type { PeerId } from '../ports/network.ts'
import type { DatedSnapshot } from './retention.ts'

/** Most that a peer's clock counts from one check to the next, milliseconds. */
export const ADVANCE_MAX = 2 * 86_400_000

/** So many receipts outvote one wrong clock. */
export const WITNESSES_NEEDED = 3

/** When one peer received the head of a snapshot, by its own clock. */
export interface Receipt {
  readonly peer: PeerId
  /** Milliseconds since 1970. */
  readonly receivedAt: number
}

/** One peer's clamped clock. Both in milliseconds since 1970. */
export interface AgeClock {
  /** What the peer's own clock said at the last check. */
  readonly last: number
  /** What it would say had it never jumped: it starts as the peer's clock and never goes back. */
  readonly age: number
}

export type AgeClocks = Readonly<Record<PeerId, AgeClock>>

/**
 * Check one peer's clock.
 *
 * @param now - what it says, milliseconds since 1970
 */
export function advance(clocks: AgeClocks, peer: PeerId, now: number): AgeClocks {
  const clock = Object.hasOwn(clocks, peer) ? clocks[peer] : undefined
  if (clock === undefined) return { ...clocks, [peer]: { last: now, age: now } }
  const step = Math.min(Math.max(now - clock.last, 0), ADVANCE_MAX)
  return { ...clocks, [peer]: { last: now, age: clock.age + step } }
}

/**
 * @returns what time it is by the clamped clocks, milliseconds since 1970: their median, on doubt the
 *   earlier, for then everything is younger; `undefined` without a clock
 */
export function clampedNow(clocks: AgeClocks): number | undefined {
  const ages = Object.values(clocks).map(({ age }) => age)
  const enough = ages.length >= WITNESSES_NEEDED
  return ascending(ages)[enough ? (ages.length - 1) >>> 1 : 0]
}

/**
 * @param rows - any snapshots
 * @param receipts - by snapshot sequence; none for what no peer was seen to have received
 * @param storagePeers - how many peers of the grid store shares: all of them witness where they are
 *   fewer than three
 * @returns the snapshots in the same order, each with its time
 */
export function dated(
  rows: readonly SnapshotRow[],
  receipts: ReadonlyMap<number, readonly Receipt[]>,
  storagePeers: number,
): DatedSnapshot[] {
  const needed = Math.max(1, Math.min(WITNESSES_NEEDED, storagePeers))
  return rows.map((row) => {
    const times = timesOf(receipts.get(row.sequence) ?? [])
    return { row, time: median(times) ?? row.endedAt, isWitnessed: times.length >= needed }
  })
}

/** @returns one time for each peer, the latest where it gave several; ascending */
function timesOf(receipts: readonly Receipt[]): number[] {
  const byPeer = new Map<PeerId, number>()
  for (const { peer, receivedAt } of receipts) {
    byPeer.set(peer, Math.max(receivedAt, byPeer.get(peer) ?? -Infinity))
  }
  return ascending([...byPeer.values()])
}

function median(times: readonly number[]): number | undefined {
  return times.length < WITNESSES_NEEDED ? times.at(-1) : times[times.length >>> 1]
}

function ascending(values: readonly number[]): number[] {
  return values.toSorted((a, b) => a - b)
}
