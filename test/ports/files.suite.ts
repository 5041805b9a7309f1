/** What every Files promises. */

import { describe, expect, it } from 'vitest'

import { FilesError } from '../../src/base/errors.ts'
import type { Files, FileTime, PathBytes } from '../../src/ports/files.ts'
import { inRealTime, join, noise, same, text } from './story.ts'
import type { RunStory } from './story.ts'

export interface FilesWorld {
  readonly files: Files
  /** An empty folder of our own; its path has no link in it. */
  readonly root: PathBytes
  /** Whether times keep their nanoseconds; else they keep microseconds. */
  readonly isNanosecondExact: boolean
  dispose?(): void | Promise<void>
  readonly run?: RunStory
}

/** Names a file may have, from the friendly to the vicious; each is one path component. */
export const NAMES: readonly Uint8Array[] = [
  text('letters.txt'),
  text('with space'),
  text('line\nbreak'),
  text('\t\r\u001b[31m'),
  text('"quotes\' \\and\\ $(dollars)'),
  text('-rf'),
  text('...'),
  text('naïve 名前 🪨'),
  text('e\u0301'),
  text('\u00e9'),
  Uint8Array.of(0xff, 0xfe, 0x80),
  Uint8Array.of(0x61, 0xc3),
  Uint8Array.of(0xed, 0xa0, 0x80),
  new Uint8Array(255).fill(0x61),
]

