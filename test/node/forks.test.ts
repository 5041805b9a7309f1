import { describe, expect, it } from 'vitest'
import { TestVault, noise } from '../support/test-vault.ts'

const KIB = 1024

/** Only these friends are at home. */
function letUp(vault: TestVault, numbers: readonly number[]): void {
  for (const [number, friend] of vault.friends.all.entries()) {
    if (!numbers.includes(number)) vault.friends.crash(friend)
    else if (!friend.machine.isUp) vault.friends.start(friend)
  }
}

/** Back to an old copy of the home whose newest snapshots nobody at home knows, until a head waits. */
async function forkHead(vault: TestVault): Promise<void> {
  vault.write('first', noise(30 * KIB, 1))
  await vault.backUp()
  vault.laptop.crash('kill')
  const old = vault.laptop.saveState()
  vault.laptop.boot()
  vault.write('second', noise(30 * KIB, 2))
  letUp(vault, [0, 1, 2])
  expect((await vault.backUp()).published).toBe(true)
  vault.laptop.crash('kill')
  vault.laptop.returnTo(old)
  vault.laptop.boot()
  vault.remove('second')
  vault.write('third', noise(30 * KIB, 3))
  letUp(vault, [3, 4])
  // Those who know better come home while the backup goes on.
  vault.laptop.filesTrouble.onStep = (operation) => {
    if (operation === 'open') letUp(vault, [0, 1, 2, 3, 4])
  }
  await vault.backUp()
  vault.laptop.filesTrouble.onStep = undefined
}

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
