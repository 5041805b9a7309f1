import { describe, expect, it } from 'vitest'

import { MachineCrashed } from '../../sim/errors.ts'
import type { Friend } from '../../sim/grid.ts'
import { needsOf } from '../../src/repair/pack-health.ts'
import { KIB, usedBy } from '../support/chores.ts'
import {
  check,
  CODE,
  expectNoneTwice,
  friendOf,
  hear,
  holdersIn,
  meter,
  repair,
} from '../support/health.ts'
import { noise, TestVault } from '../support/test-vault.ts'

const LONG = 240_000

describe('ten friends, three of whom are enough', () => {
  it('bring everything back with any five holders of a pack gone for good', async () => {
    const vault = new TestVault({ peers: 10 })
    await vault.tell(async () => {
      const picture = await backUp(vault)
      for (const peer of holdersIn(await check(vault)).slice(1, 6)) {
        vault.friends.lose(friendOf(vault, peer))
      }
      await vault.recoverElsewhere()
      expect(await vault.differences('latest', picture)).toEqual([])
    })
  })

  it(
    'lose three: repair brings happiness back to what there are homes for, and says what is missing; three more may go',
    async () => {
      const vault = new TestVault({ peers: 10 })
      await vault.tell(async () => {
        const picture = await backUp(vault)
        const lost = holdersIn(await check(vault)).slice(0, 3)
        for (const peer of lost) vault.friends.lose(friendOf(vault, peer))
        const summary = await repair(vault)
        for (const health of summary.packs) {
          expect(health.happiness).toBe(Math.min(health.pack.shape.total, 7))
          expect(health.happinessMax).toBe(health.happiness)
        }
        const thin = summary.packs.filter(({ verdict }) => verdict === 'thin')
        expect(thin.length).toBeGreaterThan(0)
        for (const health of thin) {
          expect(needsOf(health)).toMatchObject({ placeable: 0, friends: 1 })
        }
        // Shares of three holders were lost, at most, and two found a new home.
        const size = Math.ceil(summary.packs[0]!.pack.shape.size / 3)
        const [data] = summary.repaired.filter(({ before }) => before.pack.numbers[0] === 1)
        // The files are as they were, so that nothing had to be read for it.
        expect(data?.mended).toMatchObject({ means: 'files', bytesSent: 2 * size, bytesRead: 0 })

        const found = await check(vault)
        expectNoneTwice(found)
        for (const friend of vault.friends.left.slice(0, 3)) vault.friends.lose(friend)
        await vault.recoverElsewhere()
        expect(await vault.differences('latest', picture)).toEqual([])
      })
    },
    LONG,
  )

  it('are asked for no more than the missing shares', async () => {
    const vault = new TestVault({ peers: 10 })
    await vault.tell(async () => {
      await backUp(vault, 2_000)
      const [first, second] = holdersIn(await check(vault))
      for (const peer of [first, second]) vault.friends.lose(friendOf(vault, peer))
      const traffic = meter(vault)
      const { packs, repaired, bytesRead, bytesSent } = await repair(vault)
      expect(packs.every(({ missing }) => missing.length === 0)).toBe(true)
      const wanted = repaired.reduce((sum, { before, mended }) => {
        const { size, needed } = before.pack.shape
        const piece = Math.ceil(size / needed)
        // The tree is cached here, and the files are as they were; of a ledger a share is read.
        const read = mended?.means === 'peers' ? needed : 0
        if (read > 0) expect(before.pack.kind).toBe('ledger')
        return sum + piece * (read + before.missing.length)
      }, 0)
      expect(bytesRead + bytesSent).toBeLessThanOrEqual(1.05 * wanted)
      // Over the line go questions to all, heads and proofs as well: of small packs they are the most.
      expect(traffic.up + traffic.down).toBeLessThan(1.05 * wanted + 200 * KIB)
      expect(repaired.some(({ mended }) => mended?.means === 'spool')).toBe(true)
    })
  })
})

