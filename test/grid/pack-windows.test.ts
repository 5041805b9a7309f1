import { describe, expect, it } from 'vitest'

import { FormatError } from '../../protocol/errors.ts'
import { NotEnoughSharesError, type Grid, type PackLocation } from '../../src/grid/grid.ts'
import { PackWindows } from '../../src/grid/pack-windows.ts'
import type { PeerId } from '../../src/ports/network.ts'
import { digestOf, forever, makePack, TestGrid } from '../support/test-grid.ts'

const SIZE = 64 * 1024

/** 2 data shares of 400,000 bytes: six windows and a short one each. */
const pack = makePack(800_000, { needed: 2, total: 4 })

describe('windows on packs', () => {
  it('give any range, and fetch each byte once', async () => {
    await told(async ({ windows, read }) => {
      for (const [offset, length] of [
        [0, 1],
        [SIZE - 1, 2],
        [399_990, 20],
        [799_999, 1],
        [100_000, 0],
        [0, 800_000],
        [1234, 567_890],
      ] as const) {
        const bytes = await read(offset, length)
        expect(digestOf(bytes)).toBe(digestOf(pack.bytes.slice(offset, offset + length)))
      }
      const padded = 2 * Math.ceil(400_000 / 16_384) * 16_384
      expect(windows.bytesFetched).toBeLessThanOrEqual(padded)
    })
  })

  it('asked for at once by many are fetched once', async () => {
    await told(async ({ windows, read }) => {
      await Promise.all(Array.from({ length: 50 }, (_, at) => read(at * 1000, 900)))
      expect(windows.bytesFetched).toBe(SIZE)
    })
  })

  it('are rebuilt from the other shares, each of which is fetched once', async () => {
    await told(async ({ windows, read, test, holders }) => {
      test.peer(holders(0)[0]).machine.crash('power')
      expect(digestOf(await read(0, 800_000))).toBe(digestOf(pack.bytes))
      const other = await read(400_000, 300_000)
      expect(digestOf(other)).toBe(digestOf(pack.bytes.slice(400_000, 700_000)))
      expect(windows.bytesFetched).toBeLessThan(4 * 420_000)
    })
  })

  it('that could not be had are asked for again', async () => {
    await told(async ({ read, test }) => {
      for (const { machine } of test.peers.slice(0, 4)) machine.crash('power')
      await expect(read(0, 1000)).rejects.toBeInstanceOf(NotEnoughSharesError)
      for (const peer of test.peers.slice(0, 4)) {
        peer.machine.boot()
        await peer.restart()
      }
      expect(await read(0, 1000)).toEqual(pack.bytes.slice(0, 1000))
    })
  })

  it('give the right bytes to many at once, however few are kept', async () => {
    await told(async ({ grid, location, test, holders }) => {
      const few = new PackWindows(grid, { size: SIZE, countMax: 2 })
      const check = async (offset: number, length: number) => {
        const target = new Uint8Array(length)
        await few.read(location, offset, target, forever)
        expect(digestOf(target)).toBe(digestOf(pack.bytes.slice(offset, offset + length)))
      }
      const all = () =>
        Promise.all(
          Array.from({ length: 40 }, (_, at) => check((at * 171_717) % 600_000, (at + 1) * 4_000)),
        )
      await all()
      test.peer(holders(1)[0]).machine.crash('power')
      await all()
    })
  })

  it('tell whether a range is here, was never fetched, or would be fetched again', async () => {
    await told(async ({ grid, location }) => {
      const few = new PackWindows(grid, { size: SIZE, countMax: 2 })
      const stateAt = (window: number) =>
        few.stateOf(location, { offset: window * SIZE, length: 10 })
      const read = (window: number) =>
        few.read(location, window * SIZE, new Uint8Array(10), forever)
      expect(stateAt(0)).toBe('new')
      for (const window of [0, 1]) await read(window)
      expect([0, 1, 2].map(stateAt)).toEqual(['here', 'here', 'new'])
      await read(2)
      expect([0, 1, 2].map(stateAt)).toEqual(['again', 'here', 'here'])
      expect(few.stateOf(location, { offset: 0, length: 4 * SIZE })).toBe('again')
    })
  })

  it('are left alone by who wants a range and no more', async () => {
    await told(async ({ windows, location, test, holders }) => {
      const target = new Uint8Array(30_000)
      await windows.readOnly(location, 10_000, target, forever)
      expect(digestOf(target)).toBe(digestOf(pack.bytes.slice(10_000, 40_000)))
      const { leafSize } = location.manifest
      const leaves = Math.ceil(40_000 / leafSize) - Math.floor(10_000 / leafSize)
      expect(windows.bytesFetched).toBe(leaves * leafSize)
      expect(windows.stateOf(location, { offset: 10_000, length: 1 })).toBe('new')
      test.peer(holders(0)[0]).machine.crash('power')
      await windows.readOnly(location, 10_000, target, forever)
      expect(digestOf(target)).toBe(digestOf(pack.bytes.slice(10_000, 40_000)))
    })
  })

  it('end where the pack does', async () => {
    await told(async ({ read }) => {
      await expect(read(799_999, 2)).rejects.toBeInstanceOf(FormatError)
    })
  })
})

interface Told {
  readonly test: TestGrid
  readonly grid: Grid
  readonly location: PackLocation
  readonly windows: PackWindows
  readonly read: (offset: number, length: number) => Promise<Uint8Array>
  readonly holders: (share: number) => readonly PeerId[]
}

async function told(story: (told: Told) => Promise<void>): Promise<void> {
  const test = new TestGrid({ peers: 5 })
  await test.tell(async () => {
    const grid = await test.client()
    await grid.place(pack, test.vault, new Map(), forever)
    const location = (await grid.have([pack.id], forever)).get(pack.id)!
    const windows = new PackWindows(grid, { size: SIZE, countMax: 20 })
    const read = async (offset: number, length: number) => {
      const target = new Uint8Array(length)
      await windows.read(location, offset, target, forever)
      return target
    }
    const holders = (share: number) => location.holders.get(share) ?? []
    await story({ test, grid, location, windows, read, holders })
  })
}
