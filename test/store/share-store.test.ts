import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'

import { describe, expect, it } from 'vitest'

import { vaultIdFromBytes } from '../../protocol/ids.ts'
import { BadBlockError, verifyLeaves } from '../../protocol/merkle.ts'
import { VersionError } from '../../protocol/errors.ts'
import { shareLayout } from '../../protocol/share.ts'
import { NodeClock } from '../../src/adapters/node-clock.ts'
import { NodeDisk } from '../../src/adapters/node-disk.ts'
import { PinoLog } from '../../src/adapters/pino-log.ts'
import { DiskError, DiskFullError } from '../../src/base/errors.ts'
import { ShareStore, type ShareStoreOptions } from '../../src/store/share-store.ts'
import { ShareUpload } from '../../src/store/share-upload.ts'
import { MachineCrashed } from '../../sim/errors.ts'
import type { DiskStep } from '../../sim/disk.ts'
import type { Machine, MachinePorts } from '../../sim/machine.ts'
import { VolumeFile } from '../../sim/volume.ts'
import { World } from '../../sim/world.ts'
import { makeFolder } from '../adapters/folder.ts'
import { makePack, seedOf } from '../support/test-grid.ts'

const vault = vaultIdFromBytes(seedOf('a vault'))
const otherVault = vaultIdFromBytes(seedOf('another vault'))
const pack = makePack(20_000, { needed: 2, total: 3 })
const tiny = makePack(1, { needed: 1, total: 1 })

describe('a share store', () => {
  it('keeps what it stored, and reads any leaves of it with a proof that holds', async () => {
    await onMachine(async (open) => {
      const store = await open()
      expect(await put(store, 1)).toBe('stored')
      expect(store.have(pack.id)).toEqual([1])
      expect(await store.manifest(pack.id)).toEqual(pack.manifestBytes)
      for (const range of [
        { first: 0, count: 3 },
        { first: 2, count: 1 },
        { first: 1, count: 99 },
      ]) {
        const leaves = await store.read({ pack: pack.id, shareNumber: 1 }, range)
        const piece = pack.pieces[1]!
        expect(leaves?.bytes).toEqual(
          piece.slice(range.first * 4096, (range.first + range.count) * 4096),
        )
        const shape = {
          root: pack.manifest.roots[1]!,
          shareNumber: 1,
          pieceSize: 10_000,
          leafSize: 4096,
        }
        verifyLeaves(shape, range.first, leaves!.bytes, leaves!.proof)
      }
    })
  })

  it('S13: has nothing of a share it was never given, and no leaves beyond the end of one', async () => {
    await onMachine(async (open) => {
      const store = await open()
      expect(store.have(pack.id)).toEqual([])
      expect(await store.manifest(pack.id)).toBeUndefined()
      const range = { first: 3, count: 1 }
      expect(await store.read({ pack: pack.id, shareNumber: 0 }, range)).toBeUndefined()
      await put(store, 0)
      await expect(store.read({ pack: pack.id, shareNumber: 0 }, range)).rejects.toThrow(
        'no leaf 3',
      )
      expect(store.have(pack.id), 'a bad question does no harm').toEqual([0])
    })
  })

  it('L07: takes a share once, however often it comes, and for each vault its own', async () => {
    await onMachine(async (open) => {
      const store = await open()
      expect(await put(store, 0)).toBe('stored')
      expect(await put(store, 0)).toBe('held')
      expect(await put(store, 0, { owner: otherVault })).toBe('stored')
      const both = await Promise.all([put(store, 1), put(store, 1)])
      expect(both.toSorted()).toEqual(['held', 'stored'])
      expect(store.have(pack.id, otherVault)).toEqual([0])
      expect(store.used(vault)).toBe(2 * sizeOf(0))
      expect(store.used()).toBe(3 * sizeOf(0))
    })
  })

  it('S11: holds pieces from one byte to one more than a leaf', async () => {
    await onMachine(async (open) => {
      const store = await open()
      for (const size of [1, 4095, 4096, 4097, 8192]) {
        const one = makePack(size, { needed: 1, total: 2 }, size)
        expect(await put(store, 1, { of: one })).toBe('stored')
        const leaves = await store.read({ pack: one.id, shareNumber: 1 }, { first: 0, count: 3 })
        expect(leaves?.bytes).toEqual(one.bytes)
      }
    })
  })

  it('S11: holds pieces of one block, a byte less or more, and of several blocks', async () => {
    await onMachine(async (open) => {
      const store = await open()
      for (const size of [262_143, 262_144, 262_145, 524_288, 700_001]) {
        const one = makePack(size, { needed: 1, total: 2 }, size)
        expect(await put(store, 1, { of: one })).toBe('stored')
        const range = { first: 0, count: 999 }
        const leaves = await store.read({ pack: one.id, shareNumber: 1 }, range)
        expect(leaves?.bytes).toEqual(one.bytes)
      }
    })
  })

  it('S02: keeps nothing of a piece that is not the one its manifest names', async () => {
    await onMachine(async (open, machine) => {
      const store = await open()
      const piece = pack.pieces[0]!
      const wrong = piece.slice()
      wrong[9_999]! ^= 1
      const wrongs = [wrong, piece.slice(0, 9_999), new Uint8Array(10_001), pack.pieces[1]!]
      for (const bytes of wrongs) {
        await expect(put(store, 0, { bytes })).rejects.toThrow(BadBlockError)
      }
      expect(await put(store, 0)).toBe('stored')
      expect(await filesOf(machine)).toEqual([expect.stringMatching(/-0\.share$/)])
    })
  })
})

