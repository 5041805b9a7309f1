import { describe, expect, it } from 'vitest'
import { peerIdOf } from '../../protocol/keys.ts'
import { NotSafeError } from '../../src/backup/not-safe.ts'
import type { SealedPack } from '../../src/backup/packer.ts'
import { Uploader } from '../../src/backup/uploader.ts'
import { codecs } from '../../src/codec/codecs.ts'
import { DiskError } from '../../src/base/errors.ts'
import { VolumeFile } from '../../sim/volume.ts'
import { Packs, type PackRow } from '../../src/store/packs.ts'
import { memoryDatabase } from '../support/memory-database.ts'
import { forever } from '../support/on-machine.ts'
import { startPacking } from '../support/packing.ts'
import { TestGrid, noise } from '../support/test-grid.ts'

const KIB = 1024

describe('the uploader', () => {
  it('places a pack, and keeps no copy once each share has its place', async () => {
    await uploading(async ({ seal, uploader, packs, files }) => {
      let isRecorded = false
      await uploader.submit(await seal(), () => (isRecorded = true), forever)
      await uploader.settle(forever)
      expect(isRecorded).toBe(true)
      expect(packs.get(1)).toMatchObject({ state: 'complete', isPublished: false })
      expect([packs.holders(1).size, uploader.settling()]).toEqual([4, 0])
      expect(uploader.bytesSent).toBe(2 * 100 * KIB)
      expect(files()).toEqual([])
    })
  })

  it('keeps what is safe but not complete, and completes it in a later run', async () => {
    await uploading(async ({ seal, uploader, packs, files, anew, grid }) => {
      for (const peer of grid.peers.slice(0, 2)) peer.machine.crash()
      await uploader.submit(await seal(), () => undefined, forever)
      await uploader.settle(forever)
      expect([packs.get(1)?.state, uploader.settling()]).toEqual(['safe', 1])
      expect(files()).toEqual(['spool/1'])
      for (const peer of grid.peers.slice(0, 2)) {
        peer.machine.boot()
        await peer.restart()
      }
      const next = await anew()
      await next.resume(neverLost, forever)
      await next.settle(forever)
      expect([packs.get(1)?.state, next.settling(), files()]).toEqual(['complete', 0, []])
    })
  })

  it('says who is missing where too few peers take part', async () => {
    await uploading(async ({ seal, uploader, packs, grid }) => {
      for (const peer of grid.peers.slice(0, 3)) peer.machine.crash()
      await uploader.submit(await seal(), () => undefined, forever)
      const error: unknown = await uploader.settle(forever).catch((reason: unknown) => reason)
      expect(error).toBeInstanceOf(NotSafeError)
      expect(error).toMatchObject({ happiness: 2, needed: 3 })
      expect(packs.get(1)?.state).toBe('sealed')
    })
  })

  it('S10: takes shares under one roof for no more safe than one, though all have a place', async () => {
    await uploading(async ({ seal, anew, packs, grid }) => {
      for (const peer of grid.peers) {
        const addresses = [peer.machine.address ?? '']
        const more = { addresses, domain: 'one roof', issuedAt: Date.UTC(2025, 0, 2) }
        grid.admit(peerIdOf(peer.key.publicKey), 'peer', more)
      }
      const uploader = await anew()
      await uploader.submit(await seal(), () => undefined, forever)
      await expect(uploader.settle(forever)).rejects.toMatchObject({
        name: 'NotSafeError',
        happiness: 1,
        needed: 3,
        message: expect.stringContaining('1 pack lies on 1 separate peer, 3 are needed'),
      })
      expect([packs.holders(1).size, packs.get(1)?.state]).toEqual([4, 'sealed'])
    })
  })

  it.each(['gone', 'damaged'] as const)(
    'tells of a spooled pack that is %s before it was safe, and of no other',
    async (fate) => {
      await uploading(async ({ seal, uploader, packs, spoil, anew, grid }) => {
        for (const peer of grid.peers.slice(0, 3)) peer.machine.crash()
        await uploader.submit(await seal(), () => undefined, forever)
        await uploader.submit(await seal(), () => undefined, forever)
        await uploader.settle(forever).catch(() => undefined)
        spoil(1, fate)
        for (const peer of grid.peers.slice(0, 3)) {
          peer.machine.boot()
          await peer.restart()
        }
        const lost: PackRow[] = []
        const next = await anew()
        await next.resume((pack) => {
          lost.push(pack)
          packs.remove(pack.number)
        }, forever)
        await next.settle(forever)
        expect(lost.map(({ number }) => number)).toEqual([1])
        expect(packs.get(2)?.state).toBe('complete')
      })
    },
  )

  it('makes no shares of bytes that changed in the spool', async () => {
    await uploading(async ({ seal, uploader, spoil, packs, grid }) => {
      for (const peer of grid.peers.slice(0, 3)) peer.machine.crash()
      const pack = await seal()
      await uploader.submit(pack, () => undefined, forever)
      await uploader.abandon()
      const held = packs.holders(1).size
      spoil(pack.number, 'damaged')
      // What found too few peers is tried once more, from the spool.
      await expect(uploader.settle(forever)).rejects.toBeInstanceOf(DiskError)
      expect(packs.holders(1).size).toBe(held)
    })
  })

  it('pauses at a full spool, and loses nothing by it', async () => {
    await uploading(
      async ({ seal, uploader, packs, grid, anew }) => {
        for (const peer of grid.peers.slice(0, 3)) peer.machine.crash()
        await uploader.submit(await seal(), () => undefined, forever)
        const second = uploader.submit(await seal(), () => undefined, forever)
        await expect(second).rejects.toBeInstanceOf(NotSafeError)
        for (const peer of grid.peers.slice(0, 3)) {
          peer.machine.boot()
          await peer.restart()
        }
        const next = await anew()
        await next.resume(neverLost, forever)
        await next.settle(forever)
        expect(packs.inState('complete').map(({ number }) => number)).toEqual([1, 2])
      },
      { spoolSizeMax: 150 * KIB },
    )
  })

  it('holds packs to be read back, but never so many that the spool is full of them', async () => {
    await uploading(
      async ({ seal, uploader, packs, files }) => {
        const held = () => files().filter((path) => /spool\/\d+$/.test(path)).length
        for (let count = 0; count < 4; count += 1) {
          await uploader.submit(await seal(), () => undefined, forever)
        }
        await uploader.settle(forever)
        expect(packs.inState('complete')).toHaveLength(4)
        expect(held()).toBeLessThanOrEqual(2)
        await uploader.letGo()
        expect(held()).toBe(0)
      },
      { spoolSizeMax: 250 * KIB, isHolding: true },
    )
  })

  it('stops when it is told to', async () => {
    await uploading(async ({ seal, uploader }) => {
      const controller = new AbortController()
      await uploader.submit(await seal(), () => undefined, controller.signal)
      controller.abort(new Error('enough'))
      await expect(uploader.settle(controller.signal)).rejects.toThrow('enough')
      await uploader.abandon()
    })
  })
})

