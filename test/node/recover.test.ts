import { describe, expect, it } from 'vitest'
import { TestVault } from '../support/test-vault.ts'

const DAY_MS = 24 * 3_600_000

describe('recovery', () => {
  it('takes an invite that ended long ago: the words admit, the invite only leads there', async () => {
    const vault = new TestVault({ peers: 3 })
    await vault.tell(async () => {
      vault.write('letter', 'Dear Ben')
      const before = vault.picture()
      await vault.backUp()
      for (const friend of vault.friends.all) vault.friends.crash(friend)
      await vault.world.scheduler.sleep(380 * DAY_MS)
      vault.startFriends()
      await vault.recoverElsewhere()
      expect(await vault.differences('latest', before)).toEqual([])
    })
  })
})
