import { describe, expect, it } from 'vitest'
import type { Picture } from '../../sim/oracle.ts'
import { toBytes, toText } from '../../sim/file-tree.ts'
import { HOME, TestVault, noise } from '../support/test-vault.ts'

const KIB = 1024

function tell(story: (vault: TestVault) => Promise<void>, peers = 5): Promise<void> {
  return new TestVault({ peers }).tell(story)
}

describe('a backup', () => {
  it('brings back every kind of thing as it was', () =>
    tell(async (vault) => {
      vault.write('letters/first.txt', 'Dear Ben')
      vault.write('letters/empty', '')
      vault.write('photos/large', noise(3_000 * KIB))
      vault.write('odd/new\nline "quoted" \u001b[31m', 'odd')
      vault.folder('nothing in here')
      vault.symlink('link', '../elsewhere')
      const before = vault.picture()

      const summary = await vault.backUp()
      expect(summary.published).toBe(true)
      expect(await vault.differences('latest', before)).toEqual([])
    }))

  it('keeps names that are no text', () =>
    tell(async (vault) => {
      const name = Uint8Array.of(0xff, 0xfe, 0x80, 0x0a)
      const path = Buffer.concat([toBytes(`${HOME}/`), name])
      vault.laptop.tree.make(path, 'file', 0o600)
      await vault.backUp()
      const listed = await vault.withClient(async (client, signal) => {
        const row = await client.at('latest', signal)
        const list = client.list(row, toBytes(HOME), { recursive: true }, signal)
        for await (const found of list) return found.path
        return undefined
      })
      expect(Buffer.from(listed ?? []).equals(path)).toBe(true)
    }))

  it('sends next to nothing when nothing changed', () =>
    tell(async (vault) => {
      for (let index = 0; index < 300; index += 1) vault.write(`many/${index}`, `file ${index}`)
      await vault.backUp()
      const second = await vault.backUp()
      expect(second.filesUnmodified).toBe(300)
      expect(second.bytesRead).toBe(0)
      expect(second.bytesSent).toBeLessThan(16 * KIB)
    }))

  it('reads a touched file and stores nothing of it', () =>
    tell(async (vault) => {
      vault.write('file', noise(100 * KIB))
      await vault.backUp()
      vault.write('file', noise(100 * KIB))
      const summary = await vault.backUp()
      expect(summary.filesChanged).toBe(0)
      expect(summary.filesUnmodified).toBe(1)
      expect(summary.bytesAdded).toBeLessThan(8 * KIB)
      expect(await vault.differences('latest', vault.picture())).toEqual([])
    }))

  it('stores a changed mode without content', () =>
    tell(async (vault) => {
      vault.write('script', noise(100 * KIB))
      await vault.backUp()
      const before = vault.picture()
      await vault.laptop.ports.files.setMode(toBytes(`${HOME}/script`), 0o755)
      const summary = await vault.backUp()
      expect(summary.bytesAdded).toBeLessThan(8 * KIB)
      expect(await vault.differences('latest', vault.picture())).toEqual([])
      expect((await vault.differences('1', before)).length).toBe(0)
    }))

  it('stores a changed file as a delta', () =>
    tell(async (vault) => {
      const content = noise(2_000 * KIB)
      vault.write('database', content)
      await vault.backUp()
      for (const offset of [10, 700, 1_400]) content.set(noise(4 * KIB, offset), offset * KIB)
      vault.write('database', content)
      const summary = await vault.backUp()
      expect(summary.deltas).toBe(1)
      expect(summary.bytesAdded).toBeLessThan(48 * KIB)
      expect(await vault.differences('latest', vault.picture())).toEqual([])
    }))

  it('costs an append-only file its tail', () =>
    tell(async (vault) => {
      const content = noise(1_500 * KIB)
      vault.write('log', content.subarray(0, 1_400 * KIB))
      await vault.backUp()
      vault.write('log', content)
      expect((await vault.backUp()).bytesAdded).toBeLessThan(112 * KIB)
      expect(await vault.differences('latest', vault.picture())).toEqual([])
    }))

  it('keeps chains within their bounds, and every version readable', () =>
    tell(async (vault) => {
      const content = noise(64 * KIB)
      const pictures = new Map<number, Picture>()
      let deltas = 0
      let rebuilt = 0
      for (let day = 0; day < 20; day += 1) {
        content.set(noise(200, day + 100), day * 1_000)
        vault.write('diary', content)
        const picture = vault.picture()
        const summary = await vault.backUp()
        pictures.set(summary.sequence, picture)
        deltas += summary.deltas
        rebuilt += summary.rebuilt
      }
      // 1 original, and then deltas only: rebuilds make room, with 2-of-4 after 7 deltas already.
      expect([deltas, rebuilt]).toEqual([19, 2])
      for (const [sequence, picture] of pictures) {
        expect(await vault.differences(String(sequence), picture)).toEqual([])
      }
    }))

  it('stores an original where a delta would not be clearly smaller', () =>
    tell(async (vault) => {
      vault.write('file', noise(300 * KIB, 1))
      await vault.backUp()
      vault.write('file', noise(300 * KIB, 2))
      const summary = await vault.backUp()
      expect([summary.deltas, summary.filesChanged]).toEqual([0, 1])
      expect(summary.bytesAdded).toBeLessThan(310 * KIB)
      expect(await vault.differences('latest', vault.picture())).toEqual([])
    }))

  it('finds renamed, copied and duplicate content again', () =>
    tell(async (vault) => {
      vault.write('a/small', 'small content that is there twice')
      vault.write('a/large', noise(2_500 * KIB))
      vault.write('b/twin', noise(2_500 * KIB))
      const first = await vault.backUp()
      expect(first.bytesAdded).toBeLessThan(2_600 * KIB)
      vault.rename('a/large', 'b/renamed')
      vault.write('c/copy of small', 'small content that is there twice')
      const second = await vault.backUp()
      expect(second.bytesAdded).toBeLessThan(8 * KIB)
      expect(await vault.differences('latest', vault.picture())).toEqual([])
    }))

  it('finds a renamed file again that is stored as a chain of deltas', () =>
    tell(async (vault) => {
      const content = noise(800 * KIB)
      vault.write('image', content)
      await vault.backUp()
      content.set(noise(4 * KIB, 9), 100 * KIB)
      vault.write('image', content)
      await vault.backUp()
      vault.rename('image', 'image of yesterday')
      const renamed = await vault.backUp()
      expect(renamed.bytesAdded).toBeLessThan(8 * KIB)
      const picture = vault.picture()
      expect(await vault.differences('latest', picture)).toEqual([])

      content.set(noise(4 * KIB, 10), 300 * KIB)
      vault.write('image of yesterday', content)
      expect((await vault.backUp()).deltas).toBe(1)
      expect(await vault.differences('latest', vault.picture())).toEqual([])
      expect(await vault.differences('3', picture)).toEqual([])
    }))

  it('shows what was deleted in the snapshots that had it, and only there', () =>
    tell(async (vault) => {
      vault.write('here', 'x')
      vault.write('folder/file', 'y')
      await vault.backUp()
      vault.remove('folder/file')
      vault.remove('folder')
      await vault.backUp()
      vault.write('folder', 'a file by that name')
      await vault.backUp()
      expect(await vault.list(HOME, '1')).toEqual([`${HOME}/folder`, `${HOME}/here`])
      expect(await vault.list(`${HOME}/folder`, '1')).toEqual([`${HOME}/folder/file`])
      expect(await vault.list(HOME, '2')).toEqual([`${HOME}/here`])
      expect(await vault.list(`${HOME}/folder`, '3')).toEqual([`${HOME}/folder`])
      expect(await vault.differences('3', vault.picture())).toEqual([])
    }))

  it('takes what is not a source of a snapshot for neither there nor deleted', () =>
    tell(async (vault) => {
      vault.write('a/file', 'a')
      vault.write('b/file', 'b')
      await vault.backUp()
      await vault.backUp({ paths: [toBytes(`${HOME}/a`)] })
      expect(await vault.list(HOME, '2')).toEqual([`${HOME}/a`])
      await vault.backUp()
      expect(await vault.list(HOME, '3')).toEqual([`${HOME}/a`, `${HOME}/b`])
      expect((await vault.restore('3')).picture.has('/b/file')).toBe(true)
    }))

  it('sees a second change within the same tick of the clock', () =>
    tell(async (vault) => {
      const path = toBytes(`${HOME}/file`)
      vault.laptop.filesTrouble.onStep = (operation) => {
        if (operation !== 'list' || vault.laptop.tree.has(path)) return
        vault.write('file', 'one')
        // Within the same tick, but after the file was seen: nothing shows it.
        vault.world.scheduler.after(10, () => {
          const node = vault.laptop.tree.node(path)
          const { mtime, ctime } = node
          vault.write('file', 'two')
          Object.assign(node, { mtime, ctime })
        })
      }
      await vault.backUp()
      vault.laptop.filesTrouble.onStep = undefined
      const { picture } = await vault.restore()
      expect(picture.get('/file')).toEqual(vault.picture().get('/file'))
    }))

  it('leaves out its own home where that lies within the source', () =>
    tell(async (vault) => {
      vault.write('file', 'x')
      vault.write('.cairn/spool/1', 'a pack')
      await vault.backUp({ exclude: [toBytes(`${HOME}/.cairn`)] })
      expect(await vault.list(HOME)).toEqual([`${HOME}/file`])
    }))
})

