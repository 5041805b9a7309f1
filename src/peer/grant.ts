/**
 * Grant: how much a vault may keep at this peer, by what its own peers hold for others.
 *
 * Who lends, may store: each of the other peers carries its equal part of 1.2 times what the vault's own
 * peers hold, and never less than a floor. What they hold is what devices of *other* vaults vouch for, so
 * nobody vouches for himself. And a vault's word counts up to twice what we hold for that vault ourselves:
 * shares are spread evenly, so what a friend stores elsewhere shows here too, and who stores nothing
 * here vouches for nothing here. Two who vouch for each other gain nothing by it that others would have to carry.
 *
 * Reasons and examples: docs/fair-use.md
 */

import type { VaultId } from '../../protocol/ids.ts'
import type { PeerId } from '../../protocol/peer-id.ts'
import { CREDIT_MS, type CreditFacts } from '../store/credits.ts'

/** What every vault may keep at each peer that asks anything in return, unless its owner says otherwise. */
export const FLOOR_DEFAULT = 5_000_000_000

/** For each byte that is held for others, so many may be stored: peers come and go, and packs settle. */
export const RETURN_RATE = 1.2

/** A peer that is known for less than this, or passed no audit, counts for nothing yet. */
export const NEWCOMER_MS = 14 * 24 * 3600_000

/** A vault's word about any peer counts up to so many times what it keeps here. */
export const WORD_RATE = 2

/** Audits within a month that may fail: one bad block is a bad block. */
const FAILED_MAX = 1

/** What is known when a vault's grant is asked for. */
export interface GrantFacts {
  readonly vault: VaultId
  /** Bytes that every vault may keep here; Infinity where this peer asks nothing in return. */
  readonly floor: number
  /** The vault of whoever lends this peer. */
  readonly ownVault: VaultId | undefined
  /** All storage peers of the grid, and whose they are where that is known. */
  readonly peers: readonly { readonly peer: PeerId; readonly vault?: VaultId }[]
  /** Those whose devices are members of the grid. */
  readonly credits: readonly CreditFacts[]
  /** Bytes that count, of a vault here. */
  readonly keptHere: (vault: VaultId) => number
  /** Of this peer, ms. */
  readonly age: number
}

export interface Grant {
  /** Bytes; Infinity without any limit. */
  readonly bytes: number
  /** Bytes that the vault's own peers hold for others, as far as that is believed. */
  readonly held: number
  /** What decided: this peer's owner is the vault's, the floor, or what is held; or a quota below these. */
  readonly by: 'own' | 'floor' | 'held' | 'quota'
}

/** @returns what follows from the facts; a quota that somebody set is the upper limit of it */
export function grantFor(facts: GrantFacts): Grant {
  const { vault, floor, ownVault, peers } = facts
  const held = heldForOthers(facts)
  if (vault === ownVault) return { bytes: Infinity, held, by: 'own' }
  const others = peers.filter((peer) => peer.vault !== vault).length
  const part = Math.floor((RETURN_RATE * held) / Math.max(1, others))
  return part > floor ? { bytes: part, held, by: 'held' } : { bytes: floor, held, by: 'floor' }
}

/** @returns bytes that peers of the vault hold for other vaults, as far as that is believed */
export function heldForOthers(facts: GrantFacts): number {
  const { vault, peers, credits } = facts
  const own = peers.filter((peer) => peer.vault === vault).map(({ peer }) => peer)
  return own.reduce((sum, peer) => {
    const words = credits.filter((credit) => credit.peer === peer && counts(credit, facts))
    const believed = words.reduce((bytes, credit) => bytes + believedOf(credit, facts), 0)
    // Nobody holds more than he lends; what he lent long ago is shown by old words, and by who means him ill.
    return sum + Math.min(believed, Math.max(0, ...words.map(({ capacity }) => capacity)))
  }, 0)
}

function counts(credit: CreditFacts, { vault, age }: GrantFacts): boolean {
  const { firstAge, heardAge, passed, failed } = credit
  const isSeasoned = firstAge !== null && age - firstAge >= NEWCOMER_MS
  const isGood = passed > 0 && failed <= FAILED_MAX
  return credit.vault !== vault && isSeasoned && isGood && age - heardAge < CREDIT_MS
}

function believedOf(credit: CreditFacts, { keptHere }: GrantFacts): number {
  return Math.min(credit.bytes, credit.capacity, WORD_RATE * keptHere(credit.vault))
}
