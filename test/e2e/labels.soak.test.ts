/** Labels: a file that changes while it is read says so wherever its versions are shown. */

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { randomBytes } from 'node:crypto'
import { DatabaseSync } from 'node:sqlite'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { jsonLines, Place } from './cairn.ts'

const CHANGER = fileURLToPath(new URL('live-changer.ts', import.meta.url))
const LABELS = ['stable', 'retried', 'copied', 'fuzzy', 'app-consistent']

/** Too large for a copy in memory. */
const SIZE = 12 * 1024 ** 2

/** What is written to while it is read, and when. */
const FILES = { still: 'never', once: 'once', often: 'until-copied', busy: 'always' }

/** Where the processor is busy a change may come too late, and the file is as still as it looks. */
const BACKUPS_MAX = 10

// Which files a process has open is told by Linux alone.
describe.skipIf(process.platform !== 'linux')('files that change while they are read', () => {
  const place = new Place()
  /** Label → a file that came out so, and the snapshot. */
  const seen = new Map<unknown, { readonly path: string; readonly at: string }>()

  beforeAll(async () => {
    for (const name of Object.keys(FILES)) place.write(`live/${name}`, randomBytes(SIZE))
    await place.joinedVault(3)
    const database = new DatabaseSync(place.at('live', 'shop.db'))
    database.exec('PRAGMA journal_mode = wal; CREATE TABLE t (n)')
    for (let count = 0; count < BACKUPS_MAX && seen.size < LABELS.length; count += 1) {
      database.exec('INSERT INTO t VALUES (1)')
      const { at, counts } = await backUp(place)
      const listed = await place.records(['ls', '--at', at, '--recursive', place.at('live')])
      const files = listed.filter(({ type }) => type === 'file')
      for (const { path, label } of files) seen.set(label, { path: String(path), at })
      const of = (one: string) => files.filter(({ label }) => label === one).length
      expect(counts).toMatchObject({ files_fuzzy: of('fuzzy'), files_copied: of('copied') })
    }
    database.close()
  }, 180_000)
  afterAll(() => place.remove())

  it.each(LABELS)('are listed with their label, for instance %s', async (label) => {
    const { path, at } = seen.get(label) ?? { path: 'none came out so', at: '0' }
    const text = async (...args: string[]) => (await place.cairn([...args, path])).stdout
    const version = new RegExp(` ${label} +snapshots? .*${at}`, 'm')
    expect(await text('history')).toMatch(version)
    expect(await text('ls', '--at', at, '--long')).toMatch(new RegExp(`Z ${label} +${path}$`, 'm'))
    expect(await text('ls', '--versions')).toMatch(new RegExp(`Z ${label}$`, 'm'))
    for (const args of [['history'], ['ls', '--versions']]) {
      const records = await place.records([...args, path])
      expect(records).toContainEqual(expect.objectContaining({ message_type: 'version', label }))
    }
  })
})

/** Back up while the files are written to. */
async function backUp(place: Place): Promise<{ at: string; counts: Record<string, unknown> }> {
  const files = Object.entries(FILES).map(([name, when]) => `${place.at('live', name)}=${when}`)
  const args = ['--disable-warning=ExperimentalWarning', CHANGER, ...files]
  const changer = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] })
  const isOver = once(changer, 'close')
  await once(changer.stdout, 'data')
  // Else an adapter looks into each before it is read.
  const plain = Object.keys(FILES).flatMap((name) => ['--as-is', place.at('live', name)])
  const { child, ended } = place.start(['backup', '--json', ...plain, place.at('live')])
  changer.stdin.end(`${child.pid}\n`)
  const { code, stdout, stderr } = await ended
  expect([code, stderr]).toEqual([0, expect.anything()])
  await isOver
  const summary = jsonLines(stdout).find((record) => record['message_type'] === 'summary') ?? {}
  return { at: String(summary['snapshot_id']), counts: summary }
}
