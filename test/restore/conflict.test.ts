import { describe, expect, it } from 'vitest'
import { failure, toBytes, toText } from '../../sim/file-tree.ts'
import type { RestoreRequest, RestoreSummary } from '../../src/node/client.ts'
import type { ConflictPolicy } from '../../src/restore/conflict.ts'
import { PathPattern } from '../../src/source/path-pattern.ts'
import { HOME, TestVault, noise } from '../support/test-vault.ts'

const KIB = 1024

/** Files of each size that matters: one object, several, none. */
const LARGE = noise(1_200 * KIB)

const POLICIES: readonly ConflictPolicy[] = ['abort', 'skip', 'overwrite', 'update', 'identical']

describe('a restore onto files that are there', () => {
  it('leaves them, as an error, unless told otherwise', async () => {
    await told(async ({ vault, back, text }) => {
      vault.write('small', 'changed!')
      const summary = await back()
      expect(codes(summary)).toEqual({
        'folder/deep': 'EEXIST',
        large: 'EEXIST',
        link: 'EEXIST',
        small: 'EEXIST',
      })
      expect(text('small')).toBe('changed!')
    })
  })

  it('skip: leaves them, and counts them', async () => {
    await told(async ({ vault, back, text }) => {
      vault.write('small', 'changed!')
      vault.remove('folder/deep')
      const summary = await back({ conflict: 'skip' })
      expect(summary).toMatchObject({ filesRestored: 1, skipped: 3, failures: [] })
      expect(text('small')).toBe('changed!')
      expect(text('folder/deep')).toBe('deep')
    })
  })

  it('overwrite: replaces what differs and fetches nothing of what does not', async () => {
    await told(async ({ vault, back, text, expected }) => {
      vault.write('small', 'changed!')
      const { tree } = vault.laptop
      tree.setAttributes(tree.node(toBytes(`${HOME}/large`)), { mode: 0o600, mtime: LATER })
      vault.remove('link')
      vault.symlink('link', 'elsewhere')
      const summary = await back({ conflict: 'overwrite' })
      expect(summary).toMatchObject({ filesRestored: 1, symlinksRestored: 1, failures: [] })
      expect(summary.unchanged).toBe(2)
      expect(summary.bytesFetched).toBeLessThan(100 * KIB)
      expect(text('small')).toBe('original')
      expect(vault.picture()).toEqual(expected)
    })
  })

  it('overwrite: takes no size and time for content', async () => {
    await told(async ({ vault, back, expected }) => {
      const { tree } = vault.laptop
      for (const [path, bytes] of [
        ['small', toBytes('ORIGINAL')],
        ['large', LARGE.map((byte) => byte ^ 1)],
      ] as const) {
        const node = tree.node(toBytes(`${HOME}/${path}`))
        const { mtime } = node
        tree.write(node, 0, bytes)
        tree.setAttributes(node, { mtime })
      }
      const summary = await back({ conflict: 'overwrite' })
      expect(summary).toMatchObject({ filesRestored: 2, failures: [] })
      expect(vault.picture()).toEqual(expected)
    })
  })

  it('update: replaces what is older, leaves what is newer', async () => {
    await told(async ({ vault, back, text }) => {
      vault.write('small', 'newer')
      const { tree } = vault.laptop
      const large = tree.node(toBytes(`${HOME}/large`))
      tree.truncate(large, 10)
      tree.setAttributes(large, { mtime: { seconds: 5, nanoseconds: 0 } })
      const summary = await back({ conflict: 'update' })
      expect(summary).toMatchObject({ filesRestored: 1, skipped: 1, failures: [] })
      expect(text('small')).toBe('newer')
      expect(tree.node(toBytes(`${HOME}/large`)).size).toBe(LARGE.length)
    })
  })

  it('update: fetches nothing where nothing changed', async () => {
    await told(async ({ back }) => {
      const summary = await back({ conflict: 'update' })
      expect(summary).toMatchObject({ filesRestored: 0, unchanged: 4, skipped: 0, failures: [] })
      expect(summary.bytesFetched).toBeLessThan(100 * KIB)
    })
  })

  it('identical: accepts what is the same, whatever its time, and counts an error for the rest', async () => {
    await told(async ({ vault, back }) => {
      const { tree } = vault.laptop
      tree.setAttributes(tree.node(toBytes(`${HOME}/large`)), { mtime: LATER })
      vault.write('small', 'ORIGINAL')
      const summary = await back({ conflict: 'identical' })
      expect(codes(summary)).toEqual({ small: 'EEXIST' })
      expect(summary.unchanged).toBe(3)
      expect(tree.node(toBytes(`${HOME}/large`)).mtime).toEqual(LATER)
    })
  })

  it('identical: asks the grid where this machine has lost its memory', async () => {
    await told(async ({ vault, back }) => {
      const copies = ['small', 'folder/deep'].map(
        (path) => [path, vault.laptop.tree.node(toBytes(`${HOME}/${path}`)).read(0, 99)] as const,
      )
      await vault.recoverElsewhere()
      for (const [path, bytes] of copies) vault.write(path, bytes)
      const summary = await back({ conflict: 'identical' })
      expect(summary).toMatchObject({ filesRestored: 1, unchanged: 2, failures: [] })
    })
  })

  it.each(POLICIES)('%s: removes no folder that holds something', async (conflict) => {
    await told(async ({ vault, back, text }) => {
      vault.remove('small')
      vault.write('small/mine', 'mine')
      vault.remove('link')
      vault.folder('link')
      const summary = await back({ conflict })
      if (conflict !== 'skip') expect(codes(summary)).toHaveProperty('small')
      expect(text('small/mine')).toBe('mine')
      const { kind } = vault.laptop.tree.node(toBytes(`${HOME}/link`))
      expect(kind).toBe(conflict === 'overwrite' ? 'symlink' : 'folder')
    })
  })

  it.each(POLICIES)(
    '%s: puts a folder in the place of something else only if asked',
    async (conflict) => {
      await told(async ({ vault, back, text }) => {
        vault.remove('folder/deep')
        vault.remove('folder')
        vault.write('folder', 'in the way')
        const summary = await back({ conflict })
        if (conflict === 'overwrite') {
          expect(summary.failures).toEqual([])
          expect(text('folder/deep')).toBe('deep')
        } else {
          expect(codes(summary)).toMatchObject({ folder: 'ENOTDIR', 'folder/deep': 'ENOTDIR' })
          expect(text('folder')).toBe('in the way')
        }
      })
    },
  )

  it.each(POLICIES)('%s: writes nothing through a link that somebody planted', async (conflict) => {
    await told(async ({ vault, back }) => {
      const { tree } = vault.laptop
      tree.make(toBytes('/outside'), 'folder', 0o755)
      tree.write(tree.make(toBytes('/outside/deep'), 'file', 0o644), 0, toBytes('theirs'))
      vault.remove('folder/deep')
      vault.remove('folder')
      vault.symlink('folder', '/outside')
      vault.remove('small')
      vault.symlink('small', '/outside/deep')
      await back({ conflict })
      expect(toText(tree.node(toBytes('/outside/deep')).read(0, 99))).toBe('theirs')
      expect(tree.node(toBytes('/outside')).names.size).toBe(1)
      const { kind } = tree.node(toBytes(`${HOME}/folder`))
      expect(kind).toBe(conflict === 'overwrite' ? 'folder' : 'symlink')
    })
  })

  it.each(['create', 'write', 'setMode', 'setModified', 'rename'])(
    'leaves the old file whole after a failed %s, and no half one',
    async (failing) => {
      await told(async ({ vault, back, text, paths }) => {
        vault.write('small', 'mine')
        const before = paths()
        vault.laptop.filesTrouble.onStep = (operation, path) => {
          if (operation === failing && toText(path).includes('.part')) throw failure('ENOSPC', path)
        }
        const summary = await back({ conflict: 'overwrite' })
        vault.laptop.filesTrouble.onStep = undefined
        expect(codes(summary)).toMatchObject({ small: 'ENOSPC' })
        expect(text('small')).toBe('mine')
        expect(paths()).toEqual(before)
      })
    },
  )

  it('onto a full disk names all that is not there and leaves no half file', async () => {
    await told(async ({ vault, back, paths }) => {
      vault.laptop.filesTrouble.free = 100
      const summary = await back({ target: toBytes('/restore/full') })
      const failed = codes(summary)
      expect(failed).toMatchObject({ large: 'ENOSPC' })
      const there = paths().filter((path) => path.startsWith(`/restore/full${HOME}/`))
      expect(there).toHaveLength(5 - Object.keys(failed).length)
      expect(paths().filter((path) => path.includes('.part'))).toEqual([])
    })
  })

  it('ends at the first error if told to', async () => {
    await told(async ({ back }) => {
      const summary = await back({ onError: 'abort' })
      expect(summary.isStopped).toBe(true)
      expect(summary.failures).toHaveLength(1)
    })
  })
})

