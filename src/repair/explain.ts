/**
 * Explaining a pack: which peers and failure domains it lacks, and what would bring them.
 *
 * Pure. The numbers are those of its health (pack-health.ts); what is the matter with a peer follows from its
 * record. The words are the command line's (src/cli/reports/why.ts).
 */

import type { PeerRecord } from '../base/peer-record.ts'
import { givesNothing, isCounted, patienceMs, UNTRUSTED_MS } from '../grid/standing.ts'
import type { PeerId } from '../ports/network.ts'
import type { FriendFacts, PackHealth } from './pack-health.ts'

/** All that is to be known of a friend, to say what is the matter with it. */
export interface FriendStory extends FriendFacts {
  readonly record?: PeerRecord
  /** When it said it would be back. */
  readonly awayUntil?: number
}

/**
 * Why a peer takes no part.
 *
 * - `silent`: it does not answer, and is waited for.
 * - `vacation`, `leaving`, `gone`, `untrusted`: as its standing says.
 * - `full`, `quota`, `unreachable`, `refused`: what became of the last share it was to take.
 * - `barred`: it gave wrong bytes for a share of this pack.
 */
export type Hindrance =
  | 'silent'
  | 'vacation'
  | 'leaving'
  | 'gone'
  | 'untrusted'
  | 'full'
  | 'quota'
  | 'unreachable'
  | 'refused'
  | 'barred'

/** A peer that takes no part. */
export interface PeerLack {
  readonly type: 'peer'
  readonly peer: PeerId
  readonly why: Hindrance
  /** When that began, as far as is known, ms since 1970: when it was last heard, or when it refused. */
  readonly since?: number
  /** Until when it is waited for, or gets no shares; not before that, since only our own looks count. */
  readonly until?: number
}

/** What a pack lacks. */
export type Lack =
  | PeerLack
  /** Nothing stands in the way: shares only have to be placed. */
  | { readonly type: 'placing'; readonly shares: number }
  /** Fewer failure domains than make it safe. */
  | { readonly type: 'domains'; readonly has: number; readonly needed: number }
  /** Fewer peers than shares. */
  | { readonly type: 'peers'; readonly has: number; readonly needed: number }

export interface Explanation {
  readonly health: PackHealth
  readonly lacks: readonly Lack[]
  /** How many more friends, each in a house of its own, would make it safe, or whole where it is safe. */
  readonly friendsLacking: number
}

/** One thing that is lacked, by how many packs. */
export interface LackCount {
  readonly lack: Lack
  readonly packs: number
  /** Of these: how many are not safe, or cannot be read. */
  readonly unsafe: number
}

/** @param friends - the storage peers of the grid, as they were judged by */
export function explain(
  health: PackHealth,
  friends: ReadonlyMap<PeerId, FriendStory>,
  now: number,
): Explanation {
  switch (health.verdict) {
    case 'whole':
      return { health, lacks: [], friendsLacking: 0 }
    case 'lost':
    case 'out-of-reach':
      // Only who holds a share can help here.
      return { health, lacks: hindrances(health.silent, health, friends, now), friendsLacking: 0 }
    default:
      return explainMissing(health, friends, now)
  }
}

/** @returns what is lacked by any of these packs, by most of them first */
export function countLacks(explanations: readonly Explanation[]): LackCount[] {
  const counts = new Map<string, LackCount>()
  for (const { health, lacks } of explanations) {
    const isUnsafe = health.verdict !== 'settling' && health.verdict !== 'thin'
    for (const lack of lacks) {
      const key = lack.type === 'peer' ? `${lack.why} ${lack.peer}` : lack.type
      const before = counts.get(key)
      counts.set(key, {
        lack: before === undefined ? lack : worse(before.lack, lack),
        packs: (before?.packs ?? 0) + 1,
        unsafe: (before?.unsafe ?? 0) + (isUnsafe ? 1 : 0),
      })
    }
  }
  return [...counts.values()].toSorted((a, b) => b.unsafe - a.unsafe || b.packs - a.packs)
}

