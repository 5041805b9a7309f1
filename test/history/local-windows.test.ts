import { describe, expect, it } from 'vitest'

import { LocalWindows } from '../../src/history/local-windows.ts'
import type { PackRow } from '../../src/store/packs.ts'
import { Spool } from '../../src/store/spool.ts'
import { onMachine } from '../support/on-machine.ts'
import { noise } from '../support/test-vault.ts'

const KIB = 1024
const bytes = noise(700 * KIB)

describe('windows on packs of our own disk', () => {
  it('give any range of a pack', async () => {
    await told(async ({ windows, write }) => {
      await write(1)
      for (const [offset, length] of [
        [0, 1],
        [255 * KIB, KIB],
        [255 * KIB, 2 * KIB],
        [300 * KIB, 10],
        [10, 690 * KIB],
        [699 * KIB, KIB],
      ] as const) {
        const read = await windows.read(pack(1, 'complete'), offset, length)
        expect(read).toEqual(bytes.slice(offset, offset + length))
      }
    })
  })

  it('know a pack by its number, though that stands for part of another by now', async () => {
    await told(async ({ windows, write }) => {
      await write(1)
      const extents = [{ offset: 699 * KIB, length: KIB }]
      for (const size of [2 * KIB, 8 * 1024 * KIB]) {
        const merged = { ...pack(1, 'complete'), size, base: 77, extents }
        const read = await windows.read(merged, 699 * KIB, KIB)
        expect(read).toEqual(bytes.slice(699 * KIB))
        expect(await windows.read(merged, 800 * KIB, KIB)).toBeUndefined()
      }
    })
  })

  it('keep what was read until they are told to forget it', async () => {
    await told(async ({ windows, spool, write }) => {
      for (const number of [1, 11]) await write(number)
      for (const number of [1, 11]) await windows.read(pack(number, 'complete'), 0, 10)
      for (const number of [1, 11]) await spool.remove(number)
      expect(await windows.read(pack(1, 'complete'), 90, 10)).toEqual(bytes.slice(90, 100))
      windows.forget(1)
      expect(await windows.read(pack(1, 'complete'), 90, 10)).toBeUndefined()
      expect(await windows.read(pack(11, 'complete'), 90, 10)).toEqual(bytes.slice(90, 100))
    })
  })

  it('find a pack that was not here a moment ago, unless it can never be', async () => {
    await told(async ({ windows, write }) => {
      expect(await windows.read(pack(1, 'sealed'), 0, 10)).toBeUndefined()
      expect(await windows.read(pack(2, 'complete'), 0, 10)).toBeUndefined()
      await write(1)
      expect(await windows.read(pack(1, 'sealed'), 0, 10)).toEqual(bytes.slice(0, 10))
    })
  })
})

interface Told {
  readonly windows: LocalWindows
  readonly spool: Spool
  readonly write: (number: number) => Promise<void>
}

async function told(story: (told: Told) => Promise<void>): Promise<void> {
  await onMachine(async ({ disk }) => {
    const spool = new Spool(disk)
    await spool.open()
    const write = async (number: number) => {
      const draft = await spool.begin(number)
      await draft.append(bytes)
      await draft.finish()
    }
    await story({ windows: new LocalWindows(spool), spool, write })
  })
}

function pack(number: number, state: PackRow['state']): PackRow {
  const code = { needed: 1, total: 2, id: undefined, base: 0, extents: undefined }
  return { ...code, isPublished: false, number, state, kind: 'metadata', size: bytes.length }
}
