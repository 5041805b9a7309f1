import { existsSync, readdirSync, statSync, copyFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describe, expect, it } from 'vitest'
import { NodeClock } from '../../src/adapters/node-clock.ts'
import { NodeFiles } from '../../src/adapters/node-files.ts'
import { SqliteCopies } from '../../src/adapters/sqlite-copies.ts'
import { SafeSources } from '../../src/source/safe-sources.ts'
import { sqliteAdapter } from '../../src/source/adapters/sqlite.ts'
import { makeFolder } from '../adapters/folder.ts'
import { adapterSuite, type LiveDatabase } from './adapter.suite.ts'

for (const mode of ['wal', 'delete', 'truncate', 'persist'] as const) {
  adapterSuite(`SQLite in ${mode} mode`, {
    make: sqliteAdapter,
    open: (path) => openLive(path, mode),
    check: (path) => checkDatabase(path),
  })
}

describe('SQLite databases', () => {
  it('are read in their place while nobody writes to them', async () => {
    const { path, sources, copies } = place('wal')
    const source = await sources.open(Buffer.from(path), never)
    expect(readdirSync(copies)).toEqual([])
    expect(await source?.isWhole()).toBe(true)
    await source?.close()
  })

  it('are copied after all, if somebody began to write meanwhile', async () => {
    const { path, sources, copies } = place('wal')
    const source = await sources.open(Buffer.from(path), never)
    const database = new DatabaseSync(path)
    database.exec("INSERT INTO changes (content) VALUES ('more')")
    expect(await source?.isWhole()).toBe(false)
    await source?.close()
    const again = await sources.open(Buffer.from(path), never)
    expect(readdirSync(copies)).toHaveLength(1)
    expect(await again?.isWhole()).toBe(true)
    await again?.close()
    database.close()
  })

  it.each(['wal', 'delete'] as const)(
    'whose program died amid a change (%s) are brought to rest in the copy, and stay as they are',
    async (mode) => {
      const crashed = crash(mode)
      const before = states(crashed.folder)
      const source = await crashed.sources.open(Buffer.from(crashed.path), never)
      const { size = 0 } = (await source?.status()) ?? {}
      const bytes = await source?.read(0, size)
      await source?.close()
      expect(states(crashed.folder)).toEqual(before)
      const copy = join(makeFolder(), 'copy')
      writeFileSync(copy, bytes ?? '')
      expect(checkDatabase(copy)).toBe(2)
    },
  )

  it('that somebody locked are read as they are, with all beside them, and it is told', async () => {
    const { path, sources } = place('delete', { busyMsMax: 50 })
    const writer = new DatabaseSync(path)
    writer.exec('BEGIN EXCLUSIVE')
    expect(await sources.open(Buffer.from(path), never)).toBeUndefined()
    expect(sources.unsafe).toEqual([
      { path: Buffer.from(path), why: `${path} is in use by another process` },
    ])
    for (const { isEmpty } of await sources.companions(Buffer.from(path)))
      expect(isEmpty).toBe(false)
    writer.close()
  })

  it('that a writer has for a while only are waited for', async () => {
    const { path, sources } = place('delete')
    const writer = new DatabaseSync(path)
    writer.exec('BEGIN EXCLUSIVE')
    setTimeout(() => writer.exec('COMMIT'), 100)
    const source = await sources.open(Buffer.from(path), never)
    expect(await source?.isWhole()).toBe(true)
    await source?.close()
    writer.close()
  })

  it('are left at once when the backup is stopped, and nothing stays of the copy', async () => {
    const { path, sources, copies } = place('wal')
    const database = new DatabaseSync(path)
    database.exec(
      `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 30000)
       INSERT INTO changes (content) SELECT hex(zeroblob(500)) FROM n`,
    )
    const controller = new AbortController()
    const opening = sources.open(Buffer.from(path), controller.signal)
    setTimeout(() => controller.abort(new Error('enough')), 1)
    await expect(opening).rejects.toThrow('enough')
    expect(readdirSync(copies)).toEqual([])
    database.close()
  })

  it('that are larger than a copy may be are read as they are, and it is told', async () => {
    const { path, sources } = place('wal', { sizeMax: 1_000 })
    const database = new DatabaseSync(path)
    database.exec("INSERT INTO changes (content) VALUES ('more')")
    expect(await sources.open(Buffer.from(path), never)).toBeUndefined()
    expect(sources.unsafe[0]?.why).toMatch(
      /a copy of \d+ bytes would be larger than the 1000 allowed/,
    )
    database.close()
  })

  it('have journals without bytes in what is kept, whether or not they are there any more', async () => {
    const { path, sources } = place('wal')
    const database = new DatabaseSync(path)
    database.exec("INSERT INTO changes (content) VALUES ('more')")
    for (const suffix of ['-wal', '-journal']) {
      const journal = await sources.open(Buffer.from(path + suffix), never)
      expect((await journal?.status())?.size).toBe(0)
    }
    database.close()
    await sources.close()
    expect(existsSync(`${path}-wal`)).toBe(false)
    await sources.close()
  })

  it.each(['wal', 'delete'])(
    'leave alone what has the name of a journal only (%s)',
    async (mode) => {
      const { path, sources } = place(mode)
      for (const suffix of ['-wal', '-journal', '-shm'])
        writeFileSync(path + suffix, 'a photograph')
      const source = await sources.open(Buffer.from(path), never)
      expect(source).toBeDefined()
      await source?.close()
      for (const suffix of ['-wal', '-journal', '-shm']) {
        expect(await sources.open(Buffer.from(path + suffix), never)).toBeUndefined()
      }
      expect(await sources.companions(Buffer.from(path))).toEqual([])
      await sources.close()
    },
  )

  it('have journals of every mode that are known as such', async () => {
    for (const mode of ['wal', 'delete', 'persist'] as const) {
      const { path, sources } = crash(mode)
      if (mode === 'persist') openLive(path, mode).close()
      const names = ['-wal', '-journal', '-shm'].filter((suffix) => existsSync(path + suffix))
      expect(names.length).toBeGreaterThan(0)
      await (await sources.open(Buffer.from(path), never))?.close()
      for (const suffix of names) {
        const journal = await sources.open(Buffer.from(path + suffix), never)
        expect((await journal?.status())?.size).toBe(0)
      }
      await sources.close()
    }
  })
})

