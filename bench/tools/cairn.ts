/**
 * Cairn itself: the program as it is installed, with seven storage peers as processes on this machine.
 */

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { BenchError } from '../bench-error.ts'
import { folderState, totalBytes } from '../measure/folder-bytes.ts'
import { cpuSecondsOf } from '../measure/process-table.ts'
import { runMeasured } from '../measure/run-measured.ts'
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

class CairnSession implements Session {
  readonly #source: string
  readonly #grid: string
  readonly #home: string

  private constructor({ source, folder }: Place) {
    this.#source = source
    this.#grid = join(folder, 'grid')
    this.#home = join(folder, 'home')
  }

  static async open(place: Place): Promise<CairnSession> {
    const session = new CairnSession(place)
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

  async backup(): Promise<BackupStep> {
    const { usage, output, peersCpuSeconds } = await this.#besidePeers(
      'backup',
      this.#source,
      '--code',
      CODE,
    )
    const summary = summaryIn(output)
    const [bytesNew, bytesSent] = [summary['data_added'], summary['bytes_sent']]
    if (typeof bytesNew !== 'number' || typeof bytesSent !== 'number') {
      throw new BenchError('the summary tells no bytes')
    }
    if (summary['is_published'] !== true) throw new BenchError('the snapshot was not published')
    return { ...usage, bytesNew, bytesSent, peersCpuSeconds }
  }

  async restore(target: string): Promise<RestoreStep> {
    const { usage, output, peersCpuSeconds } = await this.#besidePeers(
      'restore',
      this.#source,
      '--target',
      target,
    )
    const bytesFetched = summaryIn(output)['bytes_fetched']
    if (typeof bytesFetched !== 'number') throw new BenchError('the summary tells no bytes')
    return { ...usage, peersCpuSeconds, bytesFetched, root: join(target, this.#source) }
  }

  stored(): number {
    return totalBytes(folderState([this.#grid], (path) => /^peer-\d+\/(shares|heads)\//.test(path)))
  }

  async close(): Promise<void> {
    await this.#cairn('grid', 'stop', '--dir', this.#grid)
  }

  async #besidePeers(...args: string[]) {
    const before = this.#peersCpuSeconds()
    const { usage, output } = await this.#cairn(...args, '--json')
    return { usage, output, peersCpuSeconds: this.#peersCpuSeconds() - before }
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

/** @returns the last record that a command said of itself */
function summaryIn(output: string): Record<string, unknown> {
  const records = output
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Record<string, unknown>)
  const summary = records.findLast((record) => record['message_type'] === 'summary')
  if (summary === undefined) throw new BenchError('cairn told no summary')
  return summary
}
