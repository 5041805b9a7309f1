/**
 * Bad input, nothing lost: the table.
 *
 * Each row names a case and what is asserted, and then does it to real processes over real sockets.
 * What needs a minute of silence or a fault at one exact moment is done in virtual time; its row says
 * where, and is held to it.
 */

import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import {
  chmodSync,
  existsSync,
  globSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { PROTOCOL } from '../../protocol/messages.ts'
import { HomeLock } from '../../src/adapters/home-lock.ts'
import { ODD_NAMES } from '../../src/cli/demo/odd-names.ts'
import { awaitPeer, killPeer, spawnPeer } from '../../src/cli/grid/peer-process.ts'
import type { PeerStore } from '../../src/cli/grid/peer-store.ts'
import { openNetwork } from '../../src/cli/ports.ts'
import type { ByteStream, Network } from '../../src/ports/network.ts'
import { jsonLines, Place, recordOf, type Ended } from './cairn.ts'

interface Row {
  readonly given: string
  readonly asserts: string
  readonly run: (place: Place) => Promise<void>
}

/** Cases that are asserted in virtual time: the file, and words of the test's name. */
const ELSEWHERE: readonly {
  readonly given: string
  readonly file: string
  readonly test: string
}[] = [
  {
    given: 'another share in place of the one asked for',
    file: 'test/grid/hostile-peers.test.ts',
    test: 'another share of the pack',
  },
  {
    given: 'a peer that sends nothing for a minute',
    file: 'test/grid/hostile-peers.test.ts',
    test: 'nothing at all',
  },
  {
    given: 'a request that trickles',
    file: 'test/peer/peer-service.test.ts',
    test: 'ends what trickles',
  },
  {
    given: 'a peer whose disk fills up in the middle of a piece',
    file: 'test/peer/peer-service.test.ts',
    test: 'when its disk fills up in the middle of a piece',
  },
  {
    given: 'a file that vanishes during the run',
    file: 'test/node/client.test.ts',
    test: 'lists a file that vanishes before it is read',
  },
  {
    given: 'a power cut at any disk step',
    file: 'test/node/power-cuts.test.ts',
    test: 'at any disk step',
  },
]

/** Peers of each grid: 2 of 4 shares bring a pack back, 3 make it safe. */
const PEERS = 5

const ROWS: readonly Row[] = [
  {
    given: 'a peer that sends wrong blocks',
    asserts: 'every byte comes back from the others',
    run: async (place) => {
      const stores = await backedUp(place)
      for (const store of stores.slice(0, 2)) spoilShares(store)
      await expectRestored(place)
    },
  },
  {
    given: 'a peer that says a length of 2^32 − 1, and one that ends inside a frame',
    asserts: 'every byte comes back from the others',
    run: async (place) => {
      const stores = await backedUp(place)
      const liars = [
        await replacePeer(stores[0], (stream) => stream.write(Uint8Array.of(255, 255, 255, 255))),
        await replacePeer(stores[1], async (stream) => {
          await stream.write(Uint8Array.of(0, 0, 1, 0, 7, 7, 7))
          await stream.end()
        }),
      ]
      try {
        await expectRestored(place)
      } finally {
        for (const liar of liars) await liar.close()
      }
    },
  },
  {
    given: 'a peer that dies in the middle of an upload',
    asserts: 'the backup is published and comes back without it',
    run: async (place) => {
      const [victim] = await place.joinedVault(PEERS)
      place.write('files/large', randomBytes(60_000_000))
      const { ended } = place.start(['backup', place.at('files'), '--json'])
      await until(() => hasShares(victim))
      await killPeer(known(victim))
      const { code, stdout } = await ended
      expect(code).toBe(0)
      expect(recordOf(jsonLines(stdout), 'summary')['is_published']).toBe(true)
      await expectRestored(place)
    },
  },
  {
    given: 'a peer that dies in the middle of a restore',
    asserts: 'the restore ends whole',
    run: async (place) => {
      const [victim] = await backedUp(place, 60_000_000)
      const { ended } = place.start(['restore', place.at('files'), '--target', place.at('out')])
      await until(() => existsSync(place.at('out')) && readdirSync(place.at('out')).length > 0)
      await killPeer(known(victim))
      expect((await ended).code).toBe(0)
      expect(place.differences('files', 'out')).toEqual([])
    },
  },
  {
    given: 'fewer than k shares of one pack',
    asserts: 'exit 14, its file is named, every other file is restored',
    run: async (place) => {
      const stores = await backedUp(place)
      const before = new Set(stores.flatMap(sharesOf))
      place.write('files/lost', randomBytes(3_000_000))
      await place.records(['backup', place.at('files')])
      // The large shares of the second backup hold the content; its tree is small and stays.
      const isLost = (share: string) => !before.has(share) && statSync(share).size > 1_000_000
      for (const share of stores.flatMap(sharesOf).filter(isLost)) rmSync(share)

      const { code, stderr } = await restore(place)
      expect(code).toBe(14)
      expect(stderr).toContain(`${place.at('files/lost')}: `)
      expect(
        place.differences('files', 'out').filter((each) => !/^lost|^\.: mtime/.test(each)),
      ).toEqual([])
    },
  },
  {
    given: 'too few peers for a safe backup',
    asserts:
      'exit 13, names who is missing and what would fix it; queue and spool are kept, the next run publishes',
    run: async (place) => {
      const stores = await place.joinedVault(PEERS)
      place.write('files/a', randomBytes(500_000))
      for (const store of stores.slice(1)) await killPeer(store)
      const { code, stderr, stdout } = await place.cairn(['backup', place.at('files')])
      expect(code).toBe(13)
      expect(stderr).toMatch(/Not safe yet/)
      for (const name of ['peer 2', 'peer 3', 'peer 4', 'peer 5']) expect(stderr).toContain(name)
      expect(stderr).toMatch(/back online, .* or invite/)
      expect(stdout).not.toContain('saved')
      expect(
        globSync('**/*', { cwd: place.at('home') }).some((path) => path.startsWith('spool/')),
      ).toBe(true)

      await revive(stores.slice(1))
      const summary = recordOf(await place.records(['backup', place.at('files')]), 'summary')
      expect(summary).toMatchObject({ is_published: true, bytes_read: 0, snapshot_id: '1' })
      await expectRestored(place)
    },
  },
  {
    given: 'peers whose disk is full',
    asserts: 'exit 13, says that they are full; with room again the same command ends well',
    run: async (place) => {
      const stores = await place.grid(PEERS, 'grid', '--capacity', '100kB')
      await place.records(['init', '--words-to', place.at('kit.txt')])
      await place.records(['join', '--code-from', place.at('grid/invite')])
      place.write('files/a', randomBytes(2_000_000))
      const { code, stderr } = await place.cairn(['backup', place.at('files')])
      expect(code).toBe(13)
      expect(stderr).toMatch(/no room is left/)

      for (const store of stores) await killPeer(store)
      await revive(stores)
      await place.records(['backup', place.at('files')])
      await expectRestored(place)
    },
  },
  {
    given: 'a path that is not there, beside one that is',
    asserts: 'exit 3, it is listed, the rest is saved',
    run: async (place) => {
      await place.joinedVault(PEERS)
      place.write('files/a', 'a')
      const { code, stdout, stderr } = await place.cairn([
        'backup',
        place.at('files'),
        place.at('none'),
      ])
      expect(code).toBe(3)
      expect(stderr).toContain(`${place.at('none')}: there is no such file`)
      expect(stdout).toContain('snapshot 1 saved')
      await expectRestored(place)
    },
  },
  {
    given: 'no path that is there',
    asserts: 'exit 3, it is named, and there is no empty snapshot',
    run: async (place) => {
      await place.joinedVault(PEERS)
      const { code, stderr } = await place.cairn(['backup', place.at('none')])
      expect(code).toBe(3)
      expect(stderr).toContain(place.at('none'))
      expect(await place.records(['snapshots'])).toEqual([])
    },
  },
  {
    given: 'a file and a folder that may not be read',
    asserts: 'exit 3, both are listed, the rest is saved',
    run: async (place) => {
      const uid = process.getuid?.() === 0 ? 65534 : undefined
      await place.joinedVault(PEERS)
      place.write('files/fine', 'fine')
      place.write('files/secret', 'secret')
      place.write('files/shut/inside', 'inside')
      if (uid !== undefined) spawnSync('chown', ['-R', `${uid}:${uid}`, place.folder])
      chmodSync(place.at('files/secret'), 0)
      chmodSync(place.at('files/shut'), 0)
      const as = uid === undefined ? {} : { uid }
      const { code, stderr, stdout } = await place.cairn(['backup', place.at('files')], as)
      expect(code).toBe(3)
      expect(stderr).toContain(`${place.at('files/secret')}: permission denied`)
      expect(stderr).toContain(`${place.at('files/shut')}: permission denied`)
      expect(stdout).toContain('snapshot 1 saved')
      expect((await place.cairn(['ls', place.at('files')], as)).stdout).toContain('fine')
    },
  },
  {
    given: 'two commands on one home',
    asserts: 'exit 11 for the second, naming the home',
    run: async (place) => {
      await place.joinedVault(PEERS)
      const lock = HomeLock.take(place.at('home'), 'write')
      try {
        const { code, stderr } = await place.cairn(['snapshots'])
        expect(code).toBe(11)
        expect(stderr).toContain(place.at('home'))
      } finally {
        lock.release()
      }
      expect((await place.cairn(['snapshots'])).code).toBe(0)
    },
  },
  {
    given: 'words that are not the right ones',
    asserts: 'exit 12, says which word; nothing is made',
    run: async (place) => {
      await backedUp(place)
      const words = place.read('kit.txt').replace(/\n(\w+) /, '\nxyzzy ')
      const from = ['--code-from', place.at('grid/invite')]
      const typed = { home: 'new', input: words }
      const wrong = await place.cairn(['recover', '--words-from', '-', ...from], typed)
      expect(wrong.code).toBe(12)
      expect(wrong.stderr).toContain('word 1, "xyzzy"')
      const [first = '', second = '', ...rest] = wordsOf(place)
      const swapped = [second, first, ...rest].join(' ')
      const moved = await place.cairn(['recover', '--words-from', '-', ...from], {
        home: 'new',
        input: swapped,
      })
      expect(moved.code).toBe(12)
      expect((await place.cairn(['snapshots'], { home: 'new' })).code).toBe(10)
      const right = { home: 'new', input: wordsOf(place).join(',\n').toUpperCase() }
      expect((await place.cairn(['recover', '--words-from', '-', ...from], right)).code).toBe(0)
    },
  },
  {
    given: 'a damaged backupdb, and one that is gone',
    asserts: 'set aside and rebuilt from the grid: no unchanged file is read again',
    run: async (place) => {
      await backedUp(place)
      writeFileSync(place.at('home/backupdb'), randomBytes(20_000))
      for (const suffix of ['-wal', '-shm'])
        rmSync(place.at(`home/backupdb${suffix}`), { force: true })
      const { code, stdout, stderr } = await place.cairn(['backup', place.at('files'), '--json'])
      expect(code).toBe(0)
      expect(stderr).toMatch(/damaged/)
      expect(recordOf(jsonLines(stdout), 'summary')).toMatchObject({
        bytes_read: 0,
        files_changed: 0,
        files_new: 0,
      })
      expect(existsSync(place.at('home/backupdb.damaged'))).toBe(true)

      for (const path of globSync('backupdb*', { cwd: place.at('home') }))
        rmSync(place.at('home', path))
      const again = recordOf(await place.records(['backup', place.at('files')]), 'summary')
      expect(again).toMatchObject({ bytes_read: 0, files_new: 0, snapshot_id: '3' })
      await expectRestored(place)
    },
  },
  {
    given: 'names with newlines, quotes, terminal commands and bytes that are no UTF-8',
    asserts: 'all come back; no control character reaches the terminal; JSON has the exact bytes',
    run: async (place) => {
      await place.joinedVault(PEERS)
      mkdirSync(place.at('files'))
      for (const name of ODD_NAMES) {
        writeFileSync(Buffer.concat([Buffer.from(`${place.at('files')}/`), name]), name)
      }
      await place.records(['backup', place.at('files')])
      const shown = await place.cairn(['ls', '--long', place.at('files')])
      expect(shown.stdout.split('\n').length - 1).toBe(ODD_NAMES.length)
      expect(shown.stdout.replaceAll('\n', '')).not.toMatch(/\p{Cc}/u)
      const nodes = (await place.records(['ls', place.at('files')])).slice(1)
      const names = nodes.map(({ path, path_b64: exact }) =>
        typeof exact === 'string' ? Buffer.from(exact, 'base64') : Buffer.from(String(path)),
      )
      const wanted = ODD_NAMES.map((name) =>
        Buffer.concat([Buffer.from(`${place.at('files')}/`), name]),
      )
      expect(names.map((name) => name.toString('hex')).toSorted()).toEqual(
        wanted.map((name) => name.toString('hex')).toSorted(),
      )
      await expectRestored(place)
    },
  },
  {
    given: 'symbolic links planted in the target of a restore',
    asserts: 'exit 3, nothing is written through them, the rest is restored',
    run: async (place) => {
      await backedUp(place)
      place.write('files/deep/inside', 'inside')
      await place.records(['backup', place.at('files')])
      mkdirSync(place.at('outside'))
      const root = join(place.at('out'), place.at('files'))
      mkdirSync(root, { recursive: true })
      symlinkSync(place.at('outside'), join(root, 'deep'))
      symlinkSync(place.at('outside/planted'), join(root, 'a.txt'))
      const { code, stderr } = await restore(place)
      expect(code).toBe(3)
      expect(stderr).toContain('deep')
      expect(stderr).toContain('a.txt')
      expect(readdirSync(place.at('outside'))).toEqual([])
      expect(readFileSync(join(root, 'b.bin'))).toEqual(readFileSync(place.at('files/b.bin')))
    },
  },
  {
    given: 'a full disk below the client’s own state',
    asserts: 'exit 1, says so; with room again the same command ends well',
    run: async (place) => {
      const disk = mountSmall(place, 'home', '8m')
      if (disk === undefined) return
      try {
        await place.joinedVault(PEERS)
        place.write('files/large', randomBytes(30_000_000))
        const { code, stderr } = await place.cairn(['backup', place.at('files')])
        expect(code).toBe(1)
        expect(stderr).toMatch(/space|full/)
        expect(stderr).not.toContain('    at ')

        disk.resize('200m')
        await place.records(['backup', place.at('files')])
        await expectRestored(place)
      } finally {
        disk.unmount()
      }
    },
  },
  {
    given: 'a full disk below the target of a restore',
    asserts: 'exit 3, names the files that did not fit, and restores those that do',
    run: async (place) => {
      await place.joinedVault(PEERS)
      place.write('files/a small one', 'small')
      place.write('files/b large one', randomBytes(20_000_000))
      place.write('files/c small one', 'small too')
      await place.records(['backup', place.at('files')])
      const disk = mountSmall(place, 'out', '4m')
      if (disk === undefined) return
      try {
        const { code, stderr } = await restore(place)
        expect(code).toBe(3)
        expect(stderr).toMatch(/b large one: no space is left/)
        const root = join(place.at('out'), place.at('files'))
        expect(readdirSync(root).toSorted()).toEqual(['a small one', 'c small one'])
      } finally {
        disk.unmount()
      }
    },
  },
  {
    given: 'an invite that was changed, and a file that is none',
    asserts: 'exit 2, the file is named',
    run: async (place) => {
      await place.joinedVault(PEERS)
      const invite = place.read('grid/invite')
      place.write(
        'changed',
        invite.slice(0, 100) + (invite[100] === 'a' ? 'b' : 'a') + invite.slice(101),
      )
      place.write('none', randomBytes(1000))
      for (const name of ['changed', 'none', 'missing']) {
        const { code, stderr } = await place.cairn(['join', '--code-from', place.at(name)])
        expect(code).toBe(2)
        expect(stderr).toContain(place.at(name))
      }
    },
  },
]

describe('bad input', () => {
  let place: Place
  beforeEach(() => {
    place = new Place()
  })
  afterEach(() => place.remove())

  for (const row of ROWS) {
    it(`${row.given}: ${row.asserts}`, () => expectAsRowSays(row, place), 120_000)
  }

  it.each(ELSEWHERE)('$given: in virtual time, in $file', ({ file, test }) => {
    const text = readFileSync(fileURLToPath(new URL(`../../${file}`, import.meta.url)), 'utf8')
    expect(text).toContain(test)
  })
})

async function expectAsRowSays(row: Row, place: Place): Promise<void> {
  await row.run(place)
}

/** A grid, a vault, and a first snapshot of a few files. */
async function backedUp(place: Place, largeSize = 2_000_000): Promise<PeerStore[]> {
  const stores = await place.joinedVault(PEERS)
  place.write('files/a.txt', 'a letter\n'.repeat(100))
  place.write('files/b.bin', randomBytes(largeSize))
  place.write('files/sub/c.txt', 'another')
  await place.records(['backup', place.at('files')])
  return stores
}

async function restore(place: Place): Promise<Ended> {
  return place.cairn(['restore', place.at('files'), '--target', place.at('out')])
}

async function expectRestored(place: Place): Promise<void> {
  const { code, stderr } = await restore(place)
  expect(stderr).not.toContain('could not')
  expect(code).toBe(0)
  expect(place.differences('files', 'out')).toEqual([])
}

function wordsOf(place: Place): string[] {
  const lines = place.read('kit.txt').split('\n')
  return lines
    .filter((line) => !line.startsWith('#'))
    .join(' ')
    .trim()
    .split(/\s+/)
}

/** @returns paths of a peer's share files */
function sharesOf(store: PeerStore): string[] {
  const folder = join(store.folder, 'shares')
  return globSync('**/*', { cwd: folder })
    .map((path) => join(folder, path))
    .filter((path) => statSync(path).isFile())
}

function hasShares(store: PeerStore | undefined): boolean {
  return sharesOf(known(store)).length > 0
}

/** Turn over bytes in the middle of every share; headers stay right, so the peer goes on serving. */
function spoilShares(store: PeerStore): void {
  for (const share of sharesOf(store)) {
    const bytes = readFileSync(share)
    for (let at = Math.floor(bytes.length / 3); at < bytes.length; at += 1000) {
      bytes.writeUInt8(bytes.readUInt8(at) ^ 0xff, at)
    }
    truncateSync(share, 0)
    writeFileSync(share, bytes)
  }
}

/** Somebody with the peer's key and address who answers in a way of its own. */
async function replacePeer(
  store: PeerStore | undefined,
  answer: (stream: ByteStream) => Promise<void>,
): Promise<Network> {
  const real = known(store)
  await killPeer(real)
  const listen = [real.listen() ?? '']
  const network = await openNetwork({ seed: real.key().seed, listen })
  network.gate(() => true)
  await network.serve(PROTOCOL, answer)
  return network
}

async function revive(stores: readonly PeerStore[]): Promise<void> {
  for (const store of stores) {
    spawnPeer(store, ['--listen', store.listen() ?? '', '--capacity', '1GB'])
  }
  for (const store of stores) await awaitPeer(store, AbortSignal.timeout(30_000))
}

/** A small disk at the place's folder, where the system lets us; says so where it does not. */
function mountSmall(
  place: Place,
  name: string,
  size: string,
): { resize: (size: string) => void; unmount: () => void } | undefined {
  mkdirSync(place.at(name), { recursive: true })
  const { status } = spawnSync('mount', [
    '-t',
    'tmpfs',
    '-o',
    `size=${size}`,
    'tmpfs',
    place.at(name),
  ])
  if (status === 0) {
    return {
      resize: (wanted) => spawnSync('mount', ['-o', `remount,size=${wanted}`, place.at(name)]),
      unmount: () => spawnSync('umount', [place.at(name)]),
    }
  }
  console.warn(
    'SKIPPED: a small disk cannot be mounted here; test/sim does the same in virtual time',
  )
  return undefined
}

async function until(claim: () => boolean): Promise<void> {
  while (!claim()) await new Promise((resolve) => setTimeout(resolve, 5))
}

function known<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('it should be there')
  return value
}
