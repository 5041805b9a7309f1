import { describe, expect, it } from 'vitest'

import { MachineCrashed } from '../../sim/errors.ts'
import { openLedger, openRoot, openHead, openField } from '../../protocol/head.ts'
import { parsePackId } from '../../protocol/manifest.ts'
import { newestHead } from '../../src/restore/newest-head.ts'
import {
  helpedDays,
  helpWith,
  notJustWhole,
  repairCap,
  reportOf,
  sharesAt,
} from '../support/helpers.ts'
import { noise, TestVault } from '../support/test-vault.ts'

const KIB = 1024

/** Months of virtual time are some ten seconds of ours, and more on a machine with much to do. */
const LONG_MS = 240_000

describe('a friend’s box with a repair cap', () => {
  it(
    'keeps a backup whole for a laptop that is closed for good, while friends die and others come',
    () =>
      new TestVault({ peers: 5 }).tell(async (vault) => {
        writeHome(vault)
        expect((await vault.backUp()).published).toBe(true)
        const picture = vault.picture()
        const cap = await repairCap(vault)
        const [helper, ...originals] = vault.friends.all
        helpWith(vault, helper!, cap)
        vault.laptop.crash('power')

        for (const [index, friend] of originals.entries()) {
          vault.friends.add(`newcomer ${index}`)
          vault.friends.lose(friend)
          // Whoever is known to be always on is given up after a fortnight.
          await helpedDays(vault, index === 0 ? 24 : 16)
        }
        await helpedDays(vault, 4)
        const report = await reportOf(helper!, cap)
        expect(report?.outcome).toMatchObject({ type: 'helped', sequence: 1 })
        const { packs, verdicts } = report!.outcome!
        expect(verdicts).toEqual({ whole: packs })
        expect(notJustWhole(sharesAt(vault.friends.left))).toEqual([])

        // Newcomers were never told a head by the laptop, and have it.
        const holders = vault.friends.left.filter((friend) => sharesAt([friend]).length > 0)
        expect(holders.length).toBeGreaterThan(3)
        for (const { node } of holders) {
          const heads = node!.headStore.heads(cap.vault, { all: false })
          expect(heads.map((kept) => openHead(kept.head).sequence)).toEqual([1])
        }
        await vault.recoverElsewhere()
        expect(await vault.differences('latest', picture)).toEqual([])
      }),
    LONG_MS,
  )

  it('adopts what the laptop published and did not come to adopt', () =>
    new TestVault({ peers: 5 }).tell(async (vault) => {
      writeHome(vault)
      await vault.backUp()
      const cap = await repairCap(vault)
      const [helper] = vault.friends.all
      vault.write('last', noise(60 * KIB, 9))
      vault.laptop.diskTrouble.onStep = ({ operation, path }) =>
        operation === 'rename' && path.endsWith(' heads/current') ? 'cut' : 'pass'
      await expect(vault.backUp()).rejects.toBeInstanceOf(MachineCrashed)
      const picture = vault.picture()
      const provisional = () =>
        sharesAt(vault.friends.all).filter(({ friend, pack, shareNumber }) => {
          const key = { vault: cap.vault, pack: parsePackId(pack), shareNumber }
          return friend.node!.shareStore.account(key)?.adoptedBy === null
        })
      expect(provisional().length).toBeGreaterThan(3)
      helpWith(vault, helper!, cap)
      await vault.world.scheduler.sleep(60_000)
      expect(provisional()).toEqual([])
      await vault.recoverElsewhere()
      expect(await vault.differences('2', picture)).toEqual([])
    }))

  it('K08: reads nothing: the cap opens the ledger, and no content', () =>
    new TestVault({ peers: 4 }).tell(async (vault) => {
      writeHome(vault)
      await vault.backUp()
      const cap = await repairCap(vault)
      const [friend] = vault.friends.all
      const heads = friend!.node!.headStore.heads(cap.vault, { all: false })
      const { head } = newestHead([{ peer: friend!.node!.peer, heads }], cap.vault)!
      expect(openLedger(head, cap.ledgerKey).length).toBeGreaterThan(0)
      for (const key of [cap.ledgerKey, cap.repairSeed]) {
        expect(() => openRoot(head, key)).toThrow()
        for (const tag of ['cairn/head/root', 'cairn/head/ledger']) {
          expect(() => openField(head.root, { key, tag, context: new Uint8Array(0) })).toThrow()
        }
      }
    }))

  it('is told to the owner, with when it helped last', () =>
    new TestVault({ peers: 4 }).tell(async (vault) => {
      writeHome(vault)
      await vault.backUp()
      const [, helper] = vault.friends.all
      const before = await vault.withClient((client, signal) => client.status(signal))
      expect(before.helpers).toEqual([])
      helpWith(vault, helper!, await repairCap(vault))
      await helpedDays(vault, 2)
      const { helpers, now } = await vault.withClient((client, signal) => client.status(signal))
      expect(helpers).toMatchObject([{ peer: helper!.node!.peer, name: helper!.name, heardBy: 4 }])
      expect(now - helpers[0]!.at).toBeLessThan(3_600_000)
    }))
})

describe('a repair cap whose device was replaced', () => {
  it('helps no more, and says what to do', () =>
    new TestVault({ peers: 5 }).tell(async (vault) => {
      writeHome(vault)
      await vault.backUp()
      const cap = await repairCap(vault)
      const [, helper, , victim] = vault.friends.all
      helpWith(vault, helper!, cap)
      await helpedDays(vault, 2)
      expect((await reportOf(helper!, cap))?.outcome?.type).toBe('helped')

      await vault.recoverElsewhere()
      vault.write('from the new laptop', 'dear diary')
      await vault.backUp()
      vault.friends.lose(victim!)
      vault.friends.add('newcomer')
      const shares = sharesAt(vault.friends.left).length
      await helpedDays(vault, 4)
      expect((await reportOf(helper!, cap))?.outcome?.type).toBe('replaced')
      expect(sharesAt(vault.friends.left).length).toBe(shares)

      const next = await repairCap(vault)
      expect(next.repairSeed).not.toEqual(cap.repairSeed)
      helpWith(vault, helper!, next)
      await helpedDays(vault, 24)
      const { outcome } = (await reportOf(helper!, cap))!
      expect(outcome).toMatchObject({ type: 'helped', verdicts: { whole: outcome!.packs } })
      expect(sharesAt(vault.friends.left).length).toBeGreaterThan(shares)
    }))
})

function writeHome(vault: TestVault): void {
  for (let index = 0; index < 6; index += 1) vault.write(`letters/${index}`, noise(40 * KIB, index))
  vault.write('note', 'a note')
}