describe('the room of a share store', () => {
  it('ends at the capacity, to the byte, with uploads under way counted', async () => {
    const capacity = 2 * sizeOf(0)
    await onMachine(async (open) => {
      const store = await open({ capacity })
      await put(store, 0)
      const upload = await begin(store, 1)
      expect(await begin(store, 2)).toBe('full')
      expect(await store.space()).toEqual({ capacity, free: 0 })
      await (upload as ShareUpload).close()
      expect(await put(store, 2)).toBe('stored')
    })
    await onMachine(async (open) => {
      const store = await open({ capacity: capacity - 1 })
      await put(store, 0)
      expect(await begin(store, 1)).toBe('full')
    })
  })

  it('leaves the reserve of the volume alone', async () => {
    await onMachine(async (open, machine) => {
      const store = await open({ reserve: 50_000 })
      machine.diskTrouble.capacity = machine.volume.used + 50_000 + sizeOf(0)
      const first = await begin(store, 0)
      expect(first).toBeInstanceOf(ShareUpload)
      expect(await begin(store, 1)).toBe('full')
      await (first as ShareUpload).close()
    })
  })

  it('ends at the quota of the vault, which is no other vault’s', async () => {
    await onMachine(async (open) => {
      const store = await open()
      const quota = sizeOf(0)
      expect(await put(store, 0, { quota })).toBe('stored')
      expect(await put(store, 1, { quota })).toBe('quota')
      expect(await put(store, 1, { quota: quota - 1, owner: otherVault })).toBe('quota')
      expect(await put(store, 1, { quota, owner: otherVault })).toBe('stored')
    })
  })

  it('comes back when the disk fills up in the middle of a share, at any step', async () => {
    for (let failing = 0; failing < 60; failing += 1) {
      const isOver = await onMachine(async (open, machine) => {
        const store = await open()
        const from = machine.diskTrouble.steps
        machine.diskTrouble.onStep = ({ index, operation }) =>
          index === from + failing && ['append', 'create', 'sync'].includes(operation)
            ? new DiskFullError('no space left')
            : 'pass'
        const outcome = await put(store, 0).catch((error: unknown) => error)
        const { steps } = machine.diskTrouble
        machine.diskTrouble.onStep = undefined
        if (outcome !== 'stored') {
          expect(outcome).toBeInstanceOf(DiskFullError)
          expect(await filesOf(machine)).toEqual([])
        }
        expect((await store.space()).free).toBe(1e9 - (outcome === 'stored' ? sizeOf(0) : 0))
        expect(await put(store, 0)).toBe(outcome === 'stored' ? 'held' : 'stored')
        return steps < from + failing
      })
      if (isOver) return
    }
    throw new Error('a put takes fewer steps than that')
  })
})

