import type { DatabaseSync } from 'node:sqlite'
import { describe, expect, it } from 'vitest'
import { failure, toBytes, toText, type FileTree } from '../../sim/file-tree.ts'
import type { Machine } from '../../sim/machine.ts'
import { SimRandom } from '../../sim/random.ts'
import { isCut } from '../../src/base/stretch.ts'
import {
  Scanner,
  type Counted,
  type ScannerOptions,
  type ScanReport,
} from '../../src/backup/scanner.ts'
import { FolderSource } from '../../src/source/folder-source.ts'
import { fromKey, keysBelow, toPath } from '../../src/source/path.ts'
import { Entries, type EntryRow } from '../../src/store/entries.ts'
import { Queue } from '../../src/store/queue.ts'
import { memoryDatabase } from '../support/memory-database.ts'
import { forever, onMachine } from '../support/on-machine.ts'

const HOUR_MS = 3_600_000

describe('a scan', () => {
  it('queues all of what is new', async () => {
    await scanning(['/a/b/c', '/a/d'], async ({ scan }) => {
      const { queued, report } = await scan(['/a'])
      expect(queued).toEqual(['done /a', 'done /a/b', 'waiting /a/b/c', 'waiting /a/d'])
      expect(report.totals).toMatchObject({ files: 2, folders: 2, unmodified: 0 })
    })
  })

  it('queues nothing where nothing changed, and twice the same where it did', async () => {
    await scanning(['/a/b', '/a/c'], async ({ scan, publish, tree }) => {
      await scan(['/a'])
      await publish()
      expect((await scan(['/a'])).queued).toEqual([])
      tree.write(tree.node(toBytes('/a/b')), 0, toBytes('x'))
      const once = await scan(['/a'])
      expect(once.queued).toEqual(['waiting /a/b'])
      expect((await scan(['/a'])).queued).toEqual(once.queued)
    })
  })

  it('queues every file, changed or not, where their content is to be checked', async () => {
    await scanning(['/a/b', '/a/c/d', '/e'], async ({ scan, publish }) => {
      await scan(['/a', '/e'])
      await publish()
      // Once it reads the rows of each stretch, once it would pass over them.
      for (let time = 0; time < 2; time += 1) {
        const { queued, report } = await scan(['/a', '/e'], true)
        expect(queued).toEqual(['waiting /a/b', 'waiting /a/c/d', 'waiting /e'])
        expect(report.totals).toMatchObject({ files: 3, folders: 2, unmodified: 0 })
      }
      expect((await scan(['/a', '/e'])).queued).toEqual([])
    })
  })

  it('tells a folder that is gone once, not all that was in it', async () => {
    await scanning(['/a/b/c/d', '/a/b/e', '/a/b-', '/a/z'], async ({ scan, publish, tree }) => {
      await scan(['/a'])
      await publish()
      for (const path of ['/a/b/c/d', '/a/b/c', '/a/b/e', '/a/b']) tree.remove(toBytes(path))
      expect((await scan(['/a'])).queued).toEqual(['done /a', 'gone /a/b'])
    })
  })

  it('sees a folder become a file, and back', async () => {
    await scanning(['/a/b/c', '/a/d'], async ({ scan, publish, tree }) => {
      await scan(['/a'])
      await publish()
      tree.remove(toBytes('/a/b/c'))
      tree.remove(toBytes('/a/b'))
      tree.make(toBytes('/a/b'), 'file', 0o644)
      expect((await scan(['/a'])).queued).toEqual(['done /a', 'waiting /a/b'])
      await publish()
      tree.remove(toBytes('/a/b'))
      tree.make(toBytes('/a/b'), 'folder', 0o755)
      tree.make(toBytes('/a/b/c'), 'file', 0o644)
      expect((await scan(['/a'])).queued).toEqual(['done /a', 'done /a/b', 'waiting /a/b/c'])
    })
  })

  it('takes what became a socket for gone', async () => {
    await scanning(['/a/b/c', '/a/d'], async ({ scan, publish, tree }) => {
      await scan(['/a'])
      await publish()
      for (const path of ['/a/b/c', '/a/b', '/a/d']) tree.remove(toBytes(path))
      for (const path of ['/a/b', '/a/d']) tree.make(toBytes(path), 'socket', 0o600)
      const { queued, report } = await scan(['/a'])
      expect(queued).toEqual(['done /a', 'gone /a/b', 'gone /a/d'])
      expect(report.totals.unsupported).toBe(2)
    })
  })

  it('keeps what lies below a folder that cannot be listed', async () => {
    await scanning(['/a/b/c/d', '/a/b/e', '/a/f'], async ({ scan, publish, tree }) => {
      await scan(['/a'])
      await publish()
      const node = tree.node(toBytes('/a/b'))
      node.mode = 0o000
      const { queued, failed } = await scan(['/a'])
      expect([queued, failed]).toEqual([['done /a/b'], ['/a/b EACCES']])
    })
  })

  it('keeps everything when not even the topmost folder can be listed', async () => {
    await scanning(['/a/b', '/c'], async ({ scan, publish, machine }) => {
      await scan(['/'])
      await publish()
      machine.filesTrouble.onStep = (operation, path) => {
        if (operation === 'list') throw failure('EIO', path)
      }
      const { queued, failed } = await scan(['/'])
      expect([queued, failed]).toEqual([[], ['/ EIO']])
    })
  })

  it('keeps what cannot be seen, and takes what vanished for gone', async () => {
    await scanning(['/a/b/c', '/a/d', '/a/e'], async ({ scan, publish, machine }) => {
      await scan(['/a'])
      await publish()
      machine.filesTrouble.onStep = (operation, path) => {
        if (operation !== 'status') return
        if (toText(path) === '/a/b') throw failure('EIO', path)
        if (toText(path) === '/a/d') throw failure('ENOENT', path)
      }
      const { queued, failed } = await scan(['/a'])
      expect([queued, failed]).toEqual([['gone /a/d'], ['/a/b EIO', '/a/d ENOENT']])
    })
  })

  it('keeps a folder and what was in it when the link in its place cannot be read', async () => {
    await scanning(['/a/b/c', '/a/d'], async ({ scan, publish, machine, tree }) => {
      await scan(['/a'])
      await publish()
      tree.remove(toBytes('/a/b/c'))
      tree.remove(toBytes('/a/b'))
      tree.make(toBytes('/a/b'), 'symlink', 0o777)
      machine.filesTrouble.onStep = (operation, path) => {
        if (operation === 'readLink') throw failure('EIO', path)
      }
      const { queued, failed } = await scan(['/a'])
      expect([queued, failed]).toEqual([['done /a'], ['/a/b EIO']])
    })
  })

  it('lists what stops answering once it was found: a folder is in all the same, a link as it was', async () => {
    await scanning(['/a/b/c', '/z/y'], async ({ scan, machine, tree }) => {
      tree.make(toBytes('/a/link'), 'symlink', 0o777)
      machine.filesTrouble.onStep = (operation, path) => {
        const isThere = toText(path) === '/a' || toText(path).startsWith('/a/')
        if (operation === 'xattrs' && isThere) throw failure('ETIMEDOUT', path)
      }
      const { queued, failed } = await scan(['/'])
      expect(failed).toEqual(['/a ETIMEDOUT', '/a/b ETIMEDOUT', '/a/link ETIMEDOUT'])
      expect(queued).toEqual(['done /a', 'done /a/b', 'waiting /a/b/c', 'done /z', 'waiting /z/y'])
    })
  })

  it('leaves out a file whose times no snapshot can hold, and only that', async () => {
    await scanning(['/a/b', '/a/c'], async ({ scan, tree }) => {
      tree.node(toBytes('/a/b')).mtime = { seconds: 2 ** 52, nanoseconds: 0 }
      const { queued, failed } = await scan(['/a'])
      expect([queued, failed]).toEqual([['done /a', 'waiting /a/c'], ['/a/b EOVERFLOW']])
    })
  })

  it('reads no row of a stretch that is as an earlier scan found it, and every row of others', async () => {
    await scanning(['/a/b/c', '/a/d'], async ({ scan, publish, tree, known, database }) => {
      await scan(['/'])
      await publish()
      expect(known()).toEqual([])
      await scan(['/'])
      expect(known()).toEqual(['/', '/a', '/a/b'])

      // Rows that nobody may look at: whoever did would see that the file is gone.
      const hidden = database.prepare('UPDATE entries SET name = ? WHERE name = ?')
      hidden.run(toBytes('other'), toBytes('c'))
      expect((await scan(['/'])).queued).toEqual([])
      hidden.run(toBytes('c'), toBytes('other'))

      tree.write(tree.node(toBytes('/a/b/c')), 0, toBytes('x'))
      const { queued, report } = await scan(['/'])
      expect(queued).toEqual(['waiting /a/b/c'])
      expect(report.totals).toMatchObject({ files: 2, folders: 2, bytes: 1, unmodified: 1 })
      expect(known()).toEqual(['/', '/a'])
      await publish()
      await scan(['/'])
      expect(known()).toEqual(['/', '/a', '/a/b'])
    })
  })

  it('counts the same whether it reads the rows or not', async () => {
    await scanning(['/a/b/c', '/a/d'], async ({ scan, publish, tree }) => {
      tree.make(toBytes('/a/link'), 'symlink', 0o777)
      tree.make(toBytes('/a/socket'), 'socket', 0o600)
      tree.make(toBytes('/a/pipe'), 'fifo', 0o600)
      tree.write(tree.node(toBytes('/a/d')), 0, toBytes('four'))
      const first = await scan(['/a'])
      await publish()
      const reading = await scan(['/a'])
      const passing = await scan(['/a'])
      const counts = {
        files: 2,
        folders: 2,
        symlinks: 1,
        specials: 1,
        bytes: 4,
        unsupported: 1,
        leftOut: 0,
      }
      expect(first.report.totals).toEqual({ ...counts, unmodified: 0 })
      expect(reading.report.totals).toEqual({ ...counts, unmodified: 2 })
      expect(passing.report.totals).toEqual(reading.report.totals)
    })
  })

  it('finds every change in folders that are cut into stretches', async () => {
    const cuts = Array.from({ length: 40_000 }, (_, index) => `${index}`).filter(isCut)
    const names = [...cuts.slice(0, 4), ...Array.from({ length: 60 }, (_, index) => `n${index}`)]
    await scanning(['/a/z'], async ({ scan, publish, tree, machine }) => {
      const random = new SimRandom(7)
      const path = (name: string) => toBytes(`/a/${name}`)
      let published = new Map<string, bigint>()
      await scan(['/a'])
      await publish()
      for (let round = 0; round < 60; round += 1) {
        for (let count = random.below(4); count > 0; count -= 1) {
          const name = random.pick(names)
          if (tree.has(path(name))) tree.remove(path(name))
          else tree.make(path(name), random.chance(0.3) ? 'socket' : 'file', 0o644)
        }
        const now = new Map<string, bigint>()
        for (const name of names) {
          const node = tree.has(path(name)) ? tree.node(path(name)) : undefined
          const { seconds = 0, nanoseconds = 0 } = node?.ctime ?? {}
          if (node?.kind === 'file') now.set(name, BigInt(seconds * 1e9) + BigInt(nanoseconds))
        }
        await machine.ports.clock.sleep(HOUR_MS)
        const { queued } = await scan(['/a'])
        const changed = names.flatMap((name) => {
          if (now.get(name) === published.get(name)) return []
          return [`${now.has(name) ? 'waiting' : 'gone'} /a/${name}`]
        })
        expect(queued.filter((row) => row !== 'done /a').toSorted()).toEqual(changed.toSorted())
        // Some backups never come to their end.
        if (random.chance(0.3)) continue
        await publish()
        published = now
      }
    })
  })

  it('looks where hints say, and counts the rest as the last snapshot has it', async () => {
    const files = ['/a/b/c', '/a/b/d/e', '/a/z/f', '/g/h/i']
    await scanning(files, async ({ scan, look, publish, tree }) => {
      const first = await scan(['/a', '/g'])
      await publish()
      const before = { ...first.report.totals, unmodified: 4 }
      const write = (path: string, content: string) =>
        tree.write(tree.node(toBytes(path)), 0, toBytes(content))
      write('/a/b/c', 'four')
      write('/a/z/f', 'unseen')
      tree.make(toBytes('/g/h/new'), 'file', 0o644)
      const seen = await look(['/a', '/g'], ['/a/b', '/g/h'], before)
      // A folder that has a new name has new times, which are told in the folder that holds it.
      expect(seen.queued).toEqual(['waiting /a/b/c', 'done /g/h', 'waiting /g/h/new'])
      expect(seen.report.totals).toMatchObject({ files: 5, folders: 6, bytes: 4, unmodified: 3 })
      await publish()

      for (const path of ['/a/b/d/e', '/a/b/d']) tree.remove(toBytes(path))
      const later = await look(['/a', '/g'], ['/a/b', '/a/b/d'], seen.report.totals)
      expect(later.queued).toEqual(['done /a/b', 'gone /a/b/d'])
      expect(later.report.totals).toMatchObject({ files: 4, folders: 5, bytes: 4 })
      expect(later.failed).toEqual([])
      await publish()
      expect((await scan(['/a', '/g'])).queued).toEqual(['waiting /a/z/f'])
    })
  })

  it('leaves alone what its sources do not cover', async () => {
    await scanning(['/a/b/c', '/a/d', '/e'], async ({ scan, publish, tree }) => {
      await scan(['/'])
      await publish()
      for (const path of ['/a/b/c', '/a/d', '/e']) tree.remove(toBytes(path))
      expect((await scan(['/a/b'])).queued).toEqual(['done /a', 'done /a/b', 'gone /a/b/c'])
      await publish()
      expect((await scan(['/'])).queued).toEqual(['gone /a/d', 'gone /e'])
    })
  })

  it('forgets the rows of sources that are not asked for any more', async () => {
    await scanning(['/a/b', '/c/d'], async ({ scan }) => {
      await scan(['/a'])
      expect((await scan(['/c'])).queued).toEqual(['done /c', 'waiting /c/d'])
    })
  })

  it('notes what changed too near to the scan', async () => {
    await scanning(['/a/old'], async ({ scan, tree, queue }) => {
      tree.make(toBytes('/a/new'), 'file', 0o644)
      await scan(['/a'])
      const racy = [...queue.rows()].filter(({ isRacy }) => isRacy)
      expect(racy.map(({ key }) => toText(toPath(fromKey(key))))).toEqual(['/a', '/a/new'])
    })
  })

  it('knows that some file systems count in seconds', async () => {
    await scanning(
      ['/a/old'],
      async ({ scan, tree, queue, machine }) => {
        tree.write(tree.node(toBytes('/a/old')), 0, toBytes('x'))
        await machine.ports.clock.sleep(1_000)
        await scan(['/a'])
        const racy = [...queue.rows('waiting')].filter(({ isRacy }) => isRacy)
        expect(racy).toHaveLength(1)
      },
      { fileTimeStep: 2_000_000_000 },
    )
  })
})

