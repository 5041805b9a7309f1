import { describe, expect, it } from 'vitest'

import { toHex } from '../../protocol/bytes.ts'
import { loadRoster, saveRoster } from '../../src/store/roster-store.ts'
import { VolumeFile } from '../../sim/volume.ts'
import { World } from '../../sim/world.ts'
import { noise } from '../support/test-grid.ts'

const before = [noise(200, 1), noise(300, 2)]
const after = [...before, noise(9, 3)]

describe('a kept roster', () => {
  it('is the one saved last, and nothing where none was saved', async () => {
    const world = new World(1)
    const { disk, log } = world.addMachine('peer').ports
    await world.run(async () => {
      expect(await loadRoster(disk, log)).toEqual([])
      await saveRoster(disk, before)
      await saveRoster(disk, after)
      expect(await loadRoster(disk, log)).toEqual(after)
      expect(await disk.list('')).toEqual(['roster'])
    })
  })

  it('that is damaged is set aside: any peer tells it again', async () => {
    const world = new World(1)
    const machine = world.addMachine('peer')
    const { disk, log } = machine.ports
    await world.run(async () => {
      await saveRoster(disk, before)
      const file = machine.volume.node('roster')
      if (file instanceof VolumeFile) file.rot(3)
      expect(await loadRoster(disk, log)).toEqual([])
      expect(await disk.list('')).toEqual(['roster.bad'])
      await saveRoster(disk, after)
      expect(await loadRoster(disk, log)).toEqual(after)
    })
  })

  it('is the old or the new one after a power cut at any step', async () => {
    const found = new Set<string>()
    for (let cutAt = 0; cutAt < 12; cutAt += 1) {
      for (const seed of [1, 2, 3, 4]) {
        const world = new World(seed)
        const machine = world.addMachine('peer')
        await world.run(async () => {
          await saveRoster(machine.ports.disk, before)
          const cut = machine.diskTrouble.steps + cutAt
          machine.diskTrouble.onStep = ({ index }) => (index === cut ? 'cut' : 'pass')
          const isSaved = await machine
            .run(({ disk }) => saveRoster(disk, after))
            .then(
              () => true,
              () => false,
            )
          machine.crash('power')
          machine.diskTrouble.onStep = undefined
          machine.boot()
          const { disk, log } = machine.ports
          const kept = (await loadRoster(disk, log)).map(toHex).join()
          found.add(kept)
          const [old, young] = [before.map(toHex).join(), after.map(toHex).join()]
          expect(isSaved ? [young] : [old, young]).toContain(kept)
          await saveRoster(disk, after)
        })
      }
    }
    expect(found.size, 'both came').toBe(2)
  })
})
