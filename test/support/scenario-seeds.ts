/** Seeds of the classic scenario, each a test of its own. */

import { expect, it } from 'vitest'
import { playScenario } from '../../sim/scenario.ts'

/** Both ends included. */
export function scenarioSeeds(from: number, to: number): void {
  for (let seed = from; seed <= to; seed++) {
    it(`loses nothing that was published, and all comes back (seed ${seed})`, async () => {
      const report = await playScenario({ seed, peers: 5 + (seed % 2), days: 2 })
      if (report.failure !== undefined) {
        throw new Error(report.lines.join('\n'), { cause: report.failure })
      }
      expect(report.lines.at(-1)).toContain('all is well')
    })
  }
}
