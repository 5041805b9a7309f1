/** Backups that read the ends of files that grew: what they see, what they miss, and what comes of it later. */

import { describe, expect, it } from 'vitest'
import { concat, equal } from '../../protocol/bytes.ts'
import { sha256 } from '../../protocol/hash.ts'
import { MachineCrashed } from '../../sim/errors.ts'
import { toBytes } from '../../sim/file-tree.ts'
import { SimRandom } from '../../sim/random.ts'
import { UsageError } from '../../src/base/errors.ts'
import { Client, type BackupRequest, type BackupSummary } from '../../src/node/client.ts'
import type { FileReader } from '../../src/ports/files.ts'
import { HEAD_SIZE } from '../../src/source/adapters/source-adapter.ts'
import { clientPorts, HOME, noise, TestVault } from '../support/test-vault.ts'

const MIB = 1024 * 1024
const SIZE = 1.5 * MIB

/** Of an original so much stands for all of it. */
const END = MIB

describe('a quick backup of a file that grew', () => {
  it('reads its end, stores what was appended, and all of it comes back', () =>
    tell(async ({ vault, append, quick, bytes, stored }) => {
      await vault.backUp()
      append(300_000)
      const first = await quick()
      expect(first).toMatchObject({ filesQuick: 1, deltas: 1, bytesRead: END + 300_000 })
      expect(first.bytesAdded).toBeLessThan(310_000)
      expect(await vault.differences('latest', vault.picture())).toEqual([])

      append(200_000)
      // What was appended last is what stands for the rest now, from the start of its first block on.
      const { bytesRead, filesQuick } = await quick()
      expect([bytesRead, filesQuick]).toEqual([200_000 + 300_000, 1])
      expect(await vault.differences('latest', vault.picture())).toEqual([])
      const versions = await stored()
      expect(versions.at(-1)).toMatchObject({ digest: sha256(bytes()), label: 'stable' })
    }))

  it('of 8 MiB by 1 MiB reads 2 MiB of it, one that is not quick all of it once, and both send 1', () =>
    tell(async ({ vault, append }) => {
      await counted(vault)
      append(MIB)
      const quick = await counted(vault, { isQuick: true })
      expect([quick.read, quick.added < 1.01 * MIB]).toEqual([2 * MIB, true])
      append(MIB)
      const whole = await counted(vault)
      expect([whole.read, whole.added < 1.01 * MIB]).toEqual([10 * MIB, true])
      expect(await vault.differences('latest', vault.picture())).toEqual([])
    }, 8 * MIB))

  it('misses a change before the last delta, stores what it knew of, and the next backup finds it', () =>
    tell(async ({ vault, append, change, quick, bytes, restored, stored }) => {
      await vault.backUp()
      append(300_000)
      await quick()
      const before = bytes()
      change(SIZE - 100)
      append(1_000)
      expect(await quick()).toMatchObject({ filesQuick: 1 })
      const known = concat(before, bytes().subarray(before.length))
      expect(equal(await restored(), known)).toBe(true)
      expect((await stored()).at(-1)?.digest).toEqual(sha256(known))
      expect(equal(known, bytes())).toBe(false)

      // Nothing happens to the file, and yet it is read.
      const found = await vault.backUp()
      expect(found).toMatchObject({ filesChanged: 1, filesQuick: 0, bytesRead: bytes().length })
      expect(await vault.differences('latest', vault.picture())).toEqual([])
      expect((await vault.backUp()).bytesRead).toBe(0)
    }))

  it('is read again by the next backup, and then no more, where nothing was missed', () =>
    tell(async ({ vault, append, quick, bytes }) => {
      await vault.backUp()
      append(1_000)
      await quick()
      const checked = await quick()
      expect(checked).toMatchObject({ filesQuick: 1, filesChanged: 0, deltas: 0 })
      expect(checked.bytesRead).toBeLessThan(80_000)
      const read = await vault.backUp()
      expect(read).toMatchObject({ filesChanged: 0, bytesRead: bytes().length })
      expect((await vault.backUp()).bytesRead).toBe(0)
      expect((await quick()).bytesRead).toBe(0)
    }))

  it.each([
    ['begins', 0],
    ['goes on', 150_000],
    ['ends', 299_990],
  ])('finds a change where the last delta %s', (_, at) =>
    tell(async ({ vault, append, change, quick }) => {
      await vault.backUp()
      append(300_000)
      await quick()
      change(SIZE + at)
      append(1_000)
      expect(await quick()).toMatchObject({ filesQuick: 0, filesChanged: 1 })
      expect(await vault.differences('latest', vault.picture())).toEqual([])
    }),
  )

  it('goes by what a backup that read all of it knows', () =>
    tell(async ({ vault, append, quick }) => {
      await vault.backUp()
      append(300_000)
      expect(await vault.backUp()).toMatchObject({ deltas: 1, filesQuick: 0 })
      append(1_000)
      expect(await quick()).toMatchObject({ filesQuick: 1, bytesRead: 301_000 })
      expect(await vault.differences('latest', vault.picture())).toEqual([])
    }))

  it('goes on where a small file became a large one', () =>
    tell(async ({ vault, append, quick }) => {
      await vault.backUp()
      append(300_000)
      append(100_000)
      await vault.backUp()
      append(1_000)
      expect(await quick()).toMatchObject({ filesQuick: 1 })
      expect(await vault.differences('latest', vault.picture())).toEqual([])
    }, 800_000))
})