describe('a dry run', () => {
  it.each(POLICIES)('%s: says what would be done and does nothing', async (conflict) => {
    await told(async ({ vault, back, paths }) => {
      vault.write('small', 'changed!')
      vault.remove('folder/deep')
      const [before, picture] = [paths(), vault.picture()]
      const planned = await back({ conflict, isDryRun: true })
      expect(paths()).toEqual(before)
      expect(vault.picture()).toEqual(picture)
      const done = await back({ conflict })
      const figures = ({ failures, filesRestored, unchanged, skipped }: RestoreSummary) => ({
        failed: failures.map(({ path }) => toText(path)).toSorted(),
        filesRestored,
        unchanged,
        skipped,
      })
      expect(figures(planned)).toEqual(figures(done))
    })
  })

  it('makes no target', async () => {
    await told(async ({ vault, back }) => {
      const summary = await back({ isDryRun: true, target: toBytes('/not/there') })
      expect(summary).toMatchObject({ filesRestored: 3, symlinksRestored: 1, failures: [] })
      expect(vault.laptop.tree.has(toBytes('/not'))).toBe(false)
    })
  })
})

describe('a restore to other places', () => {
  it('leaves folders as they are that were there before, and only lead to what comes back', async () => {
    await told(async ({ vault, back }) => {
      const { tree } = vault.laptop
      const folder = tree.node(toBytes(`${HOME}/folder`))
      const lead = { paths: [toBytes(`${HOME}/folder/deep`)] }
      const include = { patterns: { include: [new PathPattern('deep')], exclude: [] } }
      for (const request of [lead, include]) {
        for (const conflict of POLICIES) {
          vault.remove('folder/deep')
          tree.setAttributes(folder, { mode: 0o700, mtime: LATER })
          await back({ ...request, conflict })
          expect(tree.has(toBytes(`${HOME}/folder/deep`))).toBe(true)
          expect(folder.status().mode).toBe(0o700)
        }
      }
    })
  })

  it('gives folders that were there before what they had only where that may be overwritten', async () => {
    await told(async ({ vault, back }) => {
      const { tree } = vault.laptop
      const folder = tree.node(toBytes(`${HOME}/folder`))
      const { mode } = folder.status()
      const modes = await inOrder(POLICIES, async (conflict) => {
        tree.setAttributes(folder, { mode: 0o700 })
        await back({ conflict })
        return folder.status().mode
      })
      expect(modes).toEqual([0o700, 0o700, mode, mode, mode])
    })
  })

  it('maps one folder onto another, without those above it', async () => {
    await told(async ({ back, below }) => {
      const map = [{ from: toBytes(`${HOME}/folder`), to: toBytes('/a/b') }]
      await back({ target: toBytes('/t'), paths: [toBytes(`${HOME}/folder`)], map })
      expect(below('/t')).toEqual(['/a', '/a/b', '/a/b/deep'])
    })
  })

  it.each(POLICIES)('keeps a file that another is mapped below (%s)', async (conflict) => {
    await told(async ({ back, below }) => {
      const maps = [
        ['/x', '/x/y'],
        ['/x/y', '/x'],
      ] as const
      for (const [index, [large, small]] of maps.entries()) {
        const target = `/t${index}`
        const map = [
          { from: toBytes(`${HOME}/large`), to: toBytes(large) },
          { from: toBytes(`${HOME}/small`), to: toBytes(small) },
        ]
        const paths = map.map(({ from }) => from)
        const summary = await back({ target: toBytes(target), paths, map, conflict })
        expect(codes(summary)).toEqual({ small: 'EEXIST' })
        expect(below(target)).toEqual(index === 0 ? ['/x'] : ['/x', '/x/y'])
      }
    })
  })

  it('leaves out what no name is left of, and says so', async () => {
    await told(async ({ back, below }) => {
      const stripCount = HOME.split('/').length
      const summary = await back({ target: toBytes('/t'), stripCount })
      expect(codes(summary)).toEqual({ large: 'EINVAL', link: 'EINVAL', small: 'EINVAL' })
      expect(below('/t')).toEqual(['/deep'])
    })
  })

  it('maps a file onto another name', async () => {
    await told(async ({ back, below }) => {
      const map = [{ from: toBytes(`${HOME}/small`), to: toBytes('/other') }]
      await back({ target: toBytes('/t'), paths: [toBytes(`${HOME}/small`)], map })
      expect(below('/t')).toEqual(['/other'])
    })
  })

  it('leaves out folders at the front', async () => {
    await told(async ({ back, below }) => {
      await back({ target: toBytes('/t'), stripCount: 2 })
      expect(below('/t')).toEqual(['/folder', '/folder/deep', '/large', '/link', '/small'])
    })
  })

  it.each(POLICIES)('%s: writes nothing over what it wrote itself', async (conflict) => {
    await told(async ({ vault, back, below }) => {
      vault.write('folder/small', 'another')
      await vault.backUp()
      const map = [{ from: toBytes(`${HOME}/folder`), to: toBytes(HOME) }]
      const summary = await back({ target: toBytes('/t'), map, stripCount: 2, conflict })
      expect(summary.failures).toHaveLength(1)
      expect(below('/t')).toEqual(['/deep', '/large', '/link', '/small'])
    })
  })
})

