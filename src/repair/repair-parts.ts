/**
 * What check, audit and repair are built from. The owner's client and a helper's peer give them different
 * parts and run the same code; neither part needs more than the ledger key and the right to put and adopt.
 */

import type { PackId } from '../../protocol/manifest.ts'
import type { VaultId } from '../../protocol/ids.ts'
import type { AuditOutcome, Look } from '../base/peer-record.ts'
import type { codecs } from '../codec/codecs.ts'
import type { Grid } from '../grid/grid.ts'
import type { Clock } from '../ports/clock.ts'
import type { Compute } from '../ports/compute.ts'
import type { Log } from '../ports/log.ts'
import type { PeerId } from '../ports/network.ts'
import type { Random } from '../ports/random.ts'
import type { FriendFacts } from './pack-health.ts'
import type { PackFacts, PackList } from './pack-list.ts'
import type { PackSource } from './pack-source.ts'

/** What is known of the friends who lend disk, and kept of what is seen of them. */
export interface Friends {
  /**
   * How everybody stands, once the grid has told who answered: one row for each storage peer.
   *
   * @param answered - those who answered just now
   */
  facts(answered: ReadonlySet<PeerId>): ReadonlyMap<PeerId, FriendFacts>
  noteAudit(peer: PeerId, outcome: AuditOutcome): void
}

/** One share at one peer. */
export interface Held {
  readonly pack: PackId
  readonly shareNumber: number
  readonly peer: PeerId
}

export interface FoundBad extends Held {
  /** When it was found bad the last time, ms since 1970. */
  readonly foundAt: number
}

/** Shares that a peer says it holds and gave wrong bytes for, or none. They count as lost. */
export interface BadShares {
  has(held: Held): boolean
  note(held: Held): void
  /** The share was read in full and is right, or the peer does not say any more that it holds it. */
  clear(held: Held): void
  all(): readonly FoundBad[]
  /** @returns peers with a bad share of the pack */
  peersOf(pack: PackId): ReadonlySet<PeerId>
}

/** Share number → peers that say they hold it. */
export interface SeenPack {
  readonly pack: PackFacts
  readonly holders: ReadonlyMap<number, readonly PeerId[]>
}

/** What is known of who holds what, kept from one run to the next. */
export interface HolderBook {
  /**
   * Everybody was asked: of those who answered this is all that they hold of these packs.
   *
   * @returns shares that are not where they were known, though the peer was told that they are needed
   */
  saw(seen: readonly SeenPack[], look: Look): readonly Held[]
  /** The peer stored the share, durably; it is not told yet that a head needs it. */
  placed(pack: PackFacts, shareNumber: number, peer: PeerId): void
  /** Every share of the pack has its place. */
  settled(pack: PackFacts): Promise<void>
  /**
   * Tell peers that the newest head needs what was found or placed and nobody told them of.
   *
   * @returns peers that could not be told
   */
  adopt(signal: AbortSignal): Promise<readonly PeerId[]>
}

export interface RepairParts {
  readonly vault: VaultId
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  readonly compute: Compute<typeof codecs>
  readonly grid: Pick<Grid, 'shares' | 'have' | 'roster'>
  readonly list: PackList
  /** `undefined`: everything is read from peers. */
  readonly source: PackSource | undefined
  readonly friends: Friends
  readonly bad: BadShares
  readonly book: HolderBook
}

/** How far a run is. */
export interface RepairProgress {
  readonly phase: 'check' | 'verify' | 'audit' | 'repair'
  /** Packs, peers or shares, as the phase goes. */
  readonly done: number
  readonly total: number
  readonly bytesDone: number
  readonly bytesTotal: number
}
