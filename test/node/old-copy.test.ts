import { describe, expect, it } from 'vitest'
import { TestVault, noise } from '../support/test-vault.ts'

const KIB = 1024

describe('a home brought back from an old copy', () => {
  it('does not refer to packs whose numbers were given twice', async () => {
    const vault = new TestVault({ peers: 5 })
    await vault.tell(async () => {
      vault.write('first', noise(300 * KIB, 1))
      await vault.backUp()
      vault.laptop.crash('kill')
      const old = vault.laptop.saveState()
      vault.laptop.boot()
      vault.write('second', noise(300 * KIB, 2))
      await vault.backUp()

      // Back to the old copy; the first backup from there finds nobody at home.
      vault.laptop.crash('kill')
      vault.laptop.returnTo(old)
      vault.laptop.boot()
      for (const friend of vault.friends.all) vault.friends.crash(friend)
      vault.write('third', noise(400 * KIB, 3))
      expect((await vault.backUp()).published).toBe(false)
      vault.startFriends()
      expect((await vault.backUp()).published).toBe(true)
      expect(await vault.differences('latest', vault.picture())).toEqual([])
    })
  })
})
