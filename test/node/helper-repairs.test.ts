import { describe, expect, it } from 'vitest'

import { peerIdOf } from '../../protocol/keys.ts'
import type { Friend } from '../../sim/grid.ts'
import {
  copiesOf,
  DAY_MS,
  helpedDays,
  helpNow,
  helpWith,
  leastTraffic,
  notJustWhole,
  repairCap,
  reportOf,
  sharesAt,
} from '../support/helpers.ts'
import { noise, TestVault } from '../support/test-vault.ts'

const KIB = 1024

describe('what a helper repairs', () => {
  it('takes at most 1.05 × (k + missing) shares of traffic', () =>
    new TestVault({ peers: 10 }).tell(async (vault) => {
      vault.write('film', noise(6_000 * KIB, 1))
      for (let index = 0; index < 20; index += 1) vault.write(`${index}`, noise(9 * KIB, index + 2))
      await vault.backUp()
      const cap = await repairCap(vault)
      const [helper, ...others] = vault.friends.all
      helpWith(vault, helper!, cap)
      const before = sharesAt(vault.friends.left)
      const lost = others.slice(2, 4)
      for (const friend of lost) vault.friends.lose(friend)
      const missing = before.filter(({ friend }) => lost.includes(friend))
      expect(missing.length).toBeGreaterThan(0)

      let moved = 0
      for (let day = 0; day < 26; day += 2) {
        await helpedDays(vault, 2)
        const { outcome } = (await reportOf(helper!, cap))!
        moved += outcome!.bytesRead + outcome!.bytesSent
      }
      expect(notJustWhole(sharesAt(vault.friends.left))).toEqual([])
      const least = leastTraffic(before, missing)
      expect(least).toBeGreaterThan(4_000 * KIB)
      expect(moved / least).toBeLessThanOrEqual(1.05)
      expect(moved / least).toBeGreaterThan(0.9)
    }))

  it('may lie with the helper itself, and counts there', () =>
    new TestVault({ peers: 4 }).tell(async (vault) => {
      vault.write('letter', noise(100 * KIB))
      await vault.backUp()
      const cap = await repairCap(vault)
      const [, a, b, c] = vault.friends.all
      // Whoever holds least has something to take.
      const held = (friend: Friend) => sharesAt([friend]).length
      const [helper, , victim] = [a!, b!, c!].toSorted((x, y) => held(x) - held(y))
      helpWith(vault, helper!, cap)
      const mine = held(helper!)
      vault.friends.lose(victim!)
      await helpedDays(vault, 26)
      expect(held(helper!)).toBeGreaterThan(mine)
      expect(notJustWhole(sharesAt(vault.friends.left))).toEqual([])
    }))

  it('is made once, though two friends help at the same moment', () =>
    new TestVault({ peers: 8 }).tell(async (vault) => {
      for (let index = 0; index < 3; index += 1) {
        vault.write(`${index}`, noise(300 * KIB, index))
        await vault.backUp()
      }
      const cap = await repairCap(vault)
      const [, first, second, ...others] = vault.friends.all
      for (const helper of [first!, second!]) helpWith(vault, helper, cap)
      vault.friends.lose(others.at(-1)!)
      await helpedDays(vault, 20)
      // Given up from now on: both find the same shares missing.
      await vault.world.scheduler.sleep(2 * DAY_MS)
      await Promise.all([helpNow(first!), helpNow(second!)])
      await helpedDays(vault, 4)
      const shares = sharesAt(vault.friends.left)
      const copies = [...copiesOf(shares).values()]
      const surplus = copies.reduce(
        (sum, numbers) => sum + numbers.length - new Set(numbers).size,
        0,
      )
      const lacking = [...copiesOf(shares)].filter(([pack, numbers]) => {
        const total = shares.find((share) => share.pack === pack)!.manifest.total
        return new Set(numbers).size < total
      })
      expect(lacking).toEqual([])
      // Each asks who holds what just before it makes a pack again: what remains is the blink of an eye.
      expect(surplus).toBeLessThanOrEqual(2)
    }))

  it('is no more than the laptop finds when it comes back: no share beyond n', () =>
    new TestVault({ peers: 6 }).tell(async (vault) => {
      vault.write('letter', noise(200 * KIB))
      await vault.backUp()
      const cap = await repairCap(vault)
      const [, helper, ...others] = vault.friends.all
      helpWith(vault, helper!, cap)
      vault.friends.lose(others[1]!)
      await helpedDays(vault, 26)
      expect(notJustWhole(sharesAt(vault.friends.left))).toEqual([])
      vault.write('letter', 'another')
      expect((await vault.backUp()).published).toBe(true)
      await helpedDays(vault, 4)
      expect(notJustWhole(sharesAt(vault.friends.left))).toEqual([])
      expect(await vault.differences('latest', vault.picture())).toEqual([])
    }))

  it('is found by audits where friends threw it away', () =>
    new TestVault({ peers: 6 }).tell(async (vault) => {
      vault.write('letter', noise(400 * KIB))
      await vault.backUp()
      const cap = await repairCap(vault)
      const [, helper, , liar] = vault.friends.all
      helpWith(vault, helper!, cap)
      const mine = sharesAt([liar!])
      expect(mine.length).toBeGreaterThan(0)
      for (const { path, file } of liar!.machine.volume.files()) {
        if (path.endsWith('.share')) for (let at = 300; at < file.size; at += 64) file.rot(at)
      }
      await helpedDays(vault, 40)
      const elsewhere = sharesAt(vault.friends.left.filter((friend) => friend !== liar))
      const missing = mine.filter(
        ({ pack, shareNumber }) =>
          !elsewhere.some((share) => share.pack === pack && share.shareNumber === shareNumber),
      )
      expect(missing.map(({ pack }) => pack)).toEqual([])
      expect(peerIdOf(liar!.key.publicKey)).toBe(liar!.node!.peer)
    }))
})

