import { describe, expect, it } from 'vitest'

import { MachineCrashed } from '../../sim/errors.ts'
import { toBytes } from '../../sim/file-tree.ts'
import { KIB, backUp, expectAll, forget, gc, sleepDays, usedBy } from '../support/chores.ts'
import { everyThird, letters, packRows, packsOf } from '../support/merging.ts'
import { HOME, noise, TestVault } from '../support/test-vault.ts'

/** Months of a grid, or a run for every disk step: more than the usual minute where the machine is busy, ms. */
const LONG = 240_000

describe('merging packs', () => {
  it(
    'makes few of many small ones, and every snapshot stays as it was',
    () =>
      tell(async (vault) => {
        const days = await letters(vault, 30)
        const planned = await gc(vault, { isDryRun: true })
        const summary = await gc(vault)
        expect(summary.merged.packs).toBeGreaterThan(30)
        expect(summary.merged.into).toBeLessThan(4)
        expect(planned.merged).toEqual(summary.merged)
        expect(planned.released).toEqual(summary.released)
        expect(planned.live).toEqual(summary.live)
        expect(summary).toMatchObject({ published: true, warnings: [], untold: [] })
        await expectAll(vault, days)
        // Nothing more is to be done.
        expect(await gc(vault)).toMatchObject({ published: false, merged: { packs: 0 } })

        const held = await usedBy(vault)
        await sleepDays(vault, 110)
        const { gone, inRelease } = await gc(vault)
        expect([gone, inRelease.packs]).toEqual([summary.inRelease, 0])
        // Half a block of each disk is not counted by peers.
        const saved = held - (await usedBy(vault))
        expect(saved).toBeGreaterThan(summary.merged.bytesSaved / 8)
        await vault.recoverElsewhere()
        await expectAll(vault, everyThird(days))
      }),
    LONG,
  )

  it('goes on from a recovered machine, which knows no kinds of packs', () =>
    tell(async (vault) => {
      const days = await letters(vault, 12)
      await vault.recoverElsewhere()
      const summary = await gc(vault)
      expect(summary.merged.packs).toBeGreaterThan(12)
      expect(summary.merged.into).toBeLessThan(4)
      await expectAll(vault, days)
      // What was known of the packs is lost with the database, and comes from the ledger.
      vault.laptop.databases.setAside('backupdb')
      await expectAll(vault, days)
      days.push(...(await letters(vault, 2, 12)))
      await expectAll(vault, days)
    }))

  it('keeps content known by its number, and forgets what it did not copy', () =>
    tell(async (vault) => {
      vault.write('letters/short', 'a letter that stays')
      vault.write('letters/long', noise(40 * KIB, 5))
      await backUp(vault)
      vault.remove('letters/long')
      const days = await letters(vault, 10)
      await forget(vault, { last: 10 })
      const { merged } = await gc(vault)
      expect(merged.packs).toBeGreaterThan(10)

      const before = await objectsOf(vault, 'letters/short')
      vault.write('short again', 'a letter that stays')
      vault.write('long again', noise(40 * KIB, 5))
      days.push(await backUp(vault))
      expect(await objectsOf(vault, 'short again')).toEqual(before)
      expect((await movedNumbers(vault)).has(before[0]?.pack ?? 0)).toBe(true)
      await sleepDays(vault, 60)
      await vault.recoverElsewhere()
      await expectAll(vault, days)
    }))

  it(
    'takes merged packs along later, when most of them is dead',
    () =>
      tell(async (vault) => {
        await letters(vault, 16)
        expect((await gc(vault)).merged.packs).toBeGreaterThan(16)
        const first = await movedNumbers(vault)
        const days = await letters(vault, 12, 16)
        await forget(vault, { last: 12 })
        expect((await gc(vault)).merged.packs).toBeGreaterThan(8)
        const second = await movedNumbers(vault)
        const moved = [...second.keys()].filter((number) => first.has(number))
        expect(moved.length).toBeGreaterThan(0)
        for (const number of moved) expect(second.get(number)).not.toBe(first.get(number))
        await expectAll(vault, days)
        await sleepDays(vault, 90)
        expect((await gc(vault)).gone.packs).toBeGreaterThan(40)
        await vault.recoverElsewhere()
        await expectAll(vault, everyThird(days))
      }),
    LONG,
  )

  it('can be taken back: peers keep the old packs, and older heads read in full', () =>
    tell(async (vault) => {
      const days = await letters(vault, 10)
      const { released } = await gc(vault)
      const { cancelled, inRelease, published } = await gc(vault, { isCancel: true })
      expect([cancelled, inRelease.packs, published]).toEqual([released, 0, true])
      await sleepDays(vault, 60)
      await expectAll(vault, days)
      await vault.recoverElsewhere({ head: days.at(-1)!.sequence })
      await expectAll(vault, days)
    }))

  it('leaves the heads of the last 30 days whole', () =>
    tell(async (vault) => {
      const days = await letters(vault, 10)
      await gc(vault)
      await sleepDays(vault, 28)
      await vault.recoverElsewhere({ head: days.at(-1)!.sequence })
      await expectAll(vault, days)
      // The first backup goes on from there, and takes back what was released.
      days.push(...(await letters(vault, 1, 10)))
      await sleepDays(vault, 60)
      await expectAll(vault, days)
    }))
})

describe('a gc that merges and whose power is cut', () => {
  it('leaves nothing that the next backup would send', () =>
    tell(async (vault) => {
      const days = await letters(vault, 10)
      let renames = 0
      vault.laptop.diskTrouble.onStep = ({ operation, path }) => {
        if (operation === 'rename' && path.startsWith('spool/')) renames += 1
        return renames === 2 ? 'cut' : 'pass'
      }
      await expect(gc(vault)).rejects.toBeInstanceOf(MachineCrashed)
      vault.laptop.diskTrouble.onStep = undefined
      vault.laptop.boot()
      const before = await packsOf(vault)
      days.push(await backUp(vault))
      const after = await packsOf(vault)
      expect(before.unpublished).toBeGreaterThan(0)
      expect(after.unpublished).toBe(0)
      expect(after.whole - before.whole).toBeLessThan(3)
      expect((await gc(vault)).merged.packs).toBeGreaterThan(10)
      await expectAll(vault, days)
    }))
})

/** Where the newest version's objects lie. */
async function objectsOf(vault: TestVault, path: string) {
  const history = await vault.withClient((client, signal) =>
    client.history(toBytes(`${HOME}/${path}`), signal),
  )
  const references = history?.versions.at(-1)?.content.parts.references ?? []
  return references.map(({ pack, offset, length }) => ({ pack, offset, length }))
}

/** Numbers that stand for parts of other packs, with the packs' names. */
async function movedNumbers(vault: TestVault): Promise<Map<number, string>> {
  const rows = await packRows(vault)
  const moved = rows.filter(({ extents }) => extents !== null)
  return new Map(moved.map(({ number, id }) => [number, Buffer.from(id).toString('hex')]))
}

function tell(story: (vault: TestVault) => Promise<void>): Promise<void> {
  return new TestVault({ peers: 5 }).tell(story)
}
