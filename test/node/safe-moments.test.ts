import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { toBytes } from '../../sim/file-tree.ts'
import type { ByteReader } from '../../src/ports/files.ts'
import { makeFolder } from '../adapters/folder.ts'
import { outside } from '../../sim/poison.ts'
import { DataFs, openStorage, type OpenedStorage } from '../support/data-fs.ts'
import { HOME, noise, TestVault } from '../support/test-vault.ts'

describe('a Data.fs under commits', () => {
  it('comes back up to its last complete transaction, with an index that ends there', () =>
    tell(async ({ vault, storage, save, restored }) => {
      commit(storage, 20)
      storage.vote({ oid: 3, data: noise(900) })
      save()
      const { filesConsistent, warnings } = await vault.backUp()
      expect([filesConsistent, warnings]).toEqual([2, []])
      const opened = await restored()
      expect(opened).toMatchObject({ transactions: 20, torn: 0 })
      expect(opened.scannedFrom).toBe(opened.size)
      expect(await labels(vault)).toEqual(['app-consistent'])
    }))

  it('has an index of its own in every snapshot, and is a delta where it grew', () =>
    tell(async ({ vault, storage, save, restored }) => {
      const sequences: number[] = []
      for (let round = 1; round <= 3; round += 1) {
        commit(storage, 20)
        save()
        const summary = await vault.backUp()
        expect(summary.deltas).toBe(round === 1 ? 0 : 1)
        sequences.push(summary.sequence)
      }
      for (const [index, sequence] of sequences.entries()) {
        const opened = await restored(String(sequence))
        expect(opened.transactions).toBe(20 * (index + 1))
        expect(opened.scannedFrom).toBe(opened.size)
      }
    }))

  it('is read at its end by a quick backup, up to its last complete transaction', () =>
    tell(async ({ vault, storage, save, restored }) => {
      commit(storage, 1_200)
      save()
      await vault.backUp()
      commit(storage, 20)
      storage.vote({ oid: 3, data: noise(900) })
      save()
      const { filesQuick, deltas, bytesRead } = await vault.backUp({ isQuick: true })
      expect([filesQuick, deltas, bytesRead < 1_100_000]).toEqual([1, 1, true])
      const opened = await restored()
      expect(opened).toMatchObject({ transactions: 1_220, torn: 0 })
      expect(opened.scannedFrom).toBe(opened.size)
      expect(await labels(vault)).toEqual(['app-consistent', 'app-consistent'])
      const all = await vault.backUp()
      expect([all.filesChanged, all.bytesRead > 1_200_000]).toEqual([0, true])
      expect((await vault.backUp()).bytesRead).toBe(0)
    }))

  it('keeps its index, which is on no disk, while nothing changes, and loses it with the storage', () =>
    tell(async ({ vault, storage, save }) => {
      commit(storage, 5)
      save()
      await vault.backUp()
      const again = await vault.backUp()
      expect([again.filesChanged, again.bytesRead]).toEqual([0, 0])
      expect(await vault.list(HOME)).toEqual([`${HOME}/Data.fs`, `${HOME}/Data.fs.index`])
      vault.remove('Data.fs')
      vault.write('other', 'a letter')
      await vault.backUp()
      expect(await vault.list(HOME)).toEqual([`${HOME}/other`])
    }))

  it('gets an index that fits in place of the older one on disk', () =>
    tell(async ({ vault, storage, save, restored }) => {
      commit(storage, 5)
      save()
      await vault.backUp()
      const { index } = await restored()
      vault.write('Data.fs.index', index)
      commit(storage, 7)
      save()
      await vault.backUp()
      const opened = await restored()
      expect([opened.transactions, opened.scannedFrom]).toEqual([12, opened.size])
    }))

  it('is read again when only its index changed, so that both are of one moment', () =>
    tell(async ({ vault, storage, save, restored }) => {
      commit(storage, 5)
      save()
      await vault.backUp()
      vault.write('Data.fs.index', 'what ZODB wrote')
      await vault.backUp()
      const opened = await restored()
      expect(opened.scannedFrom).toBe(opened.size)
    }))

  it('that was packed, and so is another file, is a new original', () =>
    tell(async ({ vault, storage, save }) => {
      commit(storage, 30)
      save()
      await vault.backUp()
      vault.write('Data.fs.pack', storage.bytes)
      vault.rename('Data.fs.pack', 'Data.fs')
      commit(storage, 1)
      vault.write('Data.fs', storage.bytes)
      const summary = await vault.backUp()
      expect([summary.filesChanged, summary.deltas]).toEqual([2, 0])
    }))

  it('keeps storage and index together when a backup was cut off and the next goes on', () =>
    tell(async ({ vault, storage, save, restored }) => {
      commit(storage, 5)
      save()
      await vault.backUp()
      commit(storage, 5)
      save()
      for (const friend of vault.friends.left) friend.machine.crash()
      expect((await vault.backUp()).published).toBe(false)
      vault.startFriends()
      await vault.backUp()
      const opened = await restored()
      expect([opened.transactions, opened.scannedFrom]).toEqual([10, opened.size])
    }))

  it('is a plain file where it is told to be one', () =>
    tell(async ({ vault, storage, save }) => {
      commit(storage, 5)
      storage.vote({ oid: 3, data: noise(900) })
      save()
      for (const more of [{ adapters: [] }, { asTheyAre: [toBytes(HOME)] }]) {
        const { filesConsistent } = await vault.backUp(more)
        expect(filesConsistent).toBe(0)
        const { picture } = await vault.restore()
        expect(picture).toEqual(vault.picture())
      }
    }))

  it('that is damaged is kept as it is, and a warning says so', () =>
    tell(async ({ vault, storage, save }) => {
      commit(storage, 5)
      storage.vote({ oid: 3, data: noise(900) })
      const bytes = storage.bytes
      bytes[30] = 77
      storage.become(bytes.with(4 + 15, 40))
      save()
      const { warnings } = await vault.backUp()
      expect(warnings.join()).toContain('Data.fs" is a database without a safe moment')
      const { picture } = await vault.restore()
      expect(picture).toEqual(vault.picture())
    }))
})

