/**
 * Standing: what we make of a storage peer now, from what was seen of it and what it said of itself.
 *
 * Friends switch their laptops off, and a repair that comes too early sends everything again for
 * nothing: with a day's patience 56 times a year for one laptop, with three weeks' never. So silence has
 * two clocks. After a day a peer gets no new shares; after two or three weeks it is given up, and its
 * shares are made again elsewhere. A share that comes back counts again.
 *
 * Sources: design §5; test/oracles/false_repairs.csv. The clocks with examples: docs/placement.md
 */

import { AWAY_MS_MAX } from '../../protocol/roster-statement.ts'
import { onlineShare, type PeerRecord } from '../base/peer-record.ts'
import type { PeerId } from '../ports/network.ts'
import { safeCount, type Code } from './code.ts'
import { onPlacesOfTheirOwn } from './happiness.ts'

const DAY_MS = 86_400_000

/** Silent for so long, a peer gets no new shares; those it has count on. */
export const QUIET_MS = DAY_MS

/** Silent for so long, a peer is given up: longer than a laptop's holiday of sixteen days. */
export const GIVE_UP_LAPTOP_MS = 21 * DAY_MS

/** The same for a machine that is always on: longer than its longest outage of ten days. */
export const GIVE_UP_NAS_MS = 14 * DAY_MS

/** A machine counts as always on if it answered so much of the time, over so long at least. */
export const NAS_ONLINE_MIN = 0.9
export const NAS_WATCHED_MS_MIN = 14 * DAY_MS

/**
 * Others' word delays giving up for so long at most: what only they have reached for three months is of no
 * use to us.
 */
export const VOUCHED_MS_MAX = 90 * DAY_MS

/** A vacation counts for so long after the peer was last heard, whatever its clock says. */
export const VACATION_MS_MAX = AWAY_MS_MAX

/** Two failed audits within so long, and a peer gets no new shares: once may be a bad sector. */
export const UNTRUSTED_MS = 30 * DAY_MS

/** Nothing good came of any audit for so long, though it answered: what it says it holds counts no more. */
export const NOTHING_MS_MAX = 7 * DAY_MS

/** A pack with fewer than H shares seen within so long does not wait for the others. */
export const SEEN_LATELY_MS = 3 * DAY_MS

export type Standing = 'here' | 'quiet' | 'vacation' | 'leaving' | 'gone' | 'untrusted'

/** As it is told to a person, after the peer's name. */
export const STANDING_WORDS: Readonly<Record<Standing, string>> = {
  here: 'takes part',
  quiet: 'silent for more than a day',
  vacation: 'away for a while, as it said',
  leaving: 'about to leave the grid',
  gone: 'given up, after weeks of silence',
  untrusted: 'failed audits',
}

/** What a peer said of itself; a roster's `Member` has it. */
export interface Presence {
  /** Milliseconds since 1970, by the peer's clock. */
  readonly awayUntil?: number
  readonly isLeaving?: boolean
}

/**
 * @param record - `undefined` for a peer nobody looked for yet
 * @param now - milliseconds since 1970
 */
export function standingOf(
  record: PeerRecord | undefined,
  presence: Presence,
  now: number,
): Standing {
  const isAway = isOnVacation(record, presence, now)
  if (!isAway && isGivenUp(record)) return 'gone'
  if (presence.isLeaving === true) return 'leaving'
  if (isUntrusted(record, now)) return 'untrusted'
  if (isAway) return 'vacation'
  return record !== undefined && record.silentMs >= QUIET_MS ? 'quiet' : 'here'
}

/** Whether new shares go there. */
export function mayTakeShares(standing: Standing): boolean {
  return standing === 'here'
}

/** Whether the peer is one of those that the code of new packs is made for. */
export function isCounted(standing: Standing): boolean {
  return standing !== 'gone' && standing !== 'leaving'
}

