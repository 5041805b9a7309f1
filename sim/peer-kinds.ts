/**
 * Kinds of peers: how a friend's computer lives from day to day.
 *
 * A new kind is one more row. A kind says how likely it is drawn, and what it does of a morning; it plays on
 * a peer through `Peer`, which knows nothing of plans.
 */

import type { SimRandom } from './random.ts'

/** What a kind may do to its peer. Times are in ms from now. */
export interface KindPeer {
  /** Chance of this peer on this day. */
  readonly random: SimRandom
  /** What is awake of a day, ms. */
  readonly awakeMs: number
  switchOff(inMs: number): void
  switchOn(inMs: number): void
}

export interface PeerKind {
  /** Against the others. */
  readonly weight: number
  /** Told of each morning. */
  readonly wakeUp?: (peer: KindPeer) => void
}

export const PEER_KINDS: Readonly<Record<string, PeerKind>> = {
  /** Always on. */
  nas: { weight: 6 },

  /** Switched on for a part of the day, and sometimes not at all. */
  laptop: {
    weight: 3,
    wakeUp: (peer) => {
      const { random, awakeMs } = peer
      peer.switchOff(0)
      if (random.chance(0.15)) return
      const from = random.unit() * 0.3 * awakeMs
      peer.switchOn(from)
      if (random.chance(0.6)) peer.switchOff(from + (0.4 + 0.3 * random.unit()) * awakeMs)
    },
  },

  /** Never on for long. */
  flapper: {
    weight: 1,
    wakeUp: (peer) => {
      const { random, awakeMs } = peer
      for (let ms = random.exponential(awakeMs / 6); ms < awakeMs;) {
        peer.switchOff(ms)
        ms += random.exponential(awakeMs / 20)
        peer.switchOn(ms)
        ms += random.exponential(awakeMs / 6)
      }
    },
  },
}
