import { describe, expect, it } from 'vitest'
import { TestVault, noise } from '../support/test-vault.ts'

const KIB = 1024

describe('a spool that is full of packs that are safe', () => {
  it('stops no backup: friends who stay away do not keep a first snapshot from being made', async () => {
    const vault = new TestVault({ peers: 5 }) // 2-of-4, safe with 3
    await vault.tell(async () => {
      const [first, second, third] = vault.friends.all
      for (const friend of [first, second]) if (friend !== undefined) vault.friends.crash(friend)
      for (let index = 0; index < 3; index += 1) vault.write(`${index}`, noise(7_500 * KIB, index))
      const summary = await vault.backUp({ spoolSizeMax: 1_000 * KIB })
      expect(summary.published).toBe(true)
      expect(summary.settling).toBeGreaterThan(0)
      if (third !== undefined) vault.friends.lose(third)
      expect(await vault.differences('latest', vault.picture())).toEqual([])
    })
  })
})