describe('a quick backup reads all of a file that', () => {
  const whole: readonly (readonly [string, (story: Story) => void])[] = [
    ['shrank', ({ node, vault }) => vault.laptop.tree.truncate(node(), SIZE - 1)],
    ['was written to and has its size still', ({ change }) => change(10)],
    [
      'took the place of another',
      ({ vault, bytes }) => {
        vault.write('new', concat(bytes(), noise(1_000, 77)))
        vault.rename('new', 'log')
      },
    ],
    ['was renamed', ({ vault }) => vault.rename('log', 'log.1')],
    [
      'more than doubled',
      ({ append }) => {
        append(SIZE)
        append(1_000)
      },
    ],
    [
      'changed within the end that stands for it',
      ({ change, append }) => {
        change(SIZE - 10)
        append(1_000)
      },
    ],
  ]
  it.each(whole)('%s', (_, happen) =>
    tell(async (story) => {
      const { vault, quick } = story
      await vault.backUp()
      happen(story)
      expect((await quick()).filesQuick).toBe(0)
      expect(await vault.differences('latest', vault.picture())).toEqual([])
    }),
  )

  it('was ever seen to change elsewhere than at its end', () =>
    tell(async ({ vault, append, change, quick }) => {
      await vault.backUp()
      change(10)
      await vault.backUp()
      append(1_000)
      expect((await quick()).filesQuick).toBe(0)
      change(20)
      append(1_000)
      expect((await quick()).filesQuick).toBe(0)
      expect(await vault.differences('latest', vault.picture())).toEqual([])
    }))

  it('was ever seen to change elsewhere than at its end, also after it was copied', () =>
    tell(async ({ vault, append, change, bytes, quick }) => {
      await vault.backUp()
      change(10)
      append(1_000)
      await vault.backUp()
      vault.write('copy', bytes())
      await vault.backUp()
      change(20)
      append(1_000)
      expect((await quick()).filesQuick).toBe(0)
      expect(await vault.differences('latest', vault.picture())).toEqual([])
    }))

  it('is an SQLite database, whoever decides on its bytes', () =>
    tell(async ({ vault, append, node, quick }) => {
      vault.laptop.tree.write(node(), 0, toBytes('SQLite format 3\0'))
      for (const more of [{}, { adapters: [] }]) {
        await vault.backUp(more)
        append(1_000)
        expect((await quick(more)).filesQuick).toBe(0)
      }
      expect(await vault.differences('latest', vault.picture())).toEqual([])
    }))

  it('is small', () =>
    tell(async ({ vault, append, quick }) => {
      await vault.backUp()
      append(1_000)
      expect((await quick()).filesQuick).toBe(0)
    }, 500_000))

  it('nothing is known of, after a recovery', () =>
    tell(async ({ vault, append, bytes, quick }) => {
      await vault.backUp()
      append(1_000)
      await quick()
      const log = bytes()
      await vault.recoverElsewhere()
      vault.write('log', log)
      expect((await quick()).filesQuick).toBe(0)
      append(1_000)
      expect(await quick()).toMatchObject({ filesQuick: 1, deltas: 1 })
      expect(await vault.differences('latest', vault.picture())).toEqual([])
    }))
})

