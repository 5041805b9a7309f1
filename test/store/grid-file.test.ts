import { describe, expect, it } from 'vitest'
import { encodeCbor } from '../../protocol/cbor.ts'
import { gridIdFromBytes } from '../../protocol/roster.ts'
import { VolumeFile } from '../../sim/volume.ts'
import { readGridFile, writeGridFile } from '../../src/store/grid-file.ts'
import { writeWhole } from '../../src/store/whole-file.ts'
import { onMachine } from '../support/on-machine.ts'

const grid = gridIdFromBytes(new Uint8Array(32).fill(4))
const statements = [Uint8Array.of(1, 2, 3), new Uint8Array(300).fill(5)]

describe('the grid file', () => {
  it('comes back as it was written, each time anew', async () => {
    await onMachine(async ({ disk }) => {
      expect(await readGridFile(disk)).toBeUndefined()
      await writeGridFile(disk, { grid, statements: [] })
      await writeGridFile(disk, { grid, statements })
      expect(await readGridFile(disk)).toEqual({ grid, statements })
    })
  })

  it('that is damaged or not ours is as good as none: joining again mends it', async () => {
    await onMachine(async ({ disk }, { volume }) => {
      await writeGridFile(disk, { grid, statements })
      const node = volume.node('grid/roster')
      if (node instanceof VolumeFile) node.rot(500)
      expect(await readGridFile(disk)).toBeUndefined()
      await writeWhole(disk, 'grid/roster', encodeCbor({ version: 1, grid: 'short' }))
      expect(await readGridFile(disk)).toBeUndefined()
      await writeGridFile(disk, { grid, statements })
      expect(await readGridFile(disk)).toEqual({ grid, statements })
    })
  })
})
