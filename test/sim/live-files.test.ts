/** Files that change while they are read, on file systems whose clocks go in ticks. */

import { describe, expect, it } from 'vitest'
import { Friends } from '../../sim/grid.ts'
import { Owner } from '../../sim/owner.ts'
import { World } from '../../sim/world.ts'

const TICKS_NS = { FAT: 2_000_000_000, 'an older system': 1_000_000_000, ext4: 4_000_000 }

describe('files that change while they are read', () => {
  for (const [system, fileTimeStep] of Object.entries(TICKS_NS)) {
    it(`are in the next snapshot as they are then, on ${system}`, async () => {
      for (let seed = 1; seed <= 2; seed++) {
        expect(await tell(seed, fileTimeStep)).toBe(true)
      }
    })
  }
})

/**
 * A person edits all the time while backups run, then rests; the last backup must have it all.
 *
 * @returns whether that was published
 */
async function tell(seed: number, fileTimeStep: number): Promise<boolean> {
  const world = new World(seed)
  const friends = new Friends(world, ['ann', 'bea', 'cem'], () => ({}))
  const owner = new Owner(world, world.addMachine('laptop', { fileTimeStep }))
  // Whoever reads a file waits for two seconds where its clock goes in seconds: more edits fall into a tick than elsewhere.
  owner.pauseMs = fileTimeStep < 1e9 ? 15 : 60
  return await world.run(async () => {
    friends.startAll()
    await world.scheduler.sleep(60_000)
    await owner.init()
    await owner.join(friends.invite)
    owner.person.edits(20)
    for (let run = 0; run < 3; run++) await owner.backUp(true)
    const { published } = await owner.backUp(false)
    for (const sequence of owner.remembered) await owner.checkRestore(sequence, true)
    return published
  })
}
