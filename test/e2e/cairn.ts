/**
 * Cairn as a person meets it: the command as a process, with a home of its own.
 *
 * A `Place` is a temporary folder with everything of one test in it; it ends all peers it started.
 */

import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { compareManifests, takeManifest } from '../../src/cli/demo/tree-manifest.ts'
import { removeTree } from '../../src/cli/demo/remove-tree.ts'
import { killPeer } from '../../src/cli/grid/peer-process.ts'
import { PeerStore } from '../../src/cli/grid/peer-store.ts'

/** What npm installs as `cairn`. */
export const LAUNCHER = fileURLToPath(new URL('../../src/cli/launch.mjs', import.meta.url))

/** The program that it starts, as build-program.ts made it: Node's arguments. */
export const PROGRAM: readonly string[] = [
  '--disable-warning=ExperimentalWarning',
  fileURLToPath(new URL('../../dist/src/cli/main.js', import.meta.url)),
]

export interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

export interface Started {
  readonly child: ChildProcess
  readonly ended: Promise<Ended>
  /** Resolves once the word has stood on its stdout. */
  readonly said: (word: string) => Promise<void>
}

export interface RunOptions {
  /** Name of the home in the place. */
  readonly home?: string
  readonly env?: NodeJS.ProcessEnv
  readonly input?: string
  readonly cwd?: string
  /** As leader of a process group, as from a terminal. */
  readonly isGroup?: boolean
  /** Run as this user; the place must be its own. */
  readonly uid?: number
}

export class Place {
  readonly folder: string
  readonly #running = new Set<ChildProcess>()
  #grids: { name: string; count: number }[] = []

  constructor() {
    this.folder = mkdtempSync(join(tmpdir(), 'cairn-e2e-'))
  }

  at(...names: readonly string[]): string {
    return join(this.folder, ...names)
  }

  /** Start a command; `ended` tells how it went. */
  start(args: readonly string[], options: RunOptions = {}): Started {
    const child = spawn(process.execPath, [...PROGRAM, ...args], {
      cwd: options.cwd ?? this.folder,
      env: { ...process.env, CAIRN_HOME: this.at(options.home ?? 'home'), ...options.env },
      stdio: ['pipe', 'pipe', 'pipe'],
      detached: options.isGroup === true,
      ...(options.uid === undefined ? {} : { uid: options.uid, gid: options.uid }),
    })
    this.#running.add(child)
    const text = { stdout: '', stderr: '' }
    child.stdout.setEncoding('utf8').on('data', (part: string) => (text.stdout += part))
    child.stderr.setEncoding('utf8').on('data', (part: string) => (text.stderr += part))
    // A command that ends without reading is no trouble.
    child.stdin.on('error', () => undefined)
    child.stdin.end(options.input ?? '')
    const ended = new Promise<Ended>((resolve, reject) => {
      child.on('error', reject)
      child.on('close', (code, signal) => {
        this.#running.delete(child)
        resolve({ code, signal, ...text })
      })
    })
    const said = async (word: string) => {
      if (text.stdout.includes(word)) return
      await new Promise<void>((resolve, reject) => {
        child.stdout.on('data', () => text.stdout.includes(word) && resolve())
        child.on('close', () => reject(new Error(`it never said ${word}: ${text.stderr}`)))
      })
    }
    return { child, ended, said }
  }

  /** Run a command to its end. */
  async cairn(args: readonly string[], options: RunOptions = {}): Promise<Ended> {
    return this.start(args, options).ended
  }

  /** Run a command that must succeed. @returns its JSON records */
  async records(
    args: readonly string[],
    options: RunOptions = {},
  ): Promise<Record<string, unknown>[]> {
    const { code, stdout, stderr } = await this.cairn([...args, '--json'], options)
    if (code !== 0) throw new Error(`cairn ${args.join(' ')} ended with ${code}: ${stderr}`)
    return jsonLines(stdout)
  }

  /** Start a local grid. @returns its peers' stores */
  async grid(count: number, name = 'grid', ...options: string[]): Promise<PeerStore[]> {
    this.#grids.push({ name, count })
    const dir = ['--dir', this.at(name), '--peers', String(count)]
    await this.records(['grid', 'local', '--detach', ...dir, ...options])
    return this.stores(name, count)
  }

  stores(name: string, count: number): PeerStore[] {
    return Array.from({ length: count }, (_, index) =>
      PeerStore.open(this.at(name, `peer-${index + 1}`)),
    )
  }

  /** A vault that has joined a new grid. */
  async joinedVault(peers: number): Promise<PeerStore[]> {
    const stores = await this.grid(peers)
    await this.joinVault(this.at('grid', 'invite'))
    return stores
  }

  /** A vault in the grid of this invite, of another place perhaps: tests then share its peers. */
  async joinVault(invite: string): Promise<void> {
    await this.records(['init', '--words-to', this.at('kit.txt')])
    await this.records(['join', '--code-from', invite])
  }

  /** Write a file, with the folders above it. */
  write(name: string, content: string | Uint8Array): string {
    mkdirSync(dirname(this.at(name)), { recursive: true })
    writeFileSync(this.at(name), content)
    return this.at(name)
  }

  /** What is different between a folder of the place and what was restored of it. */
  differences(source: string, target: string): string[] {
    const restored = takeManifest(join(this.at(target), this.at(source)))
    return compareManifests(takeManifest(this.at(source)), restored).map(
      ({ path, what, expected, actual }) => `${path}: ${what}: ${expected}, now ${actual}`,
    )
  }

  read(...names: readonly string[]): string {
    return readFileSync(this.at(...names), 'utf8')
  }

  /** End everything and leave nothing. */
  async remove(): Promise<void> {
    // The launcher passes this on; killed outright it would leave its program behind.
    const ends = [...this.#running].map((child) => once(child, 'close'))
    for (const child of this.#running) child.kill('SIGTERM')
    await Promise.all(ends)
    for (const { name, count } of this.#grids) {
      await Promise.all(this.stores(name, count).map(killPeer))
    }
    removeTree(this.folder)
  }
}

export function jsonLines(text: string): Record<string, unknown>[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Record<string, unknown>)
}

/** @returns the last record of the type */
export function recordOf(
  records: readonly Record<string, unknown>[],
  type: string,
): Record<string, unknown> {
  const found = records.findLast((record) => record['message_type'] === type)
  if (found === undefined) throw new Error(`no ${type} among ${JSON.stringify(records)}`)
  return found
}
