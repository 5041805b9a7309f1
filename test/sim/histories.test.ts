/** A vault through months of rebuilds, forgets and gc; `npm run sim -- --histories` plays whole years. */

import { describe, expect, it } from 'vitest'
import { playHistories } from '../../sim/histories.ts'

const SEEDS = [1, 2]

describe('a vault through the months', () => {
  for (const seed of SEEDS) {
    it(`keeps what is kept, and gives back what is not (seed ${seed})`, async () => {
      const report = await playHistories({ seed, peers: 5, days: 25 })
      if (report.failure !== undefined) {
        throw new Error(report.lines.join('\n'), { cause: report.failure })
      }
      expect(report.lines.at(-1)).toContain('all is well')
    })
  }

  it('tells the same story for the same seed', async () => {
    const [first, again] = [
      await playHistories({ seed: 7, peers: 5, days: 2 }),
      await playHistories({ seed: 7, peers: 5, days: 2 }),
    ]
    expect(again.digest).toBe(first.digest)
    expect(again.lines).toEqual(first.lines)
  })
})
