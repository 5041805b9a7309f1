import { describe, expect, it } from 'vitest'

import type { Friend } from '../../sim/grid.ts'
import type { Picture } from '../../sim/oracle.ts'
import {
  copiesOf,
  helpedDays,
  helpNow,
  helpWith,
  leastTraffic,
  notJustWhole,
  repairCap,
  reportOf,
  sharesAt,
  UP_MS,
} from '../support/helpers.ts'
import { noise, TestVault } from '../support/test-vault.ts'

const KIB = 1024

/** Many worlds one after the other. */
const LONG_MS = 240_000

describe('what a helper repairs', () => {
  it('takes at most 1.05 × (k + missing) shares of traffic', () =>
    new TestVault({ peers: 10 }).tell(async (vault) => {
      vault.write('film', noise(6_000 * KIB, 1))
      for (let index = 0; index < 20; index += 1) vault.write(`${index}`, noise(9 * KIB, index + 2))
      await vault.backUp()
      const cap = await repairCap(vault)
      const [, helper] = vault.friends.all
      helpWith(vault, helper!, cap)
      await vault.world.scheduler.sleep(60_000)
      const before = sharesAt(vault.friends.left)
      const [large] = before.toSorted((a, b) => b.manifest.size - a.manifest.size)
      const holders = before.filter(({ pack }) => pack === large!.pack).map(({ friend }) => friend)
      const lost = holders.filter((one) => one !== helper && one !== vault.friends.all[0]).slice(-4)
      // Fewer than H shares are seen, so this pack does not wait for three weeks.
      for (const friend of lost) vault.friends.lose(friend)
      for (const name of ['one', 'two', 'three', 'four']) vault.friends.add(name)

      let moved = 0
      for (let round = 0; round < 4; round += 1) {
        await helpedDays(vault, 1)
        const { outcome } = (await reportOf(helper!, cap))!
        moved += outcome!.bytesRead + outcome!.bytesSent
      }
      const made = sharesAt(vault.friends.left).filter(
        ({ friend, pack }) => !before.some((had) => had.friend === friend && had.pack === pack),
      )
      expect(made.filter(({ pack }) => pack === large!.pack)).toHaveLength(4)
      const ratio = moved / leastTraffic(before, made)
      expect(moved).toBeGreaterThan(4_000 * KIB)
      expect(ratio).toBeGreaterThan(0.99)
      expect(ratio).toBeLessThanOrEqual(1.05)
    }))

  it('may lie with the helper itself, and counts there', () =>
    new TestVault({ peers: 5 }).tell(async (vault) => {
      const [, helper, , last] = vault.friends.all
      await publishUnsettled(vault, [helper!], [helper!, last!])
      // Back are the helper and what it can take; the last one is not.
      vault.friends.start(helper!)
      await vault.world.scheduler.sleep(10_000)
      expect(sharesAt([helper!])).toEqual([])
      await helpNow(helper!)
      expect(notJustWhole(sharesAt(vault.friends.up))).toEqual([])
      expect(sharesAt([helper!]).length).toBeGreaterThan(0)
    }))

  it('is made once, though two friends help at the same moment', () =>
    new TestVault({ peers: 7 }).tell(async (vault) => {
      const [, first, second, ...others] = vault.friends.all
      await publishUnsettled(vault, [first!, second!], others.slice(-3))
      vault.startFriends()
      await vault.world.scheduler.sleep(10_000)
      const total = sharesAt(vault.friends.up).length
      await Promise.all([helpNow(first!), helpNow(second!)])
      const shares = sharesAt(vault.friends.up)
      const copies = [...copiesOf(shares).values()]
      const distinct = copies.reduce((sum, numbers) => sum + new Set(numbers).size, 0)
      const wanted = [...copiesOf(shares)].reduce(
        (sum, [pack]) => sum + shares.find((share) => share.pack === pack)!.manifest.total,
        0,
      )
      expect(total).toBeLessThan(wanted)
      expect(distinct).toBe(wanted)
      // Both asked before either had made anything: at worst each missing share lies twice.
      expect(shares.length - distinct).toBeLessThanOrEqual(wanted - total)
      // Whoever comes a little later finds all of it.
      await helpNow(first!)
      await helpNow(second!)
      expect(sharesAt(vault.friends.up).length).toBe(shares.length)
    }))

  it('is made once where two friends help one after the other, however soon', () =>
    new TestVault({ peers: 7 }).tell(async (vault) => {
      const [, first, second, ...others] = vault.friends.all
      await publishUnsettled(vault, [first!, second!], others.slice(-3))
      vault.startFriends()
      await vault.world.scheduler.sleep(10_000)
      expect(notJustWhole(sharesAt(vault.friends.up))).toHaveLength(3)
      const rounds = [helpNow(first!)]
      await vault.world.scheduler.sleep(3000)
      rounds.push(helpNow(second!))
      await Promise.all(rounds)
      expect(notJustWhole(sharesAt(vault.friends.up))).toEqual([])
    }))

  it(
    'is no more than the laptop finds when it comes back: no share beyond n',
    () =>
      new TestVault({ peers: 6 }).tell(async (vault) => {
        vault.write('letter', noise(200 * KIB))
        await vault.backUp()
        const cap = await repairCap(vault)
        const [, helper, ...others] = vault.friends.all
        helpWith(vault, helper!, cap)
        vault.friends.lose(others[1]!)
        await helpedDays(vault, 26)
        expect(notJustWhole(sharesAt(vault.friends.left))).toEqual([])
        const left = sharesAt(vault.friends.left).length
        const check = await vault.withClient((client, signal) => client.check({}, signal))
        expect(new Set(check.packs.map(({ verdict }) => verdict))).toEqual(new Set(['whole']))
        const request = { isDryRun: false, isPatient: true }
        const { repaired } = await vault.withClient((client, signal) =>
          client.repair(request, signal),
        )
        expect(repaired).toEqual([])
        expect(sharesAt(vault.friends.left).length).toBe(left)

        vault.write('letter', 'another')
        expect((await vault.backUp()).published).toBe(true)
        await helpedDays(vault, 4)
        expect(notJustWhole(sharesAt(vault.friends.left))).toEqual([])
        expect(await vault.differences('latest', vault.picture())).toEqual([])
      }),
    LONG_MS,
  )

  it('is what audits found bad, too', () =>
    new TestVault({ peers: 6 }).tell(async (vault) => {
      vault.write('letter', noise(400 * KIB))
      await vault.backUp()
      const picture = vault.picture()
      const cap = await repairCap(vault)
      const [, helper, ...others] = vault.friends.all
      const isLarge = ({ file }: { file: { size: number } }) => file.size > 100 * KIB
      const filesOf = (friend: Friend) =>
        friend.machine.volume.files().filter(({ path }) => path.endsWith('.share'))
      const liar = others.find((friend) => filesOf(friend).some(isLarge))
      helpWith(vault, helper!, cap)
      for (const { file } of filesOf(liar!).filter(isLarge)) {
        for (let at = 1000; at < file.size; at += 64) file.rot(at)
      }
      await vault.world.scheduler.sleep(60_000)
      expect((await reportOf(helper!, cap))!.outcome!.badShares).toBe(1)
      await helpedDays(vault, 2)
      const { outcome } = (await reportOf(helper!, cap))!
      expect(outcome!.verdicts).toEqual({ whole: outcome!.packs })
      await vault.recoverElsewhere()
      expect(await vault.differences('latest', picture)).toEqual([])
    }))
})

