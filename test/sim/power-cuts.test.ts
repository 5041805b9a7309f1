/** The laptop's power goes at the disk steps of a backup, one after another. */

import { describe, expect, it } from 'vitest'
import { MachineCrashed } from '../../sim/errors.ts'
import { Friends } from '../../sim/grid.ts'
import { Owner } from '../../sim/owner.ts'
import { World } from '../../sim/world.ts'

/** Every third step of some seventy; 1 takes them all. */
const STRIDE = 3

describe('a power cut at a step of a backup', () => {
  it('leaves a vault whose next run brings everything up to date', async () => {
    const total = await tell(undefined)
    expect(total).toBeGreaterThan(40)
    for (let step = 0; step < total; step += STRIDE) await tell(step)
  })
})

/**
 * Two backups; the second one is cut at a step of the laptop's disk, and then made again.
 *
 * @returns the steps that the second one takes
 */
async function tell(cutAt: number | undefined): Promise<number> {
  const world = new World(11)
  const laptop = world.addMachine('laptop')
  const friends = new Friends(world, ['ann', 'bea', 'cem'], () => ({}))
  const owner = new Owner(world, laptop)
  let steps = 0
  await world.run(async () => {
    friends.startAll()
    await world.scheduler.sleep(60_000)
    await owner.init()
    await owner.join(friends.invite)
    owner.person.edits(12)
    await owner.backUp(false)

    await world.scheduler.sleep(60_000)
    owner.person.edits(12)
    const before = laptop.diskTrouble.steps
    laptop.diskTrouble.onStep = ({ index }) => (index - before === cutAt ? 'cut' : 'pass')
    try {
      await owner.backUp(false)
    } catch (error) {
      if (!(error instanceof MachineCrashed)) throw error
      laptop.boot()
    }
    steps = laptop.diskTrouble.steps - before

    const summary = await owner.backUp(false)
    expect(summary.published, `after a cut at step ${cutAt}`).toBe(true)
    await owner.takeStock()
    await owner.assertIdle({ isThin: false })
    for (const sequence of owner.remembered) await owner.checkRestore(sequence, true)
    friends.assertHealthy()
  })
  return steps
}
