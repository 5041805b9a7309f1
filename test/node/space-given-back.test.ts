import { describe, expect, it } from 'vitest'

import { MachineCrashed } from '../../sim/errors.ts'
import { KIB, backUp, expectAll, forget, gc, rebuild, sleepDays } from '../support/chores.ts'
import { noise, TestVault } from '../support/test-vault.ts'

describe('space given back', () => {
  it('is not taken from a file that came back the same, by whoever learns of the release late', () =>
    tell(async (vault) => {
      await releaseSong(vault, () => cutAfter(vault, 'heads/current', () => gc(vault)))
      vault.write('song', noise(30 * KIB))
      await cutAfter(vault, 'heads/pending', () => backUp(vault))
      // The head that needs the very same pack again is published, and peers know of no release yet.
      await rebuild(vault)
      const days = [await backUp(vault)]
      await sleepDays(vault, 90)
      await expectAll(vault, days)
    }))

  it('and taken back is taken back from friends who were away then, too', () =>
    tell(async (vault) => {
      await releaseSong(vault, () => gc(vault))
      const [, ...away] = vault.friends.all
      for (const friend of away.slice(1)) vault.friends.crash(friend, 'kill')
      expect((await gc(vault, { isCancel: true })).cancelled.packs).toBeGreaterThan(0)
      vault.startFriends()
      await backUp(vault)
      const song = await heldFor(vault)
      await sleepDays(vault, 40)
      expect(await heldFor(vault)).toBe(song)
    }))

  it('by a thief is kept as soon as somebody recovers: reading it all may take longer than a day', () =>
    tell(async (vault) => {
      vault.write('song', noise(30 * KIB))
      const day = await backUp(vault)
      vault.remove('song')
      await backUp(vault)
      await forget(vault, { last: 1 })
      await gc(vault)
      await sleepDays(vault, 28)
      await vault.recoverElsewhere({ head: day.sequence })
      await sleepDays(vault, 60)
      await expectAll(vault, [day])
    }))

  it('is not that of a last backup of which friends were told too little, once somebody recovers', () =>
    tell(async (vault) => {
      for (let index = 0; index < 4; index += 1) {
        vault.write(`song ${index}`, noise(20 * KIB, index))
        if (index < 3) await backUp(vault)
      }
      const [picture, sequence] = [vault.picture(), 4]
      await cutAfter(vault, 'heads/current', () => backUp(vault), 'syncFolder')
      await sleepDays(vault, 20)
      await vault.recoverElsewhere()
      await sleepDays(vault, 30)
      await expectAll(vault, [{ picture, sequence }])
      vault.write('text', 'and on')
      await backUp(vault)
      await sleepDays(vault, 40)
      await vault.recoverElsewhere()
      await expectAll(vault, [{ picture, sequence }])
    }))

  it('by a friend who lost the accounts, once the next gc tells everybody again', () =>
    tell(async (vault) => {
      await releaseSong(vault, () => gc(vault))
      // Whoever holds most has a share of the song.
      const [forgetful] = vault.friends.all.toSorted(
        (a, b) => b.machine.volume.used - a.machine.volume.used,
      )
      const { machine } = forgetful!
      vault.friends.crash(forgetful!, 'kill')
      machine.databases.setAside('peer')
      vault.startFriends()
      await gc(vault)
      const before = machine.volume.used
      await sleepDays(vault, 70)
      expect(machine.volume.used).toBeLessThan(before - 3 * KIB)
    }))
})

async function releaseSong(vault: TestVault, release: () => Promise<unknown>): Promise<void> {
  vault.write('song', noise(30 * KIB))
  await backUp(vault)
  vault.remove('song')
  await backUp(vault)
  await forget(vault, { last: 1 })
  await release()
}

/** The power goes just when a file has this name for good, before anything else is done. */
async function cutAfter(
  vault: TestVault,
  name: string,
  work: () => Promise<unknown>,
  last: 'syncFolder' | 'any' = 'any',
): Promise<void> {
  let [isNamed, isSynced] = [false, false]
  vault.laptop.diskTrouble.onStep = ({ operation, path }) => {
    if (isSynced || (isNamed && operation === last)) return 'cut'
    isSynced = isNamed && operation === 'syncFolder'
    isNamed ||= operation === 'rename' && path.endsWith(` ${name}`)
    return 'pass'
  }
  await expect(work()).rejects.toThrow(MachineCrashed)
  vault.laptop.diskTrouble.onStep = undefined
  vault.laptop.boot()
}

/** Bytes that peers hold for the vault. */
async function heldFor(vault: TestVault): Promise<number> {
  const { peers } = await vault.withClient((client, signal) => client.status(signal))
  return peers.reduce((sum, { used = 0 }) => sum + used, 0)
}

function tell(story: (vault: TestVault) => Promise<void>): Promise<void> {
  return new TestVault({ peers: 4 }).tell(story)
}
