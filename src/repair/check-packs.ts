/**
 * Checking packs: everybody is asked what they hold, and every pack gets a verdict.
 *
 * What a peer says is taken as said, except for shares that it gave wrong bytes for; whether it is true
 * is for audits and `verifyShares` to find out. Of peers that do not answer, what was known before counts
 * for as long as they are waited for.
 */

import type { PackId } from '../../protocol/manifest.ts'
import type { Look } from '../base/peer-record.ts'
import type { PackLocation, Survey } from '../grid/grid.ts'
import { isCounted } from '../grid/standing.ts'
import type { PeerId } from '../ports/network.ts'
import { judgePack, type FriendFacts, type Holding, type PackHealth } from './pack-health.ts'
import type { PackFacts, PackShape, ShapedPack } from './pack-list.ts'
import type { Held, RepairParts, RepairProgress } from './repair-parts.ts'

export interface CheckOptions {
  /**
   * Peers to give up now whatever the clocks say: `silent` for all that do not answer and announced no
   * vacation.
   */
  readonly giveUp?: 'silent' | ReadonlySet<PeerId>
  readonly onProgress?: (progress: RepairProgress) => void
}

export interface CheckedPacks {
  readonly look: Look
  readonly friends: ReadonlyMap<PeerId, FriendFacts>
  /** In the order of the pack list. */
  readonly packs: readonly PackHealth[]
  /** Shares that a peer said it had stored and, asked for, does not have. */
  readonly dropped: readonly Held[]
}

type CheckParts = Pick<RepairParts, 'grid' | 'list' | 'friends' | 'bad' | 'book'>

/** @throws only the signal's reason, or what is wrong with our own state */
export async function checkPacks(
  parts: CheckParts,
  options: CheckOptions,
  signal: AbortSignal,
): Promise<CheckedPacks> {
  const { grid, list, bad, book } = parts
  const facts = list.all()
  const questions = facts.length * grid.roster.storagePeers().length
  let done = 0
  const { holdings, answered, failures } = await grid.shares.survey(
    facts.map(({ id }) => id),
    signal,
    (packs) => {
      done += packs
      options.onProgress?.({ phase: 'check', done, total: questions, bytesDone: 0, bytesTotal: 0 })
    },
  )
  const look = { answered, silent: failures.map(({ peer }) => peer) }
  const isAnswered = new Set(answered)
  // Where nobody answers it is we who are cut off, and nobody is given up for that.
  const giveUp = answered.length === 0 ? undefined : options.giveUp
  const friends = givenUp(parts.friends.facts(isAnswered), giveUp)
  const shapes = await learnShapes(parts, facts, signal)
  clearDenied(bad, holdings, isAnswered)
  const seen = facts.map((pack) => {
    const said = holdings.get(pack.id) ?? new Map<PeerId, readonly number[]>()
    return { pack, holders: seenHolders(pack.id, said, bad) }
  })
  const known = seen.map(({ pack }) =>
    [...list.holders(pack)].filter(([, peer]) => !isAnswered.has(peer)),
  )
  const packs = seen.map(({ pack, holders }, index) => {
    const before = known[index] ?? []
    const shape = pack.shape ?? shapes.get(pack.id)
    if (shape === undefined) return judgeUnknown(pack, look, friends)
    const held = withKnown(holders, before)
    return judgePack({ ...pack, shape }, { holders: held, barred: bad.peersOf(pack.id) }, friends)
  })
  return { look, friends, packs, dropped: book.saw(seen, look) }
}

/**
 * The same pack, after its holders were asked once more: whoever answers now is here, whatever was made
 * of its silence.
 */
export function judgeAgain(
  health: PackHealth,
  { holders }: PackLocation,
  friends: Map<PeerId, FriendFacts>,
  bad: RepairParts['bad'],
): PackHealth {
  const { id } = health.pack
  for (const peer of new Set([...holders.values()].flat())) {
    const facts = friends.get(peer)
    if (facts === undefined || facts.isHere) continue
    const { standing } = facts
    const isBack = standing === 'gone' || standing === 'quiet'
    friends.set(peer, {
      ...facts,
      standing: isBack ? 'here' : standing,
      isSeenLately: true,
      isHere: true,
    })
  }
  const merged = new Map(health.held.holders)
  for (const [share, peers] of holders) {
    const news = peers.filter((peer) => !bad.has({ pack: id, shareNumber: share, peer }))
    const others = (merged.get(share) ?? []).filter(({ peer }) => !news.includes(peer))
    merged.set(share, [...others, ...news.map((peer) => ({ peer, isSeen: true }))])
  }
  return judgePack(health.pack, { holders: merged, barred: bad.peersOf(id) }, friends)
}

