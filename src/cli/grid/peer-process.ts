/**
 * Peer process: a storage peer as a process of its own, started and ended from outside.
 *
 * It is `cairn peer run` in a process group of its own, so it outlives whoever started it. Its number
 * is trusted only while the process with that number runs this very store.
 */

import { spawn, spawnSync } from 'node:child_process'
import { closeSync, existsSync, openSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { CairnError } from '../../base/errors.ts'
import type { PeerStore } from './peer-store.ts'

/** Whatever a starting peer does first (its database, its listener) fits into this many times. */
const START_MS_MAX = 30_000
/** How long a peer may take to end by itself. */
const STOP_MS_MAX = 10_000
const POLL_MS = 25

/** A peer ended, or said nothing, before it could be reached. */
export class PeerStartError extends CairnError {
  override readonly name = 'PeerStartError'
}

/** @param args - options of `peer run` besides `--store` */
export function spawnPeer(store: PeerStore, args: readonly string[]): void {
  store.setStopped()
  const output = openSync(join(store.folder, 'output'), 'a', 0o600)
  const command = [...programArguments(), 'peer', 'run', '--store', store.folder, ...args]
  const child = spawn(process.execPath, command, {
    detached: true,
    stdio: ['ignore', output, output],
    cwd: store.folder,
  })
  // How it went is told by the store's files. The number is there from the first moment on, so that
  // whoever changes their mind while the peer starts finds it.
  child.on('error', () => undefined)
  if (child.pid !== undefined) store.setStarting(child.pid)
  child.unref()
  closeSync(output)
}

/**
 * @returns the addresses where the peer answers
 * @throws {PeerStartError} with the end of what the peer said
 */
export async function awaitPeer(store: PeerStore, signal: AbortSignal): Promise<string[]> {
  const deadline = performance.now() + START_MS_MAX
  while (performance.now() < deadline) {
    const addresses = store.addresses()
    const isRunning = runningPid(store) !== undefined
    if (addresses.length > 0 && isRunning) return addresses
    if (!isRunning) break
    await sleep(POLL_MS, undefined, { signal })
  }
  throw new PeerStartError(`the peer in ${store.folder} does not answer: ${lastWords(store)}`)
}

/** @returns its process number, if that process is alive and runs this store */
export function runningPid(store: PeerStore): number | undefined {
  const pid = store.pid()
  if (pid === undefined) return undefined
  const command = commandOf(pid)
  const isOurs = ['peer', 'run', store.folder].every((part) => command.includes(part))
  return isOurs ? pid : undefined
}

/** End the peer: it is asked first, then made to. @returns false if it did not run */
export async function stopPeer(store: PeerStore): Promise<boolean> {
  const pid = runningPid(store)
  if (pid !== undefined) {
    send(pid, 'SIGTERM')
    const deadline = performance.now() + STOP_MS_MAX
    while (!hasEnded(pid) && performance.now() < deadline) await sleep(POLL_MS)
    if (runningPid(store) === pid) await killPeer(store)
  }
  store.setStopped()
  return pid !== undefined
}

/** End the peer without asking, as a power cut does. */
export async function killPeer(store: PeerStore): Promise<void> {
  const pid = runningPid(store)
  if (pid === undefined) return
  send(pid, 'SIGKILL')
  while (!hasEnded(pid)) await sleep(POLL_MS)
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch (error) {
    // It ended by itself meanwhile.
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

/** @returns the program's own file, run as this process is run */
export function programArguments(): string[] {
  const here = dirname(fileURLToPath(import.meta.url))
  const source = join(here, '../main.ts')
  const main = existsSync(source) ? source : join(here, '../main.js')
  return ['--disable-warning=ExperimentalWarning', main]
}

/** @returns the arguments of a process; none if there is no such process or it is a zombie */
function commandOf(pid: number): string[] {
  if (process.platform === 'linux') {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0')
    } catch {
      return []
    }
  }
  const { stdout } = spawnSync('ps', ['-ww', '-o', 'command=', '-p', String(pid)], {
    encoding: 'utf8',
  })
  // Joined by spaces; enough to look for our own words in it.
  return typeof stdout === 'string' ? [stdout, ...stdout.trim().split(' ')] : []
}

/** Whether the process has given everything back, its port above all; a zombie has. */
function hasEnded(pid: number): boolean {
  try {
    process.kill(pid, 0)
    if (process.platform !== 'linux') return false
    // The state follows the command's name, which is in brackets and may hold anything.
    const state = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.[0]
    if (state !== 'Z' && state !== 'X') return false
    // The port is free only when the last thread is gone.
    return readdirSync(`/proc/${pid}/task`).length <= 1
  } catch {
    return true
  }
}

function lastWords(store: PeerStore): string {
  try {
    const text = readFileSync(join(store.folder, 'output'), 'utf8').trim()
    return text.split('\n').slice(-3).join('; ').slice(-500) || 'it said nothing'
  } catch {
    return 'it said nothing'
  }
}