describe('a share', () => {
  it('is provisional until a head adopts it, and remembers when it came', async () => {
    await onMachine(async (open, machine) => {
      const store = await open()
      await put(store, 0)
      await put(store, 0, { owner: otherVault })
      const key = { pack: pack.id, shareNumber: 0, vault }
      const receivedAt = store.account(key)?.receivedAt ?? 0
      expect(machine.ports.clock.now() - receivedAt).toBeLessThan(1000)
      expect(store.account(key)).toMatchObject({ adoptedBy: null })
      expect(store.adopt(vault, [pack.id, tiny.id], 7)).toBe(1)
      expect(store.adopt(vault, [pack.id], 8), 'again').toBe(1)
      expect(store.account(key)).toMatchObject({ adoptedBy: 7, receivedAt })
      expect(store.account({ ...key, vault: otherVault })).toMatchObject({ adoptedBy: null })
    })
  })

  it('whose file rots is not offered any more, gives its good leaves, and is replaced', async () => {
    await onMachine(async (open, machine) => {
      const store = await open()
      await put(store, 0)
      const [path = ''] = await pathsOf(machine)
      const { offset } = shareLayout({ vault, shareNumber: 0, manifest: pack.manifestBytes }).piece
      rot(machine, path, offset + 5000)
      const share = { pack: pack.id, shareNumber: 0 }
      expect(await store.read(share, { first: 1, count: 1 })).toBeUndefined()
      expect(store.have(pack.id)).toEqual([])
      expect((await store.read(share, { first: 0, count: 1 }))?.bytes).toHaveLength(4096)
      expect(await put(store, 0)).toBe('stored')
      expect(store.have(pack.id)).toEqual([0])
      expect((await store.read(share, { first: 1, count: 1 }))?.bytes).toHaveLength(4096)
      expect(store.used()).toBe(sizeOf(0))
    })
  })

  it('that a disk cannot read just now is kept', async () => {
    await onMachine(async (open, machine) => {
      const store = await open()
      await put(store, 0)
      machine.diskTrouble.onStep = ({ operation }) =>
        operation === 'read' ? new DiskError('input/output error') : 'pass'
      const share = { pack: pack.id, shareNumber: 0 }
      expect(await store.read(share, { first: 0, count: 1 })).toBeUndefined()
      machine.diskTrouble.onStep = undefined
      expect(store.have(pack.id)).toEqual([0])
      expect(await store.read(share, { first: 0, count: 1 })).toBeDefined()
    })
  })
})

