/** All canaries: each must be found by its story within its bound. */

import { describe, expect, it } from 'vitest'
import { hunt } from '../../sim/canaries.ts'
import { CANARIES } from '../../sim/canary-list.ts'

describe('the simulator', () => {
  for (const canary of CANARIES) {
    it(`finds ${canary.name}: ${canary.bug}`, { timeout: 1_800_000 }, async () => {
      expect((await hunt(canary)).by).toBeDefined()
    })
  }
})
