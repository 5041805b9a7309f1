/** The two halves of a backup, what each source says about the rest, and what rules leave out. */

import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { utf8 } from '../../protocol/bytes.ts'
import { toBytes, toText } from '../../sim/file-tree.ts'
import type { ScanRequest } from '../../src/node/client.ts'
import { DiskError } from '../../src/base/errors.ts'
import { CACHE_TAG, NO_RULES, parsePatterns } from '../../src/source/rules.ts'
import { HOME, noise, TestVault } from '../support/test-vault.ts'

describe('scanning and uploading apart', () => {
  it('makes the snapshot that a backup would make', () =>
    tell(async (vault) => {
      vault.write('a/b', 'one')
      vault.write('c', noise(3_000_000))
      vault.symlink('link', 'c')
      const picture = vault.picture()
      const { queued, totals } = await scan(vault)
      expect(totals).toMatchObject({ files: 2, symlinks: 1 })
      expect(queued).toMatchObject({ waiting: { files: 2, bytes: 3_000_003 }, gone: 0 })
      const { published, sequence } = await upload(vault)
      expect([published, sequence]).toEqual([true, 1])
      expect(await vault.differences('latest', picture)).toEqual([])
    }))

  it('needs no friends for the first half, and keeps what it found until they come', () =>
    tell(async (vault) => {
      vault.write('a', 'one')
      for (const friend of vault.friends.all) vault.friends.crash(friend)
      expect((await scan(vault)).queued.waiting.files).toBe(1)
      expect((await scan(vault)).queued.waiting.files).toBe(1)
      vault.startFriends()
      expect((await upload(vault)).filesNew).toBe(1)
    }))

  it('has nothing to upload before a scan, after a snapshot, and after a scan that was cut short', () =>
    tell(async (vault) => {
      vault.write('a', 'one')
      await expect(upload(vault)).rejects.toThrow('cairn scan')
      await scan(vault)
      await upload(vault)
      await expect(upload(vault)).rejects.toThrow('cairn scan')

      vault.write('b', 'two')
      await scan(vault)
      const stop = new AbortController()
      const stopped = vault.withClient((client) =>
        client.scan(
          { ...HOME_REQUEST, onProgress: () => stop.abort(new Error('stop')) },
          stop.signal,
        ),
      )
      await expect(stopped).rejects.toThrow('stop')
      await expect(upload(vault)).rejects.toThrow('cairn scan')
      await scan(vault)
      expect((await upload(vault)).filesNew).toBe(1)
    }))

  it('must scan again once the grid shows that this machine’s state was behind', () =>
    tell(async (vault) => {
      vault.write('a', 'one')
      vault.laptop.crash('kill')
      const old = vault.laptop.saveState()
      vault.laptop.boot()
      await vault.backUp()
      vault.laptop.crash('kill')
      vault.laptop.returnTo(old)
      vault.laptop.boot()
      vault.write('b', 'two')
      await scan(vault)
      await expect(upload(vault)).rejects.toThrow('What was scanned no longer stands')
      await scan(vault)
      expect((await upload(vault)).filesNew).toBe(1)
    }))

  it('leaves the queue alone that belongs to a snapshot on its way', () =>
    tell(async (vault) => {
      vault.write('a', 'one')
      await vault.backUp()
      vault.write('a', 'two')
      const picture = vault.picture()
      await scan(vault)
      for (const { machine } of vault.friends.all) {
        machine.diskTrouble.onStep = ({ path }) =>
          path.startsWith('heads/') ? new DiskError('worn out') : 'pass'
      }
      expect((await upload(vault)).published).toBe(false)
      await expect(scan(vault)).rejects.toThrow('cairn upload')
      for (const { machine } of vault.friends.all) machine.diskTrouble.onStep = () => 'pass'
      expect((await upload(vault)).published).toBe(true)
      expect(await vault.differences('latest', picture)).toEqual([])
    }))

  it('uploads the heavy first, then what is new and small', () =>
    tell(async (vault) => {
      vault.write('big', noise(1_100_000))
      vault.write('heavy/old', 'x')
      vault.write('small', 'y')
      await scan(vault)
      const weights = [{ path: toBytes(`${HOME}/heavy`), weight: 3 }]
      const shown = await vault.withClient(async (client) => [...client.queue(weights).paths])
      const waiting = shown.filter(({ state }) => state === 'waiting')
      const order = ['heavy/old', 'small', 'big'].map((path) => `${HOME}/${path}`)
      expect(waiting.map(({ path }) => toText(path))).toEqual(order)
      const read: string[] = []
      await vault.withClient((client, signal) =>
        client.upload(
          {
            host: 'laptop',
            weights,
            onProgress: ({ phase, current }) => {
              const path = current && toText(current)
              if (phase === 'upload' && path && read.at(-1) !== path) read.push(path)
            },
          },
          signal,
        ),
      )
      expect(read).toEqual(order)
    }))
})