describe('a helper that is cut off', () => {
  it('at any disk step goes on from what it finds, and nothing is made twice', async () => {
    for (let step = 1, isCut = true; isCut; step += 3) {
      isCut = await cutAt({ at: step })
      expect(step, 'it has come that far').toBeLessThan(400)
    }
  })

  it('at any moment of a round likewise, with messages under way', async () => {
    for (const ms of [1, 40, 90, 150, 220, 300, 400, 550, 700, 1000, 1500]) await cutAt({ ms })
  })
})

/** @returns whether the power went */
async function cutAt(when: { readonly at: number } | { readonly ms: number }): Promise<boolean> {
  let isCut = false
  await new TestVault({ peers: 5, seed: 3 }).tell(async (vault) => {
    vault.write('letter', noise(60 * KIB))
    await vault.backUp()
    const picture = vault.picture()
    const cap = await repairCap(vault)
    const [, helper, ...others] = vault.friends.all
    helpWith(vault, helper!, cap)
    vault.friends.lose(others.at(-1)!)
    await helpedDays(vault, 20)
    await vault.world.scheduler.sleep(2 * DAY_MS)

    const { machine } = helper!
    const round = helpNow(helper!).catch(() => undefined)
    if ('at' in when) {
      let steps = 0
      machine.diskTrouble.onStep = () => {
        isCut ||= ++steps === when.at
        return steps === when.at ? 'cut' : 'pass'
      }
      await Promise.race([round, untilDown(vault, helper!)])
      machine.diskTrouble.onStep = undefined
    } else {
      await vault.world.scheduler.sleep(when.ms)
      isCut = true
      vault.friends.crash(helper!)
    }
    vault.startFriends()
    await helpedDays(vault, 6)
    expect(notJustWhole(sharesAt(vault.friends.left))).toEqual([])
    await vault.recoverElsewhere()
    expect(await vault.differences('latest', picture)).toEqual([])
  })
  return isCut
}

async function untilDown(vault: TestVault, { machine }: Friend): Promise<void> {
  while (machine.isUp) await vault.world.scheduler.sleep(1000)
}
