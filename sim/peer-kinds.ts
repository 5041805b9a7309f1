/**
 * Kinds of peers: how a friend's computer lives from day to day.
 *
 * A new kind is one more row. A kind says how likely it is drawn, and what it does of a morning; it plays on
 * a peer through `Peer`, which knows nothing of plans.
 */

import { FALSE_KINDS } from './false-kinds.ts'
import type { KindPeer, PeerKind } from './kind.ts'

/** Bytes a second, both ways. */
const SLOW_RATE = 10_000

const WEEK_DAYS = 7
const MONTH_DAYS = 30

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

  /** Always on, but for an outage of days now and then: up for 98 %. */
  homeNas: {
    weight: 3,
    wakeUp: ({ random, goAway }) => {
      if (random.chance(0.004)) goAway(random.between(2, 8))
    },
  },

  /** As somebody works who is off at weekends and away in the holidays. */
  homeLaptop: { weight: 3, wakeUp: liveAtHome },

  /** Always on, behind a line of 10 kB/s. */
  slow: { weight: 1, line: { latencyMs: 120, upload: SLOW_RATE, download: SLOW_RATE } },

  ...FALSE_KINDS,
}

function liveAtHome({ random, day, awakeMs, once, switchOff, switchOn }: KindPeer): void {
  switchOff(0)
  const { from, days } = once((own) => ({ from: own.below(MONTH_DAYS), days: own.between(3, 14) }))
  const isHoliday = (day + MONTH_DAYS - from) % (3 * MONTH_DAYS) < days
  const isWeekend = day % WEEK_DAYS >= WEEK_DAYS - 2
  if (isHoliday || random.chance(isWeekend ? 0.5 : 0.08)) return
  const at = random.unit() * 0.2 * awakeMs
  switchOn(at)
  switchOff(at + (isWeekend ? 0.3 : 0.7) * awakeMs)
}
