import { execFileSync } from 'node:child_process'
import { chmodSync, lstatSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'

import { describe, expect, it } from 'vitest'

import { Accounts } from '../../src/adapters/accounts.ts'
import { isNanosecondExact, setRoughly } from '../../src/adapters/file-times.ts'
import { NodeFiles } from '../../src/adapters/node-files.ts'
import { toFilesError } from '../../src/adapters/system.ts'
import { FilesError } from '../../src/base/errors.ts'
import { filesSuite } from '../ports/files.suite.ts'
import { scanSuite } from '../ports/scan.suite.ts'
import { text } from '../ports/story.ts'
import { makeFolder } from './folder.ts'

const makeWorld = () => ({
  files: new NodeFiles(),
  root: text(makeFolder()),
  isNanosecondExact,
})

filesSuite('NodeFiles', makeWorld)
scanSuite('NodeFiles', makeWorld)

describe('NodeFiles', () => {
  it('gives plain arrays, whose slices are copies', async () => {
    const folder = makeFolder()
    const files = new NodeFiles()
    writeFileSync(join(folder, 'a'), 'x')
    await files.makeSymlink(text('target'), text(join(folder, 'link')))
    for (const name of await files.list(text(folder))) expect(Buffer.isBuffer(name)).toBe(false)
    expect(Buffer.isBuffer(await files.readLink(text(join(folder, 'link'))))).toBe(false)
    expect(Buffer.isBuffer(await files.resolve(text(folder)))).toBe(false)
  })

  it('never waits for the other end of a FIFO', async () => {
    const fifo = join(makeFolder(), 'fifo')
    execFileSync('mkfifo', [fifo])
    const files = new NodeFiles()
    expect((await files.status(text(fifo))).kind).toBe('fifo')
    await expect(files.open(text(fifo))).rejects.toMatchObject({ code: 'EINVAL' })
    await files.setMode(text(fifo), 0o640)
    expect(lstatSync(fifo).mode & 0o7777).toBe(0o640)
  })

  it('knows a socket when it sees one', async () => {
    const path = join(makeFolder(), 'socket')
    const server = createServer()
    await new Promise<void>((resolve) => server.listen(path, resolve))
    try {
      const files = new NodeFiles()
      expect((await files.status(text(path))).kind).toBe('socket')
      await expect(files.open(text(path))).rejects.toThrow(FilesError)
    } finally {
      server.close()
    }
  })

  it('changes the mode of a file that nobody may read', async () => {
    const path = join(makeFolder(), 'a')
    writeFileSync(path, '')
    chmodSync(path, 0)
    await new NodeFiles().setMode(text(path), 0o644)
    expect(lstatSync(path).mode & 0o777).toBe(0o644)
  })

  it('calls a full disk and a full quota by one word', () => {
    for (const code of ['ENOSPC', 'EDQUOT']) {
      const error = Object.assign(new Error(code), { code })
      expect(toFilesError('a', error)).toMatchObject({ name: 'FilesError', code: 'ENOSPC' })
    }
  })

  it('shows a path that is no text without choking on it', async () => {
    const path = Uint8Array.of(...text('/nowhere/'), 0xff)
    await expect(new NodeFiles().status(path)).rejects.toThrow('/nowhere/\ufffd: ENOENT')
  })
})

describe('file times where FFI is absent', () => {
  it('are right to the microsecond, and the access time stays', () => {
    const path = join(makeFolder(), 'a')
    writeFileSync(path, '')
    const before = lstatSync(path)
    for (const seconds of [0, 1_700_000_000, -5, -1_000_000, 2 ** 32 - 1]) {
      for (const nanoseconds of [0, 1, 999, 1000, 123_456_789, 500_000_000, 999_999_999]) {
        setRoughly(text(path), { seconds, nanoseconds })
        const expected = BigInt(seconds) * 1_000_000n + BigInt(Math.floor(nanoseconds / 1000))
        const { mtimeNs } = lstatSync(path, { bigint: true })
        const rest = ((mtimeNs % 1000n) + 1000n) % 1000n
        expect((mtimeNs - rest) / 1000n).toBe(expected)
      }
    }
    expect(Math.abs(lstatSync(path).atimeMs - before.atimeMs)).toBeLessThan(0.01)
  })
})

describe('accounts', () => {
  it('are lines of names and numbers; the first of several counts', () => {
    const path = join(makeFolder(), 'passwd')
    const lines = [
      'root:x:0:0:root:/root:/bin/sh',
      'toor:x:0:0::/root:/bin/sh',
      '# a comment',
      '',
      '+::::::',
      'broken:x:many',
      'anna:x:1000:1000',
      'anna:x:1001:1001',
      'max:x:4294967294:1',
    ]
    writeFileSync(path, lines.join('\n'))
    const accounts = new Accounts(path)
    expect([0, 1000, 1001, 4294967294, 7].map((id) => accounts.name(id))).toEqual([
      'root',
      'anna',
      'anna',
      'max',
      undefined,
    ])
    expect(['root', 'toor', 'anna', 'broken', '+', ''].map((name) => accounts.id(name))).toEqual([
      0,
      0,
      1000,
      undefined,
      undefined,
      undefined,
    ])
  })

  it('are none where there is no such file', () => {
    const accounts = new Accounts(join(makeFolder(), 'none'))
    expect(accounts.name(0)).toBeUndefined()
    expect(accounts.id('root')).toBeUndefined()
  })
})
