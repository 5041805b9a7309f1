import { describe, expect, it } from 'vitest'

import { toText } from '../../sim/file-tree.ts'
import {
  KIB,
  backUp,
  chainOf,
  diary,
  expectAll,
  forget,
  gc,
  hide,
  packsOf,
  rebuild,
} from '../support/chores.ts'
import { HOME, noise, TestVault } from '../support/test-vault.ts'

describe('a chain of which one delta is lost', () => {
  it('H10: is rebuilt around it from the file that is here; what needs the delta waits for it', () =>
    tell(async (vault) => {
      const days = await diary(vault, 6)
      const bringBack = hide(vault, [(await packsOf(vault, 'delta'))[2]!])
      const { files, failures } = await rebuild(vault)
      expect(failures).toEqual([])
      expect(files).toMatchObject([{ isDone: true }])
      expect(files[0]?.degraded.map(({ id }) => id >> 10)).toEqual([4, 5])
      expect(await chainOf(vault)).toMatchObject({ length: 0 })
      await expectAll(
        vault,
        [0, 1, 2, 5].map((day) => days[day]!),
      )
      expect((await vault.differences('4', days[3]!.picture))[0]).toMatch(
        '/home/ada/diary: No peer',
      )
      bringBack()
      await vault.calm()
      await expectAll(vault, days)
      await gc(vault)
      await expectAll(vault, days)
    }))

  it('H10: is left as it is where the file is gone, and named; all others are rebuilt', () =>
    tell(async (vault) => {
      const days = await diary(vault, 4)
      const bringBack = hide(vault, [(await packsOf(vault, 'delta'))[1]!])
      await diary(vault, 3, { name: 'letters', changed: 200 })
      vault.write('diary', 'begun anew')
      const { files, failures } = await rebuild(vault)
      expect(failures.map(({ path }) => toText(path))).toEqual([`${HOME}/diary`])
      expect(files.map(({ path, isDone }) => [toText(path), isDone])).toEqual([
        [`${HOME}/diary`, false],
        [`${HOME}/letters`, true],
      ])
      bringBack()
      await vault.calm()
      await expectAll(vault, days)
    }))

  it('stays whole over forgetting: nothing is composed of what cannot be read', () =>
    tell(async (vault) => {
      const days = await diary(vault, 6)
      const bringBack = hide(vault, [(await packsOf(vault, 'delta'))[2]!])
      const { published } = await forget(vault, { last: 2 })
      expect(published).toBe(true)
      await gc(vault)
      bringBack()
      await vault.calm()
      await expectAll(vault, days.slice(-2))
    }))
})

describe('a chain whose original is lost', () => {
  it('H10: has its newest version whole again from the file that is here', () =>
    tell(async (vault) => {
      const days = await diary(vault, 4)
      const bringBack = hide(vault, [(await packsOf(vault, 'data'))[0]!])
      const { files, failures } = await rebuild(vault)
      expect(failures).toEqual([])
      expect(files).toMatchObject([{ isDone: true }])
      expect(files[0]?.degraded).toHaveLength(3)
      await expectAll(vault, days.slice(-1))
      bringBack()
      await vault.calm()
      await expectAll(vault, days)
    }))
})

describe('a ledger of which a part cannot be read for now', () => {
  it('keeps that part, whatever is released or taken back meanwhile', () =>
    tell(async (vault) => {
      for (let index = 0; index < 6; index += 1) {
        vault.write(`song ${index}`, noise(20 * KIB, index))
        await backUp(vault)
      }
      vault.remove('song 0')
      await backUp(vault)
      await forget(vault, { last: 1 })
      expect((await gc(vault)).released.packs).toBeGreaterThan(0)
      const older = await packsOf(vault, 'ledger')
      vault.write('song 7', noise(20 * KIB, 7))
      const day = await backUp(vault)
      const bringBack = hide(vault, older)
      await vault.recoverElsewhere()
      await gc(vault, { isCancel: true })
      bringBack()
      await vault.calm()
      await expectAll(vault, [day])
      vault.laptop.crash('kill')
      vault.laptop.databases.wipe()
      vault.laptop.boot()
      await expectAll(vault, [day])
    }))
})

function tell(story: (vault: TestVault) => Promise<void>): Promise<void> {
  return new TestVault({ peers: 3 }).tell(story)
}