describe('ten friends, two of whom are gone, and files of which some changed', () => {
  it('cost the missing shares and what the files do not give any more, times 1.05', async () => {
    const vault = new TestVault({ peers: 10 })
    await vault.tell(async () => {
      const size = 200 * KIB
      for (let index = 0; index < 36; index += 1) vault.write(`${index}`, noise(size, index + 1))
      await vault.backUp({ code: CODE })
      const changed = [2, 5, 9, 14, 20, 21, 30]
      for (const index of changed) vault.write(`${index}`, noise(size, index + 100))
      await vault.calm()
      const [first, second] = holdersIn(await check(vault))
      for (const peer of [first, second]) vault.friends.lose(friendOf(vault, peer))
      const { repaired, packs } = await repair(vault)
      expect(packs.every(({ missing }) => missing.length === 0)).toBe(true)
      const [data] = repaired.filter(({ before }) => before.pack.kind === 'data')
      const { mended, before } = data!
      const missing = before.missing.length * Math.ceil(before.pack.shape.size / CODE.needed)
      expect(missing).toBeGreaterThan(0)
      expect(mended?.means).toBe('files')
      const bound = 1.05 * (missing + changed.length * size)
      expect((mended?.bytesRead ?? 0) + (mended?.bytesSent ?? 0)).toBeLessThanOrEqual(bound)
    })
  })
})

describe('a recovered laptop', () => {
  it(
    'places the shares that the lost one had not placed yet',
    async () => {
      const vault = new TestVault({ peers: 10 })
      await vault.tell(async () => {
        const away = vault.friends.all.slice(7)
        for (const friend of away) vault.friends.crash(friend)
        const picture = await backUp(vault)
        await vault.recoverElsewhere()
        vault.startFriends()
        await vault.calm()
        expect((await check(vault)).packs.some(({ missing }) => missing.length > 0)).toBe(true)
        const summary = await repair(vault)
        expect(summary.packs.map(({ verdict }) => verdict)).not.toContain('settling')
        expect(summary.packs.every(({ verdict }) => verdict === 'whole')).toBe(true)
        expectNoneTwice(await check(vault))
        expect(await vault.differences('latest', picture)).toEqual([])
        // All of it is adopted: a month later it is still there.
        await months(vault, 40)
        expect((await check(vault)).packs.every(({ verdict }) => verdict === 'whole')).toBe(true)
      })
    },
    LONG,
  )
})

describe('a laptop whose packs wait for friends', () => {
  it('places their missing shares with a repair, and keeps them here no longer', async () => {
    const vault = new TestVault({ peers: 10 })
    await vault.tell(async () => {
      for (const friend of vault.friends.all.slice(7)) vault.friends.crash(friend)
      expect((await vault.backUp({ code: CODE })).settling).toBeGreaterThan(0)
      vault.startFriends()
      await vault.calm()
      const { packs, repaired, bytesRead } = await repair(vault)
      expect(packs.every(({ verdict }) => verdict === 'whole')).toBe(true)
      expect(repaired.every(({ mended }) => mended?.means === 'spool')).toBe(true)
      expect(bytesRead).toBe(0)
      const status = await vault.withClient((client, signal) => client.status(signal))
      expect(status).toMatchObject({ settling: 0, spool: { packs: 0 } })
    })
  })

  it('that hears nobody gives nobody up, and calls nothing lost', async () => {
    const vault = new TestVault({ peers: 10 })
    await vault.tell(async () => {
      await backUp(vault)
      for (const friend of vault.friends.all) vault.friends.crash(friend)
      const { packs, repaired, warnings } = await repair(vault)
      expect(packs.every(({ verdict }) => verdict === 'out-of-reach')).toBe(true)
      expect(repaired).toEqual([])
      expect(warnings.some((warning) => warning.includes('cut off'))).toBe(true)
      // With a few who answer, those who do not count as missing, and nothing is called lost for that.
      for (const friend of vault.friends.all.slice(0, 2)) vault.friends.start(friend)
      await vault.world.scheduler.sleep(600_000)
      const few = await repair(vault)
      expect(few.packs.some(({ verdict }) => verdict === 'lost')).toBe(false)
    })
  })
})

