/** What every Disk promises. */

import { describe, expect, it } from 'vitest'

import { DiskError } from '../../src/base/errors.ts'
import type { Disk, DiskFile } from '../../src/ports/disk.ts'
import { inRealTime, noise, same, text } from './story.ts'
import type { RunStory } from './story.ts'

export interface DiskWorld {
  readonly disk: Disk
  /** The same disk as a process that starts afresh finds it; after a power cut, where one can be had. */
  reopen(): Disk | Promise<Disk>
  dispose?(): void | Promise<void>
  readonly run?: RunStory
}

export function diskSuite(name: string, makeWorld: () => DiskWorld | Promise<DiskWorld>): void {
  const story = (tell: (disk: Disk, world: DiskWorld) => Promise<void>) => async () => {
    const world = await makeWorld()
    try {
      await (world.run ?? inRealTime)(() => tell(world.disk, world))
    } finally {
      await world.dispose?.()
    }
  }

  describe(`${name} as a Disk`, () => {
    it(
      'reads back what was appended, before and after a sync',
      story(async (disk) => {
        const file = await disk.create('a.bin')
        await file.append(text('one '))
        await file.append(text('two'))
        expect(await file.read(0, 100)).toEqual(text('one two'))
        await file.sync()
        expect(await file.read(4, 3)).toEqual(text('two'))
        expect(await file.size()).toBe(7)
        await file.close()
        expect(await contents(disk, 'a.bin')).toEqual(text('one two'))
      }),
    )

    it(
      'gives less, or nothing, past the end of a file',
      story(async (disk) => {
        const file = await disk.create('a')
        await file.append(text('abc'))
        expect(await file.read(1, 10)).toEqual(text('bc'))
        expect(await file.read(3, 10)).toEqual(new Uint8Array(0))
        expect(await file.read(1000, 10)).toEqual(new Uint8Array(0))
        expect(await file.read(0, 0)).toEqual(new Uint8Array(0))
        await file.close()
      }),
    )

    it(
      'gives arrays of their own, and takes a copy of what is appended',
      story(async (disk) => {
        const file = await disk.create('a')
        const bytes = text('abc')
        await file.append(bytes)
        bytes.fill(0)
        const first = await file.read(0, 3)
        expect(first).toEqual(text('abc'))
        first.fill(0)
        expect(await file.read(0, 3)).toEqual(text('abc'))
        await file.close()
      }),
    )

    it(
      'keeps big files whole',
      story(async (disk) => {
        const bytes = noise(5 * 1024 * 1024 + 17)
        const file = await disk.create('big')
        for (let offset = 0; offset < bytes.length; offset += 1_000_003) {
          await file.append(bytes.subarray(offset, offset + 1_000_003))
        }
        await file.sync()
        expect(await file.size()).toBe(bytes.length)
        const middle = await file.read(999_000, 2_000_000)
        expect(same(middle, bytes.subarray(999_000, 2_999_000))).toBe(true)
        await file.close()
      }),
    )

    it(
      'creates a name only once',
      story(async (disk) => {
        await write(disk, 'a', 'first')
        await expect(disk.create('a')).rejects.toThrow(DiskError)
        expect(await contents(disk, 'a')).toEqual(text('first'))
      }),
    )

    it(
      'creates nothing in a folder that is not there',
      story(async (disk) => {
        await expect(disk.create('no/a')).rejects.toThrow(DiskError)
      }),
    )

    it(
      'opens what is missing as undefined',
      story(async (disk) => {
        expect(await disk.open('a')).toBeUndefined()
        expect(await disk.open('no/a')).toBeUndefined()
      }),
    )

    it(
      'opens for reading only',
      story(async (disk) => {
        await write(disk, 'a', 'abc')
        const file = await opened(disk, 'a')
        await expect(file.append(text('d'))).rejects.toThrow(DiskError)
        await file.close()
        expect(await contents(disk, 'a')).toEqual(text('abc'))
      }),
    )

    it(
      'opens no folder as a file',
      story(async (disk) => {
        await disk.makeFolder('folder')
        await expect(disk.open('folder')).rejects.toThrow(DiskError)
      }),
    )

    it(
      'refuses a file that was closed; closing twice is well',
      story(async (disk) => {
        const file = await disk.create('a')
        await file.close()
        await file.close()
        await expect(file.read(0, 1)).rejects.toThrow(DiskError)
        await expect(file.append(text('a'))).rejects.toThrow(DiskError)
        await expect(file.sync()).rejects.toThrow(DiskError)
      }),
    )

    it(
      'renames over what had the name',
      story(async (disk) => {
        await write(disk, 'old', 'old')
        await write(disk, 'new', 'new')
        await disk.rename('new', 'old')
        expect(await contents(disk, 'old')).toEqual(text('new'))
        expect(await disk.open('new')).toBeUndefined()
      }),
    )

    it(
      'renames into another folder, and refuses what is not there',
      story(async (disk) => {
        await disk.makeFolder('a/b')
        await write(disk, 'x', 'x')
        await disk.rename('x', 'a/b/y')
        expect(await contents(disk, 'a/b/y')).toEqual(text('x'))
        await expect(disk.rename('x', 'z')).rejects.toThrow(DiskError)
        await expect(disk.rename('a/b/y', 'no/y')).rejects.toThrow(DiskError)
      }),
    )

    it(
      'goes on reading a file that was renamed over or removed',
      story(async (disk) => {
        await write(disk, 'a', 'abc')
        const file = await opened(disk, 'a')
        await write(disk, 'b', 'new')
        await disk.rename('b', 'a')
        expect(await file.read(0, 3)).toEqual(text('abc'))
        await disk.remove('a')
        expect(await file.read(0, 3)).toEqual(text('abc'))
        await file.close()
      }),
    )

    it(
      'removes what is there, and does not mind what is not',
      story(async (disk) => {
        await write(disk, 'a', 'a')
        await disk.remove('a')
        expect(await disk.open('a')).toBeUndefined()
        await disk.remove('a')
        await disk.remove('no/a')
      }),
    )

    it(
      'makes folders and those above them, again and again',
      story(async (disk) => {
        await disk.makeFolder('a/b/c')
        await disk.makeFolder('a/b/c')
        await disk.makeFolder('a')
        await write(disk, 'a/b/c/d', 'd')
        expect(await disk.list('a/b')).toEqual(['c'])
      }),
    )

    it(
      'makes no folder where a file has the name',
      story(async (disk) => {
        await write(disk, 'a', 'a')
        await expect(disk.makeFolder('a')).rejects.toThrow(DiskError)
      }),
    )

    it(
      'lists names sorted, files and folders alike',
      story(async (disk) => {
        for (const file of ['b', 'a.2', 'a-1', 'a', '10', '9', 'c_d']) await write(disk, file, '')
        await disk.makeFolder('bb/c')
        expect(await disk.list('')).toEqual(['10', '9', 'a', 'a-1', 'a.2', 'b', 'bb', 'c_d'])
        expect(await disk.list('bb')).toEqual(['c'])
        expect(await disk.list('bb/c')).toEqual([])
        expect(await disk.list('no')).toEqual([])
        expect(await disk.list('no/such')).toEqual([])
      }),
    )

    it(
      'keeps what was synced, with its name, for whoever comes next',
      story(async (disk, world) => {
        await disk.makeFolder('kept')
        await disk.syncFolder('')
        const file = await disk.create('kept/half')
        await file.append(text('synced'))
        await file.sync()
        await file.close()
        await disk.rename('kept/half', 'kept/whole')
        await disk.syncFolder('kept')

        const again = await world.reopen()
        expect(await contents(again, 'kept/whole')).toEqual(text('synced'))
        expect(await again.list('kept')).toEqual(['whole'])
      }),
    )

    it(
      'keeps a removal that was synced',
      story(async (disk, world) => {
        await write(disk, 'a', 'a')
        await disk.syncFolder('')
        await disk.remove('a')
        await disk.syncFolder('')
        const again = await world.reopen()
        expect(await again.open('a')).toBeUndefined()
      }),
    )

    it(
      'refuses to sync a folder that is not there',
      story(async (disk) => {
        await expect(disk.syncFolder('no')).rejects.toThrow(DiskError)
      }),
    )

    it(
      'never leaves its folder, nor takes a name we would not make',
      story(async (disk) => {
        const names = [
          '..',
          '../a',
          'a/../../b',
          '/etc/passwd',
          './a',
          'a//b',
          'a/',
          'A',
          'ä',
          'a\0',
        ]
        for (const path of [...names, '']) {
          await expect(disk.create(path)).rejects.toThrow(Error)
          await expect(disk.open(path)).rejects.toThrow(Error)
          await expect(disk.remove(path)).rejects.toThrow(Error)
        }
        for (const path of names) await expect(disk.list(path)).rejects.toThrow(Error)
      }),
    )

    it(
      'knows how much room there is',
      story(async (disk) => {
        const { free, total } = await disk.space()
        expect(Number.isSafeInteger(free)).toBe(true)
        expect(free).toBeGreaterThan(0)
        expect(total).toBeGreaterThanOrEqual(free)
      }),
    )
  })
}

async function write(disk: Disk, path: string, words: string): Promise<void> {
  const file = await disk.create(path)
  await file.append(text(words))
  await file.sync()
  await file.close()
}

async function opened(disk: Disk, path: string): Promise<DiskFile> {
  const file = await disk.open(path)
  expect(file).toBeDefined()
  return file!
}

async function contents(disk: Disk, path: string): Promise<Uint8Array> {
  const file = await opened(disk, path)
  try {
    return await file.read(0, await file.size())
  } finally {
    await file.close()
  }
}
