import { describe, expect, it } from 'vitest'
import { forkHead } from '../support/forks.ts'
import { TestVault } from '../support/test-vault.ts'

describe('a head whose place another has taken', () => {
  it('is given up for the one that was published, and no snapshot is lost', async () => {
    const vault = new TestVault({ peers: 5 })
    await vault.tell(async () => {
      await forkHead(vault)
      const summary = await vault.backUp()
      expect(summary).toMatchObject({ published: true, sequence: 3 })
      expect(await vault.list('/home/ada', '2')).toEqual(['/home/ada/first', '/home/ada/second'])
      expect(await vault.list('/home/ada', '3')).toEqual(['/home/ada/first', '/home/ada/third'])
      expect(await vault.differences('latest', vault.picture())).toEqual([])
      await vault.recoverElsewhere()
      expect(await vault.list('/home/ada', '2')).toEqual(['/home/ada/first', '/home/ada/second'])
    })
  })
})
