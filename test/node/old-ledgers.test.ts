/** Every head leaves the ledger of the one before behind; who lost its state must still let those go. */

import { describe, expect, it } from 'vitest'

import { packIdFromBytes } from '../../protocol/manifest.ts'
import { diary, expectAll, gc, sleepDays } from '../support/chores.ts'
import { TestVault } from '../support/test-vault.ts'

/** Months of a grid, ms. */
const LONG = 240_000

describe('ledgers of earlier heads', () => {
  it(
    'go with the next gc, whatever machine made them',
    () =>
      tell(async (vault) => {
        await diary(vault, 6)
        await vault.recoverElsewhere()
        await diary(vault, 6, { name: 'second' })
        vault.laptop.databases.setAside('backupdb')
        await diary(vault, 6, { name: 'third' })
        await vault.recoverElsewhere()
        const days = await diary(vault, 2, { name: 'fourth' })
        expect((await strays(vault)).length, 'packs that nobody lists').toBeGreaterThan(12)
        expect((await gc(vault)).published).toBe(true)
        await sleepDays(vault, 120)
        await gc(vault)
        expect(await strays(vault)).toEqual([])
        await expectAll(vault, days)
        await vault.recoverElsewhere()
        await expectAll(vault, days)
      }),
    LONG,
  )

  it('are asked for once', () =>
    tell(async (vault) => {
      const days = await diary(vault, 3)
      await vault.recoverElsewhere()
      const first = await gc(vault, { isDryRun: true })
      const again = await gc(vault, { isDryRun: true })
      expect(again.released).toEqual(first.released)
      await expectAll(vault, days)
    }))
})

/** Packs on friends' disks that the laptop knows nothing of. */
async function strays(vault: TestVault): Promise<string[]> {
  const held = new Set(
    vault.friends.left.flatMap(({ machine }) =>
      machine.volume
        .save()
        .flatMap(({ path }) => /(bafyrei[a-z2-7]{52})-\d+\.share$/.exec(path)?.[1] ?? []),
    ),
  )
  const known = await knownPacks(vault)
  return [...held].filter((id) => !known.has(id))
}

function knownPacks({ laptop }: TestVault): Promise<Set<string>> {
  return laptop.run(({ openDatabase }) => {
    const database = openDatabase('backupdb')
    try {
      const rows = database
        .prepare('SELECT id FROM packs WHERE id IS NOT NULL UNION SELECT id FROM releases')
        .all()
      return Promise.resolve(new Set(rows.map(({ id }) => packIdFromBytes(id as Uint8Array))))
    } finally {
      database.close()
    }
  })
}

function tell(story: (vault: TestVault) => Promise<void>): Promise<void> {
  return new TestVault({ peers: 5 }).tell(story)
}
