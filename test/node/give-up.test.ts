import { describe, expect, it } from 'vitest'
import type { Friend } from '../../sim/grid.ts'
import type { RepairSummary } from '../../src/node/client.ts'
import {
  announce,
  DAY_MS,
  look,
  packRows,
  passDays,
  passTime,
  sharesAt,
  standingIn,
  standings,
} from '../support/friend-days.ts'
import { noise, TestVault } from '../support/test-vault.ts'

const KIB = 1024

describe('a friend who is silent', () => {
  it('L11: is not given up after 20 days, is after 22, and its shares count again when it is back', async () => {
    const vault = new TestVault({ peers: 7 })
    await vault.tell(async () => {
      vault.write('letters', noise(300 * KIB))
      const { published } = await vault.backUp()
      expect(published).toBe(true)
      const before = sharesAt(vault.friends.all)
      const friend = holderOf(vault)
      vault.friends.crash(friend)

      const later = await passDays(vault, 20)
      expect(standingIn(later, friend)).toBe('quiet')
      expect(later.placed).toMatchObject({ settling: 0, unsafe: 0 })
      const gone = await passDays(vault, 2)
      expect(standingIn(gone, friend)).toBe('gone')
      expect(gone.placed.settling).toBeGreaterThan(0)

      vault.friends.start(friend)
      const back = await look(vault)
      expect(standings(back)).toEqual({ here: 7 })
      expect(back.placed).toMatchObject({ settling: 0, unsafe: 0 })
      expect(sharesAt(vault.friends.all), 'nothing was sent for it').toEqual(before)
    })
  })

  it('L11: was replaced when it comes back, and nothing is sent again, nor taken from it', async () => {
    const vault = new TestVault({ peers: 7 })
    await vault.tell(async () => {
      vault.write('letters', noise(300 * KIB))
      await vault.backUp()
      const friend = holderOf(vault)
      const own = sharesAt([friend])
      vault.friends.crash(friend)
      await passDays(vault, 22)
      const replaced = await repair(vault)
      expect(replaced.bytesSent).toBeGreaterThan(0)
      expect((await look(vault)).placed).toMatchObject({ settling: 0, unsafe: 0 })

      vault.friends.start(friend)
      for (let day = 0; day < 3; day += 1) {
        const { bytesSent, bytesRead } = await repair(vault)
        expect([bytesSent, bytesRead]).toEqual([0, 0])
        await passDays(vault, 1)
      }
      expect(sharesAt([friend]), 'its shares are of use again').toEqual(own)
      expect(standings(await look(vault))).toEqual({ here: 7 })
    })
  })

  it('costs nobody anything while this laptop was closed for two months', async () => {
    const vault = new TestVault({ peers: 5 })
    await vault.tell(async () => {
      await look(vault)
      for (const friend of vault.friends.all.slice(1, 4)) vault.friends.crash(friend)
      vault.world.scheduler.skip(60 * DAY_MS)
      const status = await look(vault)
      expect(standings(status)).toEqual({ here: 2, quiet: 3 })
      vault.startFriends()
      expect(standings(await look(vault))).toEqual({ here: 5 })
    })
  })

  it('is not the one who is silent where nobody answers us', async () => {
    const vault = new TestVault({ peers: 5 })
    await vault.tell(async () => {
      const friend = vault.friends.all[2]
      await look(vault)
      vault.world.internet.split(['laptop'])
      const alone = await passDays(vault, 40)
      expect(standings(alone)).toEqual({ here: 5 })
      expect(alone.peers.filter(({ reachable }) => reachable)).toEqual([])
      vault.world.internet.heal()
      if (friend !== undefined) vault.friends.crash(friend)
      expect(standingIn(await look(vault), friend), 'a day of silence is not over').toBe('here')
    })
  })

  it('gets no new shares once it is quiet, and a pack waits for it all the same', async () => {
    const vault = new TestVault({ peers: 5 })
    await vault.tell(async () => {
      const quiet = vault.friends.all.slice(3)
      for (const friend of quiet) vault.friends.crash(friend)
      await passDays(vault, 2)
      vault.write('letters', noise(300 * KIB))
      const summary = await vault.backUp()
      expect(summary.published).toBe(true)
      // 2 of 4, and three of the five friends are there.
      expect(summary.settling).toBeGreaterThan(0)
      expect(await packRows(vault)).toContainEqual(
        expect.objectContaining({ needed: 2, total: 4, state: 'safe' }),
      )
      vault.startFriends()
      vault.write('more', noise(10 * KIB, 2))
      expect((await vault.backUp()).settling).toBe(0)
      const { placed } = await look(vault)
      expect(placed).toMatchObject({ settling: 0, unsafe: 0 })
    })
  })

  it('is not given up while it is on vacation, nor at once after that', async () => {
    const vault = new TestVault({ peers: 5 })
    await vault.tell(async () => {
      const friend = holderOf(vault)
      await look(vault)
      const awayUntil = Math.floor(vault.world.scheduler.now) + 30 * DAY_MS
      await announce(vault, friend, { awayUntil })
      vault.friends.crash(friend)
      expect(standingIn(await passDays(vault, 29), friend)).toBe('vacation')
      expect(standingIn(await passDays(vault, 20), friend)).toBe('quiet')
      expect(standingIn(await passDays(vault, 5), friend)).toBe('gone')
    })
  })
})