describe('what a program wrote', () => {
  it('is a file in a snapshot, and a delta the next time', () =>
    tell(async ({ vault }) => {
      const given = (size: number) => ({ path: toBytes('/dumps/shop.sql'), file: reader(size) })
      const first = await vault.backUp({ given: given(300_000) })
      const second = await vault.backUp({ given: given(310_000) })
      expect([first.filesNew, second.filesChanged, second.deltas]).toEqual([1, 1, 1])
      expect(await vault.list('/dumps')).toEqual(['/dumps/shop.sql'])
      const target = toBytes('/restore/dumps')
      const { bytesRestored } = await vault.withClient(async (client, signal) =>
        client.restore(
          { at: await client.at('latest', signal), paths: [toBytes('/dumps')], target },
          signal,
        ),
      )
      expect(bytesRestored).toBe(310_000)
    }))
})

interface Story {
  readonly vault: TestVault
  readonly storage: DataFs
  /** Put the storage as it is now into the laptop's home. */
  readonly save: () => void
  /** Restore, and open the storage as ZODB does. */
  readonly restored: (at?: string) => Promise<OpenedStorage & { size: number; index: Uint8Array }>
}

async function tell(story: (parts: Story) => Promise<void>): Promise<void> {
  const folder = makeFolder()
  const storage = new DataFs(join(folder, 'Data.fs'))
  let restores = 0
  await new TestVault().tell(async (vault) => {
    const read = (path: string) => {
      const node = vault.laptop.tree.node(toBytes(path))
      return node.read(0, node.status().size)
    }
    const restored = async (at?: string) => {
      await vault.restore(at)
      const target = `/restore/${++restores}${HOME}/Data.fs`
      const path = join(folder, 'restored')
      const bytes = read(target)
      const index = read(`${target}.index`)
      outside(() => {
        writeFileSync(path, bytes)
        writeFileSync(`${path}.index`, index)
      })
      return { ...openStorage(path), size: bytes.length, index }
    }
    const save = () => vault.write('Data.fs', storage.bytes)
    await story({ vault, storage, save, restored })
  })
}

function commit(storage: DataFs, count: number): void {
  for (let index = 0; index < count; index += 1) {
    storage.commit({ oid: index % 7, data: noise(1_000, index + 1) })
  }
}

async function labels(vault: TestVault): Promise<string[] | undefined> {
  const found = await vault.withClient((client, signal) =>
    client.history(toBytes(`${HOME}/Data.fs`), signal),
  )
  return found?.versions.map(({ label }) => label)
}

function reader(size: number): ByteReader {
  const bytes = noise(size)
  const time = { seconds: size, nanoseconds: 0 }
  return {
    status: async () => ({
      kind: 'file',
      mode: 0o600,
      uid: 1_000,
      gid: 1_000,
      size,
      mtime: time,
      ctime: time,
      device: 0n,
      inode: 1n,
      linkCount: 1,
    }),
    read: async (offset, length) => bytes.slice(offset, offset + length),
    close: async () => undefined,
  }
}
