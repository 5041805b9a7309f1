import { describe, expect, it } from 'vitest'
import type { Attributes } from '../../protocol/tree.ts'
import { failure, toBytes, toText, type FileTree } from '../../sim/file-tree.ts'
import type { Machine, MachinePorts } from '../../sim/machine.ts'
import type { FilesError } from '../../src/base/errors.ts'
import { UnsafeNameError } from '../../src/restore/plain-child.ts'
import { Target, type TargetOptions } from '../../src/restore/target.ts'
import { PLAIN_METADATA, type Unset } from '../../src/restore/unset.ts'
import { toNames, type Names } from '../../src/source/path.ts'
import { onMachine } from '../support/on-machine.ts'

const content = toBytes('restored')

type Write = (target: Target, file: Names, attributes: Attributes) => Promise<void>

const ways: [string, Write][] = [
  ['by themselves', (target, file, known) => target.file(file, known, fill)],
  [
    'in a batch',
    async (target, file, known) => {
      const bytes = toBytes('never restored never')
      const one = { names: file, attributes: known, offset: 6, size: content.length }
      const [trouble] = await target.smallFiles([one], bytes)
      if (trouble !== undefined) throw trouble
    },
  ],
]

describe.each(ways)('a target of files written %s', (_, write) => {
  it('holds files, links and folders as they were, to the nanosecond', async () => {
    await restoring(async ({ target, tree, unset }) => {
      const mtime = { seconds: -5, nanoseconds: 123_456_789 }
      await target.folder(names('home/ada'))
      await write(target, names('home/ada/file'), { ...attributes, mtime, mode: 0o1640 })
      await target.symlink(names('home/link'), toBytes('../../etc'), { ...attributes, mtime })
      await target.finishFolder(names('home/ada'), { ...attributes, mtime, mode: 0o500 })
      const [file, link, folder] = ['home/ada/file', 'home/link', 'home/ada'].map((path) =>
        tree.node(toBytes(`/target/${path}`)),
      )
      expect(file?.read(0, 100)).toEqual(content)
      expect(file).toMatchObject({ kind: 'file', mode: 0o1640, mtime })
      expect(link).toMatchObject({ kind: 'symlink', mtime })
      expect(toText(link?.target ?? content)).toBe('../../etc')
      expect(folder).toMatchObject({ kind: 'folder', mode: 0o500, mtime })
      expect(unset).toEqual([])
    })
  })

  it('is made with those above it, and may be reached through a link of the person', async () => {
    await onMachine(async (ports, { tree }) => {
      tree.make(toBytes('/disk'), 'folder', 0o755)
      tree.make(toBytes('/link'), 'symlink', 0o777).target = toBytes('/disk')
      const target = await openTarget(ports, '/link/a/b')
      await write(target, names('file'), attributes)
      expect(tree.has(toBytes('/disk/a/b/file'))).toBe(true)
    })
  })

  it.each(['', '.', '..', 'a/b', '/etc/passwd', 'a\0b'])('takes no name like %j', async (name) => {
    await restoring(async ({ target, paths }) => {
      const before = paths()
      for (const bad of [[name], ['x', name], [name, 'x']].map((all) => all.map(toBytes))) {
        await expect(target.folder(bad)).rejects.toBeInstanceOf(UnsafeNameError)
        await expect(write(target, bad, attributes)).rejects.toBeInstanceOf(UnsafeNameError)
        const link = target.symlink(bad, toBytes('x'), attributes)
        await expect(link).rejects.toBeInstanceOf(UnsafeNameError)
        await expect(target.finishFolder(bad, attributes)).rejects.toBeInstanceOf(UnsafeNameError)
      }
      expect(paths().filter((path) => path !== '/target/x')).toEqual(before)
    })
  })

  it.each(['home', 'home/ada', 'home/ada/letters'])(
    'writes nothing through a link that somebody planted at %s',
    async (planted) => {
      await restoring(async ({ target, tree, paths }) => {
        tree.make(toBytes('/outside'), 'folder', 0o755)
        for (const folder of ['ada', 'ada/letters', 'letters']) {
          tree.make(toBytes(`/outside/${folder}`), 'folder', 0o755)
        }
        const parts = planted.split('/')
        for (let depth = 1; depth < parts.length; depth += 1) {
          tree.make(toBytes(`/target/${parts.slice(0, depth).join('/')}`), 'folder', 0o755)
        }
        tree.make(toBytes(`/target/${planted}`), 'symlink', 0o777).target = toBytes('/outside')
        const outside = () => paths().filter((path) => path.startsWith('/outside'))
        const before = outside()
        const file = write(target, names('home/ada/letters/file'), attributes)
        await expect(file).rejects.toMatchObject({ code: 'ENOTDIR' })
        const link = target.symlink(names('home/ada/letters/link'), toBytes('x'), attributes)
        await expect(link).rejects.toMatchObject({ code: 'ENOTDIR' })
        const folder = target.folder(names('home/ada/letters/folder'))
        await expect(folder).rejects.toMatchObject({ code: 'ENOTDIR' })
        expect(outside()).toEqual(before)
      })
    },
  )

  it('leaves what is there as it is, whatever it is', async () => {
    await restoring(async ({ target, tree }) => {
      tree.write(tree.make(toBytes('/target/file'), 'file', 0o644), 0, toBytes('mine'))
      tree.make(toBytes('/target/folder'), 'folder', 0o755)
      tree.make(toBytes('/target/dangling'), 'symlink', 0o777).target = toBytes('/nowhere')
      for (const name of ['file', 'folder', 'dangling']) {
        const file = write(target, names(name), attributes)
        await expect(file).rejects.toMatchObject({ code: 'EEXIST' })
        const link = target.symlink(names(name), toBytes('x'), attributes)
        await expect(link).rejects.toMatchObject({ code: 'EEXIST' })
      }
      expect(toText(tree.node(toBytes('/target/file')).read(0, 100))).toBe('mine')
      expect(tree.has(toBytes('/nowhere'))).toBe(false)
      await expect(target.folder(names('file/below'))).rejects.toMatchObject({ code: 'ENOTDIR' })
    })
  })

  it.each(['create', 'write', 'setMode', 'setModified', 'rename', 'makeSymlink'])(
    'holds nothing new after a failed %s',
    async (failing) => {
      await restoring(async ({ target, machine, paths }) => {
        await target.folder(names('folder'))
        const before = paths()
        machine.filesTrouble.onStep = (operation, path) => {
          if (operation === failing) throw failure('EIO', path)
        }
        const file = write(target, names('folder/file'), attributes)
        if (failing !== 'makeSymlink') await expect(file).rejects.toMatchObject({ code: 'EIO' })
        else await file
        const link = target.symlink(names('folder/link'), toBytes('x'), attributes)
        await Promise.allSettled([link])
        machine.filesTrouble.onStep = undefined
        const isLink = ['setModified', 'makeSymlink'].includes(failing)
        const made = isLink ? ['/target/folder/file'] : ['/target/folder/link']
        const expected = failing === 'setModified' ? before : [...before, ...made]
        expect(paths()).toEqual(expected)
      })
    },
  )

  it('holds only the last file of several that were written on the way', async () => {
    await restoring(async ({ target, paths }) => {
      await target.file(names('file'), attributes, async (temporary) => {
        const first = await temporary()
        await first.writer.write(toBytes('original'))
        const second = await temporary()
        await first.discard()
        await first.discard()
        await temporary()
        await second.writer.write(content)
        return second
      })
      expect(paths()).toEqual(['/target', '/target/file'])
    })
  })

  it('gives files to accounts by their names here, and says where it may not', async () => {
    await restoring(async ({ target, tree, unset }) => {
      const ada = { userName: 'ada', groupName: 'ada', uid: 77, gid: 77 }
      await write(target, names('by name'), { ...attributes, ...ada })
      expect(tree.node(toBytes('/target/by name'))).toMatchObject({ uid: 1000, gid: 1000 })
      expect(unset).toEqual([])
      const unknown = { userName: 'zoe', groupName: undefined, uid: 1001, gid: 1000 }
      await write(target, names('by number'), { ...attributes, ...unknown })
      expect(kindsOf(unset)).toEqual(['owner'])
    })
  })

  it.each(['EPERM', 'EINVAL', 'ENOTSUP'])(
    'counts rights that are refused with %s, and keeps the content',
    async (code) => {
      await restoring(async ({ target, machine, tree, unset }) => {
        machine.filesTrouble.onStep = (operation, path) => {
          if (operation === 'setMode' || operation === 'setOwner') throw failure(code, path)
        }
        await write(target, names('file'), { ...attributes, uid: 5, userName: undefined })
        expect(kindsOf(unset)).toEqual(['mode', 'owner'])
        expect(tree.node(toBytes('/target/file')).read(0, 100)).toEqual(content)
      })
    },
  )

  it('gives no rights away: setuid and setgid are counted, not set', async () => {
    await restoring(async ({ target, tree, unset }) => {
      await write(target, names('file'), { ...attributes, mode: 0o6755 })
      expect(tree.node(toBytes('/target/file')).mode).toBe(0o755)
      expect(unset).toEqual([{ path: toBytes('/file'), kind: 'setuid', reason: 'not asked for' }])
    })
  })
})

