/** What `peer list` tells: friends, what they hold, and what is held for them. */

import type { VaultId } from '../../protocol/ids.ts'
import type { Standing } from '../grid/standing.ts'
import type { PeerId } from '../ports/network.ts'

/** Bytes above a grant, since when, and from when on new shares are refused. */
export interface OverGrant {
  readonly bytes: number
  /** Milliseconds since 1970, by the peer's clock. */
  readonly since: number
  readonly until: number
}

/** One storage peer. */
export interface FriendRow {
  readonly peer: PeerId
  readonly name?: string
  readonly domain?: string
  /** Whose it is, where it said so. */
  readonly vault?: VaultId
  readonly isOurs: boolean
  readonly isReachable: boolean
  readonly standing: Standing
  /** Part of the time watched in which it answered, 0–1. */
  readonly onlineShare?: number
  /** Milliseconds since 1970: when we first looked for it. */
  readonly knownSince?: number
  /** Bytes that it holds for us, and that our own peers hold for the vault it belongs to. */
  readonly heldForUs?: number
  readonly heldForThem?: number
  readonly auditsPassed: number
  readonly auditsFailed: number
  /** Bytes that we may keep there; absent where there is no limit. */
  readonly grant?: number
  readonly over?: OverGrant
  /** What all peers of its vault hold for others, and what others hold for that vault, as far as is vouched for. */
  readonly balance?: { readonly held: number; readonly stored: number }
  /** In words. */
  readonly verdict: string
}

/** A vault that our own peers hold something for, and that lends nothing that we know of. */
export interface LenderRow {
  readonly vault: VaultId
  readonly heldForThem: number
}

export interface FriendList {
  /** Bytes that our own peers hold for others. */
  readonly heldForOthers: number
  /** Bytes that others' peers hold for us. */
  readonly heldByOthers: number
  readonly ownPeers: number
  readonly friends: readonly FriendRow[]
  readonly lendNothing: readonly LenderRow[]
}