const never = new AbortController().signal

/** A database at rest with two changes, last written long ago. */
function place(
  mode: string,
  options: { readonly sizeMax?: number; readonly busyMsMax?: number } = {},
) {
  const folder = makeFolder()
  const copies = makeFolder()
  const path = join(folder, 'database')
  const live = openLive(path, mode)
  live.commit(1_000)
  live.commit(1_000)
  live.close()
  const files = new NodeFiles()
  const later = { now: () => new NodeClock().now() + 60_000 }
  const clock = Object.assign(new NodeClock(), later)
  const parts = { clock, copies: new SqliteCopies(files, copies, options) }
  return { folder, copies, path, sources: new SafeSources(files, [sqliteAdapter(parts)]) }
}

/** The files of a database as a power cut leaves them: copied while a change is under way. */
function crash(mode: string) {
  const there = place(mode)
  const folder = makeFolder()
  const path = join(folder, 'database')
  const live = openLive(there.path, mode)
  live.beginChange()
  for (const suffix of ['', '-wal', '-journal']) {
    if (existsSync(there.path + suffix)) copyFileSync(there.path + suffix, path + suffix)
  }
  live.close()
  return { ...there, folder, path }
}

function states(folder: string): string[] {
  return readdirSync(folder).map((name) => {
    const { size, mtimeNs } = statSync(join(folder, name), { bigint: true })
    return `${name} ${size} ${mtimeNs}`
  })
}

function openLive(path: string, mode: string): LiveDatabase {
  const database = new DatabaseSync(path, { timeout: 5_000 })
  // A cache of few pages: what is not committed goes to the disk early.
  database.exec(`PRAGMA journal_mode = ${mode}; PRAGMA cache_size = 10; PRAGMA cache_spill = 5`)
  database.exec('CREATE TABLE IF NOT EXISTS changes (id INTEGER PRIMARY KEY, content TEXT)')
  const insert = database.prepare('INSERT INTO changes (content) VALUES (?)')
  return {
    commit: (size) => {
      insert.run('c'.repeat(size))
    },
    beginChange: () => {
      database.exec('BEGIN')
      // With a rollback journal, pages that leave the cache early keep readers out until the commit.
      const count = mode === 'wal' ? 100 : 3
      for (let each = 0; each < count; each += 1) insert.run('u'.repeat(3_000))
    },
    close: () => database.close(),
  }
}

function checkDatabase(path: string): number {
  const database = new DatabaseSync(path)
  try {
    expect(database.prepare('PRAGMA integrity_check').all()).toEqual([{ integrity_check: 'ok' }])
    return database.prepare('SELECT count(*) AS count FROM changes').get()?.['count'] as number
  } finally {
    database.close()
  }
}
