/**
 * Cairn itself: the program as it is installed, with seven storage peers as processes on this machine.
 */

import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { BenchError } from '../bench-error.ts'
import { folderState, totalBytes } from '../measure/folder-bytes.ts'
import { cpuSecondsOf } from '../measure/process-table.ts'
import { runMeasured, type Usage } from '../measure/run-measured.ts'
import {
  versionOf,
  type BackupStep,
  type Place,
  type RestoreStep,
  type Session,
  type Tool,
} from './tool.ts'

const PEERS = 7
const CODE = '4-of-7'
const CAPACITY = '200GB'

/** As `npm run build` makes it, and a package has it. */
const PROGRAM = fileURLToPath(new URL('../../dist/src/cli/main.js', import.meta.url))
const START = ['--disable-warning=ExperimentalWarning', PROGRAM]

export const cairn: Tool = {
  name: 'cairn',
  how: `as a package has it; ${PEERS} peers as processes here, --code ${CODE}`,
  isOnce: false,
  version: () => versionOf(process.execPath, ...START, '--version'),
  open: (place) => CairnSession.open(place),
}

/** What a command did beside the peers, and what it said. */
export interface Told extends Usage {
  /** Its records, one a line of `--json`. */
  readonly records: readonly Said[]
  /** The last record that it said of itself. */
  readonly summary: Said
  readonly peersCpuSeconds: number
}

export type Said = Readonly<Record<string, unknown>>

export class CairnSession implements Session {
  readonly #source: string
  readonly #grid: string
  readonly #home: string

  private constructor({ source, folder }: Place) {
    this.#source = source
    this.#grid = join(folder, 'grid')
    this.#home = join(folder, 'home')
  }

  /** @param config - what `config.toml` says */
  static async open(place: Place, config?: string): Promise<CairnSession> {
    const session = new CairnSession(place)
    if (config !== undefined) {
      mkdirSync(session.#home)
      writeFileSync(join(session.#home, 'config.toml'), config)
    }
    const size = ['--peers', String(PEERS), '--capacity', CAPACITY]
    await session.#cairn('grid', 'local', ...size, '--dir', session.#grid, '--detach')
    try {
      await session.#cairn('init', '--words-to', join(place.folder, 'words.txt'))
      await session.#cairn('join', '--code-from', join(session.#grid, 'invite'))
      return session
    } catch (error) {
      await session.close()
      throw error
    }
  }

  async backup(): Promise<BackupStep & { readonly summary: Said }> {
    const {
      records: _,
      summary,
      ...usage
    } = await this.tell('backup', this.#source, '--code', CODE)
    if (summary['is_published'] !== true) throw new BenchError('the snapshot was not published')
    const bytes = {
      bytesNew: bytesIn(summary, 'data_added'),
      bytesSent: bytesIn(summary, 'bytes_sent'),
    }
    return { ...usage, ...bytes, summary }
  }

  /** @param at - as `--at` takes it */
  async restore(target: string, at = 'latest'): Promise<RestoreStep> {
    const {
      records: _,
      summary,
      ...usage
    } = await this.tell('restore', this.#source, '--at', at, '--target', target)
    const bytesFetched = bytesIn(summary, 'bytes_fetched')
    return { ...usage, bytesFetched, root: join(target, this.#source) }
  }

  /** Run any command of Cairn's and hear what it says of itself. */
  async tell(...args: readonly string[]): Promise<Told> {
    const before = this.#peersCpuSeconds()
    const { usage, output } = await this.#cairn(...args, '--json')
    const records = output
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as Said)
    const summary = records.findLast((record) => record['message_type'] === 'summary') ?? {}
    return { ...usage, records, summary, peersCpuSeconds: this.#peersCpuSeconds() - before }
  }

  stored(): number {
    return totalBytes(folderState([this.#grid], (path) => /^peer-\d+\/(shares|heads)\//.test(path)))
  }

  async close(): Promise<void> {
    await this.#cairn('grid', 'stop', '--dir', this.#grid)
  }

  #cairn(...args: string[]) {
    const env = { CAIRN_HOME: this.#home }
    return runMeasured({ program: process.execPath, args: [...START, ...args], env })
  }

  #peersCpuSeconds(): number {
    const peers = readdirSync(this.#grid).filter((name) => name.startsWith('peer-'))
    const pids = peers.map((name) => Number(readFileSync(join(this.#grid, name, 'pid'), 'utf8')))
    return pids.reduce((sum, pid) => sum + cpuSecondsOf(pid), 0)
  }
}

/** @throws {BenchError} the record tells no such number */
export function bytesIn(said: Said, field: string): number {
  const value = said[field]
  if (typeof value !== 'number') throw new BenchError(`cairn told no ${field}`)
  return value
}