/** @returns what is the matter with a peer; `undefined` if it would take a share */
export function hindranceOf(
  peer: PeerId,
  { standing, isHere, record, awayUntil }: FriendStory,
  now: number,
): PeerLack | undefined {
  const lack = { type: 'peer', peer } as const
  const silence = record?.seenAt === undefined ? {} : { since: record.seenAt }
  switch (standing) {
    case 'vacation':
      return { ...lack, why: 'vacation', ...(awayUntil === undefined ? {} : { until: awayUntil }) }
    case 'leaving':
      return { ...lack, why: 'leaving' }
    case 'gone':
      return { ...lack, why: 'gone', ...silence }
    case 'untrusted': {
      if (givesNothing(record, now)) return { ...lack, why: 'untrusted' }
      const { failedAt: since = now, failedBeforeAt = now } = record ?? {}
      return { ...lack, why: 'untrusted', since, until: failedBeforeAt + UNTRUSTED_MS }
    }
    default: {
      if (!isHere) return { ...lack, why: 'silent', ...silence, until: now + patienceMs(record) }
      const { refusal, refusedAt = now, seenAt = 0 } = record ?? {}
      const isOver = refusal === 'unreachable' && seenAt > refusedAt
      if (refusal === undefined || isOver) return undefined
      return { ...lack, why: refusal === 'other' ? 'refused' : refusal, since: refusedAt }
    }
  }
}

function explainMissing(
  health: PackHealth,
  friends: ReadonlyMap<PeerId, FriendStory>,
  now: number,
): Explanation {
  const { missing, live, pack, safeCount } = health
  const isWilling = (peer: PeerId) => hindranceIn(peer, health, friends, now) === undefined
  const willing = health.takers.filter(isWilling)
  const holding = new Set([...live.values()].flat())
  const domainOf = (peer: PeerId) => friends.get(peer)?.domain ?? peer
  const places = new Set([...holding, ...willing].map(domainOf)).size
  const shares = Math.min(missing.length, willing.length)
  const placing: Lack[] = shares === 0 ? [] : [{ type: 'placing', shares }]
  const toSafe = Math.max(0, safeCount - places)
  const friendsLacking = toSafe > 0 ? toSafe : Math.max(0, missing.length - willing.length)
  if (friendsLacking === 0) return { health, lacks: placing, friendsLacking }

  const others = [...friends.keys()].filter((peer) => !holding.has(peer) && !willing.includes(peer))
  const counted = [...friends].filter(([, { standing }]) => isCounted(standing))
  const domains = new Set(counted.map(([, { domain }]) => domain)).size
  const lacks: Lack[] = [...placing, ...hindrances(others, health, friends, now)]
  if (domains < safeCount) lacks.push({ type: 'domains', has: domains, needed: safeCount })
  else if (counted.length < pack.shape.total) {
    lacks.push({ type: 'peers', has: counted.length, needed: pack.shape.total })
  }
  return { health, lacks, friendsLacking }
}

function hindrances(
  peers: readonly PeerId[],
  health: PackHealth,
  friends: ReadonlyMap<PeerId, FriendStory>,
  now: number,
): PeerLack[] {
  return peers.flatMap((peer) => hindranceIn(peer, health, friends, now) ?? [])
}

/** What is the matter with a peer as far as one pack goes. */
function hindranceIn(
  peer: PeerId,
  { held }: PackHealth,
  friends: ReadonlyMap<PeerId, FriendStory>,
  now: number,
): PeerLack | undefined {
  const story = friends.get(peer)
  if (story === undefined) return undefined
  const hindrance = hindranceOf(peer, story, now)
  if (hindrance !== undefined || !held.barred.has(peer)) return hindrance
  return { type: 'peer', peer, why: 'barred' }
}

/** The one that asks for more; of the same peer both are alike. */
function worse(a: Lack, b: Lack): Lack {
  if (a.type === 'placing' && b.type === 'placing') return a.shares >= b.shares ? a : b
  if ('needed' in a && 'needed' in b) return a.needed - a.has >= b.needed - b.has ? a : b
  return a
}
