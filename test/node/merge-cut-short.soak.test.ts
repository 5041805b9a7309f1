/** A gc that merges packs, and whose power is cut at every disk step of it. */

import { describe, expect, it } from 'vitest'

import { expectAll, gc, isCutAt } from '../support/chores.ts'
import { everyThird, letters } from '../support/merging.ts'
import { TestVault } from '../support/test-vault.ts'

/** A run for every disk step, ms. */
const LONG = 240_000

describe('a gc that merges and whose power is cut', () => {
  it(
    'at any disk step: the next one does it, and nothing is lost',
    async () => {
      const vault = new TestVault({ seed: 5, peers: 3 })
      await vault.tell(async () => {
        const days = await letters(vault, 9)
        let merges = 0
        for (let step = 1, isCut = true; isCut; step += 3) {
          if ((await gc(vault, { isDryRun: true })).merged.packs === 0) {
            merges += 1
            days.push(...(await letters(vault, 8, days.length)))
          }
          isCut = await isCutAt(vault, step, () => gc(vault))
          if (step % 4 === 0 || !isCut) await expectAll(vault, days.slice(-1))
        }
        expect(merges).toBeGreaterThan(0)
        await gc(vault)
        await expectAll(vault, everyThird(days))
        await vault.recoverElsewhere()
        await expectAll(vault, everyThird(days))
      })
    },
    LONG,
  )

  it('may lose the last commits of its database, or the whole of it', async () => {
    const vault = new TestVault({ seed: 12 })
    await vault.tell(async () => {
      const days = await letters(vault, 9)
      vault.laptop.databases.faults = { losesCommits: 0.4, losesAll: 0.2, damages: 0.2 }
      for (let step = 5; step < 60; step += 6) {
        vault.laptop.databases.picture()
        await isCutAt(vault, step, () => gc(vault))
        days.push(...(await letters(vault, 1, days.length)))
        await expectAll(vault, days.slice(-2))
      }
      await gc(vault)
      await expectAll(vault, days)
    })
  })
})
