import { describe, expect, it } from 'vitest'
import { MachineCrashed } from '../../sim/errors.ts'
import { TestVault, noise } from '../support/test-vault.ts'

const KIB = 1024

/** Run a backup whose power goes at disk step `step`. @returns whether it came that far */
async function cutAt(vault: TestVault, step: number): Promise<boolean> {
  let steps = 0
  vault.laptop.diskTrouble.onStep = () => (++steps === step ? 'cut' : 'pass')
  try {
    await vault.backUp()
    return false
  } catch (error) {
    if (!(error instanceof MachineCrashed)) throw error
    return true
  } finally {
    vault.laptop.diskTrouble.onStep = undefined
  }
}

describe('a backup whose power is cut', () => {
  it('at any disk step: the next run publishes, and nothing published is lost', async () => {
    const vault = new TestVault({ seed: 7, peers: 3 })
    await vault.tell(async () => {
      const pictures = new Map<number, ReturnType<typeof vault.picture>>()
      for (let step = 1, isCut = true; isCut; step += 1) {
        vault.write('diary', `entry ${step}`)
        isCut = await cutAt(vault, step)
        if (!vault.laptop.isUp) vault.laptop.boot()
        const summary = await vault.backUp()
        expect(summary.published).toBe(true)
        pictures.set(summary.sequence, vault.picture())
      }
      expect(pictures.size).toBeGreaterThan(20)
      for (const [sequence, picture] of pictures) {
        expect(await vault.differences(String(sequence), picture)).toEqual([])
      }
    })
  })

  it('may lose the last commits of its database, or the whole of it', async () => {
    const vault = new TestVault({ seed: 11 })
    await vault.tell(async () => {
      vault.laptop.databases.faults = { losesCommits: 0.4, losesAll: 0.2, damages: 0.2 }
      for (let step = 2; step < 40; step += 3) {
        vault.write(`day ${step}`, noise(2 * KIB, step))
        vault.laptop.databases.picture()
        await cutAt(vault, step)
        if (!vault.laptop.isUp) vault.laptop.boot()
        const summary = await vault.backUp()
        expect(summary.published).toBe(true)
        expect(await vault.differences('latest', vault.picture())).toEqual([])
      }
    })
  })

  it('sends no finished pack again', async () => {
    const vault = new TestVault({ seed: 1 })
    await vault.tell(async () => {
      for (let index = 0; index < 5; index += 1) vault.write(`${index}`, noise(8_000 * KIB, index))
      let packs = 0
      vault.laptop.diskTrouble.onStep = ({ operation, path }) => {
        if (operation === 'rename' && path.startsWith('spool/')) packs += 1
        return packs === 3 ? 'cut' : 'pass'
      }
      await expect(vault.backUp()).rejects.toBeInstanceOf(MachineCrashed)
      vault.laptop.diskTrouble.onStep = undefined
      vault.laptop.boot()
      const summary = await vault.backUp()
      expect(summary.published).toBe(true)
      expect(summary.bytesRead).toBeLessThan(26_000 * KIB)
      expect(await vault.differences('latest', vault.picture())).toEqual([])
    })
  })
})
