/**
 * Kind: what there is to say of a kind of peer.
 *
 * A kind plays on a peer through `KindPeer` and `Guise`, and knows nothing of plans.
 */

import type { GridId } from '../protocol/roster.ts'
import type { SigningKey } from '../protocol/signing.ts'
import type { Disk } from '../src/ports/disk.ts'
import type { Network } from '../src/ports/network.ts'
import type { Line } from './internet.ts'
import type { SimRandom } from './random.ts'

/** What a kind may do to its peer of a morning. Times are in ms from now. */
export interface KindPeer {
  /** Chance of this peer on this day. */
  readonly random: SimRandom
  /** From 1. */
  readonly day: number
  /** What is awake of a day, ms. */
  readonly awakeMs: number
  /** @returns what is drawn for this peer and is the same on all days */
  readonly once: <T>(draw: (random: SimRandom) => T) => T
  readonly switchOff: (inMs: number) => void
  readonly switchOn: (inMs: number) => void
  readonly goAway: (days: number) => void
  /** Say that it leaves, so that others may see to what it keeps. */
  readonly announceLeave: () => void
  /** Be gone for good. */
  readonly leave: () => void
  /** Copy its disk and databases; come back to that copy. */
  readonly takeImage: () => void
  readonly returnToImage: () => void
  /** Shares on its disk that were not there when this was last asked. */
  readonly shares: () => readonly KeptShare[]
}

/** A share on the disk of a friend who may do with it what he likes. */
export interface KeptShare {
  readonly drop: () => void
  /** A leaf of it is zeros from now on: the one at this part of its length. */
  readonly blank: (part: number) => void
}

export interface GuiseParts {
  readonly random: SimRandom
  readonly key: SigningKey
  readonly grid: GridId
}

/** How the program of a peer runs that is not what it seems. */
export interface Guise {
  readonly disk?: (disk: Disk) => Disk
  readonly network?: (network: Network) => Network
  /** In place of the honest one. */
  readonly program?: (network: Network) => Promise<void>
}

export interface PeerKind {
  /** How likely it is drawn, against the others. */
  readonly weight: number
  /** Whether its shares may be missing, wrong or withheld: it counts against what a pack can miss. */
  readonly isFalse?: true
  /** Whether wrong bytes lie on its disk. */
  readonly isSpoiling?: true
  /** Bytes that it lends, where not as much as others. */
  readonly capacity?: number
  readonly line?: Line
  readonly clock?: (random: SimRandom) => { readonly offsetMs: number; readonly ratePpm: number }
  /** Told of each morning. */
  readonly wakeUp?: (peer: KindPeer) => void
  /** Asked at each start of its program. */
  readonly guise?: (parts: GuiseParts) => Guise
}
