import { describe, expect, it } from 'vitest'
import { failure, toBytes, toText, type FileTree } from '../../sim/file-tree.ts'
import type { Machine, MachinePorts } from '../../sim/machine.ts'
import { FolderSource, type Found } from '../../src/source/folder-source.ts'
import { fromKey, join, toPath } from '../../src/source/path.ts'
import { recordsOf } from '../../src/base/stretch.ts'
import { forever, onMachine } from '../support/on-machine.ts'

describe('a folder source', () => {
  it('comes folder by folder, each in order of its names, folders in tree order', async () => {
    await walking(['/a/b/file', '/a/b-', '/a/b0', '/a/B', '/a/b/d/deep'], async (walk) => {
      expect(await walk(['/a'])).toEqual([
        '(/a)',
        '/a/B',
        '/a/b',
        '/a/b-',
        '/a/b0',
        '/a/b/d',
        '/a/b/file',
        '/a/b/d/deep',
      ])
    })
  })

  it('tells the sources and the folders above them first, each once', async () => {
    await walking(['/a/b/c/1', '/a/b/d/2', '/a/other', '/e/f/3'], async (walk) => {
      expect(await walk(['/e/f', '/a/b/d', '/a/b/c'])).toEqual([
        '(/a)',
        '(/a/b)',
        '(/a/b/c)',
        '(/a/b/d)',
        '(/e)',
        '(/e/f)',
        '/a/b/c/1',
        '/a/b/d/2',
        '/e/f/3',
      ])
    })
  })

  it('walks overlapping and repeated sources once', async () => {
    await walking(['/a/b/c', '/ab'], async (walk, { ports }) => {
      expect(await walk(['/a/b', '/a', '/a/', '//a/b/c'])).toEqual(['(/a)', '/a/b', '/a/b/c'])
      const source = new FolderSource(ports.files, ['/a/b', '/a'].map(toBytes))
      expect(source.paths.map(toText)).toEqual(['/a'])
    })
  })

  it('may be everything, and a single file, and a link', async () => {
    await walking(['/a/b', '/c'], async (walk, { tree }) => {
      tree.make(toBytes('/link'), 'symlink', 0o777).target = toBytes('/a')
      expect(await walk(['/'])).toEqual(['/a', '/c', '/link', '/a/b'])
      expect(await walk(['/a/b'])).toEqual(['(/a)', '(/a/b)'])
      expect(await walk(['/link'])).toEqual(['(/link)', '/link passed: link'])
    })
  })

  it('passes over what is excluded, with all in it', async () => {
    await walking(['/a/b/c', '/a/bc', '/d'], async (walk) => {
      expect(await walk(['/'], ['/a/b', '/nowhere'])).toEqual(['/a', '/d', '/a/bc'])
    })
  })

  it('tells what cannot be listed, and goes on behind it', async () => {
    await walking(['/a/b/c', '/a/c/e', '/a/d'], async (walk, { tree }) => {
      tree.node(toBytes('/a/b')).mode = 0o000
      expect(await walk(['/a'])).toEqual(['(/a)', '/a/b', '/a/c', '/a/d', '/a/b EACCES', '/a/c/e'])
    })
  })

  it('tells what vanished between its listing and its turn', async () => {
    await walking(['/a/b/c', '/a/d'], async (walk, { machine, tree }) => {
      machine.filesTrouble.onStep = (operation, path) => {
        if (operation !== 'status' || toText(path) !== '/a/b') return
        if (!tree.has(path)) return
        tree.remove(toBytes('/a/b/c'))
        tree.remove(path)
      }
      expect(await walk(['/a'])).toEqual(['(/a)', '/a/d', 'b ENOENT'])
    })
  })

  it('tells the topmost folder itself, should it not be listed', async () => {
    await walking(['/a'], async (walk, { machine }) => {
      machine.filesTrouble.onStep = (operation, path) => {
        if (operation === 'list') throw failure('EIO', path)
      }
      expect(await walk(['/'])).toEqual(['/ EIO'])
    })
  })

  it('goes as deep as folders go', async () => {
    await walking([], async (walk, { tree }) => {
      const paths = Array.from({ length: 500 }, (_, depth) => '/x'.repeat(depth + 1))
      for (const path of paths) tree.make(toBytes(path), 'folder', 0o755)
      const found = await walk(['/'])
      expect(found.map(({ length }) => length)).toEqual(paths.map(({ length }) => length))
    })
  })

  it('asks for one source to be there, not for all', async () => {
    await walking(['/a/b'], async (walk, { ports }) => {
      await new FolderSource(ports.files, ['/a', '/gone'].map(toBytes)).assertPresent()
      const none = new FolderSource(ports.files, ['/gone', '/away'].map(toBytes))
      await expect(none.assertPresent()).rejects.toMatchObject({ code: 'ENOENT' })
      expect(await walk(['/a', '/gone'])).toEqual(['(/a)', '/gone ENOENT', '/a/b'])
    })
  })

  it('stops when it is told to', async () => {
    await walking(['/a/b', '/a/c'], async (_, { ports }) => {
      const controller = new AbortController()
      const walk = new FolderSource(ports.files, [toBytes('/a')]).walk(controller.signal)
      await walk.next()
      controller.abort(new Error('enough'))
      await expect(walk.next().then(() => walk.next())).rejects.toThrow('enough')
    })
  })
})

type Walk = (sources: readonly string[], excluded?: readonly string[]) => Promise<string[]>

/** Tell a story over these files, their folders made as well. */
async function walking(
  files: readonly string[],
  story: (
    walk: Walk,
    world: { ports: MachinePorts; machine: Machine; tree: FileTree },
  ) => Promise<void>,
): Promise<void> {
  await onMachine(async (ports, machine) => {
    const { tree } = machine
    for (const file of files) {
      const names = file.split('/').slice(1)
      for (let depth = 1; depth < names.length; depth += 1) {
        const folder = toBytes(`/${names.slice(0, depth).join('/')}`)
        if (!tree.has(folder)) tree.make(folder, 'folder', 0o755)
      }
      tree.make(toBytes(file), 'file', 0o644)
    }
    const walk: Walk = async (sources, excluded = []) => {
      const source = new FolderSource(ports.files, sources.map(toBytes), {
        paths: excluded.map(toBytes),
      })
      const told: string[] = []
      for await (const batch of source.walk(forever)) told.push(...batch.flatMap(describeFound))
      return told
    }
    await story(walk, { ports, machine, tree })
  })
}

function describeFound(found: Found): string[] {
  if (found.type === 'failure') return [`${toText(found.path)} ${found.error.code}`]
  if (found.type === 'entry') return [`(${toText(found.path)})`]
  if (found.type !== 'stretch') return [`${toText(found.folder)} ${found.type}: ${found.why}`]
  const { stretch } = found
  const folder = toPath(fromKey(found.key))
  expect(stretch.folder).toEqual(folder)
  const seen = [...recordsOf(stretch.records)].map(({ name }) => toText(join(folder, name)))
  return [...seen, ...stretch.troubles.map(({ name, code }) => `${toText(name)} ${code}`)]
}
