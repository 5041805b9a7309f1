/** The figure of issue 7: 1 GiB of SQLite and a Data.fs, written to all the while, thirty backups. */

import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Place } from './cairn.ts'
import { liveDatabases } from './live-databases.ts'

const MIB = 1024 ** 2

const place = new Place()
beforeAll(() => place.joinedVault(3))
afterAll(() => place.remove())

describe('large databases under constant writes', () => {
  it('are each whole in all of thirty snapshots', async () => {
    const sizes = { log: 1024 * MIB, journal: 64 * MIB, storage: 64 * MIB, backups: 30 }
    const { added, seconds } = await liveDatabases(place, sizes)
    const inMib = added.map((bytes) => Math.round(bytes / MIB))
    console.log(`added ${inMib.join(', ')} MiB in ${seconds.map(Math.round).join(', ')} s`)
    for (const size of added.slice(1)) expect(size).toBeLessThan((added[0] ?? 0) / 10)
  }, 5_400_000)
})