interface Scanning {
  readonly machine: Machine
  readonly tree: FileTree
  readonly database: DatabaseSync
  readonly queue: Queue
  /** Folders with a stretch that was just as its rows. */
  readonly known: () => string[]
  readonly scan: (
    sources: readonly string[],
    isHashCheck?: boolean,
  ) => Promise<{
    report: ScanReport
    /** State and path of every queued row. */
    queued: string[]
    /** Path and code of every failure. */
    failed: string[]
  }>
  /** Look only into some folders, after a snapshot with so much in it. */
  readonly look: (
    sources: readonly string[],
    hints: readonly string[],
    counted: Counted,
  ) => ReturnType<Scanning['scan']>
  /** As if what is queued had become a snapshot; time passes. */
  readonly publish: () => Promise<void>
}

async function scanning(
  files: readonly string[],
  story: (scanning: Scanning) => Promise<void>,
  options: { readonly fileTimeStep?: number } = {},
): Promise<void> {
  await onMachine(async ({ files: port, clock }, machine) => {
    const { tree } = machine
    for (const file of files) {
      const names = file.split('/').slice(1)
      for (let depth = 1; depth < names.length; depth += 1) {
        const folder = toBytes(`/${names.slice(0, depth).join('/')}`)
        if (!tree.has(folder)) tree.make(folder, 'folder', 0o755)
      }
      tree.make(toBytes(file), 'file', 0o644)
    }
    await clock.sleep(HOUR_MS)
    const database = memoryDatabase()
    const [entries, queue] = [new Entries(database), new Queue(database)]
    let run = 0
    const scanSource = async (source: FolderSource, how: Omit<ScannerOptions, 'run'>) => {
      const parts = { clock, files: port, database, entries, queue }
      const scanner = new Scanner(parts, source, { ...how, run: ++run })
      const report = await scanner.scan(() => undefined, forever)
      return {
        report,
        queued: [...queue.rows()].map(
          ({ state, key }) => `${state} ${toText(toPath(fromKey(key)))}`,
        ),
        failed: report.failures.map(({ path, error }) => `${toText(path)} ${error.code}`),
      }
    }
    const scan = (sources: readonly string[], isHashCheck = false) =>
      scanSource(new FolderSource(port, sources.map(toBytes)), { isHashCheck })
    const look = (sources: readonly string[], hints: readonly string[], counted: Counted) => {
      const folders = hints.map((folder) => ({ folder: toBytes(folder), isDeep: false }))
      return scanSource(new FolderSource(port, sources.map(toBytes), { hints: folders }), {
        counted,
      })
    }
    const publish = async () => {
      for (const { key, state, status } of queue.rows()) {
        if (state === 'gone' || status.kind !== 'folder') entries.removeTree(key, keysBelow(key))
        const row: EntryRow = {
          ...status,
          key,
          content: undefined,
          version: 1,
          chainLength: 0,
          chainSize: 0,
        }
        if (state !== 'gone') entries.put(row)
      }
      queue.clear()
      await clock.sleep(HOUR_MS)
    }
    const known = () =>
      [...entries.stretches({ from: toBytes(''), until: keysBelow(toBytes('')).until })].map(
        ({ folder }) => toText(toPath(fromKey(folder))),
      )
    await story({ machine, tree, database, queue, known, scan, look, publish })
  }, options)
}
