/** N01: the net falls apart, in every way it can, and grows together again. */

import { describe, expect, it } from 'vitest'
import {
  DAY_MS,
  look,
  passDays,
  passTime,
  sharesAt,
  standingIn,
  standings,
} from '../support/friend-days.ts'
import { noise, TestVault } from '../support/test-vault.ts'

const KIB = 1024
const HOUR_MS = 3_600_000

describe('a partition', () => {
  for (const [words, ms] of [
    ['an hour', HOUR_MS],
    ['a week', 7 * DAY_MS],
  ] as const) {
    it(`N01: of ${words} with most friends on our side stops no backup, and nothing is sent twice after it`, async () => {
      const vault = new TestVault({ peers: 7 })
      await vault.tell(async () => {
        vault.write('before', noise(300 * KIB, 1))
        await vault.backUp()
        vault.world.internet.split(['friend4', 'friend5', 'friend6'])
        vault.write('during', noise(300 * KIB, 2))
        const during = await vault.backUp()
        expect(during.published).toBe(true)
        await passTime(vault, ms)
        await look(vault)
        vault.world.internet.heal()

        const shares = sharesAt(vault.friends.all)
        vault.write('after', noise(10 * KIB, 3))
        const after = await vault.backUp()
        expect(after).toMatchObject({ published: true, settling: 0 })
        const status = await look(vault)
        expect(standings(status)).toEqual({ here: 7 })
        expect(status.placed).toMatchObject({ settling: 0, unsafe: 0 })
        for (const [pack, count] of sharesAt(vault.friends.all)) {
          if (shares.has(pack)) expect(count, `of ${pack}`).toBeLessThanOrEqual(5)
        }
        expect(after.bytesSent, 'what was missing, and the new file').toBeLessThan(
          during.bytesSent + 300 * KIB,
        )
        expect(await vault.differences('latest', vault.picture())).toEqual([])
      })
    })

    it(`N01: of ${words} with most friends on the other side holds the backup back, and loses none`, async () => {
      const vault = new TestVault({ peers: 7 })
      await vault.tell(async () => {
        vault.write('before', noise(300 * KIB, 1))
        await vault.backUp()
        const first = vault.picture()
        vault.world.internet.split(['friend2', 'friend3', 'friend4', 'friend5', 'friend6'])
        vault.write('during', noise(300 * KIB, 2))
        const during = await vault.backUp()
        expect(during).toMatchObject({ published: false, notSafe: { name: 'NotSafeError' } })
        await passTime(vault, ms)
        expect((await vault.backUp()).published).toBe(false)
        vault.world.internet.heal()
        const after = await vault.backUp()
        expect(after).toMatchObject({ published: true, settling: 0 })
        expect(standings(await look(vault))).toEqual({ here: 7 })
        expect(await vault.differences('1', first)).toEqual([])
        expect(await vault.differences('latest', vault.picture())).toEqual([])
      })
    })
  }

  it.each([1, 2, 3])(
    'N01: of nine days with a backup on each raises no storm (seed %i): what is in danger is made again at most once',
    async (seed) => {
      const vault = new TestVault({ peers: 7, seed })
      await vault.tell(async () => {
        vault.write('before', noise(300 * KIB, 1))
        await vault.backUp()
        const first = sharesAt(vault.friends.all)
        const here = vault.friends.all.slice(0, 4)
        const hereFirst = sharesAt(here)
        vault.world.internet.split(['friend4', 'friend5', 'friend6'])
        const repaired: number[] = []
        const day = async () => {
          await passTime(vault, DAY_MS)
          vault.write('daily', noise(KIB, 10 + repaired.length))
          const summary = await vault.backUp()
          expect(summary.published).toBe(true)
          repaired.push(summary.repaired)
          return summary
        }
        for (let count = 0; count < 9; count += 1) await day()
        // Only packs of which fewer than H = 3 shares were seen in three days were in a hurry.
        const inDanger = [...hereFirst.values()].filter((count) => count < 3).length
        expect(repaired.filter((count) => count > 0).length).toBeLessThanOrEqual(
          Math.min(inDanger, 1),
        )
        for (const [pack, count] of sharesAt(here)) {
          if (first.has(pack)) expect(count, `of ${pack}`).toBeLessThanOrEqual(here.length)
        }
        vault.world.internet.heal()
        expect(await day()).toMatchObject({ repaired: 0, settling: 0 })
        expect(await day()).toMatchObject({ repaired: 0, settling: 0 })
        expect(standings(await look(vault))).toEqual({ here: 7 })
      })
    },
  )

  it('N01: of any part of the grid for a week gives nobody up', async () => {
    for (const seed of [1, 2, 3]) {
      const vault = new TestVault({ peers: 6, seed })
      await vault.tell(async () => {
        const chance = vault.world.random.fork('parts')
        const names = vault.friends.all.map(({ name }) => name)
        const part = ['laptop', ...names].filter(() => chance.chance(0.4))
        vault.world.internet.split(part)
        const status = await passDays(vault, 7)
        expect(standings(status).gone ?? 0, `without ${part.join(' ')}`).toBe(0)
        vault.world.internet.heal()
        expect(standings(await look(vault))).toEqual({ here: 6 })
      })
    }
  })
})

describe('a one-way loss', () => {
  for (const [words, from, to] of [
    ['from us', 'laptop', 'friend3'],
    ['towards us', 'friend3', 'laptop'],
  ] as const) {
    it(`N01: ${words} to one friend gives it up not by our word alone`, async () => {
      const vault = new TestVault({ peers: 5 })
      await vault.tell(async () => {
        vault.write('letters', noise(100 * KIB))
        await vault.backUp()
        const friend = vault.friends.all[3]
        vault.world.internet.block(from, to)
        const status = await passDays(vault, 30)
        expect(status.peers.filter(({ reachable }) => !reachable)).toHaveLength(1)
        expect(standingIn(status, friend)).toBe('quiet')
        expect(status.placed).toMatchObject({ settling: 0, unsafe: 0 })
        vault.world.internet.heal()
        expect(standings(await look(vault))).toEqual({ here: 5 })
      })
    })
  }

  it('N01: is a death where the others do not hear the friend either', async () => {
    const vault = new TestVault({ peers: 5 })
    await vault.tell(async () => {
      const friend = vault.friends.all[3]
      vault.world.internet.block('laptop', 'friend3')
      await passDays(vault, 10)
      if (friend !== undefined) vault.friends.lose(friend)
      expect(standingIn(await passDays(vault, 20), friend)).toBe('quiet')
      expect(standingIn(await passDays(vault, 2), friend)).toBe('gone')
    })
  })

  it('N01: between two friends is not felt by us', async () => {
    const vault = new TestVault({ peers: 5 })
    await vault.tell(async () => {
      vault.world.internet.block('friend1', 'friend2')
      vault.world.internet.block('friend3', 'friend4')
      expect(standings(await passDays(vault, 3))).toEqual({ here: 5 })
      vault.write('letters', noise(100 * KIB))
      expect(await vault.backUp()).toMatchObject({ published: true, settling: 0 })
    })
  })
})
