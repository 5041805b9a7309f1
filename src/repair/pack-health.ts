/**
 * Pack health: from who holds what to a verdict in words, and what would make it better.
 *
 * Pure. A share counts by the clocks of src/grid/standing.ts: what a silent friend holds counts until the
 * friend is given up. What can be read at this moment is another matter, and told beside it.
 */

import { safeCount } from '../grid/code.ts'
import { happiness, onPlacesOfTheirOwn } from '../grid/happiness.ts'
import { holdersThatCount, isCounted, mayTakeShares, type HolderFacts } from '../grid/standing.ts'
import type { PeerId } from '../ports/network.ts'
import type { PackShape, ShapedPack } from './pack-list.ts'

/**
 * - `whole`: every share counts.
 * - `settling`: safe; shares are missing, and there are peers that would take them.
 * - `thin`: safe; shares are missing, and there is nobody to take them.
 * - `unsafe`: too few failure domains hold it for a head to name it now.
 * - `out-of-reach`: it cannot be read until somebody comes back who is waited for.
 * - `lost`: even with all who are waited for it cannot be read.
 */
export type Verdict = 'whole' | 'settling' | 'thin' | 'unsafe' | 'out-of-reach' | 'lost'

/** The worst first. */
export const VERDICTS: readonly Verdict[] = [
  'lost',
  'out-of-reach',
  'unsafe',
  'thin',
  'settling',
  'whole',
]

/** A peer that holds a share, as it said just now or as was known before. */
export interface Holding {
  readonly peer: PeerId
  /** It said so when it was asked just now. */
  readonly isSeen: boolean
}

/** What is to be known of a storage peer. */
export interface FriendFacts extends HolderFacts {
  readonly domain: string
  /** It answered just now. */
  readonly isHere: boolean
  /** It counts no more for this run only; by the clocks it is waited for, and may bring back what it has. */
  readonly isWaitedFor?: boolean
  /** It said in this run that it has no room. */
  readonly isFull?: boolean
}

export interface PackHolders {
  /** Share number → who holds it. Of peers that answered only what they said themselves. */
  readonly holders: ReadonlyMap<number, readonly Holding[]>
  /** Peers that gave wrong bytes for a share of this pack: they take no other share of it. */
  readonly barred: ReadonlySet<PeerId>
}

export interface PackHealth {
  readonly pack: ShapedPack
  readonly verdict: Verdict
  /** What it was judged by. */
  readonly held: PackHolders
  /** Share number → holders that count; a peer that says it holds several stands for one of them. */
  readonly live: ReadonlyMap<number, readonly PeerId[]>
  /** Share number → holders that said so just now, those included that leave or that count no more. */
  readonly readable: ReadonlyMap<number, readonly PeerId[]>
  /** Shares on failure domains of their own, and as many as there can be. */
  readonly happiness: number
  readonly happinessMax: number
  /** With so many the pack is safe: H. */
  readonly safeCount: number
  /** Share numbers that nobody holds who counts, ascending. */
  readonly missing: readonly number[]
  /** Peers that hold no share of it and would take one now. */
  readonly takers: readonly PeerId[]
  /** Peers that are silent and hold shares of it. */
  readonly silent: readonly PeerId[]
}

/** @param friends - the storage peers of the grid; others count for nothing */
export function judgePack(
  pack: ShapedPack,
  held: PackHolders,
  friends: ReadonlyMap<PeerId, FriendFacts>,
): PackHealth {
  const { shape } = pack
  const known = pick(held.holders, shape, ({ peer }) => friends.has(peer))
  const readable = pick(held.holders, shape, ({ peer, isSeen }) => isSeen && friends.has(peer))
  const counted = holdersThatCount(shape, known, (peer) => friends.get(peer) ?? NOBODY)
  const live = onPlacesOfTheirOwn(counted)
  const missing = range(shape.total).filter((share) => !live.has(share))
  const holding = new Set([...known.values()].flat())
  const mayTake = ({ isHere, isFull, standing }: FriendFacts): boolean =>
    isHere && isFull !== true && mayTakeShares(standing)
  const takers = [...friends].flatMap(([peer, facts]) =>
    mayTake(facts) && !holding.has(peer) && !held.barred.has(peer) ? [peer] : [],
  )
  const health = {
    pack,
    held,
    live,
    readable,
    missing,
    takers,
    happiness: happinessOf(counted, friends),
    happinessMax: Math.min(shape.total, domainsOf(friends)),
    safeCount: safeCount(shape),
    silent: [...holding].filter((peer) => friends.get(peer)?.isHere !== true),
  }
  const hoped = [...known].filter(([, peers]) =>
    peers.some((peer) => mayComeBack(friends.get(peer))),
  )
  return { ...health, verdict: verdictOf(health, new Set(hoped.map(([share]) => share))) }
}

