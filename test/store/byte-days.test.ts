import { DatabaseSync } from 'node:sqlite'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import { vaultIdFromBytes } from '../../protocol/ids.ts'
import { prepareAccounts } from '../../src/store/accounts-schema.ts'
import { ByteDays } from '../../src/store/byte-days.ts'
import { SlowByteDays } from '../reference/slow-byte-days.ts'
import { seedOf } from '../support/test-grid.ts'

const DAY_MS = 24 * 3600_000
const vault = vaultIdFromBytes(seedOf('a vault'))
const other = vaultIdFromBytes(seedOf('another vault'))

describe('byte-days', () => {
  it('are bytes times days, for each vault its own', () => {
    const byteDays = new ByteDays(prepared())
    byteDays.set(vault, 1000, 0)
    byteDays.set(other, 7, DAY_MS)
    byteDays.set(vault, 3000, 2 * DAY_MS)
    expect(byteDays.spanOf(vault, 4 * DAY_MS)).toEqual({
      byteDays: 2 * 1000 + 2 * 3000,
      sinceAge: 0,
      untilAge: 4 * DAY_MS,
    })
    expect(byteDays.spanOf(other, 4 * DAY_MS).byteDays).toBe(21)
    const stranger = vaultIdFromBytes(seedOf('a stranger'))
    expect(byteDays.spanOf(stranger, 9).byteDays).toBe(0)
  })

  it('reach back thirty days and the part of today', () => {
    const byteDays = new ByteDays(prepared())
    byteDays.set(vault, 100, 0)
    const span = byteDays.spanOf(vault, 100.5 * DAY_MS)
    expect(span).toEqual({ byteDays: 3050, sinceAge: 70 * DAY_MS, untilAge: 100.5 * DAY_MS })
  })

  it('are exact for a petabyte', () => {
    const byteDays = new ByteDays(prepared())
    byteDays.set(vault, 1e15 + 1, 0)
    const halfDay = byteDays.spanOf(vault, DAY_MS / 2).byteDays
    expect(halfDay).toBe(5e14)
    expect(byteDays.spanOf(vault, 8 * DAY_MS).byteDays).toBe(8e15 + 8)
  })

  it.each([
    ['that are never none', 1],
    ['that are none at times', 0],
  ])('agree with their slow twin for bytes %s, with restarts in between', (_, bytesMin) => {
    const step = fc.record({
      passed: fc.oneof(fc.nat(3 * DAY_MS), fc.nat(40 * DAY_MS)),
      bytes: fc.oneof(fc.constant(bytesMin), fc.integer({ min: bytesMin, max: 5_000_000_000 })),
      isSaved: fc.boolean(),
    })
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 40 }), (steps) => {
        const database = prepared()
        let [byteDays, age] = [new ByteDays(database), 0]
        const slow = new SlowByteDays()
        for (const { passed, bytes, isSaved } of steps) {
          age += passed
          byteDays.set(vault, bytes, age)
          slow.set(bytes, age)
          if (!isSaved) continue
          byteDays.save(age)
          byteDays = new ByteDays(database)
          byteDays.begin(new Map([[vault, bytes]]), age)
        }
        age += 12_345_678
        const [fast, twin] = [byteDays.spanOf(vault, age), slow.spanOf(age)]
        // Whoever held nothing for a month begins anew, which the twin does not.
        expect(fast).toEqual(bytesMin > 0 ? twin : { ...twin, sinceAge: fast.sinceAge })
      }),
      { numRuns: 200 },
    )
  })

  it('lose no more than the order of an hour to a power cut, on the side of less', () => {
    const database = prepared()
    const before = new ByteDays(database)
    before.set(vault, 1000, 0)
    before.save(DAY_MS)
    before.set(vault, 5000, DAY_MS + 1)
    const after = new ByteDays(database)
    after.begin(new Map([[vault, 5000]]), DAY_MS + 3600_000)
    const { byteDays } = after.spanOf(vault, 2 * DAY_MS + 3600_000)
    expect(byteDays).toBe(Math.floor(1000 + 1000 / 24 + 5000))
  })

  it('begin anew where the rows were lost', () => {
    const byteDays = new ByteDays(prepared())
    byteDays.begin(new Map([[vault, 500]]), 50 * DAY_MS)
    expect(byteDays.spanOf(vault, 51 * DAY_MS)).toEqual({
      byteDays: 500,
      sinceAge: 50 * DAY_MS,
      untilAge: 51 * DAY_MS,
    })
  })

  it('are forgotten a month after the last byte went', () => {
    const database = prepared()
    const byteDays = new ByteDays(database)
    byteDays.set(vault, 500, 0)
    byteDays.set(vault, 0, 5 * DAY_MS)
    const rows = () => database.prepare('SELECT count(*) AS count FROM byte_days').get()
    byteDays.save(20 * DAY_MS)
    expect(rows()).toEqual({ count: 5 })
    for (let day = 21; day < 40; day += 1) byteDays.save(day * DAY_MS)
    expect(rows()).toEqual({ count: 0 })
    expect(database.prepare('SELECT * FROM byte_accounts').all()).toEqual([])
  })
})

function prepared(): DatabaseSync {
  const database = new DatabaseSync(':memory:')
  prepareAccounts(database)
  return database
}
