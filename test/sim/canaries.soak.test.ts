/** Some canaries; `npm run sim -- --canaries` hunts them all, which takes many minutes. */

import { describe, expect, it } from 'vitest'
import { hunt } from '../../sim/canaries.ts'
import { CANARIES } from '../../sim/canary-list.ts'

const SOME = ['one-roof', 'quota-late', 'no-delay', 'leaves-unchecked', 'numbers-again']

describe('a canary', () => {
  for (const canary of CANARIES.filter(({ name }) => SOME.includes(name))) {
    it(`is found: ${canary.bug}`, { timeout: 600_000 }, async () => {
      expect((await hunt(canary)).by).toBeDefined()
    })
  }
})