describe('what was not a source', () => {
  it('is no deletion: it is not shown, and there again once it is a source again', () =>
    tell(async (vault) => {
      vault.write('a/1', 'one')
      vault.write('b/2', 'two')
      const picture = vault.picture()
      await vault.backUp()
      await vault.backUp({ paths: [toBytes(`${HOME}/a`)] })
      expect(await vault.list(HOME)).toEqual([`${HOME}/a`])
      const other = vault.restore('latest', [`${HOME}/b`])
      await expect(other).rejects.toThrow(/is of other paths.*"cairn snapshots" shows which/)
      const { filesNew, filesUnmodified } = await vault.backUp()
      expect([filesNew, filesUnmodified]).toEqual([0, 2])
      expect(await vault.differences('latest', picture)).toEqual([])
      expect(await vault.differences('1', picture)).toEqual([])
    }))

  it('counts as unchanged where a list names more paths than a snapshot holds, and the snapshot is partial', () =>
    tell(async (vault) => {
      const names = Array.from({ length: 300 }, (_, index) => `many/${index}`)
      for (const name of names) vault.write(name, name)
      vault.write('many/beside', 'first')
      await vault.backUp()
      for (const name of names) vault.write(name, `${name} anew`)
      vault.write('many/beside', 'second')
      const paths = names.map((name) => toBytes(`${HOME}/${name}`))
      const { filesChanged, skipped } = await vault.backUp({ paths })
      expect([filesChanged, skipped]).toEqual([300, []])
      const row = await vault.withClient((client, signal) => client.at('latest', signal))
      expect([row.sources.map(toText), row.isComplete]).toEqual([[`${HOME}/many`], false])
      const { picture } = await vault.restore('latest', [`${HOME}/many`])
      expect(picture.get('/many/beside')?.content).toBe(digestOf('first'))
      expect(picture.get('/many/7')?.content).toBe(digestOf('many/7 anew'))
    }))
})

describe('what rules leave out', () => {
  it('is not in new snapshots, stays in older ones, and comes back with the rule gone', () =>
    tell(async (vault) => {
      vault.write('a.o', 'object')
      vault.write('cache/CACHEDIR.TAG', `${CACHE_TAG.header}\n`)
      vault.write('cache/x', 'cached')
      vault.write('kept', 'kept')
      const picture = vault.picture()
      await vault.backUp()
      const tags = [{ ...CACHE_TAG, origin: '--exclude-caches' }]
      const rules = { ...NO_RULES, patterns: pattern('*.o'), tags }
      const { leftOut, passed } = await vault.backUp({ rules })
      expect([leftOut, passed.map(({ folder }) => toText(folder))]).toEqual([2, [`${HOME}/cache`]])
      expect(await vault.list(HOME)).toEqual([`${HOME}/cache`, `${HOME}/kept`])
      expect(await vault.list(`${HOME}/cache`)).toEqual([`${HOME}/cache/CACHEDIR.TAG`])
      expect(await vault.differences('1', picture)).toEqual([])
      await vault.backUp()
      expect(await vault.differences('latest', picture)).toEqual([])
    }))

  it('can be explained, path by path, as the scan does it', () =>
    tell(async (vault) => {
      vault.write('a/b.o', 'object')
      vault.write('a/keep.o', 'object')
      vault.write('large', '12345')
      vault.write('tagged/.nobackup', '')
      vault.write('tagged/x', '')
      const node = vault.laptop.tree.make(toBytes(`${HOME}/socket`), 'socket', 0o600)
      expect(node.kind).toBe('socket')
      const tags = [{ name: '.nobackup', header: '', origin: '--exclude-if-present .nobackup' }]
      const patterns = [...pattern('*.o'), ...pattern('!keep.o')]
      const request = {
        paths: [toBytes(HOME)],
        exclude: [toBytes(`${HOME}/state`)],
        rules: { ...NO_RULES, patterns, tags, sizeMax: 4 },
      }
      const explain = async (path: string) => {
        const verdict = await vault.withClient((client, signal) =>
          client.explain(request, toBytes(path), signal),
        )
        const { isIn, why, detail } = verdict
        return `${isIn ? 'in' : 'out'} ${why} ${detail}`.trim()
      }
      vault.write('state/keyring', 'secret')
      expect(await explain(`${HOME}/a/b.o`)).toBe('out pattern --exclude *.o')
      expect(await explain(`${HOME}/a/keep.o`)).toBe('out size')
      expect(await explain(`${HOME}/a`)).toBe('in below')
      expect(await explain(`${HOME}/large`)).toBe('out size')
      expect(await explain(`${HOME}/tagged`)).toBe('in below')
      expect(await explain(`${HOME}/tagged/x`)).toBe('out tag --exclude-if-present .nobackup')
      expect(await explain(`${HOME}/tagged/.nobackup`)).toBe('in below')
      expect(await explain(`${HOME}/socket`)).toBe('out kind')
      expect(await explain(`${HOME}/nowhere/x`)).toBe('out absent')
      expect(await explain(`${HOME}/state/keyring`)).toBe('out excluded')
      expect(await explain(HOME)).toBe('in source')
      expect(await explain('/home')).toBe('in above')
      expect(await explain('/etc')).toBe('out outside')
    }))

  it('can never be Cairn’s own state, even where that was asked for', () =>
    tell(async (vault) => {
      vault.write('state/keyring', 'secret')
      const exclude = [toBytes(`${HOME}/state`)]
      const paths = [toBytes(`${HOME}/state/keyring`)]
      await expect(vault.backUp({ paths, exclude })).rejects.toThrow('Cairn')
    }))
})

function digestOf(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}

const HOME_REQUEST = { paths: [toBytes(HOME)] }

async function scan(vault: TestVault, more: Partial<ScanRequest> = {}) {
  await vault.calm()
  return vault.withClient((client, signal) => client.scan({ ...HOME_REQUEST, ...more }, signal))
}

async function upload(vault: TestVault) {
  return vault.withClient((client, signal) => client.upload({ host: 'laptop' }, signal))
}

function pattern(words: string) {
  return parsePatterns(utf8(words), { origin: '--exclude', isFile: false, isCaseIgnored: false })
}

function tell(story: (vault: TestVault) => Promise<void>): Promise<void> {
  return new TestVault({ peers: 5 }).tell(story)
}