interface Uploading {
  readonly grid: TestGrid
  readonly packs: Packs
  readonly uploader: Uploader
  /** A pack of some 100 KiB in the spool. */
  readonly seal: () => Promise<SealedPack>
  /** The uploader of a later run, with peers that may have come back. */
  readonly anew: () => Promise<Uploader>
  readonly files: () => string[]
  readonly spoil: (number: number, fate: 'gone' | 'damaged') => void
}

async function uploading(
  story: (uploading: Uploading) => Promise<void>,
  options: { readonly spoolSizeMax?: number; readonly isHolding?: boolean } = {},
): Promise<void> {
  const grid = new TestGrid({ peers: 5 })
  await grid.tell(async () => {
    const { laptop } = grid
    const { ports } = laptop
    const packing = await startPacking(ports.disk)
    const database = memoryDatabase()
    const packs = new Packs(database)
    let seed = 0
    const anew = async () => {
      const { spool } = packing
      const client = await grid.client()
      const compute = ports.compute(codecs)
      const { clock, random, log } = ports
      const parts = { database, packs, spool, grid: client, compute, log, clock, random }
      const code = { needed: 2, total: 4 }
      return new Uploader(parts, { vault: grid.vault, code, ...options })
    }
    await story({
      grid,
      packs,
      uploader: await anew(),
      anew,
      seal: async () => {
        await packing.packer.add([noise(100 * KIB, ++seed)])
        await packing.packer.flush()
        const pack = packing.packs.at(-1)
        if (pack === undefined) throw new Error('flushing makes a pack')
        return pack
      },
      files: () => laptop.volume.files().map(({ path }) => path),
      spoil: (number, fate) => {
        const folder = laptop.volume.folder('spool')
        const node = folder?.names.get(String(number))
        if (fate === 'gone') folder?.names.delete(String(number))
        else if (node instanceof VolumeFile) node.rot(80_000)
      },
    })
  })
}

function neverLost(pack: PackRow): void {
  throw new Error(`pack ${pack.number} is lost`)
}
