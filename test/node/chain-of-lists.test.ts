import { describe, expect, it } from 'vitest'
import { TestVault, noise } from '../support/test-vault.ts'

const KIB = 1024

describe('a file of many parts that is stored as a chain', () => {
  it('comes back after a rename: the copied chain leads to lists, not to content', async () => {
    const vault = new TestVault({ peers: 3 })
    await vault.tell(async () => {
      const content = noise(84_000 * KIB)
      vault.write('film', content)
      await vault.backUp()
      content.set(noise(4 * KIB, 9), 100 * KIB)
      vault.write('film', content)
      expect((await vault.backUp()).deltas).toBe(1)
      vault.rename('film', 'film of the wedding')
      expect((await vault.backUp()).bytesAdded).toBeLessThan(64 * KIB)
      expect(await vault.differences('latest', vault.picture())).toEqual([])
    })
  }, 120_000)
})
