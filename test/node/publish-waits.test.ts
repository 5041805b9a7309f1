import { describe, expect, it } from 'vitest'
import { safeCount } from '../../src/grid/code.ts'
import { packRows, sharesAt } from '../support/friend-days.ts'
import { noise, TestVault } from '../support/test-vault.ts'

const KIB = 1024

describe('a head', () => {
  it('H09: reaches no peer before its packs are happy', async () => {
    const vault = new TestVault({ peers: 7 })
    await vault.tell(async () => {
      let atHead: Map<string, number> | undefined
      for (const { machine } of vault.friends.all) {
        machine.diskTrouble.onStep = ({ path }) => {
          if (path.startsWith('heads/')) atHead ??= sharesAt(vault.friends.all)
          return 'pass'
        }
      }
      vault.write('large', noise(9000 * KIB, 1))
      vault.write('small', noise(10 * KIB, 2))
      expect((await vault.backUp()).published).toBe(true)
      const rows = await packRows(vault)
      expect(rows.length).toBeGreaterThan(2)
      for (const row of rows) {
        const count = atHead?.get(row.id ?? '') ?? 0
        expect(count, `of ${row.kind}`).toBeGreaterThanOrEqual(safeCount(row))
      }
    })
  })

  it('H09: reaches no peer as long as they are not, and then once', async () => {
    const vault = new TestVault({ peers: 7 })
    await vault.tell(async () => {
      for (const friend of vault.friends.all.slice(2)) vault.friends.crash(friend)
      vault.write('letters', noise(100 * KIB))
      const held = await vault.backUp()
      expect(held).toMatchObject({ published: false, notSafe: { happiness: 2 } })
      expect(headsAt(vault)).toBe(0)
      vault.startFriends()
      const free = await vault.backUp()
      expect(free).toMatchObject({ published: true, sequence: held.sequence })
      expect(headsAt(vault)).toBe(7)
    })
  })
})

function headsAt(vault: TestVault): number {
  const files = vault.friends.all.flatMap(({ machine }) => machine.volume.files())
  return files.filter(({ path }) => path.endsWith('.head')).length
}
