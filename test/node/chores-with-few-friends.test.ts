import { describe, expect, it } from 'vitest'

import {
  BY_HAND,
  KIB,
  backUp,
  chainOf,
  diary,
  expectAll,
  forget,
  gc,
  rebuild,
} from '../support/chores.ts'
import { noise, TestVault } from '../support/test-vault.ts'

describe('a head of maintenance that too few friends took', () => {
  it('of a gc is sent by the next backup, which keeps anew what it released', () =>
    tell(async (vault) => {
      vault.write('song', noise(30 * KIB))
      await backUp(vault)
      vault.remove('song')
      const days = [await backUp(vault)]
      await forget(vault, { last: 1 })
      const summary = await withoutFriends(vault, () => gc(vault))
      expect(summary).toMatchObject({ published: false, notSafe: { name: 'NotSafeError' } })
      vault.write('song', noise(30 * KIB))
      days.push(await backUp(vault))
      days.push(await backUp(vault))
      await expectAll(vault, days)
      const { released, inRelease } = await gc(vault, { isDryRun: true })
      expect(inRelease.packs).toBeGreaterThan(0)
      expect(released.packs).toBe(0)
      await vault.recoverElsewhere()
      await expectAll(vault, days)
    }))

  it('of a rebuild is sent by the next one, and chains are known to be short', () =>
    tell(async (vault) => {
      const days = await diary(vault, 5)
      const summary = await withoutFriends(vault, () => rebuild(vault))
      expect(summary).toMatchObject({ published: false, notSafe: { name: 'NotSafeError' } })
      vault.write('diary', noise(60 * KIB).fill(3, 900, 950))
      days.push(await backUp(vault))
      expect(await chainOf(vault)).toMatchObject({ length: 1 })
      await expectAll(vault, days)
    }))

  it('waits behind the very first one, while that is on its way', () =>
    tell(async (vault) => {
      vault.write('song', noise(30 * KIB))
      const first = await withoutFriends(vault, () => vault.backUp())
      expect(first).toMatchObject({ published: false, sequence: 1 })
      const away = vault.friends.all.slice(1)
      for (const chore of [gc, rebuild, (one: TestVault) => forget(one, { last: 1 })]) {
        for (const friend of away) vault.friends.crash(friend, 'kill')
        const waits = { published: false, notSafe: { name: 'NotSafeError' } }
        expect(await chore(vault)).toMatchObject(waits)
        vault.startFriends()
      }
      await expectAll(vault, [await backUp(vault)])
    }))

  it('gives way to a backup of another copy of this home, and takes nothing along', () =>
    tell(async (vault) => {
      vault.write('song', noise(30 * KIB))
      await backUp(vault)
      vault.remove('song')
      await backUp(vault)
      await forget(vault, { last: 1 })
      vault.laptop.crash('kill')
      const before = vault.laptop.saveState()
      vault.laptop.boot()
      await withoutFriends(vault, () => gc(vault))
      vault.laptop.crash('kill')
      const after = vault.laptop.saveState()
      vault.laptop.returnTo(before)
      vault.laptop.boot()
      // The copy finds the song where it still lies.
      vault.write('song', noise(30 * KIB))
      const days = [await backUp(vault)]
      vault.laptop.crash('kill')
      vault.laptop.returnTo(after)
      vault.laptop.boot()
      vault.write('text', 'and on')
      days.push(await backUp(vault))
      await gc(vault)
      vault.write('text', 'and on, again')
      days.push(await backUp(vault))
      await expectAll(vault, days)
    }))
})

describe('a rebuild', () => {
  it('ends well with just enough friends left, and says so where there are too few', () =>
    tell(async (vault) => {
      const days = await diary(vault, 5)
      vault.write('diary', 'something else')
      const [first, second, third] = vault.friends.all
      for (const friend of [first, second]) vault.friends.lose(friend!)
      const summary = await rebuild(vault)
      expect(summary).toMatchObject({ published: true, files: [{ isDone: true, degraded: [] }] })
      vault.friends.lose(third!)
      await expectAll(vault, days)
    }))

  it('is none of a backup’s business when peers are full', () =>
    tell(async (vault) => {
      const days = await diary(vault, 18, { size: 20 * KIB, changed: 50 })
      for (const { machine } of vault.friends.all)
        machine.diskTrouble.capacity = machine.volume.used
      const summary = await rebuild(vault)
      expect(summary.published).toBe(false)
      expect(summary.notSafe?.message).toMatch(/peer/)
      for (const { machine } of vault.friends.all) machine.diskTrouble.capacity = 2 ** 40
      await expectAll(vault, days.slice(-4))
      const { warnings } = await vault.backUp({ rebuild: BY_HAND })
      expect(warnings).toEqual([])
      await expectAll(vault, days)
    }))
})

/** Do something while all friends but one go away just when its head is ready to be sent. */
async function withoutFriends<T>(vault: TestVault, work: () => Promise<T>): Promise<T> {
  vault.laptop.diskTrouble.onStep = ({ operation, path }) => {
    if (operation === 'rename' && path.endsWith(' heads/pending')) {
      for (const friend of vault.friends.all) vault.friends.crash(friend, 'kill')
    }
    return 'pass'
  }
  try {
    return await work()
  } finally {
    vault.laptop.diskTrouble.onStep = undefined
    vault.startFriends()
  }
}

function tell(story: (vault: TestVault) => Promise<void>): Promise<void> {
  return new TestVault({ peers: 5 }).tell(story)
}
