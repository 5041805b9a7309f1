/** The canaries that `canaries.test.ts` does not hunt: those that take minutes, or many seeds. */

import { describe, expect, it } from 'vitest'
import { hunt } from '../../sim/canaries.ts'
import { CANARIES } from '../../sim/canary-list.ts'
import { QUICK } from '../support/quick-canaries.ts'

/** The largest bound is a hundred seeds of eight days: ten seconds each, twice that beside other tests. */
const TIMEOUT_MS = 60 * 60_000

describe('a canary', () => {
  for (const canary of CANARIES.filter(({ name }) => !QUICK.includes(name))) {
    it(`is found: ${canary.bug}`, { timeout: TIMEOUT_MS }, async () => {
      expect((await hunt(canary)).by).toBeDefined()
    })
  }
})
