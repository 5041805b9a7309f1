/** How a vault comes to two heads in one place. */

import { expect } from 'vitest'
import { noise, type TestVault } from './test-vault.ts'

const KIB = 1024

/** Only these friends are at home. */
export function letUp(vault: TestVault, numbers: readonly number[]): void {
  for (const [number, friend] of vault.friends.all.entries()) {
    if (!numbers.includes(number)) vault.friends.crash(friend)
    else if (!friend.machine.isUp) vault.friends.start(friend)
  }
}

/** Back to an old copy of the home whose newest snapshots nobody at home knows, until a head waits. */
export async function forkHead(vault: TestVault): Promise<void> {
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
