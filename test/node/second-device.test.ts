import { describe, expect, it } from 'vitest'
import { TestVault, noise } from '../support/test-vault.ts'

describe('a device whose place another has taken', () => {
  it('K12: is told so before it sends anything, and still restores', async () => {
    const vault = new TestVault({ peers: 5 })
    await vault.tell(async () => {
      vault.write('first', noise(20_000, 1))
      await vault.backUp()
      const replaced = vault.laptop
      await vault.recoverElsewhere()
      vault.write('second', noise(20_000, 2))
      expect((await vault.backUp()).published).toBe(true)
      const picture = vault.picture()

      replaced.boot()
      vault.laptop = replaced
      vault.write('third', noise(20_000, 3))
      await expect(vault.backUp()).rejects.toMatchObject({ name: 'DeviceReplacedError' })
      expect(await vault.differences('latest', picture)).toEqual([])
    })
  })
})
