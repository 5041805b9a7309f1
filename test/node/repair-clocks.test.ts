import { describe, expect, it } from 'vitest'

import { readHealth } from '../../src/repair/health-record.ts'
import { REPAIR_POLICY } from '../../src/repair/repair-policy.ts'
import { Settings } from '../../src/store/settings.ts'
import { KIB } from '../support/chores.ts'
import { check, CODE, days, friendOf, holdersIn, meter } from '../support/health.ts'
import { noise, TestVault } from '../support/test-vault.ts'

const LONG = 240_000
const DAY_MS = 86_400_000

describe('a friend who falls silent', () => {
  it(
    'is waited for, then given up: backups make its shares again, and what comes back counts again',
    async () => {
      const vault = new TestVault({ peers: 10 })
      await vault.tell(async () => {
        vault.write('photos', noise(900 * KIB, 1))
        await vault.backUp({ code: CODE })
        const silent = friendOf(vault, holdersIn(await check(vault))[0])
        vault.friends.crash(silent)

        // Two weeks of holiday: nothing is made again.
        expect(await days(vault, 16, { silent: [silent] })).toBe(0)
        const waiting = await check(vault)
        expect(waiting.packs.every(({ verdict }) => verdict === 'whole')).toBe(true)
        expect(waiting.packs.some(({ readable, pack }) => readable.size < pack.shape.total)).toBe(
          true,
        )
        // Three weeks: it is given up, and what it held is made again.
        expect(await days(vault, 10, { silent: [silent] })).toBeGreaterThan(0)
        const made = await check(vault)
        const old = made.packs[0]!
        expect(old).toMatchObject({ verdict: 'whole' })
        expect(old.readable.size).toBe(8)

        // It comes back; the next to be lost is made up for by what it still has.
        vault.startFriends()
        await vault.calm()
        const back = await check(vault)
        const doubled = [...back.packs[0]!.readable].filter(([, peers]) => peers.length > 1)
        expect(doubled).toHaveLength(1)
        const [share, holders] = doubled[0]!
        const other = holders.map((peer) => friendOf(vault, peer)).find((one) => one !== silent)!
        vault.friends.lose(other)
        const again = await check(vault)
        expect(again.packs[0]!.readable.get(share)).toHaveLength(1)
        expect(again.packs[0]!.missing).toEqual([])
      })
    },
    LONG,
  )

  it(
    'has all its shares due at once: they are made again a few at a time, and no more once it is back',
    async () => {
      const vault = new TestVault({ peers: 10 })
      await vault.tell(async () => {
        // One pack each: many packs, of which the silent friend holds most.
        for (let index = 0; index < 12; index += 1) {
          vault.write(`day ${index}`, noise(200 * KIB, index + 1))
          await vault.backUp({ code: CODE, repair: BY_HAND })
        }
        const before = await check(vault)
        const counts = Map.groupBy(holdersIn(before), (peer) => peer)
        const silent = friendOf(vault, [...counts.keys()][0])
        vault.friends.crash(silent)
        await days(vault, 22, { silent: [silent], repair: { ...REPAIR_POLICY, budget: 0 } })

        const budget = 600 * KIB
        await vault.world.scheduler.sleep(2 * DAY_MS)
        const traffic = meter(vault)
        const first = await vault.backUp({ code: CODE, repair: { ...REPAIR_POLICY, budget } })
        expect(first.repaired).toBeGreaterThan(0)
        // Nothing new is in the snapshot but its row; what came down were audits.
        expect(traffic.up).toBeLessThan(budget + 200 * KIB)
        const left = await check(vault)
        const due = left.packs.filter(({ missing }) => missing.length > 0)
        expect(due.length).toBeGreaterThan(0)

        vault.friends.start(silent)
        await vault.calm()
        const after = await vault.backUp({ code: CODE, repair: { ...REPAIR_POLICY, budget } })
        expect(after.repaired).toBe(0)
        expect((await check(vault)).packs.every(({ missing }) => missing.length === 0)).toBe(true)
      })
    },
    LONG,
  )

  it(
    'is not given up by a laptop that hears nobody',
    async () => {
      const vault = new TestVault({ peers: 10 })
      await vault.tell(async () => {
        vault.write('photos', noise(300 * KIB, 1))
        await vault.backUp({ code: CODE })
        for (const friend of vault.friends.all) vault.friends.crash(friend)
        for (let day = 0; day < 25; day += 1) {
          await vault.world.scheduler.sleep(DAY_MS)
          const { published } = await vault.backUp({ code: CODE })
          expect(published).toBe(false)
        }
        vault.startFriends()
        await vault.calm()
        const summary = await vault.backUp({ code: CODE })
        expect(summary).toMatchObject({ published: true, repaired: 0 })
        expect((await check(vault)).packs.every(({ verdict }) => verdict === 'whole')).toBe(true)
      })
    },
    LONG,
  )
})

describe('what was found', () => {
  it('is kept for status to tell', async () => {
    const vault = new TestVault({ peers: 10 })
    await vault.tell(async () => {
      vault.write('letter', 'dear ada')
      await vault.backUp({ code: CODE })
      const { packs } = await check(vault)
      const found = await vault.laptop.run(({ openDatabase }) => {
        const database = openDatabase('backupdb')
        try {
          return Promise.resolve(readHealth(new Settings(database)))
        } finally {
          database.close()
        }
      })
      expect(found).toMatchObject({ packs: { whole: packs.length, lost: 0 }, missing: 0 })
    })
  })
})

const BY_HAND = { ...REPAIR_POLICY, isAutomatic: false }
