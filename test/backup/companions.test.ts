import { existsSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describe, expect, it, onTestFinished } from 'vitest'
import { NodeClock } from '../../src/adapters/node-clock.ts'
import { NodeFiles } from '../../src/adapters/node-files.ts'
import { SqliteCopies } from '../../src/adapters/sqlite-copies.ts'
import { Companions } from '../../src/backup/companions.ts'
import { sha256 } from '../../protocol/hash.ts'
import { sqliteAdapter } from '../../src/source/adapters/sqlite.ts'
import { zodbAdapter } from '../../src/source/adapters/zodb.ts'
import { pathToKey } from '../../src/source/path.ts'
import { SafeSources } from '../../src/source/safe-sources.ts'
import { Entries } from '../../src/store/entries.ts'
import { Queue } from '../../src/store/queue.ts'
import { makeFolder } from '../adapters/folder.ts'
import { fileStatus, memoryDatabase } from '../support/memory-database.ts'

const never = new AbortController().signal

describe('companions', () => {
  it('bring their database into the backup that has not changed itself', async () => {
    const { know, see, companions, state } = place('a.db')
    know('a.db')
    see(1, 'a.db-wal')
    await companions().pair()
    expect(state('a.db')).toBe('waiting')
  })

  it('leave what is no database out of it', async () => {
    const { know, see, companions, state } = place()
    know('notes')
    see(1, 'notes-wal')
    await companions().pair()
    expect(state('notes')).toBeUndefined()
  })

  it('keep their database in a run that goes on where another was cut off', async () => {
    const { queue, know, see, read, companions, state } = place('a.db')
    know('a.db')
    see(1, 'a.db-wal')
    await companions().pair()
    read('a.db')
    read('a.db-wal')
    see(2, 'a.db-wal')
    queue.dropUnseen(2)
    await companions().pair()
    expect([state('a.db'), state('a.db-wal')]).toEqual(['done', 'done'])
  })

  it('have it read again if they changed since', async () => {
    const { queue, know, see, read, companions, state } = place('a.db')
    know('a.db')
    see(1, 'a.db-wal')
    await companions().pair()
    read('a.db')
    read('a.db-wal')
    see(2, 'a.db-wal', 99)
    queue.dropUnseen(2)
    await companions().pair()
    expect([state('a.db'), state('a.db-wal')]).toEqual(['waiting', 'waiting'])
  })

  it('give it up once they are not in the queue any more', async () => {
    const { queue, know, see, read, companions, state } = place('a.db')
    know('a.db')
    see(1, 'a.db-wal')
    await companions().pair()
    read('a.db')
    queue.dropUnseen(2)
    await companions().pair()
    expect(state('a.db')).toBeUndefined()
  })

  it('whose database is no part of the backup are plain files', async () => {
    const { see, path, sources, companions, state } = place('a.db')
    see(1, 'a.db-wal')
    await companions().pair()
    expect(state('a.db')).toBeUndefined()
    expect(await sources.open(path('a.db-wal'), never)).toBeUndefined()
  })

  it('are read with their database where the last snapshot has bytes of them', async () => {
    const { know, see, path, sources, companions, read } = place('a.db')
    know('a.db')
    know('a.db-wal', Uint8Array.of(1))
    know('a.db-shm', sha256(new Uint8Array(0)))
    see(1, 'a.db')
    const own = companions()
    const source = await sources.open(path('a.db'), never)
    await source?.close()
    const keys: Uint8Array[] = []
    for await (const { row } of own.with(path('a.db'))) keys.push(row.key)
    expect(keys).toEqual([pathToKey(path('a.db-wal'))])
    expect(own.wasKept(pathToKey(path('a.db-wal')))).toBe(true)
    read('a.db')
  })

  it('that are made, and on no disk, are gone only with their database', async () => {
    const { queue, folder, companions, state, path } = place()
    writeFileSync(join(folder, 'Data.fs'), 'FS30')
    const gone = () => queue.addGone(1, pathToKey(path('Data.fs.index')), fileStatus())
    gone()
    await companions().pair()
    expect(state('Data.fs.index')).toBeUndefined()
    rmSync(join(folder, 'Data.fs'))
    gone()
    await companions().pair()
    expect(state('Data.fs.index')).toBe('gone')
  })
})

/** @param name - of a database that somebody has open */
function place(name?: string) {
  const folder = makeFolder()
  const path = (each: string) => new Uint8Array(Buffer.from(join(folder, each)))
  const key = (each: string) => pathToKey(path(each))
  if (name !== undefined) {
    const database = new DatabaseSync(join(folder, name))
    database.exec('PRAGMA journal_mode = wal; CREATE TABLE t (n)')
    onTestFinished(() => database.close())
    expect(existsSync(join(folder, `${name}-wal`))).toBe(true)
  }
  const files = new NodeFiles()
  const copies = new SqliteCopies(files, makeFolder())
  const adapters = [sqliteAdapter({ clock: new NodeClock(), copies }), zodbAdapter()]
  const sources = new SafeSources(files, adapters)
  const database = memoryDatabase()
  const queue = new Queue(database)
  const entries = new Entries(database)
  const parts = { sources, queue, entries, contents: { id: (digest: Uint8Array) => digest } }
  return {
    folder,
    path,
    queue,
    sources,
    companions: () => new Companions(parts, { isCovered: () => true }),
    state: (each: string) => queue.get(key(each))?.state,
    /** As the last snapshot has it. */
    know: (each: string, content: Uint8Array = Uint8Array.of(9)) => {
      const chain = { version: 1, chainLength: 0, chainSize: 0 }
      entries.put({ key: key(each), content, ...fileStatus(), ...chain })
    },
    /** A scan finds that it changed. */
    see: (run: number, each: string, size = 10) => {
      queue.add(run, key(each), { status: fileStatus({ size }), isRacy: false, target: undefined })
    },
    read: (each: string) => {
      const result = { versions: undefined, content: undefined, version: 1, chainLength: 0 }
      queue.finish(key(each), { status: fileStatus(), isRacy: false }, { ...result, chainSize: 0 })
    },
  }
}