describe('what a quick backup took on trust', () => {
  it('is doubted too by a machine that lost its state', () =>
    tell(async ({ vault, append, change, quick }) => {
      await vault.backUp()
      append(300_000)
      change(10)
      expect((await quick()).filesQuick).toBe(1)
      const database = vault.laptop.databases.open('backupdb')
      database.exec(
        'DELETE FROM entries; DELETE FROM stretches; DELETE FROM settings; DELETE FROM signatures',
      )
      database.close()
      expect((await vault.backUp()).bytesRead).toBeGreaterThanOrEqual(SIZE + 300_000)
      expect(await vault.differences('latest', vault.picture())).toEqual([])
    }))

  it('is read by the backup that goes on with one that was cut short', () =>
    tell(async ({ vault, append, change, quick }) => {
      await vault.backUp()
      append(300_000)
      change(10)
      for (const friend of vault.friends.left) friend.machine.crash()
      expect((await quick()).published).toBe(false)
      vault.laptop.crash('power')
      vault.laptop.boot()
      vault.startFriends()
      expect(await vault.backUp()).toMatchObject({ published: true })
      expect(await vault.differences('latest', vault.picture())).toEqual([])
    }))

  it('is not read again by a quick one that goes on with one that was cut short', () =>
    tell(async ({ vault, append, quick }) => {
      await vault.backUp()
      append(300_000)
      for (const friend of vault.friends.left) friend.machine.crash()
      expect(await quick()).toMatchObject({ published: false, filesQuick: 1 })
      vault.startFriends()
      expect(await quick()).toMatchObject({ published: true, bytesRead: 0 })
      expect(await vault.differences('latest', vault.picture())).toEqual([])
      expect(await vault.backUp()).toMatchObject({ filesChanged: 0, bytesRead: SIZE + 300_000 })
    }))

  it('breaks no chain where the power goes at some disk step', () =>
    tell(async ({ vault, append, quick }) => {
      await vault.backUp()
      for (let cut = 1; cut < 40; cut += 6) {
        append(20_000)
        let step = 0
        vault.laptop.diskTrouble.onStep = () => (++step === cut ? 'cut' : 'pass')
        await expect(quick()).rejects.toThrow(MachineCrashed)
        vault.laptop.diskTrouble.onStep = undefined
        vault.laptop.boot()
        append(20_000)
        expect(await quick()).toMatchObject({ published: true, filesQuick: 1 })
        expect(await vault.differences('latest', vault.picture())).toEqual([])
      }
    }, 1_200_000))

  it('counts for all names of a file', () =>
    tell(async ({ vault, append, quick }) => {
      vault.laptop.tree.link(toBytes(`${HOME}/log`), toBytes(`${HOME}/same`))
      await vault.backUp()
      append(1_000)
      expect(await quick()).toMatchObject({ filesQuick: 2, bytesRead: END + 1_000 })
      expect(await vault.differences('latest', vault.picture())).toEqual([])
      await vault.backUp()
      expect((await vault.backUp()).bytesRead).toBe(0)
    }))
})

describe('quick backups and others in any order', () => {
  it('store the file as it is, or what was stored before with its new end behind', () =>
    tell(async ({ vault, bytes, append, change, node, restored, quick }) => {
      const random = new SimRandom(93)
      const deeds = ['append', 'append', 'change', 'cut', 'new', 'nothing'] as const
      const seen = new Set<string>()
      let stored = bytes()
      await vault.backUp()
      for (let round = 0; round < 24; round += 1) {
        const deed = deeds[random.below(deeds.length)]
        const { size } = node()
        if (deed === 'append') append(1 + random.below(90_000))
        if (deed === 'change') change(random.below(size - 7))
        if (deed === 'new') vault.write('log', noise(SIZE, 1_000 + round))
        if (deed === 'cut') vault.laptop.tree.truncate(node(), size - random.below(9_000))
        if (random.below(2) === 0) append(1 + random.below(9_000))
        const isQuick = random.below(3) > 0
        const { filesQuick } = await (isQuick ? quick() : vault.backUp())
        const now = await restored()
        const grown = concat(stored, bytes().subarray(stored.length))
        const isRight = equal(now, bytes()) || (filesQuick === 1 && equal(now, grown))
        expect([round, deed, isQuick, isRight]).toEqual([round, deed, isQuick, true])
        seen.add(equal(now, bytes()) ? `right ${filesQuick}` : 'missed')
        stored = now
      }
      expect([...seen].toSorted()).toEqual(['missed', 'right 0', 'right 1'])
    }))
})

