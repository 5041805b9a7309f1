import { describe, expect, it } from 'vitest'

import { SimRandom } from '../../sim/random.ts'
import { AUDITS_MAX } from '../../src/repair/draw-audits.ts'
import { auditsDue, CHECK_EVERY_MS, nextCheckAt } from '../../src/repair/repair-policy.ts'

const DAY_MS = 86_400_000
const START = Date.UTC(2026, 0, 1)

describe('audits by themselves', () => {
  it('are 44 in 30 days, however often anybody looks', () => {
    for (const everyMs of [DAY_MS / 24, DAY_MS, 6.5 * DAY_MS]) {
      let [count, auditedAt] = [0, auditsDue(undefined, START).auditedAt]
      for (let now = START; now <= START + 30 * DAY_MS; now += everyMs) {
        const due = auditsDue(auditedAt, now)
        count += due.count
        auditedAt = due.auditedAt
        expect(due.auditedAt).toBeLessThanOrEqual(now)
      }
      expect(count).toBeGreaterThan(AUDITS_MAX * 0.8)
      expect(count).toBeLessThanOrEqual(AUDITS_MAX)
    }
  })

  it('are never more than 44 at once, and none for a time before the first look', () => {
    expect(auditsDue(undefined, START)).toEqual({ count: 0, auditedAt: START })
    const year = auditsDue(START, START + 365 * DAY_MS)
    expect(year).toEqual({ count: AUDITS_MAX, auditedAt: START + 365 * DAY_MS })
  })

  it('begin anew where the clock was set back', () => {
    expect(auditsDue(START + DAY_MS, START)).toEqual({ count: 0, auditedAt: START })
  })
})

describe('the next check by itself', () => {
  it('is a day away, a quarter less or more, so that not everybody checks at once', () => {
    const random = new SimRandom(5)
    const waits = Array.from({ length: 1_000 }, () => nextCheckAt(START, random) - START)
    expect(Math.min(...waits)).toBeGreaterThanOrEqual(0.75 * CHECK_EVERY_MS)
    expect(Math.max(...waits)).toBeLessThanOrEqual(1.25 * CHECK_EVERY_MS)
    expect(Math.max(...waits) - Math.min(...waits)).toBeGreaterThan(0.4 * CHECK_EVERY_MS)
  })
})
