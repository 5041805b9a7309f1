import { DatabaseSync } from 'node:sqlite'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import type { Clock } from '../../src/ports/clock.ts'
import { prepareAccounts } from '../../src/store/accounts-schema.ts'
import { AGE_STEP_MS_MAX, AgeClock } from '../../src/store/age-clock.ts'

const DAY_MS = 24 * 3600_000
const YEAR_MS = 365 * DAY_MS
const START = Date.UTC(2026, 10, 17)

describe('an age clock', () => {
  it('begins at 0, goes on with the machine’s clock, and remembers', () => {
    const { clock, open } = setUp()
    const ages = open()
    expect(ages.age).toBe(0)
    clock.time += 5000
    expect(ages.age, 'before the check').toBe(5000)
    expect(ages.check()).toBe(5000)
    clock.time += DAY_MS
    expect(open().age, 'after a restart').toBe(5000 + DAY_MS)
    expect(open().check()).toBe(5000 + DAY_MS)
    expect(open().age).toBe(5000 + DAY_MS)
  })

  it('does not go back with the machine’s clock, and does not wait for it to come again', () => {
    const { clock, open } = setUp()
    const ages = open()
    clock.time += DAY_MS
    ages.check()
    clock.time -= YEAR_MS
    expect(ages.age).toBe(DAY_MS)
    ages.check()
    clock.time += 1000
    expect(ages.check()).toBe(DAY_MS + 1000)
  })

  it('grows by two days at most between two checks', () => {
    const { clock, open } = setUp()
    const ages = open()
    for (const [step, counted] of [
      [AGE_STEP_MS_MAX - 1, AGE_STEP_MS_MAX - 1],
      [AGE_STEP_MS_MAX, AGE_STEP_MS_MAX],
      [AGE_STEP_MS_MAX + 1, AGE_STEP_MS_MAX],
      [YEAR_MS, AGE_STEP_MS_MAX],
    ] as const) {
      const before = ages.check()
      clock.time += step
      expect(ages.age).toBe(before + counted)
      expect(ages.check()).toBe(before + counted)
    }
  })

  it('never goes back, nor runs ahead of what each check may add, whatever the clock does', () => {
    const steps = fc.array(fc.integer({ min: -2 * YEAR_MS, max: 2 * YEAR_MS }), { maxLength: 50 })
    fc.assert(
      fc.property(steps, (jumps) => {
        const { clock, open } = setUp()
        let [ages, age] = [open(), 0]
        for (const [index, jump] of jumps.entries()) {
          clock.time += jump
          if (index % 7 === 3) ages = open()
          const next = ages.check()
          expect(next - age).toBe(Math.min(Math.max(jump, 0), AGE_STEP_MS_MAX))
          age = next
        }
      }),
      { numRuns: 30 },
    )
  })
})

/** A clock driven by hand, and the one database that outlives restarts. */
function setUp() {
  const clock = {
    time: START,
    now: () => clock.time,
    monotonic: () => 0,
    sleep: () => Promise.resolve(),
    after: () => () => undefined,
  }
  const database = new DatabaseSync(':memory:')
  prepareAccounts(database)
  return { clock, open: () => new AgeClock(database, clock satisfies Clock) }
}