describe('a batch of files', () => {
  it('holds those that can be written, and says of each other why it is not there', async () => {
    await restoring(async ({ target, tree, machine, paths }) => {
      tree.make(toBytes('/target/taken'), 'folder', 0o755)
      tree.make(toBytes('/target/link'), 'symlink', 0o777).target = toBytes('/outside')
      let renames = 0
      machine.filesTrouble.onStep = (operation, path) => {
        if (operation === 'rename' && ++renames === 1) throw failure('EIO', path)
      }
      const all = ['broken', 'a/good', 'taken', 'link/below', '..', 'a/b/empty', 'a/good']
      const troubles = await target.smallFiles(
        all.map((path, index) => ({
          names: names(path),
          attributes,
          offset: index,
          size: path.endsWith('empty') ? 0 : 2,
        })),
        toBytes('abcdefghij'),
      )
      const codes = troubles.map((trouble) => (trouble as FilesError | undefined)?.code)
      expect(codes).toEqual(['EIO', undefined, 'EEXIST', 'ENOTDIR', 'EINVAL', undefined, 'EEXIST'])
      expect(toText(tree.node(toBytes('/target/a/good')).read(0, 10))).toBe('bc')
      expect(tree.node(toBytes('/target/a/b/empty')).size).toBe(0)
      expect(paths().filter((path) => path.includes('.part') || path.includes('broken'))).toEqual(
        [],
      )
    })
  })
})

