/**
 * Grid types: what a grid is made of, and what it answers.
 */

import type { ResponseOf } from '../../protocol/messages.ts'
import type { Look, Refusal } from '../base/peer-record.ts'
import type { Clock } from '../ports/clock.ts'
import type { Log } from '../ports/log.ts'
import type { Network, PeerId } from '../ports/network.ts'
import type { PeerFailure } from './ask-all.ts'
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

export interface ReleaseAnswer {
  readonly peer: PeerId
  /** Of the shares that the documents are about: how many are in release now, and bytes of theirs. */
  readonly count: number
  readonly bytes: number
  /** How many of them a later head had spoken for, so that nothing changed. */
  readonly refused: number
}

export interface PeerStatus {
  readonly peer: PeerId
  readonly status?: ResponseOf<'status'>
  readonly error?: PeerFailure['error']
}