describe('a restore onto a file system that takes A for a', () => {
  it.each(POLICIES)(
    '%s: names each file whose name another has taken, and loses neither',
    async (conflict) => {
      await told(async ({ vault, back, below }) => {
        vault.write('SMALL', 'another')
        vault.write('Folder/other', 'in a folder of its own')
        await vault.backUp()
        vault.laptop.tree.isFolding = true
        const summary = await back({ target: toBytes('/t'), stripCount: 2, conflict })
        vault.laptop.tree.isFolding = false
        // Names in byte order: capitals come first. What is in a folder comes into the one that is there.
        expect(codes(summary)).toEqual({ folder: 'EEXIST', small: 'EEXIST' })
        expect(below('/t')).toEqual([
          '/Folder',
          '/Folder/deep',
          '/Folder/other',
          '/SMALL',
          '/large',
          '/link',
        ])
        expect(toText(vault.laptop.tree.node(toBytes('/t/SMALL')).read(0, 99))).toBe('another')
      })
    },
  )
})

describe('a restore into a folder that may not be written', () => {
  it('names all that is not there', async () => {
    await told(async ({ vault, back, below }) => {
      vault.laptop.tree.make(toBytes('/t'), 'folder', 0o555)
      const summary = await back({ target: toBytes('/t'), stripCount: 2 })
      expect(codes(summary)).toEqual({
        folder: 'EACCES',
        'folder/deep': 'EACCES',
        large: 'EACCES',
        link: 'EACCES',
        small: 'EACCES',
      })
      expect(below('/t')).toEqual([])
    })
  })
})