/** The same packs, once shares of them were found to be bad. */
export function withoutBad(
  checked: CheckedPacks,
  found: readonly Held[],
  bad: RepairParts['bad'],
): CheckedPacks {
  const isFound = new Set(found.map(({ pack }) => pack))
  const packs = checked.packs.map((health) => {
    const { id } = health.pack
    if (!isFound.has(id)) return health
    const holders = new Map(
      [...health.held.holders].map(([shareNumber, all]) => [
        shareNumber,
        all.filter(({ peer }) => !bad.has({ pack: id, shareNumber, peer })),
      ]),
    )
    return judgePack(health.pack, { holders, barred: bad.peersOf(id) }, checked.friends)
  })
  return { ...checked, packs }
}

/** The same pack with shares that were placed since. */
export function judgeWith(
  health: PackHealth,
  placed: ReadonlyMap<number, PeerId>,
  friends: ReadonlyMap<PeerId, FriendFacts>,
): PackHealth {
  const holders = new Map(health.held.holders)
  for (const [share, peer] of placed) {
    holders.set(share, [...(holders.get(share) ?? []), { peer, isSeen: true }])
  }
  return judgePack(health.pack, { ...health.held, holders }, friends)
}

function givenUp(
  friends: ReadonlyMap<PeerId, FriendFacts>,
  giveUp: CheckOptions['giveUp'],
): ReadonlyMap<PeerId, FriendFacts> {
  if (giveUp === undefined) return friends
  const isMeant = (peer: PeerId, { isHere, standing }: FriendFacts) =>
    giveUp === 'silent' ? !isHere && standing !== 'vacation' : giveUp.has(peer)
  return new Map(
    [...friends].map(([peer, facts]) => [
      peer,
      isMeant(peer, facts)
        ? { ...facts, standing: 'gone' as const, isWaitedFor: isCounted(facts.standing) }
        : facts,
    ]),
  )
}

/** A peer that says itself that it has not got the share any more may have another of the pack. */
function clearDenied(
  bad: RepairParts['bad'],
  holdings: Survey['holdings'],
  answered: ReadonlySet<PeerId>,
): void {
  for (const held of bad.all()) {
    const said = holdings.get(held.pack)?.get(held.peer) ?? []
    if (answered.has(held.peer) && !said.includes(held.shareNumber)) bad.clear(held)
  }
}

/** @returns share number → peers that say they hold it and were not found wrong */
function seenHolders(
  pack: PackId,
  said: ReadonlyMap<PeerId, readonly number[]>,
  bad: RepairParts['bad'],
): Map<number, readonly PeerId[]> {
  const holders = new Map<number, readonly PeerId[]>()
  for (const [peer, shares] of said) {
    for (const shareNumber of shares) {
      if (bad.has({ pack, shareNumber, peer })) continue
      holders.set(shareNumber, [...(holders.get(shareNumber) ?? []), peer])
    }
  }
  return holders
}

function withKnown(
  seen: ReadonlyMap<number, readonly PeerId[]>,
  known: readonly (readonly [number, PeerId])[],
): Map<number, readonly Holding[]> {
  const holders = new Map<number, readonly Holding[]>()
  for (const [share, peers] of seen) {
    holders.set(
      share,
      peers.map((peer) => ({ peer, isSeen: true })),
    )
  }
  for (const [share, peer] of known) {
    const others = holders.get(share) ?? []
    // A peer that broke off may have said so before it did.
    if (others.some((holding) => holding.peer === peer)) continue
    holders.set(share, [...others, { peer, isSeen: false }])
  }
  return holders
}

/** Of a few packs, those of the ledger after a recovery, only the manifest tells the shape. */
async function learnShapes(
  { grid }: CheckParts,
  facts: readonly PackFacts[],
  signal: AbortSignal,
): Promise<ReadonlyMap<PackId, PackShape>> {
  const unknown = facts.filter(({ shape }) => shape === undefined).map(({ id }) => id)
  if (unknown.length === 0) return new Map()
  const found = await grid.have(unknown, signal)
  return new Map([...found].map(([id, { manifest }]) => [id, shapeOf(manifest)]))
}

function shapeOf({ needed, total, size }: PackShape): PackShape {
  return { needed, total, size }
}

/** Nobody who answers has any share of it, and nothing is known of it but its name. */
function judgeUnknown(
  pack: PackFacts,
  { silent }: Look,
  friends: ReadonlyMap<PeerId, FriendFacts>,
): PackHealth {
  const shaped: ShapedPack = { ...pack, shape: { needed: 1, total: 1, size: 1 } }
  const holders = new Map([[0, silent.map((peer) => ({ peer, isSeen: false }))]])
  return judgePack(shaped, { holders, barred: new Set() }, friends)
}
