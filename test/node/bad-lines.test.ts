/** Lines as they are at a campsite: the row N02 of test/oracles/faults.csv. */

import { describe, expect, it } from 'vitest'
import { noise, TestVault } from '../support/test-vault.ts'

const SECOND_MS = 1000

describe('a backup over a bad line', () => {
  it.each([1, 2, 3])(
    'N02: of 10 kB/s and 5 s a round trip is published, and comes back (%i)',
    async (seed) => {
      const vault = new TestVault({ peers: 5, seed })
      await vault.tell(async () => {
        Object.assign(vault.world.internet.line('laptop'), {
          latencyMs: 2500,
          upload: 10_000,
          download: 10_000,
        })
        vault.write('letters', noise(40_000, 1))
        const picture = vault.picture()
        const sequence = await untilPublished(vault)
        expect(await vault.differences(String(sequence), picture)).toEqual([])
      })
    },
  )

  it('N02: that breaks every few seconds goes on where it was, and nothing is there twice', async () => {
    const vault = new TestVault({ peers: 5, seed: 4 })
    await vault.tell(async () => {
      const random = vault.world.random.fork('line')
      let isOver = false
      const breakNow = (): void => {
        if (isOver) return
        vault.world.internet.disturb('laptop', random.pick(vault.friends.all).machine.name)
        vault.world.scheduler.after(random.exponential(SECOND_MS), breakNow)
      }
      Object.assign(vault.world.internet.line('laptop'), { upload: 200_000, download: 400_000 })
      breakNow()
      vault.write('pictures', noise(3_000_000, 1))
      const picture = vault.picture()
      const sequence = await untilPublished(vault)
      isOver = true
      expect(await vault.differences(String(sequence), picture)).toEqual([])
      for (const { node } of vault.friends.all) {
        // Pieces and their trees: what was sent twice is kept once.
        expect(node!.shareStore.used()).toBeLessThan(3_000_000)
      }
    })
  })
})

/** Run again and again, as a timer would. @returns the snapshot's number */
async function untilPublished(vault: TestVault): Promise<number> {
  for (let run = 1; run <= 10; run += 1) {
    const { published, sequence } = await vault.backUp()
    if (published) return sequence
  }
  throw new Error('ten runs were not enough')
}