const attributes: Attributes = {
  mode: 0o644,
  uid: 1000,
  gid: 1000,
  userName: 'ada',
  groupName: 'ada',
  mtime: { seconds: 1_700_000_000, nanoseconds: 1 },
  ctime: { seconds: 1_700_000_000, nanoseconds: 2 },
  inode: 9n,
  size: content.length,
  extra: [],
}

const fill: Parameters<Target['file']>[2] = async (temporary) => {
  const one = await temporary()
  await one.writer.write(content)
  return one
}

interface Restoring {
  readonly machine: Machine
  readonly tree: FileTree
  readonly target: Target
  /** What it was told that files lack. */
  readonly unset: Unset[]
  /** Every path on the machine but the topmost. */
  readonly paths: () => string[]
}

async function restoring(story: (restoring: Restoring) => Promise<void>): Promise<void> {
  await onMachine(async (ports, machine) => {
    const { tree } = machine
    const unset: Unset[] = []
    const target = await openTarget(ports, '/target', {
      metadata: PLAIN_METADATA,
      onUnset: (one) => unset.push(one),
    })
    const paths = () => [...tree.walk()].slice(1).map(({ path }) => toText(path))
    await story({ machine, tree, target, unset, paths })
  })
}

function openTarget(
  { files, random }: MachinePorts,
  path: string,
  options?: TargetOptions,
): Promise<Target> {
  return Target.open({ files, random }, toBytes(path), toNames(toBytes(path)), options)
}

function kindsOf(unset: readonly Unset[]): string[] {
  return unset.map(({ kind }) => kind).toSorted()
}

function names(path: string): Names {
  return path.split('/').map(toBytes)
}