describe('a helper that is cut off', () => {
  it(
    'at any disk step goes on from what it finds, and nothing is made twice',
    async () => {
      for (let step = 1, isCut = true; isCut; step += 2) {
        isCut = await cutAt({ step })
        expect(step, 'it has come to the end of a round').toBeLessThan(200)
      }
    },
    LONG_MS,
  )

  it(
    'at any moment of a round likewise, with messages under way',
    async () => {
      for (let ms = 1; ms < 2000; ms = Math.ceil(ms * 1.7)) expect(await cutAt({ ms })).toBe(true)
    },
    LONG_MS,
  )
})

/** @returns whether the power went */
async function cutAt(when: { readonly step: number } | { readonly ms: number }): Promise<boolean> {
  let isCut = false
  await new TestVault({ peers: 5, seed: 3 }).tell(async (vault) => {
    const [, helper, ...others] = vault.friends.all
    const picture = await publishUnsettled(vault, [helper!], others.slice(-2))
    vault.startFriends()
    await vault.world.scheduler.sleep(10_000)

    const { machine } = helper!
    if ('step' in when) {
      let steps = 0
      machine.diskTrouble.onStep = () => {
        isCut ||= ++steps === when.step
        return steps === when.step ? 'cut' : 'pass'
      }
    }
    // What never comes to its end, since its machine is down, is not waited for.
    void helpNow(helper!).catch(() => undefined)
    await vault.world.scheduler.sleep('ms' in when ? when.ms : 60_000)
    machine.diskTrouble.onStep = undefined
    if ('ms' in when) {
      isCut = true
      vault.friends.crash(helper!)
    }
    vault.startFriends()
    await vault.world.scheduler.sleep(UP_MS)
    expect(notJustWhole(sharesAt(vault.friends.left)), `cut at ${JSON.stringify(when)}`).toEqual([])
    await vault.recoverElsewhere()
    expect(await vault.differences('latest', picture)).toEqual([])
  })
  return isCut
}

/**
 * A backup of which some shares have no place yet, since friends are away; those who are to help have the
 * cap, and have done a round before there was anything to help.
 *
 * @returns what was backed up
 */
async function publishUnsettled(
  vault: TestVault,
  helpers: readonly Friend[],
  away: readonly Friend[],
): Promise<Picture> {
  const cap = await repairCap(vault)
  for (const helper of helpers) helpWith(vault, helper, cap)
  await vault.world.scheduler.sleep(10_000)
  for (const friend of away) vault.friends.crash(friend, 'kill')
  vault.write('letter', noise(60 * KIB))
  expect((await vault.backUp()).published).toBe(true)
  const picture = vault.picture()
  vault.laptop.crash('power')
  return picture
}