describe('a backup with trouble in the files', () => {
  it('lists an unreadable file and does the rest', () =>
    tell(async (vault) => {
      vault.write('good', 'x')
      vault.write('bad', 'y')
      vault.laptop.tree.node(toBytes(`${HOME}/bad`)).mode = 0o000
      const summary = await vault.backUp()
      expect(summary.published).toBe(true)
      expect(summary.skipped.map(({ path }) => toText(path))).toEqual([`${HOME}/bad`])
      expect(await vault.list(HOME)).toEqual([`${HOME}/good`])
    }))

  it('keeps an unreadable file as the last snapshot had it', () =>
    tell(async (vault) => {
      vault.write('diary', 'Monday')
      const before = vault.picture().get('/diary')
      await vault.backUp()
      vault.write('diary', 'Tuesday')
      vault.laptop.tree.node(toBytes(`${HOME}/diary`)).mode = 0o000
      expect((await vault.backUp()).skipped).toHaveLength(1)
      expect((await vault.restore()).picture.get('/diary')).toEqual(before)
    }))

  it('lists an unreadable folder and keeps what the last snapshot had in it', () =>
    tell(async (vault) => {
      vault.write('folder/file', 'x')
      vault.write('other', 'y')
      await vault.backUp()
      vault.laptop.tree.node(toBytes(`${HOME}/folder`)).mode = 0o000
      const summary = await vault.backUp()
      expect(summary.skipped.map(({ path }) => toText(path))).toEqual([`${HOME}/folder`])
      expect(await vault.list(`${HOME}/folder`)).toEqual([`${HOME}/folder/file`])
    }))

  it('lists a source that is not there and keeps what the last snapshot had of it', () =>
    tell(async (vault) => {
      vault.write('computer/file', 'x')
      vault.write('disk/file', 'y')
      const paths = [toBytes(`${HOME}/computer`), toBytes(`${HOME}/disk`)]
      await vault.backUp({ paths })
      vault.rename('disk', 'unplugged')
      const summary = await vault.backUp({ paths })
      expect(summary.skipped.map(({ path }) => toText(path))).toEqual([`${HOME}/disk`])
      expect(await vault.list(`${HOME}/disk`)).toEqual([`${HOME}/disk/file`])
    }))

  it('lists a file that vanishes before it is read', () =>
    tell(async (vault) => {
      vault.write('fleeting', 'x')
      vault.write('staying', 'y')
      vault.laptop.filesTrouble.onStep = (operation, path) => {
        if (operation === 'open' && toText(path) === `${HOME}/fleeting`) vault.remove('fleeting')
      }
      const summary = await vault.backUp()
      vault.laptop.filesTrouble.onStep = undefined
      expect(summary.skipped.map(({ path }) => toText(path))).toEqual([`${HOME}/fleeting`])
      expect(await vault.list(HOME)).toEqual([`${HOME}/staying`])
    }))

  it('labels a file that never holds still', () =>
    tell(async (vault) => {
      vault.write('busy', noise(20 * KIB))
      let count = 0
      vault.laptop.filesTrouble.onStep = (operation, path) => {
        if (operation === 'read' && toText(path) === `${HOME}/busy`) {
          vault.write('busy', noise(20 * KIB, ++count))
        }
      }
      const summary = await vault.backUp()
      vault.laptop.filesTrouble.onStep = undefined
      expect(summary.filesFuzzy).toBe(1)
      expect(summary.warnings.join()).toContain('1 file changed while being read')
      const found = await vault.withClient((client, signal) =>
        client.history(toBytes(`${HOME}/busy`), signal),
      )
      expect(found?.versions.map(({ label }) => label)).toEqual(['fuzzy'])
    }))

  it('passes over sockets and counts them, and keeps FIFOs', () =>
    tell(async (vault) => {
      vault.laptop.tree.make(toBytes(`${HOME}/pipe`), 'fifo', 0o600)
      vault.laptop.tree.make(toBytes(`${HOME}/socket`), 'socket', 0o600)
      const summary = await vault.backUp()
      expect([summary.unsupported, summary.skipped.length]).toEqual([1, 0])
    }))
})

