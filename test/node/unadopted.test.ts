/** Laptops die at any moment, also between a head and the word to friends that it needs their shares. */

import { describe, expect, it } from 'vitest'

import { MachineCrashed } from '../../sim/errors.ts'
import {
  backUp,
  diary,
  expectAll,
  gc,
  KIB,
  sleepDays,
  usedBy,
  type Day,
} from '../support/chores.ts'
import { noise, TestVault } from '../support/test-vault.ts'

/** Weeks of a grid take longer than the usual minute where the machine is busy, ms. */
const LONG = 240_000

describe('a laptop that dies before it told friends what its head needs', { timeout: LONG }, () => {
  it('has its backup there weeks later: a silent vault loses nothing', () =>
    tell(async (vault) => {
      const days = await diary(vault, 2)
      vault.write('letter', noise(60 * KIB, 9))
      days.push(await dieBetween(vault))
      await sleepDays(vault, 44)
      await vault.recoverElsewhere()
      await expectAll(vault, days)
      // From here on it is as any other: the next head needs them, and says so.
      days.push(await backUp(vault))
      await sleepDays(vault, 40)
      await expectAll(vault, days)
    }))

  it('has its first backup there, too', () =>
    tell(async (vault) => {
      vault.write('letter', noise(60 * KIB, 9))
      const day = await dieBetween(vault)
      await sleepDays(vault, 44)
      await vault.recoverElsewhere()
      await expectAll(vault, [day])
    }))
})

describe('what a head never came to name', { timeout: LONG }, () => {
  it('goes a month after the vault did without it, not before', () =>
    tell(async (vault) => {
      await diary(vault, 1)
      const held = await usedBy(vault)
      vault.write('film', noise(600 * KIB, 3))
      await dieWhileSending(vault)
      const more = await usedBy(vault)
      expect(more).toBeGreaterThan(held + 600 * KIB)
      await sleepDays(vault, 44)
      expect(await usedBy(vault), 'it may come back').toBe(more)
      // Another machine takes over, which knows nothing of the film.
      await vault.recoverElsewhere()
      await backUp(vault)
      await sleepDays(vault, 25)
      expect(await usedBy(vault)).toBeGreaterThan(held + 600 * KIB)
      await sleepDays(vault, 16)
      expect(await usedBy(vault)).toBeLessThan(held + 200 * KIB)
    }))

  it('stays within what peers hold for the vault, for as long as it is silent', () =>
    tell(async (vault) => {
      vault.write('film', noise(600 * KIB, 3))
      await dieWhileSending(vault)
      const held = await usedBy(vault)
      await sleepDays(vault, 50)
      expect(await usedBy(vault)).toBe(held)
      // The queue goes on where it was, and nothing is sent twice.
      const { bytesSent } = await vault.backUp()
      expect(bytesSent).toBeLessThan(100 * KIB)
      expect((await gc(vault)).published).toBe(false)
    }))
})

/** Back up, and lose the laptop's power once the head is out, before anybody is told what it needs. */
async function dieBetween(vault: TestVault): Promise<Day> {
  const picture = vault.picture()
  const sequence = await nextSequence(vault)
  vault.laptop.diskTrouble.onStep = ({ operation, path }) =>
    operation === 'rename' && path.startsWith('heads/pending ') ? 'cut' : 'pass'
  await expect(vault.backUp()).rejects.toBeInstanceOf(MachineCrashed)
  vault.laptop.diskTrouble.onStep = undefined
  return { sequence, picture }
}

/** Packs of content are with friends, the tree is not. */
async function dieWhileSending(vault: TestVault): Promise<void> {
  let packs = 0
  vault.laptop.diskTrouble.onStep = ({ operation, path }) => {
    if (operation === 'rename' && path.startsWith('spool/')) packs += 1
    return packs > 1 ? 'cut' : 'pass'
  }
  await expect(vault.backUp()).rejects.toBeInstanceOf(MachineCrashed)
  vault.laptop.diskTrouble.onStep = undefined
  vault.laptop.boot()
}

function nextSequence(vault: TestVault): Promise<number> {
  return vault.withClient(async (client, signal) => (await client.status(signal)).sequence + 1)
}

function tell(story: (vault: TestVault) => Promise<void>): Promise<void> {
  return new TestVault({ peers: 5 }).tell(story)
}