/** How many shares may go before the pack is lost; below 0 it is. */
export function margin({ live, readable, pack: { shape } }: PackHealth): number {
  const found = new Map(live)
  for (const [share, peers] of readable) found.set(share, [...(found.get(share) ?? []), ...peers])
  return onPlacesOfTheirOwn(found).size - shape.needed
}

/** What would make packs better. */
export interface Needs {
  /** Missing shares that a repair can place now. */
  readonly placeable: number
  /** Peers more that it takes for each share to have a home. */
  readonly friends: number
  /** Shares more that must be found before it can be read. */
  readonly shares: number
  /** Peers that hold shares and do not answer. */
  readonly back: readonly PeerId[]
}

export function needsOf({ verdict, missing, takers, silent, readable, pack }: PackHealth): Needs {
  const { needed } = pack.shape
  const isReadable = readable.size >= needed
  const placeable = isReadable ? Math.min(missing.length, takers.length) : 0
  return {
    placeable,
    friends: isReadable ? missing.length - placeable : 0,
    shares: isReadable ? 0 : needed - readable.size,
    back: verdict === 'whole' ? [] : silent,
  }
}

/** What the packs of a group need together. */
export function needsOfAll(packs: readonly PackHealth[]): Needs {
  const all = packs.map(needsOf)
  return {
    placeable: all.reduce((sum, { placeable }) => sum + placeable, 0),
    friends: Math.max(0, ...all.map(({ friends }) => friends)),
    shares: Math.max(0, ...all.map(({ shares }) => shares)),
    back: [...new Set(all.flatMap(({ back }) => back))].toSorted(),
  }
}

const NOBODY: HolderFacts = { standing: 'gone', isSeenLately: false }

/** A pack that cannot wait does without who was not seen of late; that one may come back all the same. */
function mayComeBack(facts: FriendFacts | undefined): boolean {
  return facts !== undefined && (facts.isWaitedFor ?? facts.standing !== 'gone')
}

/** @param hoped - shares at peers that count no more for now, and may come back */
function verdictOf(health: Omit<PackHealth, 'verdict'>, hoped: ReadonlySet<number>): Verdict {
  const { live, readable, missing, takers } = health
  const { shape } = health.pack
  if (readable.size < shape.needed) {
    const all = new Set([...live.keys(), ...readable.keys(), ...hoped])
    return all.size < shape.needed ? 'lost' : 'out-of-reach'
  }
  if (health.happiness < health.safeCount) return 'unsafe'
  if (missing.length === 0) return 'whole'
  return takers.length > 0 ? 'settling' : 'thin'
}

function pick(
  holders: PackHolders['holders'],
  { total }: PackShape,
  isMeant: (holding: Holding) => boolean,
): Map<number, readonly PeerId[]> {
  const picked = new Map<number, readonly PeerId[]>()
  for (const [share, all] of holders) {
    const peers = all.filter(isMeant).map(({ peer }) => peer)
    if (share < total && peers.length > 0) picked.set(share, peers)
  }
  return picked
}

function happinessOf(
  live: ReadonlyMap<number, readonly PeerId[]>,
  friends: ReadonlyMap<PeerId, FriendFacts>,
): number {
  const places = new Map<string, number[]>()
  for (const [share, peers] of live) {
    for (const peer of peers) {
      const domain = friends.get(peer)?.domain
      if (domain !== undefined) places.set(domain, [...(places.get(domain) ?? []), share])
    }
  }
  return happiness(places)
}

/** Failure domains of friends whose shares count: more cannot be had now. */
function domainsOf(friends: ReadonlyMap<PeerId, FriendFacts>): number {
  const counted = [...friends.values()].filter(({ standing }) => isCounted(standing))
  return new Set(counted.map(({ domain }) => domain)).size
}

function range(until: number): number[] {
  return Array.from({ length: until }, (_, index) => index)
}