describe('a restore of some files', () => {
  it('brings those that a pattern includes, with the folders above them', async () => {
    await told(async ({ back, below }) => {
      const patterns = { include: [new PathPattern('d*p')], exclude: [] }
      await back({ target: toBytes('/t'), patterns, stripCount: 2 })
      expect(below('/t')).toEqual(['/folder', '/folder/deep'])
    })
  })

  it('leaves out what a pattern excludes, with all that is in it', async () => {
    await told(async ({ back, below }) => {
      const patterns = { include: [], exclude: [new PathPattern('folder'), new PathPattern('l*k')] }
      await back({ target: toBytes('/t'), patterns, stripCount: 2 })
      expect(below('/t')).toEqual(['/large', '/small'])
    })
  })
})

const LATER = { seconds: 2_000_000_000, nanoseconds: 7 }

interface Story {
  readonly vault: TestVault
  /** Restore onto the live files, unless told otherwise. */
  readonly back: (more?: Partial<RestoreRequest>) => Promise<RestoreSummary>
  readonly text: (path: string) => string
  /** Every path on the laptop. */
  readonly paths: () => string[]
  readonly below: (folder: string) => string[]
  readonly expected: ReturnType<TestVault['picture']>
}

async function told(story: (story: Story) => Promise<void>): Promise<void> {
  const vault = new TestVault({ peers: 3 })
  await vault.tell(async () => {
    vault.write('small', 'original')
    vault.write('large', LARGE)
    vault.write('folder/deep', 'deep')
    vault.symlink('link', 'small')
    await vault.backUp()
    const expected = vault.picture()
    await vault.calm()
    const paths = () => [...vault.laptop.tree.walk()].map(({ path }) => toText(path))
    await story({
      vault,
      expected,
      paths,
      below: (folder) =>
        paths().flatMap((path) =>
          path.startsWith(`${folder}/`) ? [path.slice(folder.length)] : [],
        ),
      text: (path) => toText(vault.laptop.tree.node(toBytes(`${HOME}/${path}`)).read(0, 99)),
      back: (more = {}) =>
        vault.withClient(async (client, signal) =>
          client.restore(
            {
              at: await client.at('latest', signal),
              paths: [toBytes(HOME)],
              target: toBytes('/'),
              ...more,
            },
            signal,
          ),
        ),
    })
  })
}

async function inOrder<T, R>(items: readonly T[], work: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = []
  for (const item of items) results.push(await work(item))
  return results
}

/** What failed, by path below the home, and the system's word for why. */
function codes({ failures }: RestoreSummary): Record<string, string> {
  return Object.fromEntries(
    failures.map(({ path, error }) => [
      toText(path).slice(HOME.length + 1),
      'code' in error ? String(error.code) : error.name,
    ]),
  )
}
