/**
 * 1 GiB of SQLite and a Data.fs, written to all the while: thirty backups, and every one restored and checked.
 *
 * It takes an hour; `CAIRN_LIVE_MIB` in the environment makes it smaller.
 */

import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Place } from './cairn.ts'
import { liveDatabases } from './live-databases.ts'

const MIB = 1024 ** 2

const SIZE = Number(process.env['CAIRN_LIVE_MIB'] ?? 1024) * MIB

const place = new Place()
beforeAll(() => place.joinedVault(3))
afterAll(() => place.remove())

describe('large databases under constant writes', () => {
  it('are each whole in all of thirty snapshots', async () => {
    const sizes = { log: SIZE, journal: SIZE / 16, storage: SIZE / 16, backups: 30 }
    const { added, seconds } = await liveDatabases(place, sizes)
    const inMib = added.map((bytes) => (bytes / MIB).toFixed(1))
    const rounded = seconds.map((each) => Math.round(each))
    console.log(`added ${inMib.join(', ')} MiB in ${rounded.join(', ')} s`)
    // Now and then one is a new original, where its chain would have become too long to fetch.
    const [first = 0, ...later] = added
    const median = later.toSorted((a, b) => a - b)[Math.floor(later.length / 2)]
    expect(median).toBeLessThan(first / 10)
  }, 5_400_000)
})