describe('scanning and uploading apart', () => {
  it('is quick where the scan was', () =>
    tell(async ({ vault, append }) => {
      await vault.backUp()
      append(1_000)
      await scan(vault, { isQuick: true })
      expect((await upload(vault)).filesQuick).toBe(1)
      append(1_000)
      await scan(vault, { isQuick: true })
      await scan(vault, {})
      expect((await upload(vault)).filesQuick).toBe(0)
      expect(await vault.differences('latest', vault.picture())).toEqual([])
    }))

  it('is either quick or a hash check', () =>
    tell(async ({ vault, quick }) => {
      const both = { isQuick: true, isHashCheck: true }
      await expect(scan(vault, both)).rejects.toThrow(UsageError)
      await expect(quick(both)).rejects.toThrow(UsageError)
    }))
})

interface Story {
  readonly vault: TestVault
  readonly node: () => ReturnType<TestVault['laptop']['tree']['node']>
  /** The log as it is now. */
  readonly bytes: () => Uint8Array
  readonly append: (size: number) => void
  readonly change: (offset: number) => void
  readonly quick: (more?: Partial<BackupRequest>) => Promise<BackupSummary>
  /** The log, out of the newest snapshot. */
  readonly restored: () => Promise<Uint8Array>
  readonly stored: () => Promise<readonly { digest: Uint8Array | undefined; label: string }[]>
}

/** A story of a home with a log in it. */
async function tell(story: (parts: Story) => Promise<void>, size = SIZE): Promise<void> {
  const vault = new TestVault({ peers: 3 })
  await vault.tell(async () => {
    vault.write('log', noise(size))
    const node = () => vault.laptop.tree.node(toBytes(`${HOME}/log`))
    let count = 1
    await story({
      vault,
      node,
      bytes: () => node().read(0, node().size),
      append: (more) => vault.laptop.tree.write(node(), node().size, noise(more, ++count)),
      change: (offset) => vault.laptop.tree.write(node(), offset, toBytes('changed')),
      quick: (more) => vault.backUp({ isQuick: true, ...more }),
      restored: async () => {
        const target = `/restore/log ${++count}`
        await vault.withClient(async (client, signal) =>
          client.restore(
            {
              at: await client.at('latest', signal),
              paths: [toBytes(HOME)],
              target: toBytes(target),
            },
            signal,
          ),
        )
        const found = vault.laptop.tree.node(toBytes(`${target}${HOME}/log`))
        return found.read(0, found.size)
      },
      stored: async () => {
        const found = await vault.withClient((client, signal) =>
          client.history(toBytes(`${HOME}/log`), signal),
        )
        return (found?.versions ?? []).toSorted((a, b) => a.id - b.id)
      },
    })
  })
}

/** A backup, and the bytes of the log that were asked of the system; what adapters look at first is left out. */
async function counted(
  vault: TestVault,
  more: Partial<BackupRequest> = {},
): Promise<{ read: number; added: number }> {
  await vault.calm()
  let read = 0
  const { bytesAdded } = await vault.laptop.run(async (ports, signal) => {
    const files = new Proxy(ports.files, {
      get(target, name) {
        if (name !== 'open') {
          const value: unknown = Reflect.get(target, name, target)
          return typeof value === 'function' ? (value.bind(target) as unknown) : value
        }
        return async (path: Uint8Array): Promise<FileReader> => {
          const file = await target.open(path)
          return {
            status: () => file.status(),
            clone: () => file.clone(),
            xattrs: () => file.xattrs(),
            holes: (countMax) => file.holes(countMax),
            close: () => file.close(),
            read: async (offset, length) => {
              const bytes = await file.read(offset, length)
              if (length > HEAD_SIZE) read += bytes.length
              return bytes
            },
          }
        }
      },
    })
    const client = await Client.open({ ...clientPorts(ports), files }, signal)
    try {
      return await client.backup({ paths: [toBytes(HOME)], host: 'laptop', ...more }, signal)
    } finally {
      await client.close()
    }
  })
  return { read, added: bytesAdded }
}

function scan(vault: TestVault, more: { isQuick?: boolean; isHashCheck?: boolean }) {
  return vault
    .calm()
    .then(() =>
      vault.withClient((client, signal) =>
        client.scan({ paths: [toBytes(HOME)], ...more }, signal),
      ),
    )
}

function upload(vault: TestVault): Promise<BackupSummary> {
  return vault.withClient((client, signal) => client.upload({ host: 'laptop' }, signal))
}
