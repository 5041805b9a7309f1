/** A smaller helping of `npm run sim -- --hostile`; the whole is for when nobody waits. */

import { describe, expect, it } from 'vitest'
import { ACTS } from '../../sim/hostile-acts.ts'
import { playHostile } from '../../sim/hostile.ts'
import { memoryInUse } from '../../sim/memory.ts'

describe('hostile members', () => {
  it(
    'crash nobody, leave nothing behind, and slow nobody by more than 1.4',
    { timeout: 120_000 },
    async () => {
      const options = { seed: 7, sessions: 30, memory: memoryInUse }
      const { failure, sessions, held, acts } = await playHostile(options)
      expect(failure).toBeUndefined()
      expect(sessions).toBe(30)
      expect(held).toBeGreaterThan(20)
      expect(Object.keys(acts).length).toBeGreaterThan(15)
      expect(Object.keys(ACTS).length).toBeGreaterThan(25)
    },
  )
})
