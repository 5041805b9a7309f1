import { describe, expect, it } from 'vitest'
import type { KnownGroup } from '../../src/node/client.ts'
import { passDays } from '../support/friend-days.ts'
import { noise, TestVault } from '../support/test-vault.ts'

describe('the group that what-if begins with', () => {
  it('is the roster with what was measured of it, and nobody is asked', async () => {
    const vault = new TestVault({ peers: 5 })
    await vault.tell(async () => {
      const fresh = await group(vault)
      expect(fresh.friends).toHaveLength(5)
      expect(fresh.friends.every((friend) => friend.isCounted)).toBe(true)
      expect(fresh.friends.map(({ kind }) => kind)).toEqual(Array(5).fill('laptop'))
      expect(fresh).toMatchObject({ size: 0 })
      expect(fresh.code).toBeUndefined()

      vault.write('letters', noise(100 * 1024))
      await vault.backUp()
      const [silent] = vault.friends.all
      vault.friends.crash(silent!)
      await passDays(vault, 22)
      const known = await group(vault)
      expect(known.code).toEqual({ needed: 2, total: 4 })
      expect(known.size).toBeGreaterThan(100 * 1024)
      expect(known.placed.length).toBeGreaterThan(0)
      for (const holders of known.placed) {
        expect(holders).toHaveLength(4)
        expect(new Set(holders.filter((peer) => peer !== undefined)).size).toBeGreaterThan(2)
      }
      const gone = known.friends.find(({ name }) => name === silent?.name)
      expect(gone).toMatchObject({ standing: 'gone', isCounted: false })
      const others = known.friends.filter((friend) => friend !== gone)
      for (const friend of others) {
        expect(friend).toMatchObject({ kind: 'nas', isCounted: true, online: 1 })
      }

      for (const friend of vault.friends.all.slice(1)) vault.friends.crash(friend)
      const before = vault.world.scheduler.now
      expect(await group(vault)).toEqual(known)
      expect(vault.world.scheduler.now - before).toBeLessThan(1_000)
    })
  })
})

function group(vault: TestVault): Promise<KnownGroup> {
  return vault.withClient((client) => client.group())
}
