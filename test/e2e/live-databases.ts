/** Databases that are written to all the while, backed up again and again, and each backup opened. */

import { spawn } from 'node:child_process'
import { rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { fileURLToPath } from 'node:url'
import { expect } from 'vitest'
import { openStorage } from '../support/data-fs.ts'
import { recordOf, type Place } from './cairn.ts'

const WRITER = fileURLToPath(new URL('live-writer.ts', import.meta.url))

export interface LiveSizes {
  /** Bytes of the SQLite database in WAL mode. */
  readonly log: number
  /** Of the one with a rollback journal. */
  readonly journal: number
  /** Of the Data.fs. */
  readonly storage: number
  readonly backups: number
}

export interface LiveResult {
  /** Sealed bytes that each backup added, before erasure coding. */
  readonly added: readonly number[]
  /** Seconds that each took. */
  readonly seconds: readonly number[]
}

/** Back up while everything is written to, then restore every snapshot and have each database check itself. */
export async function liveDatabases(place: Place, sizes: LiveSizes): Promise<LiveResult> {
  place.write('live/letter', 'a file among them')
  const folder = place.at('live')
  const writers = await Promise.all([
    write('sqlite-wal', join(folder, 'log.db'), sizes.log),
    write('sqlite-journal', join(folder, 'journal.db'), sizes.journal),
    write('zodb', join(folder, 'Data.fs'), sizes.storage),
  ])
  const summaries: Record<string, unknown>[] = []
  try {
    for (let count = 0; count < sizes.backups; count += 1) {
      const summary = recordOf(await place.records(['backup', folder]), 'summary')
      expect(summary).toMatchObject({ files_fuzzy: 0, error_count: 0 })
      summaries.push(summary)
    }
  } finally {
    for (const end of writers) await end()
  }
  let changes = -1
  let transactions = -1
  for (const { snapshot_id } of summaries) {
    const target = place.at('back')
    await place.records(['restore', '--at', String(snapshot_id), folder, '--target', target])
    const at = (name: string) => join(target, folder, name)
    const found = checkDatabase(at('log.db'))
    expect(found).toBeGreaterThan(changes)
    changes = found
    checkDatabase(at('journal.db'))
    const storage = openStorage(at('Data.fs'))
    expect(storage).toMatchObject({ torn: 0, scannedFrom: statSync(at('Data.fs')).size })
    expect(storage.transactions).toBeGreaterThan(transactions)
    transactions = storage.transactions
    rmSync(target, { recursive: true })
  }
  return {
    added: summaries.map((summary) => summary['data_added'] as number),
    seconds: summaries.map((summary) => summary['total_duration'] as number),
  }
}

/** @returns what ends it */
async function write(kind: string, path: string, size: number): Promise<() => Promise<void>> {
  const args = ['--disable-warning=ExperimentalWarning', WRITER, kind, path, String(size)]
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  const ended = new Promise<void>((resolve) => child.on('close', () => resolve()))
  await new Promise<void>((resolve, reject) => {
    child.stdout.once('data', () => resolve())
    child.on('exit', () => reject(new Error(`the writer of ${path} ended`)))
  })
  return async () => {
    child.kill()
    await ended
  }
}

/** @returns how many changes were committed */
function checkDatabase(path: string): number {
  const database = new DatabaseSync(path)
  try {
    expect(database.prepare('PRAGMA integrity_check').all()).toEqual([{ integrity_check: 'ok' }])
    const row = database.prepare('SELECT sum(changed) AS changes FROM rows').get()
    return row?.['changes'] as number
  } finally {
    database.close()
  }
}