/** Whether a share counts that lies there: one at a peer that leaves must be elsewhere soon. */
export function countsAsHeld(standing: Standing): boolean {
  return isCounted(standing)
}

/** Whether the peer's announced absence holds now, so that its silence means nothing. */
export function isOnVacation(
  record: PeerRecord | undefined,
  { awayUntil }: Presence,
  now: number,
): boolean {
  if (awayUntil === undefined || awayUntil <= now) return false
  const heardAt = record?.seenAt ?? record?.firstAt ?? now
  return now < heardAt + VACATION_MS_MAX
}

/** Silence after which the peer is given up, ms. */
export function giveUpMs(record: PeerRecord | undefined): number {
  if (record === undefined || record.watchedMs < NAS_WATCHED_MS_MIN) return GIVE_UP_LAPTOP_MS
  return (onlineShare(record) ?? 0) >= NAS_ONLINE_MIN ? GIVE_UP_NAS_MS : GIVE_UP_LAPTOP_MS
}

/** How much more silence the peer is allowed, ms; 0 once it is given up. */
export function patienceMs(record: PeerRecord | undefined): number {
  const { silentMs = 0, unheardMs = 0 } = record ?? {}
  return Math.max(0, Math.min(giveUpMs(record) - unheardMs, VOUCHED_MS_MAX - silentMs))
}

/** Whether others' word on the peer could make a difference: it is silent, and may still be waited for. */
export function mayBeVouchedFor(record: PeerRecord | undefined): boolean {
  if (record === undefined || record.unheardMs < QUIET_MS) return false
  return record.silentMs < VOUCHED_MS_MAX
}

/** Whether somebody heard the peer in the last three days, as far as silence was counted. */
export function isSeenLately(record: PeerRecord | undefined): boolean {
  return record === undefined || record.unheardMs < SEEN_LATELY_MS
}

/**
 * Whether it answers, and none of its audits brought anything good for a week: its word is worth nothing. Once
 * nothing lies there any more that could be asked for, it gets another chance after a month.
 */
export function givesNothing(record: PeerRecord | undefined, now: number): boolean {
  const { nothingMs = 0, nothingAt = 0 } = record ?? {}
  return nothingMs >= NOTHING_MS_MAX && now - nothingAt < UNTRUSTED_MS
}

/** What is to be known of a holder, to tell whether its shares count. */
export interface HolderFacts {
  readonly standing: Standing
  readonly givesNothing?: boolean
  readonly isSeenLately: boolean
}

/**
 * The shares of one pack that count, with their holders that do. Where fewer than H of them were seen in the
 * last three days, a silent peer's share counts as lost: this pack cannot wait.
 *
 * @param holders - share number → peers that hold it
 */
export function holdersThatCount(
  code: Code,
  holders: ReadonlyMap<number, readonly PeerId[]>,
  factsOf: (peer: PeerId) => HolderFacts,
): Map<number, readonly PeerId[]> {
  const held = narrow(holders, (peer) => {
    const facts = factsOf(peer)
    return countsAsHeld(facts.standing) && facts.givesNothing !== true
  })
  const seen = narrow(held, (peer) => factsOf(peer).isSeenLately)
  return onPlacesOfTheirOwn(seen).size < safeCount(code) ? seen : held
}

function narrow(
  holders: ReadonlyMap<number, readonly PeerId[]>,
  counts: (peer: PeerId) => boolean,
): Map<number, readonly PeerId[]> {
  const kept = [...holders].map(([share, peers]) => [share, peers.filter(counts)] as const)
  return new Map(kept.filter(([, peers]) => peers.length > 0))
}

function isGivenUp(record: PeerRecord | undefined): boolean {
  return record !== undefined && patienceMs(record) === 0
}

function isUntrusted(record: PeerRecord | undefined, now: number): boolean {
  if (givesNothing(record, now)) return true
  const { failedBeforeAt } = record ?? {}
  return failedBeforeAt !== undefined && now - failedBeforeAt < UNTRUSTED_MS
}
