import { describe, expect, it } from 'vitest'
import { toBytes } from '../../sim/file-tree.ts'
import { HOME, TestVault } from '../support/test-vault.ts'

describe('a path through a link', () => {
  it('means where it leads, also once the folders behind it are gone', async () => {
    const vault = new TestVault({ peers: 3 })
    await vault.tell(async () => {
      const { tree } = vault.laptop
      vault.write('letters/old/first', 'Dear Ben')
      tree.make(toBytes('/short'), 'symlink', 0o777).target = toBytes(HOME)
      await vault.backUp()
      const files = ['/short/letters/old/first', '/short/letters/../letters']
      expect(await vault.list('/short/letters/old')).toEqual([`${HOME}/letters/old/first`])
      for (const path of ['letters/old/first', 'letters/old', 'letters']) vault.remove(path)
      expect(await vault.list('/short/letters/old')).toEqual([`${HOME}/letters/old/first`])
      const { summary } = await vault.restore('latest', files.slice(0, 1))
      expect(summary).toMatchObject({ filesRestored: 1, failures: [] })
      await expect(vault.list(files[1] ?? '')).rejects.toMatchObject({ name: 'BadPathError' })
    })
  })
})
