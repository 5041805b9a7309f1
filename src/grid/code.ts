/**
 * Code: how many shares a pack is cut into, how many bring it back, and how many make it safe.
 */

import { UsageError } from '../base/errors.ts'

export interface Code {
  /** Shares that bring the pack back: k. */
  readonly needed: number
  /** Shares in all: n. */
  readonly total: number
}

/** The erasure code has this many distinct shares. */
export const TOTAL_MAX = 256

/** Fewer friends than this cannot lose one and still repair. */
export const PEERS_MIN = 3

/** Too few peers to promise anything, and nobody said that this is all right. */
export class TooFewPeersError extends UsageError {
  override readonly name = 'TooFewPeersError'
  readonly peers: number

  /** @param others - peers that were given up, or leave, and do not count */
  constructor(peers: number, others = 0) {
    const not = others === 0 ? '' : ` (${others} more are given up or about to leave)`
    super(
      peers === 0
        ? `the grid has no storage peers${not}: join one, or ask a friend to lend some disk`
        : `the grid has ${peers} storage ${peers === 1 ? 'peer' : 'peers'}${not} and a safe backup takes ` +
            `${PEERS_MIN}: ask another friend, or allow few peers and accept that one loss may be all`,
    )
    this.peers = peers
  }
}

/**
 * The code for a grid of so many storage peers.
 *
 * n = peers − max(1, ⌈peers / 5⌉), so that repair has somewhere to go. With one or two peers, if that
 * is allowed at all, every peer gets a whole copy.
 *
 * @param options.others - peers that do not count, to be told of where there are too few
 * @throws {TooFewPeersError} below 3 peers unless few are allowed, and always without any
 */
export function codeFor(
  peers: number,
  { allowFew = false, others = 0 }: { allowFew?: boolean; others?: number } = {},
): Code {
  if (peers === 0 || (peers < PEERS_MIN && !allowFew)) throw new TooFewPeersError(peers, others)
  if (peers < PEERS_MIN) return { needed: 1, total: peers }
  const total = Math.min(TOTAL_MAX, peers - Math.max(1, Math.ceil(peers / 5)))
  return { needed: neededFor(total), total }
}

function neededFor(total: number): number {
  if (total <= 3) return 1
  if (total <= 6) return 2
  if (total <= 9) return 3
  if (total <= 14) return 4
  return Math.floor(total / 2)
}

/**
 * H: with so many shares on failure domains of their own a pack is safe, and a head that names it may
 * be published.
 */
export function safeCount({ needed, total }: Code): number {
  return Math.min(total, needed + Math.max(1, Math.ceil((total - needed) / 3)))
}