describe('status', () => {
  it('warns once nobody checked for 30 days, and is calm again after a check', async () => {
    const vault = new TestVault({ peers: 5 })
    await vault.tell(async () => {
      vault.write('letters', noise(100 * KIB))
      await vault.backUp()
      await passTime(vault, 29 * DAY_MS)
      expect(await look(vault)).toMatchObject({ isCheckOverdue: false })
      await passTime(vault, 2 * DAY_MS)
      expect(await look(vault)).toMatchObject({ isCheckOverdue: true })
      await vault.withClient((client, signal) => client.check({}, signal))
      expect(await look(vault)).toMatchObject({
        isCheckOverdue: false,
        lastCheck: { packs: { whole: 3, lost: 0 } },
      })
    })
  })
})

describe('a grid that shrinks', () => {
  it('gets smaller codes for new packs, and packs of both codes restore', async () => {
    const vault = new TestVault({ peers: 10 })
    await vault.tell(async () => {
      vault.write('old', noise(400 * KIB, 1))
      await vault.backUp()
      for (const friend of vault.friends.all.slice(6)) vault.friends.lose(friend)
      const status = await passDays(vault, 22)
      expect(standings(status)).toEqual({ here: 6, gone: 4 })
      vault.write('new', noise(400 * KIB, 2))
      const summary = await vault.backUp()
      expect(summary).toMatchObject({ published: true, settling: 0 })
      const data = (await packRows(vault)).filter(({ kind }) => kind === 'data')
      expect(data.map(({ needed, total }) => `${needed}-of-${total}`)).toEqual(['3-of-8', '2-of-4'])
      const picture = vault.picture()
      expect(await vault.differences('latest', picture)).toEqual([])
      await vault.recoverElsewhere()
      expect(await vault.differences('latest', picture)).toEqual([])
    })
  })

  it('of which too few are left is told so, those who were given up not counted', async () => {
    const vault = new TestVault({ peers: 4 })
    await vault.tell(async () => {
      vault.write('letters', 'dear friends')
      await vault.backUp()
      for (const friend of vault.friends.all.slice(2)) vault.friends.lose(friend)
      await passDays(vault, 22)
      await expect(vault.backUp()).rejects.toMatchObject({ name: 'TooFewPeersError', peers: 2 })
      expect((await vault.backUp({ allowFew: true })).published).toBe(true)
    })
  })
})

function repair(vault: TestVault): Promise<RepairSummary> {
  return vault.withClient((client, signal) =>
    client.repair({ isDryRun: false, isPatient: true }, signal),
  )
}

/** A friend other than the founder, with shares of whatever there is. */
function holderOf(vault: TestVault): Friend {
  const friend = vault.friends.all
    .slice(1)
    .toSorted((a, b) => b.machine.volume.files().length - a.machine.volume.files().length)[0]
  if (friend === undefined) throw new Error('there are friends')
  return friend
}
