import { DatabaseSync } from 'node:sqlite'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import { vaultIdFromBytes } from '../../protocol/ids.ts'
import { prepareAccounts } from '../../src/store/accounts-schema.ts'
import { Grace, GRACE_MS } from '../../src/store/grace.ts'
import { seedOf } from '../support/test-grid.ts'

const DAY_MS = 24 * 3600_000
const vault = vaultIdFromBytes(seedOf('a vault'))
const above = { kept: 100, isOver: true }
const below = { kept: 50, isOver: false }

describe('grace', () => {
  it('is thirty days from the first time above, however often it is noted', () => {
    const grace = new Grace(prepared())
    for (let hour = 0; hour <= 29 * 24; hour += 1) grace.note(vault, above, hour * 3600_000)
    expect(grace.of(vault, 29 * DAY_MS)).toEqual({ overAge: 0, left: DAY_MS, least: null })
    expect(grace.of(vault, 31 * DAY_MS)).toEqual({ overAge: 0, left: 0, least: null })
  })

  it('is full for whoever was never above', () => {
    const grace = new Grace(prepared())
    expect(grace.note(vault, below, 5)).toEqual({ overAge: null, left: GRACE_MS, least: null })
    expect(grace.of(vault, 500 * DAY_MS).left).toBe(GRACE_MS)
  })

  it('comes back as slowly as it went: a moment below buys no new month', () => {
    const grace = new Grace(prepared())
    grace.note(vault, above, 0)
    grace.note(vault, below, 29 * DAY_MS)
    grace.note(vault, above, 29 * DAY_MS + 1000)
    expect(grace.of(vault, 31 * DAY_MS).left).toBe(0)
    grace.note(vault, below, 31 * DAY_MS)
    expect(grace.of(vault, 41 * DAY_MS).left).toBe(10 * DAY_MS)
    expect(grace.of(vault, 100 * DAY_MS)).toEqual({ overAge: null, left: GRACE_MS, least: null })
  })

  it('remembers how few bytes a vault came down to once it is refused, and forgets it below the grant', () => {
    const grace = new Grace(prepared())
    const least = (kept: number, day: number, isOver = true) =>
      grace.note(vault, { kept, isOver }, day * DAY_MS).least
    expect([least(100, 0), least(200, 29)], 'within grace').toEqual([null, null])
    expect([least(300, 31), least(250, 32), least(280, 33)]).toEqual([300, 250, 250])
    expect(least(90, 34, false)).toBeNull()
    expect(grace.note(vault, { kept: 7, isOver: true, isHard: true }, 90 * DAY_MS).least).toBe(7)
  })

  it('is remembered, and never more than a month either way', () => {
    const steps = fc.array(fc.tuple(fc.boolean(), fc.nat(20 * DAY_MS)), { maxLength: 30 })
    fc.assert(
      fc.property(steps, (times) => {
        const database = prepared()
        let [age, left, wasOver] = [0, GRACE_MS, false]
        for (const [isOver, passed] of times) {
          age += passed
          left = Math.min(GRACE_MS, Math.max(0, left + (wasOver ? -passed : passed)))
          expect(new Grace(database).note(vault, { kept: 1, isOver }, age).left).toBe(left)
          wasOver = isOver
        }
      }),
      { numRuns: 100 },
    )
  })
})

function prepared(): DatabaseSync {
  const database = new DatabaseSync(':memory:')
  prepareAccounts(database)
  return database
}
