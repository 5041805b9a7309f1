import { describe, expect, it } from 'vitest'

import {
  KIB,
  backUp,
  diary,
  expectAll,
  forget,
  gc,
  isCutAt,
  rebuild,
  type Day,
} from '../support/chores.ts'
import { noise, TestVault } from '../support/test-vault.ts'

describe('chores whose power is cut', () => {
  it('a gc at any disk step: what comes back later is kept like anything new', () =>
    tell(async (vault) => {
      let days: Day[] = []
      for (let step = 1, isCut = true; isCut; step += 4) {
        const song = noise(30 * KIB, step)
        vault.write('song', song)
        await backUp(vault)
        vault.remove('song')
        days = [await backUp(vault)]
        await forget(vault, { last: 1 })
        isCut = await isCutAt(vault, step, () => gc(vault))
        vault.write('song', song)
        days.push(await backUp(vault))
        await expectAll(vault, days)
        days.push(await backUp(vault))
        await expectAll(vault, days)
      }
    }))

  it('a rebuild at any disk step: every snapshot reads, and so does the next one', () =>
    tell(async (vault) => {
      const days = await diary(vault, 3, { size: 20 * KIB, changed: 100 })
      for (let step = 1, isCut = true; isCut; step += 7) {
        isCut = await isCutAt(vault, step, () => rebuild(vault))
        await expectAll(vault, days.slice(-3))
        vault.write('diary', noise(20 * KIB).fill(step, 5_000, 5_100))
        days.push(await backUp(vault))
        await expectAll(vault, days.slice(-3))
      }
      await gc(vault)
      await expectAll(vault, days)
    }))

  it('a forget at any disk step: every kept snapshot reads, and so does the next one', () =>
    tell(async (vault) => {
      const days = await diary(vault, 4, { size: 20 * KIB, changed: 100 })
      for (let step = 1, isCut = true; isCut; step += 17) {
        isCut = await isCutAt(vault, step, () => forget(vault, { last: 2 }))
        await expectAll(vault, days.slice(-2))
        for (const at of [5_000, 9_000]) {
          vault.write('diary', noise(20 * KIB).fill(step, at, at + 100))
          days.push(await backUp(vault))
        }
        await expectAll(vault, days.slice(-4))
      }
      await gc(vault)
      await expectAll(vault, days.slice(-4))
    }))

  it('a gc that takes back, at any disk step: nothing goes that is needed, and it can be done again', () =>
    tell(async (vault) => {
      for (let step = 1, isCut = true; isCut; step += 7) {
        vault.write('song', noise(20 * KIB, step))
        await backUp(vault)
        vault.remove('song')
        vault.write('text', `${step}`)
        const day = await backUp(vault)
        await forget(vault, { last: 1 })
        await gc(vault)
        isCut = await isCutAt(vault, step, () => gc(vault, { isCancel: true }))
        await gc(vault, { isCancel: true })
        expect((await gc(vault, { isDryRun: true })).inRelease.packs).toBe(0)
        await expectAll(vault, [day])
      }
    }))
})

function tell(story: (vault: TestVault) => Promise<void>): Promise<void> {
  return new TestVault({ peers: 3 }).tell(story)
}
