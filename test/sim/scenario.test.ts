/** Whole vaults among friends, in trouble and then in calm; `npm run sim` plays more and longer ones. */

import { describe, expect, it } from 'vitest'
import { playScenario } from '../../sim/scenario.ts'
import { scenarioSeeds } from '../support/scenario-seeds.ts'

describe('a vault among friends', () => {
  scenarioSeeds(1, 6)

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
