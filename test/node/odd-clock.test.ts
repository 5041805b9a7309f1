import { describe, expect, it } from 'vitest'
import { TestVault } from '../support/test-vault.ts'

describe('a clock that says a time before 1970', () => {
  it('keeps no backup from being published and restored', async () => {
    const vault = new TestVault({ peers: 3 })
    await vault.tell(async () => {
      vault.write('file', 'one')
      await vault.backUp()
      vault.write('file', 'two')
      const { clock } = vault.laptop.ports
      Object.defineProperty(clock, 'now', { value: () => -5, configurable: true })
      expect((await vault.backUp()).published).toBe(true)
      Reflect.deleteProperty(clock, 'now')
      expect(await vault.differences('latest', vault.picture())).toEqual([])
      expect(await vault.list('/home/ada', '1')).toEqual(['/home/ada/file'])
    })
  })
})
