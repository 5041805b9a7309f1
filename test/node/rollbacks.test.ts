import { describe, expect, it } from 'vitest'
import type { SimRandom } from '../../sim/random.ts'
import type { SavedState } from '../../sim/machine.ts'
import { TestVault, noise } from '../support/test-vault.ts'

const KIB = 1024
const DAYS = 16

/** Friends come and go; the home is copied, brought back from the copy, or loses its backupdb. */
class Trouble {
  readonly #vault: TestVault
  readonly #random: SimRandom
  #copy: SavedState | undefined

  constructor(vault: TestVault, random: SimRandom) {
    this.#vault = vault
    this.#random = random
  }

  strike(): void {
    const { friends, laptop } = this.#vault
    for (const friend of friends.all) {
      if (this.#random.unit() < 1 / 3) friends.crash(friend)
      else if (!friend.machine.isUp) friends.start(friend)
    }
    const fate = Math.floor(this.#random.unit() * 6)
    if (fate === 0) laptop.databases.setAside('backupdb')
    if (fate > 2) return
    laptop.crash('kill')
    if (fate === 1) this.#copy = laptop.saveState()
    if (fate === 2 && this.#copy !== undefined) laptop.returnTo(this.#copy)
    laptop.boot()
  }
}

/** @returns the sequence, unless too few friends were there for a backup */
async function tryBackUp(vault: TestVault): Promise<number | undefined> {
  try {
    const { published, sequence } = await vault.backUp()
    return published ? sequence : undefined
  } catch (error) {
    // What the newest snapshot holds must be read first, after a loss: without friends it cannot be.
    expect(String(error)).toMatch(/No peer that answers|shares found/)
    return undefined
  }
}

describe('homes from old copies, lost databases and friends who come and go', () => {
  it.each([1, 2, 3])('lose no snapshot that was said to be published (seed %i)', async (seed) => {
    const vault = new TestVault({ peers: 5, seed })
    await vault.tell(async () => {
      const random = vault.world.random.fork('rollbacks')
      const trouble = new Trouble(vault, random)
      const pictures = new Map<number, ReturnType<typeof vault.picture>>()
      for (let day = 0; day < DAYS; day += 1) {
        vault.write(`file ${day % 5}`, noise(20 * KIB + (day % 3), seed * 100 + day))
        if (day % 4 === 3) vault.rename(`file ${day % 5}`, `kept ${day}`)
        trouble.strike()
        const sequence = await tryBackUp(vault)
        if (sequence === undefined) continue
        expect(pictures.has(sequence)).toBe(false)
        pictures.set(sequence, vault.picture())
      }
      vault.startFriends()
      const last = await vault.backUp()
      expect(last.published).toBe(true)
      await vault.recoverElsewhere()
      for (const [sequence, picture] of pictures) {
        expect(await vault.differences(String(sequence), picture)).toEqual([])
      }
    })
  })
})
