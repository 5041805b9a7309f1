/**
 * Grid types: what a grid is made of, and what it answers.
 */

import type { PackId } from '../../protocol/manifest.ts'
import type { ResponseOf } from '../../protocol/messages.ts'
import type { Look, Refusal } from '../base/peer-record.ts'
import type { Clock } from '../ports/clock.ts'
import type { Log } from '../ports/log.ts'
import type { Network, PeerId } from '../ports/network.ts'
import type { PeerFailure } from './ask-all.ts'
import type { ReleaseSum } from './peer-exchanges.ts'
import type { RosterBook } from './roster-book.ts'
import type { Standing } from './standing.ts'

export interface GridParts {
  readonly network: Network
  readonly clock: Clock
  readonly log: Log
  readonly roster: RosterBook
  /** What is made of each storage peer; without it everybody is taken to be here. */
  readonly standings?: (peer: PeerId) => Standing
  /** Told of every question to all: who answered. */
  readonly onLook?: (look: Look) => void
  /** Told of every placing: which peers took a share (`undefined`), and why others did not. */
  readonly onPuts?: (puts: ReadonlyMap<PeerId, Refusal | undefined>) => void
  /** Told of a reader who was given wrong bytes for a share. */
  readonly onWrong?: (share: ShareAt) => void
  /** Where we are a helper and none of the vault's devices: the repair grant to show now. */
  readonly repair?: () => Uint8Array
  /** Whether we hold shares ourselves, and can be asked like any other: see src/node/loopback.ts. */
  readonly hasSelf?: boolean
}

/** One share at one peer. */
export interface ShareAt {
  readonly pack: PackId
  readonly shareNumber: number
  readonly peer: PeerId
}

export interface PublishResult {
  readonly receipts: readonly { readonly peer: PeerId; readonly receipt: Uint8Array }[]
  readonly failures: readonly PeerFailure[]
}

export interface HeadAnswer {
  readonly peer: PeerId
  /** Verified, of the vault asked for; newest first. */
  readonly heads: readonly { readonly head: Uint8Array; readonly receipt: Uint8Array }[]
}

export interface ReleaseAnswer extends ReleaseSum {
  readonly peer: PeerId
}

export interface PeerStatus {
  readonly peer: PeerId
  readonly status?: ResponseOf<'status'>
  readonly error?: PeerFailure['error']
}
