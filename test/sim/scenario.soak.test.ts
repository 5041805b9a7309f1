/** More whole vaults among friends than `npm test` has time for. */

import { describe, expect, it } from 'vitest'
import { playScenario } from '../../sim/scenario.ts'

describe('a vault among friends', () => {
  for (let seed = 7; seed <= 30; seed++) {
    it(`loses nothing that was published, and all comes back (seed ${seed})`, async () => {
      const report = await playScenario({ seed, peers: 5 + (seed % 2), days: 2 })
      if (report.failure !== undefined) {
        throw new Error(report.lines.join('\n'), { cause: report.failure })
      }
      expect(report.lines.at(-1)).toContain('all is well')
    })
  }
})