export function filesSuite(who: string, makeWorld: () => FilesWorld | Promise<FilesWorld>): void {
  type At = (...parts: (string | Uint8Array)[]) => PathBytes
  const story = (tell: (files: Files, at: At, world: FilesWorld) => Promise<void>) => async () => {
    const world = await makeWorld()
    const at: At = (...parts) =>
      join([
        world.root,
        ...parts.flatMap((part) => [text('/'), typeof part === 'string' ? text(part) : part]),
      ])
    try {
      await (world.run ?? inRealTime)(() => tell(world.files, at, world))
    } finally {
      await world.dispose?.()
    }
  }

  describe(`${who} as Files`, () => {
    it(
      'reads back what was written, while writing and after',
      story(async (files, at) => {
        const writer = await files.create(at('a'))
        await writer.write(text('one '))
        await writer.write(text('two'))
        expect(await writer.read(2, 100)).toEqual(text('e two'))
        await writer.sync()
        await writer.close()

        const reader = await files.open(at('a'))
        expect(await reader.read(0, 3)).toEqual(text('one'))
        expect(await reader.read(4, 100)).toEqual(text('two'))
        expect(await reader.read(7, 1)).toEqual(new Uint8Array(0))
        expect(await reader.read(700, 1)).toEqual(new Uint8Array(0))
        expect((await reader.status()).size).toBe(7)
        await reader.close()
      }),
    )

    it(
      'gives a file that nobody else sees, for what does not hold still',
      story(async (files, at) => {
        const [one, other] = [await files.scratch(), await files.scratch()]
        await one.write(text('one '))
        await other.write(text('other'))
        await one.write(text('more'))
        expect(await one.read(2, 100)).toEqual(text('e more'))
        expect(await other.read(0, 100)).toEqual(text('other'))
        expect(await one.read(8, 1)).toEqual(new Uint8Array(0))
        await one.close()
        await other.close()
        expect(await files.list(at())).toEqual([])
      }),
    )

    it(
      'clones an open file as it is, or says that there can be no clone',
      story(async (files, at) => {
        await write(files, at('a'), text('before'))
        const reader = await files.open(at('a'))
        const clone = await reader.clone()
        await files.remove(at('a'))
        await write(files, at('a'), text('after'))
        if (clone !== undefined) {
          expect((await clone.status()).size).toBe(6)
          expect(await clone.read(0, 100)).toEqual(text('before'))
          await clone.close()
        }
        await reader.close()
        expect(await files.list(at())).toEqual([text('a')])
      }),
    )

    it(
      'keeps big files whole',
      story(async (files, at) => {
        const bytes = noise(3 * 1024 * 1024 + 5)
        const writer = await files.create(at('big'))
        await writer.write(bytes.subarray(0, 1_000_001))
        await writer.write(bytes.subarray(1_000_001))
        await writer.close()
        const reader = await files.open(at('big'))
        expect(same(await reader.read(0, bytes.length + 1), bytes)).toBe(true)
        await reader.close()
      }),
    )

    it(
      'reads small files together: what is calm and of the size believed, under any name',
      story(async (files, at) => {
        await write(files, at('empty'), new Uint8Array(0))
        await write(files, at('grown'), text('longer than believed'))
        await write(files, at('shrunk'), text('short'))
        await files.makeFolder(at('folder'))
        await files.makeSymlink(text('grown'), at('link'))
        for (const each of NAMES) await write(files, at(each), each)
        const requests = [
          ...NAMES.map((each) => ({ path: at(each), size: each.length })),
          { path: at('empty'), size: 0 },
          { path: at('grown'), size: 6 },
          { path: at('shrunk'), size: 6 },
          { path: at('missing'), size: 6 },
          { path: at('folder'), size: 0 },
          { path: at('link'), size: 5 },
          { path: at(NAMES[0]!), size: NAMES[0]!.length },
        ]
        const { bytes, files: read } = await files.readSmall(requests)
        const found = read.map(
          (file, index) =>
            file && bytes.slice(file.offset, file.offset + (requests[index]?.size ?? 0)),
        )
        expect(found).toEqual([
          ...NAMES,
          new Uint8Array(0),
          ...Array.from({ length: 5 }, () => undefined),
          NAMES[0],
        ])
        expect(read.at(-1)?.status).toEqual(await files.status(at(NAMES[0]!)))
        expect(read.at(-1)?.status).toEqual(await files.probe(at(NAMES[0]!)))
        expect((await files.readSmall([])).files).toEqual([])
      }),
    )

    it(
      'answers each of several lists of small files with its own',
      story(async (files, at) => {
        for (const each of ['a', 'bb', 'ccc']) await write(files, at(each), text(each))
        const asked = ['a', 'bb', 'ccc'].map((each) =>
          files.readSmall([{ path: at(each), size: each.length }]),
        )
        const answers = await Promise.all(asked)
        expect(answers.map(({ files: [file] }) => file?.status.size)).toEqual([1, 2, 3])
        expect(answers.map(({ bytes }, index) => bytes.slice(0, index + 1))).toEqual(
          ['a', 'bb', 'ccc'].map(text),
        )
      }),
    )

    it(
      'takes every name a file system takes, and lists it byte for byte',
      story(async (files, at) => {
        for (const each of NAMES) {
          await write(files, at(each), each)
          expect((await files.status(at(each))).kind).toBe('file')
        }
        expect(sorted(await files.list(at()))).toEqual(sorted(NAMES))
        for (const each of NAMES) expect(await contents(files, at(each))).toEqual(each)
      }),
    )

    it(
      'makes folders and links under any name, and keeps a link’s target byte for byte',
      story(async (files, at) => {
        for (const each of NAMES) {
          await files.makeFolder(at(each))
          await files.makeSymlink(each, at(each, 'link'))
          expect(await files.readLink(at(each, 'link'))).toEqual(each)
          expect(await files.list(at(each))).toEqual([text('link')])
        }
      }),
    )

    it(
      'tells the system’s word when something is missing',
      story(async (files, at) => {
        expect(await failure(files.status(at('no')))).toBe('ENOENT')
        expect(await failure(files.probe(at('no')))).toBe('ENOENT')
        expect(await failure(files.list(at('no')))).toBe('ENOENT')
        expect(await failure(files.open(at('no')))).toBe('ENOENT')
        expect(await failure(files.readLink(at('no')))).toBe('ENOENT')
        expect(await failure(files.remove(at('no')))).toBe('ENOENT')
        expect(await failure(files.resolve(at('no')))).toBe('ENOENT')
        expect(await failure(files.rename(at('no'), at('yes')))).toBe('ENOENT')
        expect(await failure(files.setMode(at('no'), 0o600))).toBe('ENOENT')
        expect(await failure(files.setModified(at('no'), { seconds: 0, nanoseconds: 0 }))).toBe(
          'ENOENT',
        )
        expect(await failure(files.setOwner(at('no'), { uid: 0, gid: 0 }))).toBe('ENOENT')
        expect(await failure(files.create(at('no', 'a')))).toBe('ENOENT')
        expect(await failure(files.makeFolder(at('no', 'a')))).toBe('ENOENT')
        expect(await failure(files.makeSymlink(text('x'), at('no', 'a')))).toBe('ENOENT')
      }),
    )

    it(
      'never overwrites: a taken name is EEXIST',
      story(async (files, at) => {
        await write(files, at('file'), text('mine'))
        await files.makeFolder(at('folder'))
        await files.makeSymlink(text('nowhere'), at('link'))
        for (const taken of ['file', 'folder', 'link']) {
          expect(await failure(files.create(at(taken)))).toBe('EEXIST')
          expect(await failure(files.makeFolder(at(taken)))).toBe('EEXIST')
          expect(await failure(files.makeSymlink(text('x'), at(taken)))).toBe('EEXIST')
        }
        expect(await contents(files, at('file'))).toEqual(text('mine'))
        expect(await failure(files.status(at('nowhere')))).toBe('ENOENT')
      }),
    )

    it(
      'never follows a link in the last component',
      story(async (files, at) => {
        await write(files, at('target'), text('secret'))
        await files.makeFolder(at('folder'))
        await files.makeSymlink(text('target'), at('link'))
        await files.makeSymlink(text('folder'), at('door'))
        const before = await files.status(at('target'))

        expect((await files.status(at('link'))).kind).toBe('symlink')
        expect(await failure(files.open(at('link')))).toBe('ELOOP')
        expect(await failure(files.list(at('door')))).toBe('ENOTDIR')
        await expect(files.setMode(at('link'), 0o777)).rejects.toThrow(FilesError)
        await files.setModified(at('link'), { seconds: 5, nanoseconds: 0 })
        const { uid, gid } = before
        await files.setOwner(at('link'), { uid, gid })
        await files.remove(at('link'))
        await files.remove(at('door'))

        const after = await files.status(at('target'))
        expect([after.mode, after.mtime]).toEqual([before.mode, before.mtime])
        expect(await contents(files, at('target'))).toEqual(text('secret'))
        expect((await files.status(at('folder'))).kind).toBe('folder')
      }),
    )

    it(
      'follows links on the way there',
      story(async (files, at) => {
        await files.makeFolder(at('folder'))
        await files.makeSymlink(text('folder'), at('door'))
        await write(files, at('door', 'a'), text('a'))
        expect(await contents(files, at('folder', 'a'))).toEqual(text('a'))
        expect(await files.resolve(at('door'))).toEqual(at('folder'))
        expect(await files.resolve(at('folder'))).toEqual(at('folder'))
      }),
    )

    it(
      'opens regular files only',
      story(async (files, at) => {
        await files.makeFolder(at('folder'))
        expect(await failure(files.open(at('folder')))).toBe('EISDIR')
        await write(files, at('file'), text(''))
        expect(await failure(files.list(at('file')))).toBe('ENOTDIR')
        expect(await failure(files.status(at('file', 'a')))).toBe('ENOTDIR')
        expect(await failure(files.readLink(at('file')))).toBe('EINVAL')
      }),
    )

    it(
      'makes files only their owner can touch, and folders others cannot enter',
      story(async (files, at) => {
        await write(files, at('file'), text(''))
        await files.makeFolder(at('folder'))
        expect((await files.status(at('file'))).mode).toBe(0o600)
        expect((await files.status(at('folder'))).mode).toBe(0o700)
      }),
    )

    it(
      'sets modes with setuid, setgid and sticky',
      story(async (files, at) => {
        await write(files, at('file'), text(''))
        await files.makeFolder(at('folder'))
        for (const mode of [0o644, 0o4755, 0o2711, 0o1777, 0o7777, 0o000, 0o400]) {
          await files.setMode(at('file'), mode)
          expect((await files.status(at('file'))).mode.toString(8)).toBe(mode.toString(8))
        }
        for (const mode of [0o755, 0o2770, 0o1777, 0o700]) {
          await files.setMode(at('folder'), mode)
          expect((await files.status(at('folder'))).mode.toString(8)).toBe(mode.toString(8))
        }
      }),
    )

    it(
      'sets times to the nanosecond, before 1970 and far ahead, of files, folders and links',
      story(async (files, at, { isNanosecondExact }) => {
        await write(files, at('file'), text('x'))
        await files.makeFolder(at('folder'))
        await files.makeSymlink(text('file'), at('link'))
        const times: FileTime[] = [
          { seconds: 1_700_000_000, nanoseconds: 123_456_789 },
          { seconds: 0, nanoseconds: 0 },
          { seconds: 0, nanoseconds: 1 },
          { seconds: -1, nanoseconds: 999_999_999 },
          { seconds: -1_000_000, nanoseconds: 1 },
          { seconds: 2 ** 32, nanoseconds: 999_999_999 },
        ]
        for (const name of ['file', 'folder', 'link']) {
          for (const time of times) {
            await files.setModified(at(name), time)
            const { mtime } = await files.status(at(name))
            expect(mtime).toEqual(isNanosecondExact ? time : toMicroseconds(time))
          }
        }
      }),
    )

    it(
      'gives kind, size, identity and number of names',
      story(async (files, at) => {
        await write(files, at('a'), text('12345'))
        await write(files, at('b'), text(''))
        await files.makeSymlink(text('1234567'), at('link'))
        const a = await files.status(at('a'))
        const b = await files.status(at('b'))
        const link = await files.status(at('link'))
        expect([a.kind, a.size, a.linkCount]).toEqual(['file', 5, 1])
        expect([b.kind, b.size]).toEqual(['file', 0])
        expect([link.kind, link.size]).toEqual(['symlink', 7])
        expect(a.inode).not.toBe(b.inode)
        expect(a.device).toBe(b.device)
        expect(a.ctime.nanoseconds).toBeLessThan(1e9)

        const reader = await files.open(at('a'))
        expect(await reader.status()).toEqual(await files.status(at('a')))
        await reader.close()
      }),
    )

    it(
      'moves ctime and not mtime when only the attributes change',
      story(async (files, at) => {
        await write(files, at('a'), text('a'))
        const before = await files.status(at('a'))
        await files.setMode(at('a'), 0o640)
        const after = await files.status(at('a'))
        expect(after.mtime).toEqual(before.mtime)
        expect(nanoseconds(after.ctime)).toBeGreaterThanOrEqual(nanoseconds(before.ctime))
      }),
    )

    it(
      'writes many small files, each whole with all that is to be known of it, or not at all',
      story(async (files, at, world) => {
        await files.makeFolder(at('folder'))
        await write(files, at('taken'), text('mine'))
        await files.makeSymlink(text('nowhere'), at('link'))
        const { uid, gid } = await files.status(at('folder'))
        const mtime = { seconds: -7, nanoseconds: 123_456_789 }
        const known = { uid, gid, mtime, mode: 0o640 }
        const vicious = NAMES.map((name) => at('folder', name))
        const wanted = [at('a'), at('taken'), at('link'), at('no', 'b'), at('empty'), at('a')]
        const request = [...wanted, ...vicious].map((path, index) => {
          const isEmpty = index === 4
          return { ...known, path, offset: isEmpty ? 0 : index, size: isEmpty ? 0 : 3 }
        })
        const bytes = noise(request.length + 3)
        const own = bytes.slice()
        const temporaryName = text('.cairn-0123.part')
        const written = await files.writeSmall({ bytes: own, files: request, temporaryName })
        const troubles = written.map(({ trouble }) => trouble)
        const ok = vicious.map(() => undefined)
        const expected = [undefined, 'EEXIST', 'EEXIST', 'ENOENT', undefined, 'EEXIST', ...ok]
        expect(troubles).toEqual(expected)
        expect(written.every(({ hasOwner, hasMode }) => hasOwner && hasMode)).toBe(true)

        for (const [index, path] of [...wanted.slice(0, 1), ...vicious].entries()) {
          const offset = index === 0 ? 0 : index + 5
          expect(await contents(files, path)).toEqual(bytes.slice(offset, offset + 3))
          const status = await files.status(path)
          expect(status).toMatchObject({ kind: 'file', mode: 0o640, uid, gid, size: 3 })
          const exact = world.isNanosecondExact
          expect(exact ? status.mtime : toMicroseconds(status.mtime)).toEqual(
            exact ? mtime : toMicroseconds(mtime),
          )
        }
        expect(await contents(files, at('taken'))).toEqual(text('mine'))
        expect((await files.status(at('empty'))).size).toBe(0)
        const names = [text('a'), text('empty'), text('folder'), text('link'), text('taken')]
        expect(sorted(await files.list(at()))).toEqual(sorted(names))
        expect(sorted(await files.list(at('folder')))).toEqual(sorted(NAMES))
      }),
    )

    it(
      'says of rights and owners that it may not set them',
      story(async (files, at) => {
        const file = { path: at('a'), offset: 0, size: 1, mode: 0o600, uid: 12_345, gid: 12_345 }
        const mtime = { seconds: 5, nanoseconds: 0 }
        const request = { bytes: text('a'), files: [{ ...file, mtime }], temporaryName: text('t') }
        const [written] = await files.writeSmall(request)
        const { uid } = await files.status(at('a'))
        expect(written).toMatchObject({ trouble: undefined, hasOwner: uid === 12_345 })
      }),
    )

    it(
      'looks at many paths at once, in their order, each as asked for by itself',
      story(async (files, at) => {
        await write(files, at('file'), text('abc'))
        await files.makeFolder(at('folder'))
        await files.makeSymlink(Uint8Array.of(0xff, 0x2f, 0x61), at('link'))
        await files.setXattrs(at('folder'), [{ name: text('user.a'), value: text('b') }])
        const names = ['link', 'no', 'folder', 'file', 'file/x']
        const looked = await files.look(names.map((name) => at(name)))
        for (const [index, name] of names.entries()) {
          const one = looked[index]
          if (one === undefined || 'code' in one) {
            expect(one).toEqual({ code: await failure(files.status(at(name))) })
            continue
          }
          expect(one.status).toEqual(await files.status(at(name)))
          expect(byName(one.xattrs)).toEqual(byName(await files.xattrs(at(name))))
          const target = name === 'link' ? await files.readLink(at(name)) : undefined
          expect(one.target).toEqual(target)
        }
        expect(looked.map((one) => 'code' in one)).toEqual([false, true, false, false, true])
        expect(await files.look([])).toEqual([])
      }),
    )

    it(
      'keeps extended attributes of files and folders, byte for byte, and says what it may not set',
      story(async (files, at) => {
        await write(files, at('file'), text('x'))
        await files.makeFolder(at('folder'))
        const wanted = [
          { name: text('user.b'), value: Uint8Array.of(0, 255, 10) },
          { name: text('user.a'), value: text('') },
          { name: text('user.naïve'), value: noise(1_000) },
        ]
        for (const path of [at('file'), at('folder')]) {
          const refused = await files.setXattrs(path, wanted)
          // A file system without such a thing says so, of each.
          if (refused.length === wanted.length) return
          expect(refused).toEqual([])
          expect(byName(await files.xattrs(path))).toEqual(byName(wanted))
          await files.setXattrs(path, [{ name: text('user.b'), value: text('other') }])
          expect(byName(await files.xattrs(path))[1]?.value).toEqual(text('other'))
        }
        const reader = await files.open(at('file'))
        expect(byName(await reader.xattrs())).toEqual(byName(await files.xattrs(at('file'))))
        await reader.close()
        await files.makeSymlink(text('file'), at('link'))
        expect(await files.xattrs(at('link'))).toEqual([])
        const [refusal] = await files.setXattrs(at('link'), wanted.slice(0, 1))
        expect(refusal?.name).toEqual(text('user.b'))
        expect(await failure(files.xattrs(at('no')))).toBe('ENOENT')
      }),
    )

    it(
      'reads and writes extended attributes of small files with the rest',
      story(async (files, at) => {
        const xattrs = [{ name: text('user.comment'), value: text('hello') }]
        await write(files, at('with'), text('a'))
        await write(files, at('without'), text('b'))
        if ((await files.setXattrs(at('with'), xattrs)).length > 0) return
        const asked = [at('with'), at('without')].map((path) => ({ path, size: 1 }))
        const read = await files.readSmall(asked)
        expect(read.files.map((file) => file?.xattrs)).toEqual([xattrs, []])

        const { uid, gid } = await files.status(at('with'))
        const mtime = { seconds: 5, nanoseconds: 0 }
        const known = { offset: 0, size: 1, mode: 0o400, uid, gid, mtime, xattrs }
        const [written] = await files.writeSmall({
          bytes: text('c'),
          files: [{ ...known, path: at('new') }],
          temporaryName: text('t'),
        })
        expect(written).toMatchObject({ trouble: undefined, refused: [] })
        expect(await files.xattrs(at('new'))).toEqual(xattrs)
      }),
    )

    it(
      'gives a file a second name, and never over another',
      story(async (files, at) => {
        await write(files, at('a'), text('a'))
        await files.link(at('a'), at('b'))
        const [a, b] = [await files.status(at('a')), await files.status(at('b'))]
        expect([b.inode, b.linkCount, a.linkCount]).toEqual([a.inode, 2, 2])
        expect(await contents(files, at('b'))).toEqual(text('a'))
        expect(await failure(files.link(at('a'), at('b')))).toBe('EEXIST')
        expect(await failure(files.link(at('no'), at('c')))).toBe('ENOENT')
        await files.makeSymlink(text('a'), at('link'))
        await files.link(at('link'), at('other'))
        expect((await files.status(at('other'))).kind).toBe('symlink')
        await files.makeFolder(at('folder'))
        await expect(files.link(at('folder'), at('door'))).rejects.toThrow(FilesError)
      }),
    )

    it(
      'makes FIFOs, which it neither opens nor reads, and devices where it may',
      story(async (files, at) => {
        await files.makeSpecial(at('pipe'), { kind: 'fifo' })
        const pipe = await files.status(at('pipe'))
        expect([pipe.kind, pipe.mode, pipe.deviceNumber]).toEqual(['fifo', 0o600, undefined])
        expect(await failure(files.open(at('pipe')))).toBe('EINVAL')
        const { files: read } = await files.readSmall([{ path: at('pipe'), size: 0 }])
        expect(read).toEqual([undefined])
        expect(await failure(files.makeSpecial(at('pipe'), { kind: 'fifo' }))).toBe('EEXIST')
        await files.setMode(at('pipe'), 0o640)
        expect((await files.status(at('pipe'))).mode).toBe(0o640)

        const device = { major: 300, minor: 70_000 }
        try {
          await files.makeSpecial(at('null'), { kind: 'characterDevice', device })
        } catch (error) {
          expect((error as FilesError).code).toBe('EPERM')
          return
        }
        expect(await files.status(at('null'))).toMatchObject({
          kind: 'characterDevice',
          deviceNumber: device,
        })
      }),
    )

    it(
      'writes holes that read as zeros',
      story(async (files, at) => {
        const writer = await files.create(at('sparse'))
        await writer.write(text('begin'))
        await writer.skip(1_000_000)
        await writer.write(text('end'))
        await writer.skip(500_000)
        expect(await writer.read(1_000_000, 8)).toEqual(
          Uint8Array.from([0, 0, 0, 0, 0, ...text('end')]),
        )
        await writer.close()
        const reader = await files.open(at('sparse'))
        const whole = new Uint8Array(1_500_008)
        whole.set(text('begin'))
        whole.set(text('end'), 1_000_005)
        expect(same(await reader.read(0, 2_000_000), whole)).toBe(true)
        expect(await reader.read(1_200_000, 1_000_000)).toEqual(new Uint8Array(300_008))
        expect(await reader.read(1_500_008, 10)).toEqual(new Uint8Array(0))
        for (const { offset, size } of await reader.holes(10)) {
          expect(await reader.read(offset, size)).toEqual(new Uint8Array(size))
        }
        expect((await reader.holes(1)).length).toBeLessThanOrEqual(1)
        await reader.close()
      }),
    )

    it(
      'tells times beyond 2262 of small files too',
      story(async (files, at) => {
        const far = { seconds: 13_000_000_000, nanoseconds: 7 }
        await write(files, at('far'), text('x'))
        await files.setModified(at('far'), far)
        const { mtime } = await files.status(at('far'))
        const { files: read } = await files.readSmall([{ path: at('far'), size: 1 }])
        expect(read[0]?.status.mtime).toEqual(mtime)
      }),
    )

    it(
      'renames over a file, and reads on from one that was renamed over',
      story(async (files, at) => {
        await write(files, at('old'), text('old'))
        await write(files, at('new'), text('new'))
        const reader = await files.open(at('old'))
        const { inode } = await files.status(at('new'))
        await files.rename(at('new'), at('old'))
        expect((await files.status(at('old'))).inode).toBe(inode)
        expect(await contents(files, at('old'))).toEqual(text('new'))
        expect(await reader.read(0, 3)).toEqual(text('old'))
        await reader.close()
        expect(await files.list(at())).toEqual([text('old')])
      }),
    )

    it(
      'removes files, links and empty folders, and no folder that holds something',
      story(async (files, at) => {
        await files.makeFolder(at('folder'))
        await write(files, at('folder', 'file'), text(''))
        await files.makeSymlink(text('folder'), at('link'))
        expect(await failure(files.remove(at('folder')))).toBe('ENOTEMPTY')
        await files.remove(at('link'))
        await files.remove(at('folder', 'file'))
        await files.remove(at('folder'))
        expect(await files.list(at())).toEqual([])
      }),
    )

    it(
      'sets the owner it already has',
      story(async (files, at) => {
        await write(files, at('a'), text(''))
        const { uid, gid } = await files.status(at('a'))
        await files.setOwner(at('a'), { uid, gid })
        const after = await files.status(at('a'))
        expect([after.uid, after.gid]).toEqual([uid, gid])
      }),
    )

    it(
      'knows accounts both ways, and says undefined where there are none',
      story(async (files) => {
        const root = files.userName(0)
        const group = files.groupName(0)
        expect(root === undefined ? 0 : files.userId(root)).toBe(0)
        expect(group === undefined ? 0 : files.groupId(group)).toBe(0)
        expect(files.userName(3_999_999_999)).toBeUndefined()
        expect(files.groupName(3_999_999_999)).toBeUndefined()
        expect(files.userId('nobody has this name')).toBeUndefined()
        expect(files.groupId('nobody has this name')).toBeUndefined()
      }),
    )
  })
}