describe('a friend who leaves', () => {
  it('has its shares moved by the next backup, and can go', async () => {
    const vault = new TestVault({ peers: 10 })
    await vault.tell(async () => {
      const picture = await backUp(vault)
      const before = await check(vault)
      const leaver = friendOf(vault, holdersIn(before)[4])
      await hear(vault, leaver, { type: 'presence', isLeaving: true })
      vault.write('another', 'file')
      const summary = await vault.backUp({ code: CODE })
      expect(summary.repaired).toBeGreaterThan(0)
      vault.friends.lose(leaver)
      const after = await check(vault)
      for (const { pack, readable } of after.packs) expect(readable.size).toBe(pack.shape.total)
      const more = vault.picture()
      expect(await vault.differences('latest', more)).toEqual([])
      expect(await vault.differences('1', picture)).toEqual([])
    })
  })
})

describe('S20: a repair whose machine stops', () => {
  it(
    'after any share that was stored finds it again, makes no share twice, and ends whole',
    async () => {
      let step = 0
      const end = { isReached: false }
      while (!end.isReached) {
        step += 1
        const vault = new TestVault({ peers: 6, seed: 20 })
        await vault.tell(async () => {
          vault.write('a', noise(300 * KIB, 1))
          for (const name of ['b', 'c']) {
            vault.write(name, 'small')
            await vault.backUp({ code: { needed: 2, total: 5 } })
          }
          const held = await usedBy(vault)
          // The friend who holds most: several packs lose a share.
          const { peers } = await check(vault)
          const [most] = peers.toSorted((a, b) => b.shares - a.shares)
          vault.friends.lose(friendOf(vault, most!.peer))
          const crashed = await isStoppedAfter(vault, step, () => repair(vault))
          end.isReached = !crashed
          if (crashed) vault.laptop.boot()
          const traffic = meter(vault)
          const summary = await repair(vault)
          expect(summary.packs.every(({ missing }) => missing.length === 0)).toBe(true)
          const found = await check(vault)
          expectNoneTwice(found)
          // As much as before lies at the friends that are left: nothing was made twice.
          expect(await usedBy(vault)).toBe(held)
          if (!crashed) expect(summary).toMatchObject({ bytesRead: 0, bytesSent: 0 })
          expect(traffic.up).toBeGreaterThan(0)
          await vault.recoverElsewhere()
          expect((await vault.restore()).summary.failures).toEqual([])
        })
      }
      // Several packs lost a share.
      expect(step).toBeGreaterThan(3)
    },
    LONG,
  )
})

/** Stop the laptop right after a friend stored the share of this number. */
async function isStoppedAfter(
  vault: TestVault,
  step: number,
  work: () => Promise<unknown>,
): Promise<boolean> {
  let stored = 0
  const { laptop, friends, world } = vault
  const names = new Set(friends.all.map(({ name }: Friend) => name))
  let isOver = false
  world.trace.listen(({ node, event, fields }) => {
    const isShare = event === 'disk.rename' && String(fields['path']).startsWith('shares/')
    if (isOver || !isShare || !names.has(node)) return
    stored += 1
    if (stored === step) world.scheduler.after(0, () => laptop.crash('power'))
  })
  try {
    await work()
    return false
  } catch (error) {
    if (!(error instanceof MachineCrashed)) throw error
    return true
  } finally {
    isOver = true
  }
}

async function backUp(vault: TestVault, kib = 600) {
  vault.write('photos/one', noise(kib * KIB, 1))
  vault.write('photos/two', noise(40 * KIB, 2))
  vault.write('letters/a', 'dear ada')
  const picture = vault.picture()
  expect((await vault.backUp({ code: CODE })).published).toBe(true)
  return picture
}

/** Friends switch off and on again every other day; nobody backs up. */
async function months(vault: TestVault, days: number): Promise<void> {
  for (let left = days; left > 0; left -= 2) {
    for (const { machine } of vault.friends.left) machine.crash('kill')
    await vault.world.scheduler.sleep(2 * 86_400_000)
    vault.startFriends()
    await vault.calm()
  }
}
