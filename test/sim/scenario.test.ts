/** Whole vaults among friends, in trouble and then in calm; `npm run sim` plays more and longer ones. */

import { describe, expect, it } from 'vitest'
import { playScenario } from '../../sim/scenario.ts'

const SEEDS = 6

describe('a vault among friends', () => {
  for (let seed = 1; seed <= SEEDS; seed++) {
    it(`loses nothing that was published, and all comes back (seed ${seed})`, async () => {
      const report = await playScenario({ seed, peers: 5 + (seed % 2), days: 2 })
      if (report.failure !== undefined) {
        throw new Error(report.lines.join('\n'), { cause: report.failure })
      }
      expect(report.lines.at(-1)).toContain('all is well')
    })
  }

  it('tells the same story for the same seed, and another one for another', async () => {
    const [first, again, other] = [
      await playScenario({ seed: 7, peers: 5, days: 1 }),
      await playScenario({ seed: 7, peers: 5, days: 1 }),
      await playScenario({ seed: 8, peers: 5, days: 1 }),
    ]
    expect(again.digest).toBe(first.digest)
    expect(again.lines).toEqual(first.lines)
    expect(other.digest).not.toBe(first.digest)
  })
})
