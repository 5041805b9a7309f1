import { describe, expect, it } from 'vitest'
import { VolumeFile } from '../../sim/volume.ts'
import { World } from '../../sim/world.ts'
import { MachineCrashed } from '../../sim/errors.ts'
import type { Disk } from '../../src/ports/disk.ts'
import type { PackRow } from '../../src/store/packs.ts'
import { Spool } from '../../src/store/spool.ts'
import { onMachine } from '../support/on-machine.ts'

const bytes = Uint8Array.from({ length: 10_000 }, (_, index) => index % 251)

describe('the spool', () => {
  it('gives back a pack, in parts and whole', async () => {
    await onMachine(async ({ disk }) => {
      const spool = await withPack(disk, 3)
      expect(await spool.readWhole(3, bytes.length)).toEqual(bytes)
      expect(await spool.read(3, 9_000, 1_000)).toEqual(bytes.subarray(9_000))
      expect(await spool.readWhole(4, 1)).toBeUndefined()
      expect(await spool.read(3, 9_000, 2_000)).toBeUndefined()
    })
  })

  it('does not take a damaged or shortened pack for one', async () => {
    await onMachine(async ({ disk }, { volume }) => {
      const spool = await withPack(disk, 3)
      expect(await spool.readWhole(3, bytes.length - 1)).toBeUndefined()
      const node = volume.node('spool/3')
      if (node instanceof VolumeFile) node.rot(40_000)
      expect(await spool.readWhole(3, bytes.length)).toBeUndefined()
    })
  })

  it('holds a pack whole or not at all, wherever the power is cut', async () => {
    for (let seed = 1; seed <= 8; seed += 1) {
      let isCut = true
      for (let step = 1; isCut; step += 1) {
        const world = new World(seed)
        const machine = world.addMachine('laptop')
        isCut = await world.run(async () => {
          await machine.run(({ disk }) => new Spool(disk).open())
          let steps = 0
          machine.diskTrouble.onStep = () => (++steps === step ? 'cut' : 'pass')
          const wasCut = await machine
            .run(({ disk }) => put(new Spool(disk), 3))
            .then(
              () => false,
              (error: unknown) => error instanceof MachineCrashed,
            )
          machine.diskTrouble.onStep = undefined
          machine.crash('power')
          machine.boot()
          const { disk } = machine.ports
          const spool = new Spool(disk)
          await spool.open()
          const found = await spool.readWhole(3, bytes.length)
          if (found !== undefined) expect(found).toEqual(bytes)
          else expect(wasCut).toBe(true)
          expect((await disk.list('spool')).filter((name) => name.endsWith('.new'))).toEqual([])
          return wasCut
        })
      }
    }
  })

  it('is swept of what no pack stands for, and leaves what is not ours', async () => {
    await onMachine(async ({ disk }) => {
      const spool = new Spool(disk)
      await spool.open()
      for (const number of [1, 2, 3, 4, 5]) await put(spool, number)
      for (const name of ['notes.txt', 'delta.new', '9.new']) {
        await (await disk.create(`spool/${name}`)).close()
      }
      const rows = new Map([
        [2, pack(2, 'data', 'sealed')],
        [3, pack(3, 'data', 'complete')],
        [4, pack(4, 'metadata', 'complete')],
        [5, pack(5, 'metadata', 'safe')],
      ])
      await spool.sweep((number) => rows.get(number))
      expect(await disk.list('spool')).toEqual(['2', '5', '9.new', 'delta.new', 'notes.txt'])
      expect(await disk.list('cache')).toEqual(['4'])
      expect(await spool.readWhole(4, bytes.length)).toEqual(bytes)
      await spool.uncache(4)
      expect(await spool.readWhole(4, bytes.length)).toBeUndefined()
      await spool.open()
      expect(await disk.list('spool')).toEqual(['2', '5', 'notes.txt'])
    })
  })

  it('lets go of a draft that is given up', async () => {
    await onMachine(async ({ disk }) => {
      const spool = new Spool(disk)
      await spool.open()
      const draft = await spool.begin(7)
      await draft.append(bytes)
      await draft.discard()
      expect(await disk.list('spool')).toEqual([])
    })
  })
})

async function withPack(disk: Disk, number: number): Promise<Spool> {
  const spool = new Spool(disk)
  await spool.open()
  await put(spool, number)
  return spool
}

async function put(spool: Spool, number: number): Promise<void> {
  const draft = await spool.begin(number)
  for (let offset = 0; offset < bytes.length; offset += 3_000) {
    await draft.append(bytes.slice(offset, offset + 3_000))
  }
  await draft.finish()
}

function pack(number: number, kind: PackRow['kind'], state: PackRow['state']): PackRow {
  const size = bytes.length
  const code = { needed: 1, total: 2 }
  return {
    number,
    kind,
    state,
    size,
    ...code,
    id: undefined,
    base: 0,
    extents: undefined,
    isPublished: false,
  }
}