describe('the accounts of shares', () => {
  it('are made again from the files, and what may be needed counts as adopted', async () => {
    await onMachine(async (open, machine) => {
      const store = await open()
      await put(store, 0)
      await put(store, 2, { owner: otherVault })
      machine.boot()
      machine.databases.wipe()
      const again = await open()
      expect(again.have(pack.id)).toEqual([0, 2])
      expect(again.used(vault)).toBe(sizeOf(0))
      const key = { pack: pack.id, shareNumber: 0, vault }
      expect(again.account(key)).toMatchObject({ adoptedBy: 0, size: sizeOf(0) })
    })
  })

  it('forget shares whose files are gone, and files that are no shares are set aside', async () => {
    await onMachine(async (open, machine) => {
      const store = await open()
      await put(store, 0)
      await put(store, 1)
      const [first = '', second = ''] = await pathsOf(machine)
      await machine.ports.disk.remove(first)
      rot(machine, second, 12)
      machine.boot()
      machine.databases.wipe()
      const again = await open()
      expect(again.have(pack.id)).toEqual([])
      expect(again.used()).toBe(0)
      expect(await filesOf(machine)).toEqual([expect.stringMatching(/-1\.share\.bad$/)])
      expect(await put(again, 1)).toBe('stored')
    })
  })

  it('agree with the files whatever else lies beside those, which stays there', async () => {
    const root = makeFolder()
    const disk = await NodeDisk.open(root)
    const parts = { disk, clock: new NodeClock(), log: new PinoLog({ level: 'silent' }) }
    const open = () =>
      ShareStore.open(
        { ...parts, database: new DatabaseSync(':memory:') },
        { capacity: 1e6, reserve: 0 },
      )
    await put(await open(), 0)
    const bucket = `shares/${vault}/${pack.id.slice(-2)}`
    const foreign = ['shares', `shares/${vault}`, bucket].map((folder) => `${folder}/.DS_Store`)
    for (const path of foreign) writeFileSync(join(root, path), '')
    writeFileSync(join(root, bucket, 'My notes.part'), '')
    expect((await open()).have(pack.id)).toEqual([0])
    for (const path of foreign) expect(existsSync(join(root, path))).toBe(true)
  })

  it('that cannot be written fail the put, and leave no share behind that nobody counts', async () => {
    await onMachine(async (_, machine) => {
      const database = machine.ports.openDatabase('accounts')
      const options = { capacity: 1e9, reserve: 0 }
      const store = await ShareStore.open({ ...machine.ports, database }, options)
      database.exec(
        `CREATE TRIGGER no BEFORE INSERT ON shares BEGIN SELECT RAISE(ABORT, 'no'); END`,
      )
      await expect(put(store, 0)).rejects.toThrow(DiskError)
      expect(await filesOf(machine)).toEqual([])
      database.exec('DROP TRIGGER no')
      expect(await put(store, 0)).toBe('stored')
    })
  })

  it('of a newer version are left alone', async () => {
    await onMachine(async (open, machine) => {
      await open()
      machine.boot()
      const database = machine.ports.openDatabase('accounts')
      database.exec('UPDATE accounts_schema SET version = 4')
      database.close()
      await expect(open()).rejects.toThrow(VersionError)
    })
  })
})

describe('a power cut at any step', () => {
  it('loses nothing that was acknowledged and leaves nothing half done', async () => {
    let cutAt = 0
    for (let isOver = false; !isOver; cutAt += 1) {
      for (const seed of [1, 2, 3]) isOver = await cutOnce(cutAt, seed)
    }
    expect(cutAt, 'steps of the story').toBeGreaterThan(15)
  })
})

describe('a program that is killed at any step', () => {
  it('says of nothing that it is here before a power cut would leave it', async () => {
    let killAt = 0
    for (let isOver = false; !isOver; killAt += 1) {
      for (const seed of [1, 2, 3]) isOver = await killOnce(killAt, seed)
    }
    expect(killAt, 'steps of the story').toBeGreaterThan(5)
  })
})

/** Killed, started again, asked for the share once more, and then the power goes. */
async function killOnce(killAt: number, seed: number): Promise<boolean> {
  return await onMachine(async (open, machine, world) => {
    const { life } = machine
    const kill = () => (machine.life === life ? machine.crash('kill') : undefined)
    machine.diskTrouble.onStep = ({ index }) => {
      if (index === killAt) world.scheduler.after(0, kill)
      return 'pass'
    }
    const end = await machine
      .run(async (ports) => void (await put(await openStore(ports), 0)))
      .catch((error: unknown) => error)
    machine.diskTrouble.onStep = undefined
    machine.boot()
    expect(['stored', 'held']).toContain(await put(await open(), 0))
    machine.crash('power')
    machine.boot()
    expect((await open()).have(pack.id), `killed at ${killAt}`).toEqual([0])
    return end === undefined
  }, seed)
}

