import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { jsonLines, Place, recordOf } from './cairn.ts'
import { liveDatabases } from './live-databases.ts'

const MIB = 1024 ** 2

const place = new Place()
beforeAll(() => place.joinedVault(3))
afterAll(() => place.remove())

describe('databases under constant writes', () => {
  it('are each whole in every snapshot, and cost what changed', async () => {
    const sizes = { log: 8 * MIB, journal: 2 * MIB, storage: 2 * MIB, backups: 3 }
    const { added } = await liveDatabases(place, sizes)
    const [first = 0, ...later] = added
    for (const size of later) expect(size).toBeLessThan(first / 2)
  }, 120_000)
})

describe('a log that grew', () => {
  it('brings its database into the backup, whose own file did not change', async () => {
    place.write('log/letter', '')
    const database = new DatabaseSync(place.at('log', 'a.db'))
    database.exec('PRAGMA journal_mode = wal; CREATE TABLE t (n)')
    const count = async () => {
      await place.records(['backup', place.at('log')])
      const target = place.at(`back ${Math.random()}`)
      await place.records(['restore', place.at('log'), '--target', target])
      const restored = new DatabaseSync(join(target, place.at('log', 'a.db')))
      const row = restored.prepare('SELECT count(*) AS count FROM t').get()
      restored.close()
      return row?.['count']
    }
    for (let index = 1; index <= 2; index += 1) {
      database.exec('INSERT INTO t VALUES (1)')
      expect(await count()).toBe(index)
    }
    database.close()
    expect(await count()).toBe(2)
  }, 60_000)
})

describe('hooks', () => {
  const say = (name: string) =>
    `echo ${name} $CAIRN_HOOK $CAIRN_EXIT $CAIRN_SNAPSHOT >> '${place.at('told')}'`
  const hooks = ['before', 'after', 'failed', 'finally'].flatMap((name) => [`--${name}`, say(name)])
  const run = async (...args: string[]) => {
    writeFileSync(place.at('told'), '')
    const { code, stderr } = await place.cairn(['backup', '--json', ...args])
    return { code, stderr, told: place.read('told').trim().split('\n') }
  }

  it('run around a backup, and know how it ended', async () => {
    place.write('files/letter', 'x')
    const { code, told } = await run(...hooks, place.at('files'))
    expect(code).toBe(0)
    expect(told).toEqual([
      'before before',
      expect.stringMatching(/^after after 0 \d+$/),
      expect.stringMatching(/^finally finally 0 \d+$/),
    ])
  })

  it('know that it failed', async () => {
    const { code, told } = await run(...hooks, place.at('nowhere'))
    expect(code).toBe(3)
    expect(told).toEqual(['before before', 'failed failed 3', 'finally finally 3'])
  })

  it('stop it, if what must come before fails', async () => {
    const { code, stderr, told } = await run(...hooks, '--before', 'exit 7', place.at('files'))
    expect(code).toBe(1)
    expect(recordOf(jsonLines(stderr), 'exit_error')).toMatchObject({
      name: 'CommandFailedError',
      message: 'The hook "before" ended with exit status 7',
    })
    expect(told).toEqual(['failed failed 1', 'finally finally 1'])
  })

  it('that fail afterwards are told, and the snapshot stands', async () => {
    const { code, stderr } = await run('--after', 'kill -9 $$', place.at('files'))
    expect(code).toBe(1)
    expect(recordOf(jsonLines(stderr), 'warning')['text']).toBe('The hook "after" ended by SIGKILL')
  })

  it('are taken from config.toml, where no option says otherwise', async () => {
    writeFileSync(place.at('home', 'config.toml'), `[hooks]\nbefore = "exit 5"\nfinally = "exit 6"`)
    const { code, stderr } = await run('--before', 'true', place.at('files'))
    writeFileSync(place.at('home', 'config.toml'), '')
    expect(code).toBe(1)
    expect(stderr).toContain('\\"finally\\" ended with exit status 6')
  })
})

describe('the output of a command', () => {
  const backup = (...command: string[]) =>
    place.cairn([
      'backup',
      '--json',
      '--stdin-filename',
      'dump.txt',
      '--stdin-from-command',
      '--',
      ...command,
    ])

  it('is a file in a snapshot if the command ends well', async () => {
    const { code, stdout } = await backup('sh', '-c', 'echo all of it')
    expect(code).toBe(0)
    const { snapshot_id: id } = recordOf(jsonLines(stdout), 'summary')
    await place.records(['restore', '/dump.txt', '--target', place.at('dump')])
    expect(place.read('dump', 'dump.txt')).toBe('all of it\n')
    const broken = await backup('sh', '-c', 'echo half of it; exit 9')
    expect(broken.code).toBe(1)
    expect(broken.stderr).toContain('sh ended with exit status 9')
    const newest = (await place.records(['snapshots'])).at(-1)
    expect(newest?.['id']).toBe(id)
  })

  it('needs a command that can be run', async () => {
    expect((await backup('/nowhere/dump')).code).toBe(1)
    expect((await backup()).code).toBe(2)
  })
})
