import { describe, expect, it } from 'vitest'
import { packIdFromBytes, packIdToBytes, packId } from '../../protocol/manifest.ts'
import { MachineCrashed } from '../../sim/errors.ts'
import { World } from '../../sim/world.ts'
import type { Disk } from '../../src/ports/disk.ts'
import { Published, type PublishedState } from '../../src/store/published.ts'
import { Settings } from '../../src/store/settings.ts'
import { memoryDatabase } from '../support/memory-database.ts'
import { onMachine } from '../support/on-machine.ts'

const pack = packIdFromBytes(packIdToBytes(packId(Uint8Array.of(1))))
const state: PublishedState = {
  sequence: 7,
  head: new Uint8Array(32).fill(1),
  root: {
    pack: 4,
    offset: 100,
    length: 300,
    key: { type: 'raw', secret: new Uint8Array(32).fill(2) },
  },
  segments: [
    {
      pointer: { pack, offset: 0, length: 200, key: new Uint8Array(32).fill(3) },
      size: 64,
      first: 4,
    },
  ],
}
const head = Uint8Array.of(1, 2, 3)

describe('what is published', () => {
  it('comes back as it was set, the current apart from what waits', async () => {
    await onMachine(async ({ disk }) => {
      const published = newPublished(disk)
      expect([published.current(), published.pending()]).toEqual([undefined, undefined])
      published.set('publishing', state)
      expect([published.current(), published.pending()]).toEqual([undefined, state])
      published.set('published', { ...state, segments: [] })
      published.clearPending()
      expect(published.current()).toEqual({ ...state, segments: [] })
      expect(published.pending()).toBeUndefined()
    })
  })

  it('keeps a head until it is settled or dropped', async () => {
    await onMachine(async ({ disk }) => {
      const published = newPublished(disk)
      expect(await published.pendingHead()).toBeUndefined()
      await published.keepPendingHead(head)
      expect(await published.pendingHead()).toEqual(head)
      await published.settleHead()
      expect(await published.pendingHead()).toBeUndefined()
      expect(await disk.list('heads')).toEqual(['current'])
      await published.keepPendingHead(head)
      await published.dropPendingHead()
      expect(await published.pendingHead()).toBeUndefined()
    })
  })

  it('has a kept head for good, whatever the power does', async () => {
    for (let seed = 1; seed <= 6; seed += 1) {
      const world = new World(seed)
      const machine = world.addMachine('laptop')
      await world.run(async () => {
        await machine.run(({ disk }) => newPublished(disk).keepPendingHead(head))
        machine.crash('power')
        machine.boot()
        expect(await newPublished(machine.ports.disk).pendingHead()).toEqual(head)
        let steps = 0
        machine.diskTrouble.onStep = () => (++steps === 2 ? 'cut' : 'pass')
        const settled = machine.run(({ disk }) => newPublished(disk).settleHead())
        await expect(settled).rejects.toBeInstanceOf(MachineCrashed)
        machine.diskTrouble.onStep = undefined
        machine.boot()
        const names = await machine.ports.disk.list('heads')
        expect(names).toHaveLength(1)
        expect(['current', 'pending']).toContain(names[0])
      })
    }
  })
})

function newPublished(disk: Disk): Published {
  return new Published(new Settings(memoryDatabase()), disk, new Uint8Array(32).fill(7))
}