/** @returns whether the story ended before the cut came */
async function cutOnce(cutAt: number, seed: number): Promise<boolean> {
  return await onMachine(async (open, machine) => {
    machine.databases.faults = { losesCommits: 0.3, losesAll: 0.3, damages: 0 }
    const acknowledged = new Set<number>()
    const isCut = ({ index }: DiskStep) => (index === cutAt ? 'cut' : 'pass')
    machine.diskTrouble.onStep = isCut
    const story = machine.run(async (ports) => {
      const store = await openStore(ports)
      for (const share of [0, 1]) {
        machine.databases.picture()
        if ((await put(store, share)) === 'stored') acknowledged.add(share)
      }
    })
    const end = await story.catch((error: unknown) => error)
    if (end !== undefined) expect(end).toBeInstanceOf(MachineCrashed)
    machine.crash('power')
    machine.diskTrouble.onStep = undefined
    machine.boot()

    const store = await open()
    const found = store.have(pack.id)
    for (const share of acknowledged) expect(found, `cut ${cutAt}`).toContain(share)
    for (const shareNumber of found) {
      const leaves = await store.read({ pack: pack.id, shareNumber }, { first: 0, count: 3 })
      expect(leaves?.bytes).toEqual(pack.pieces[shareNumber])
    }
    expect((await filesOf(machine)).filter((name) => name.endsWith('.part'))).toEqual([])
    expect(store.used()).toBe(found.length * sizeOf(0))
    for (const share of [0, 1]) expect(['stored', 'held']).toContain(await put(store, share))
    return end === undefined
  }, seed)
}

type Open = (options?: Partial<ShareStoreOptions>) => Promise<ShareStore>

async function onMachine<T>(
  story: (open: Open, machine: Machine, world: World) => Promise<T>,
  seed = 1,
): Promise<T> {
  const world = new World(seed)
  const machine = world.addMachine('peer')
  const open: Open = (options) => openStore(machine.ports, options)
  return await world.run(() => story(open, machine, world))
}

async function openStore(
  ports: MachinePorts,
  options: Partial<ShareStoreOptions> = {},
): Promise<ShareStore> {
  const database = ports.openDatabase('accounts')
  try {
    return await ShareStore.open({ ...ports, database }, { capacity: 1e9, reserve: 0, ...options })
  } catch (error) {
    database.close()
    throw error
  }
}

interface PutOptions {
  readonly of?: typeof pack
  readonly owner?: typeof vault
  readonly bytes?: Uint8Array
  readonly quota?: number
}

async function begin(store: ShareStore, shareNumber: number, options: PutOptions = {}) {
  const { of = pack, owner = vault, quota } = options
  const limits = quota === undefined ? {} : { quota }
  return await store.begin({ vault: owner, shareNumber, manifest: of.manifestBytes }, limits)
}

/** Bytes of the share's file. */
function sizeOf(shareNumber: number): number {
  return shareLayout({ vault, shareNumber, manifest: pack.manifestBytes }).size
}

async function put(store: ShareStore, shareNumber: number, options: PutOptions = {}) {
  const upload = await begin(store, shareNumber, options)
  if (!(upload instanceof ShareUpload)) return upload
  try {
    const piece = options.bytes ?? (options.of ?? pack).pieces[shareNumber]!
    for (let from = 0; from < piece.length; from += 3000) {
      await upload.write(piece.subarray(from, from + 3000))
    }
    return await upload.commit()
  } finally {
    await upload.close()
  }
}

/** Turn one bit of a file over. */
function rot(machine: Machine, path: string, offset: number): void {
  const file = machine.volume.node(path)
  if (file instanceof VolumeFile) file.rot(8 * offset)
}

async function pathsOf(machine: Machine): Promise<string[]> {
  const { disk } = machine.ports
  const paths: string[] = []
  for (const owner of await disk.list('shares')) {
    for (const bucket of await disk.list(`shares/${owner}`)) {
      const folder = `shares/${owner}/${bucket}`
      for (const name of await disk.list(folder)) paths.push(`${folder}/${name}`)
    }
  }
  return paths
}

async function filesOf(machine: Machine): Promise<string[]> {
  return (await pathsOf(machine)).map((path) => path.split('/').at(-1) ?? '')
}