describe('a backup with trouble in the grid', () => {
  it('is not published while too few peers answer, and goes on from there', () =>
    tell(async (vault) => {
      vault.write('file', noise(700 * KIB))
      const [a, b, c] = vault.friends.all
      for (const friend of [a, b, c]) if (friend !== undefined) vault.friends.crash(friend)
      const failed = await vault.backUp()
      expect(failed.published).toBe(false)
      expect(failed.notSafe?.missing).toHaveLength(3)
      expect(failed.notSafe?.message).toContain('run the same command again')
      expect(await vault.withClient((client, signal) => client.snapshots(signal))).toEqual([])

      vault.startFriends()
      const resumed = await vault.backUp()
      expect(resumed.published).toBe(true)
      expect(resumed.bytesRead).toBe(0)
      expect(await vault.differences('latest', vault.picture())).toEqual([])
    }))

  it('is safe with one peer away, and places what is missing at the next run', () =>
    tell(async (vault) => {
      vault.write('file', noise(700 * KIB))
      const [away, gone] = vault.friends.all
      if (away !== undefined) vault.friends.crash(away)
      if (gone !== undefined) vault.friends.crash(gone)
      const first = await vault.backUp()
      expect(first.published).toBe(true)
      expect(first.settling).toBeGreaterThan(0)
      vault.startFriends()
      expect((await vault.backUp()).settling).toBe(0)
    }))

  it('pauses when the spool is full of packs that find no peers', () =>
    tell(async (vault) => {
      vault.write('a', noise(900 * KIB, 1))
      vault.write('b', noise(900 * KIB, 2))
      for (const friend of vault.friends.all) vault.friends.crash(friend)
      const summary = await vault.backUp({ spoolSizeMax: 1_000 * KIB })
      expect(summary.published).toBe(false)
      vault.startFriends()
      expect((await vault.backUp()).published).toBe(true)
      expect(await vault.differences('latest', vault.picture())).toEqual([])
    }))

  it('restores from any k shares, and names what cannot be restored with fewer', () =>
    tell(async (vault) => {
      vault.write('file', noise(100 * KIB))
      const before = vault.picture()
      await vault.backUp() // 2-of-4 on 5 peers
      for (const friend of vault.friends.all.slice(0, 2)) vault.friends.lose(friend)
      expect(await vault.differences('latest', before)).toEqual([])

      for (const friend of vault.friends.all.slice(2, 4)) vault.friends.lose(friend)
      const { summary } = await vault.restore()
      expect(summary.failures.map(({ path }) => toText(path))).toEqual([`${HOME}/file`])
      expect(summary.failures[0]?.error.name).toMatch(/NotEnoughSharesError|PackNotFoundError/)
    }))
})