async function write(files: Files, path: PathBytes, bytes: Uint8Array): Promise<void> {
  const writer = await files.create(path)
  await writer.write(bytes)
  await writer.close()
}

async function contents(files: Files, path: PathBytes): Promise<Uint8Array> {
  const reader = await files.open(path)
  try {
    return await reader.read(0, (await reader.status()).size)
  } finally {
    await reader.close()
  }
}

/** @returns the code of the FilesError that the work fails with, or whatever else became of it */
function failure(work: Promise<unknown>): Promise<unknown> {
  return work.then(
    () => 'success',
    (reason: unknown) => (reason instanceof FilesError ? reason.code : reason),
  )
}

const sorted = (names: readonly Uint8Array[]): string[] =>
  names.map((name) => Buffer.from(name).toString('hex')).toSorted()

const toMicroseconds = (time: FileTime): FileTime => ({
  seconds: time.seconds,
  nanoseconds: Math.floor(time.nanoseconds / 1000) * 1000,
})

const nanoseconds = (time: FileTime): bigint =>
  BigInt(time.seconds) * 1_000_000_000n + BigInt(time.nanoseconds)

function byName<T extends { readonly name: Uint8Array }>(list: readonly T[]): T[] {
  return list.toSorted((a, b) => Buffer.compare(a.name, b.name))
}
