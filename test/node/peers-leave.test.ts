import { peerIdOf } from '../../protocol/keys.ts'
import { signStatement } from '../../protocol/roster.ts'
import { describe, expect, it } from 'vitest'
import type { Friend } from '../../sim/grid.ts'
import { readGridFile, writeGridFile } from '../../src/store/grid-file.ts'
import { TestVault, noise } from '../support/test-vault.ts'

const KIB = 1024

/** The founder removes friends from the grid, and the laptop hears of it. */
async function remove(vault: TestVault, friends: readonly Friend[]): Promise<void> {
  const [founder] = vault.friends.all
  await vault.laptop.run(async ({ disk, clock }) => {
    const file = await readGridFile(disk)
    if (file === undefined || founder === undefined) throw new Error('there is a grid')
    const { grid } = file
    const removals = friends.map(({ key }) =>
      signStatement(
        {
          version: 1,
          grid,
          type: 'remove',
          subject: peerIdOf(key.publicKey),
          issuer: peerIdOf(founder.key.publicKey),
          issuedAt: clock.now(),
        },
        founder.key,
      ),
    )
    await writeGridFile(disk, { grid, statements: [...file.statements, ...removals] })
  })
  for (const friend of friends) vault.friends.lose(friend)
}

/** A backup of a large and a small pack, of which only the first one arrives everywhere. */
async function backUpHalf(vault: TestVault, last: readonly Friend[]): Promise<void> {
  vault.write('a', noise(9_000 * KIB, 1))
  vault.write('b', noise(9_000 * KIB, 2))
  let packs = 0
  vault.laptop.diskTrouble.onStep = ({ operation, path }) => {
    const isPack = operation === 'rename' && path.startsWith('spool/')
    if (isPack && ++packs === 2) for (const friend of last) vault.friends.crash(friend)
    return 'pass'
  }
  expect((await vault.backUp()).published).toBe(false)
  vault.laptop.diskTrouble.onStep = undefined
}

describe('friends who leave before a head was published', () => {
  it('leave no pack behind that the head rests on', async () => {
    const vault = new TestVault({ peers: 5 })
    await vault.tell(async () => {
      const leaving = vault.friends.all.slice(1, 4)
      await backUpHalf(vault, leaving)
      await remove(vault, leaving)
      const summary = await vault.backUp({ allowFew: true })
      expect(summary.published).toBe(true)
      await vault.recoverElsewhere()
      const { summary: restored } = await vault.restore()
      expect(restored.failures.map(({ error }) => error.message)).toEqual([])
      expect(restored.filesRestored).toBe(2)
    })
  })
})