describe('local state', () => {
  it('may vanish: the next backup reads no unchanged file again', () =>
    tell(async (vault) => {
      vault.write('small', 'small')
      vault.write('large', noise(1_500 * KIB))
      await vault.backUp()
      vault.laptop.databases.setAside('backupdb')
      const summary = await vault.backUp()
      expect(summary.sequence).toBe(2)
      expect([summary.bytesRead, summary.filesUnmodified]).toEqual([0, 2])
      expect(await vault.differences('1', vault.picture())).toEqual([])
    }))

  it('of an older Cairn is made again from the grid, and the person is told', () =>
    tell(async (vault) => {
      vault.write('file', 'one')
      await vault.backUp()
      await vault.laptop.run(async ({ openDatabase }) => {
        const database = openDatabase('backupdb')
        database.exec('PRAGMA user_version = 1')
        database.close()
      })
      const summary = await vault.backUp()
      expect(summary.warnings.join()).toContain('of an older Cairn')
      expect([summary.bytesRead, summary.filesUnmodified]).toEqual([0, 1])
    }))

  it('may come back from an old copy: the grid knows better', () =>
    tell(async (vault) => {
      vault.write('file', 'one')
      await vault.backUp()
      vault.laptop.databases.picture()
      vault.write('file', 'two')
      await vault.backUp()
      vault.laptop.databases.setAside('backupdb')
      vault.write('file', 'three')
      const summary = await vault.backUp()
      expect(summary.sequence).toBe(3)
      expect(await vault.differences('latest', vault.picture())).toEqual([])
    }))

  it('comes back from the words on another machine, which goes on with the backups', () =>
    tell(async (vault) => {
      vault.write('letters/first', 'Dear Ben')
      vault.write('large', noise(2_000 * KIB))
      const before = vault.picture()
      await vault.backUp()
      await vault.recoverElsewhere()
      expect(await vault.differences('1', before)).toEqual([])

      vault.write('on the new one', 'hello')
      const summary = await vault.backUp()
      expect([summary.published, summary.sequence]).toEqual([true, 2])
      expect(await vault.list(HOME, '2')).toEqual([`${HOME}/on the new one`])
      expect(await vault.differences('1', before)).toEqual([])
    }))

  it('belongs to one program at a time', () =>
    tell(async (vault) => {
      await vault.withClient(async () => {
        await expect(vault.withClient(async () => undefined)).rejects.toMatchObject({
          name: 'LockedError',
        })
      })
    }))
})
