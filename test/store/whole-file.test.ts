import { describe, expect, it } from 'vitest'
import { MachineCrashed } from '../../sim/errors.ts'
import { toBytes, toText } from '../../sim/file-tree.ts'
import { VolumeFile } from '../../sim/volume.ts'
import { World } from '../../sim/world.ts'
import { DiskFullError } from '../../src/base/errors.ts'
import { StateDamagedError, readWhole, writeWhole } from '../../src/store/whole-file.ts'
import { onMachine } from '../support/on-machine.ts'

const PATH = 'keys/state'

describe('a whole file', () => {
  it.each([0, 1, 31, 32, 33, 5_000])('of %i bytes comes back as it was written', async (size) => {
    await onMachine(async ({ disk }) => {
      const bytes = new Uint8Array(size).fill(7)
      await writeWhole(disk, PATH, bytes)
      expect(await readWhole(disk, PATH)).toEqual(bytes)
      await writeWhole(disk, 'top', bytes)
      expect(await readWhole(disk, 'top')).toEqual(bytes)
    })
  })

  it('is absent where there is none', async () => {
    await onMachine(async ({ disk }) => {
      expect(await readWhole(disk, PATH)).toBeUndefined()
      expect(await readWhole(disk, 'no/such/folder')).toBeUndefined()
    })
  })

  it('is the old one or the new one, wherever the power is cut', async () => {
    const seen = new Set<string | undefined>()
    for (let seed = 1; seed <= 12; seed += 1) {
      let isCut = true
      for (let step = 1; isCut; step += 1) {
        const { before, after, wasCut } = await cutAt(step, seed)
        isCut = wasCut
        expect(['old', 'new', undefined]).toContain(after)
        expect(before === 'old' && after === undefined, 'the old one is lost').toBe(false)
        if (!wasCut) expect(after).toBe('new')
        seen.add(after)
      }
    }
    expect(seen).toEqual(new Set(['old', 'new']))
  })

  it.each([0, 1, 31, 32, 35])('is known to be damaged by a bit at byte %i', async (index) => {
    await onMachine(async ({ disk }, { volume }) => {
      await writeWhole(disk, PATH, toBytes('what matters'))
      fileOf(volume.node(PATH)).rot(8 * index + 3)
      await expect(readWhole(disk, PATH)).rejects.toBeInstanceOf(StateDamagedError)
    })
  })

  it('is known to be damaged when it is cut short or empty', async () => {
    await onMachine(async ({ disk }) => {
      for (const [name, size] of Object.entries({ empty: 0, short: 31, bare: 32 })) {
        const file = await disk.create(name)
        await file.append(new Uint8Array(size))
        await file.close()
        await expect(readWhole(disk, name)).rejects.toBeInstanceOf(StateDamagedError)
      }
    })
  })

  it('stays as it was when the disk is full, and is replaced once there is room', async () => {
    await onMachine(async ({ disk }, { volume, diskTrouble }) => {
      await writeWhole(disk, PATH, toBytes('old'))
      diskTrouble.capacity = volume.used + 40
      const large = new Uint8Array(5_000)
      await expect(writeWhole(disk, PATH, large)).rejects.toBeInstanceOf(DiskFullError)
      expect(await readWhole(disk, PATH)).toEqual(toBytes('old'))
      diskTrouble.capacity = 1e9
      await writeWhole(disk, PATH, large)
      expect(await readWhole(disk, PATH)).toEqual(large)
    })
  })
})

/** Write 'old', then 'new' with a power cut at one of its disk steps. */
async function cutAt(step: number, seed: number) {
  const world = new World(seed)
  const machine = world.addMachine('laptop')
  const read = async () => {
    const bytes = await machine.run(({ disk }) => readWhole(disk, PATH))
    return bytes === undefined ? undefined : toText(bytes)
  }
  return world.run(async () => {
    await machine.run(({ disk }) => writeWhole(disk, PATH, toBytes('old')))
    const before = await read()
    let steps = 0
    machine.diskTrouble.onStep = () => (++steps === step ? 'cut' : 'pass')
    const wasCut = await machine
      .run(({ disk }) => writeWhole(disk, PATH, toBytes('new')))
      .then(
        () => false,
        (error: unknown) => error instanceof MachineCrashed,
      )
    machine.diskTrouble.onStep = undefined
    machine.crash('power')
    machine.boot()
    const after = await read()
    // What a cut left half-made is in nobody's way.
    await machine.run(({ disk }) => writeWhole(disk, PATH, toBytes('next')))
    expect(await read()).toBe('next')
    return { before, after, wasCut }
  })
}

function fileOf(node: unknown): VolumeFile {
  if (!(node instanceof VolumeFile)) throw new Error('no such file')
  return node
}
