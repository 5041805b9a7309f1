import { describe, expect, it } from 'vitest'
import { HeadOutOfReachError } from '../../src/restore/newest-head.ts'
import { TestVault } from '../support/test-vault.ts'

describe('a home that lost its backupdb', () => {
  it('waits for a friend who knows the vault, and begins no order anew', async () => {
    const vault = new TestVault({ peers: 5 })
    await vault.tell(async () => {
      vault.write('letter', 'first')
      await vault.backUp()
      vault.laptop.crash('kill')
      vault.laptop.databases.wipe()
      vault.laptop.boot()
      for (const friend of vault.friends.all) vault.friends.crash(friend)
      vault.write('letter', 'second')
      await expect(vault.backUp()).rejects.toThrow(HeadOutOfReachError)

      vault.startFriends()
      expect(await vault.backUp()).toMatchObject({ published: true, sequence: 2 })
      expect(await vault.differences('latest', vault.picture())).toEqual([])
    })
  })

  it('after a recovery too', async () => {
    const vault = new TestVault({ peers: 5 })
    await vault.tell(async () => {
      vault.write('letter', 'first')
      await vault.backUp()
      await vault.recoverElsewhere()
      vault.write('letter', 'first')
      vault.laptop.crash('kill')
      vault.laptop.databases.wipe()
      vault.laptop.boot()
      for (const friend of vault.friends.all) vault.friends.crash(friend)
      await expect(vault.backUp()).rejects.toThrow(HeadOutOfReachError)
    })
  })
})
