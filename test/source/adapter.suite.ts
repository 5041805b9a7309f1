/** What every source adapter promises, told with the real program's files on a real disk. */

import { mkdirSync, readdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { NodeClock } from '../../src/adapters/node-clock.ts'
import { NodeFiles } from '../../src/adapters/node-files.ts'
import { SqliteCopies } from '../../src/adapters/sqlite-copies.ts'
import type { SafeSource, SourceAdapter } from '../../src/source/adapters/source-adapter.ts'
import { SafeSources, type SafeSourcesOptions } from '../../src/source/safe-sources.ts'
import { makeFolder } from '../adapters/folder.ts'

/** A database that a program has open. */
export interface LiveDatabase {
  /** Commit one more change, of so many bytes. */
  commit(size: number): void
  /** Begin a change that is on disk in part, and not committed. */
  beginChange(): void
  /** The program ends as it should; what it began is given up. */
  close(): void
}

export interface AdapterWorld {
  readonly make: (parts: {
    readonly clock: NodeClock
    readonly copies: SqliteCopies
  }) => SourceAdapter
  readonly open: (path: string) => LiveDatabase
  /**
   * Open what was kept as the program does, with its own check.
   *
   * @returns how many changes were committed in it
   */
  readonly check: (path: string) => number
}

const never = new AbortController().signal

export function adapterSuite(name: string, world: AdapterWorld): void {
  describe(`${name} as a source adapter`, () => {
    it('knows its files by what they begin with, whatever they are called', async () => {
      const { folder, keep } = place(world)
      const live = world.open(join(folder, 'database'))
      live.commit(100)
      live.close()
      renameSync(join(folder, 'database'), join(folder, 'holiday.jpg'))
      const kept = await keep('holiday.jpg')
      expect(world.check(kept)).toBe(1)
    })

    it.each(['100% #1?.db', 'umlaut \u00e4.db', 'file:a.db', 'long '.repeat(49)])(
      'keeps a database called "%s"',
      async (file) => {
        const { folder, keep } = place(world)
        const live = world.open(join(folder, file))
        live.commit(100)
        expect(world.check(await keep(file))).toBe(1)
        live.close()
      },
    )

    it('keeps a database whose name is no UTF-8', async () => {
      const { folder, sources } = place(world)
      const live = world.open(join(folder, 'database'))
      live.commit(50_000)
      live.close()
      const path = Buffer.concat([Buffer.from(`${folder}/odd `), Buffer.of(0xff, 0xfe)])
      renameSync(join(folder, 'database'), path)
      const source = await sources().open(path, never)
      const { size = 0 } = (await source?.status()) ?? {}
      expect(size).toBeGreaterThan(50_000)
      await source?.close()
    })

    it('leaves alone what only is called like its files', async () => {
      const { folder, sources } = place(world)
      for (const file of ['Data.fs', 'Data.fs.index', 'a.db', 'a.db-wal']) {
        writeFileSync(join(folder, file), 'a letter\n'.repeat(100))
        expect(await sources().open(Buffer.from(join(folder, file)), never)).toBeUndefined()
      }
    })

    it('leaves alone what it is told to, and all below', async () => {
      const { folder, sources } = place(world)
      mkdirSync(join(folder, 'raw'))
      const path = join(folder, 'raw', 'database')
      const live = world.open(path)
      live.commit(100)
      const except = [Buffer.from(join(folder, 'raw'))]
      for (const file of readdirSync(join(folder, 'raw'))) {
        const opened = sources({ except }).open(Buffer.from(join(folder, 'raw', file)), never)
        expect(await opened).toBeUndefined()
      }
      live.close()
    })

    it('keeps one committed moment while the database changes on', async () => {
      const { folder, keep } = place(world)
      const live = world.open(join(folder, 'database'))
      for (let count = 0; count < 20; count += 1) live.commit(50_000)
      const kept = await keep('database', { between: () => live.commit(5_000) })
      expect(world.check(kept)).toBe(20)
      live.close()
    })

    it('leaves out what is not committed', async () => {
      const { folder, keep } = place(world)
      const live = world.open(join(folder, 'database'))
      live.commit(50_000)
      live.commit(50_000)
      live.beginChange()
      expect(world.check(await keep('database'))).toBe(2)
      live.close()
    })

    it('keeps what lies beside it as of the same moment, whichever is opened first', async () => {
      const { folder, keep } = place(world)
      const live = world.open(join(folder, 'database'))
      live.commit(50_000)
      live.beginChange()
      const order = readdirSync(folder).toReversed()
      expect(world.check(await keep('database', { order, between: () => undefined }))).toBe(1)
      live.close()
    })

    it('keeps a database that nobody has open', async () => {
      const { folder, keep } = place(world)
      const live = world.open(join(folder, 'database'))
      live.commit(50_000)
      live.close()
      expect(world.check(await keep('database'))).toBe(1)
    })

    it('notes the files as they were before, so that the next scan finds what changed since', async () => {
      const { folder, sources } = place(world)
      const live = world.open(join(folder, 'database'))
      live.commit(50_000)
      const before = new Map(readdirSync(folder).map((file) => [file, stateOf(join(folder, file))]))
      const own = sources()
      const source = await own.open(Buffer.from(join(folder, 'database')), never)
      live.commit(50_000)
      for (const companion of await own.companions(Buffer.from(join(folder, 'database')))) {
        const file = basename(Buffer.from(companion.path).toString())
        const opened = await own.open(companion.path, never)
        if (opened !== undefined && before.has(file)) expect(stateIn(opened)).toBe(before.get(file))
      }
      expect(source && stateIn(source)).toBe(before.get('database'))
      await source?.close()
      live.close()
    })

    it('leaves nothing behind, neither beside the database nor in its own place', async () => {
      const { folder, copies, keep } = place(world)
      const live = world.open(join(folder, 'database'))
      live.commit(50_000)
      const before = readdirSync(folder)
      await keep('database')
      expect(readdirSync(folder)).toEqual(before)
      live.close()
      const closed = readdirSync(folder)
      await keep('database')
      expect(readdirSync(folder)).toEqual(closed)
      expect(readdirSync(copies, { recursive: true })).toEqual([])
    })

    it('keeps two moments alike where the database did not change', async () => {
      const { folder, keep, bytesOf } = place(world)
      const live = world.open(join(folder, 'database'))
      for (let count = 0; count < 20; count += 1) live.commit(50_000)
      const first = bytesOf(await keep('database'))
      live.commit(5_000)
      const second = bytesOf(await keep('database'))
      const changed = blocks(second).filter(
        (block, index) => !block.equals(blocks(first)[index] ?? EMPTY),
      )
      expect(changed.length * BLOCK_SIZE).toBeLessThan(50_000)
      live.close()
    })
  })
}

const BLOCK_SIZE = 4_096
const EMPTY = Buffer.alloc(0)

function blocks(bytes: Buffer): Buffer[] {
  const count = Math.ceil(bytes.length / BLOCK_SIZE)
  return Array.from({ length: count }, (_, index) =>
    bytes.subarray(index * BLOCK_SIZE, (index + 1) * BLOCK_SIZE),
  )
}

interface KeepOptions {
  /** Names in the order that they are opened in. */
  readonly order?: readonly string[]
  /** Called between any two reads. */
  readonly between?: () => void
}

/** A folder with a database, and how a backup goes about it. */
function place(world: AdapterWorld) {
  const folder = makeFolder()
  const copiesFolder = makeFolder()
  const files = new NodeFiles()
  const copies = new SqliteCopies(files, copiesFolder)
  const adapter = world.make({ clock: new NodeClock(), copies })
  const sources = (options: SafeSourcesOptions = {}) => {
    const made = new SafeSources(files, [adapter], options)
    onTestFinished(() => made.close())
    return made
  }
  const keep = async (file: string, { order, between }: KeepOptions = {}): Promise<string> => {
    const target = makeFolder()
    const own = sources()
    const path = (each: string) => Buffer.from(join(folder, each))
    for (const each of order ?? [file]) {
      const source = await own.open(path(each), never)
      if (source !== undefined) await write(source, join(target, each), between)
    }
    for (const companion of await own.companions(path(file))) {
      const source = await own.open(companion.path, never)
      const each = basename(Buffer.from(companion.path).toString())
      if (source !== undefined) await write(source, join(target, each), between)
    }
    expect(own.unsafe).toEqual([])
    await own.close()
    return join(target, file)
  }
  return {
    folder,
    copies: copiesFolder,
    keep,
    sources,
    bytesOf: (path: string) => readFileSync(path),
  }
}

async function write(
  source: SafeSource,
  path: string,
  between: () => void = () => undefined,
): Promise<void> {
  const { size } = await source.status()
  const parts: Uint8Array[] = []
  for (let offset = 0; offset < size; offset += 100_000) {
    parts.push(await source.read(offset, 100_000))
    between()
  }
  expect(await source.read(size, 10)).toEqual(new Uint8Array(0))
  expect(await source.isWhole()).toBe(true)
  await source.close()
  writeFileSync(path, Buffer.concat(parts))
}

function stateOf(path: string): string {
  const { size, mtimeNs, ino } = statSync(path, { bigint: true })
  return `${ino} ${size} ${mtimeNs}`
}

function stateIn({ recorded: { inode, size, mtime } }: SafeSource): string {
  return `${inode} ${size} ${BigInt(mtime.seconds) * 1_000_000_000n + BigInt(mtime.nanoseconds)}`
}
