/**
 * Commands of the person's: hooks around a backup, and programs whose output is backed up.
 */

import { spawn, type ChildProcess, type SpawnOptions } from 'node:child_process'
import { once } from 'node:events'
import { open, rm } from 'node:fs/promises'
import { DiskError, UsageError } from '../base/errors.ts'
import type { ByteReader } from '../ports/files.ts'
import { NodeFiles } from './node-files.ts'
import { attempt, toDiskError, writeFully } from './system.ts'

/** As for sealed packs that wait (design §5). */
const OUTPUT_SIZE_MAX = 10 * 1024 ** 3

/** What is told to end and does not is left to itself after that: it may be cleaning up, and we must end. */
const STOP_MS_MAX = 1_000

/** A command of the person's did not end as it should. */
export class CommandFailedError extends UsageError {
  override readonly name = 'CommandFailedError'
}

/**
 * Run a line of shell. What it prints goes to our stderr: stdout is for data.
 *
 * @param what - what the person knows it as
 * @throws {CommandFailedError} it did not end with 0
 */
export async function runShell(
  what: string,
  line: string,
  env: NodeJS.ProcessEnv,
  signal?: AbortSignal,
): Promise<void> {
  const options: StartOptions = { env, stdio: ['ignore', 2, 2], signal }
  await ended(what, await start(what, '/bin/sh', ['-c', line], options), signal)
}

/**
 * Run a program and keep what it writes to its stdout, until that is closed.
 *
 * Nothing is read before the program ended well: a dump that broke off must never pass for one.
 *
 * @param target - where it is kept; what is there is replaced
 * @param sizeMax - most that it may write, bytes
 * @throws {CommandFailedError} it did not end with 0
 * @throws {DiskError} the file cannot be written, or would be too large
 */
export async function keepOutput(
  command: readonly string[],
  target: string,
  signal: AbortSignal,
  sizeMax = OUTPUT_SIZE_MAX,
): Promise<ByteReader> {
  await rm(target, { force: true })
  await runToFile(command, target, { sizeMax, signal })
  const file = await new NodeFiles().open(Buffer.from(target))
  const close = async () => {
    await file.close()
    await rm(target, { force: true })
  }
  return { status: () => file.status(), read: (...range) => file.read(...range), close }
}

async function runToFile(
  [program = '', ...args]: readonly string[],
  target: string,
  { sizeMax, signal }: { readonly sizeMax: number; readonly signal: AbortSignal },
): Promise<void> {
  const file = await attempt(target, toDiskError, () => open(target, 'wx', 0o600))
  let started: Started | undefined
  try {
    started = await start(program, program, args, { stdio: ['ignore', 'pipe', 2], signal })
    let size = 0
    // Read at once: what nobody has begun to read when a process ends is thrown away.
    for await (const bytes of started.child.stdout ?? []) {
      const part = bytes as Uint8Array
      if (size + part.length > sizeMax) {
        throw new DiskError(`${program} writes more than the ${sizeMax} bytes that are allowed`)
      }
      await attempt(target, toDiskError, () => writeFully(file, part, size))
      size += part.length
    }
    await ended(program, started, signal)
  } catch (error) {
    if (started !== undefined) stopGroup(started.child)
    await rm(target, { force: true })
    signal.throwIfAborted()
    throw error
  } finally {
    await file.close()
  }
}

interface Started {
  readonly child: ChildProcess
  /** Resolves when it has ended, or is left to itself. */
  readonly over: Promise<void>
}

type StartOptions = Pick<SpawnOptions, 'env' | 'stdio'> & {
  readonly signal?: AbortSignal | undefined
}

async function start(
  what: string,
  program: string,
  args: readonly string[],
  { signal, ...options }: StartOptions,
): Promise<Started> {
  signal?.throwIfAborted()
  // In a group of its own what can be stopped is stopped with all that it started.
  const child = spawn(program, args, { ...options, detached: signal !== undefined })
  // Told by whoever waits for its end; without a listener it would end the process.
  child.on('error', () => undefined)
  if (child.pid === undefined) {
    const [error] = (await once(child, 'error')) as [Error]
    throw new CommandFailedError(`${what} cannot be run: ${error.message}`, { cause: error })
  }
  const over = Promise.withResolvers<void>()
  let late: NodeJS.Timeout | undefined
  const stop = () => {
    stopGroup(child)
    late = setTimeout(() => {
      child.stdout?.destroy()
      child.unref()
      over.resolve()
    }, STOP_MS_MAX)
  }
  signal?.addEventListener('abort', stop, { once: true })
  child.once('exit', () => {
    signal?.removeEventListener('abort', stop)
    clearTimeout(late)
    over.resolve()
  })
  return { child, over: over.promise }
}

function stopGroup({ pid, exitCode, signalCode }: ChildProcess): void {
  if (pid === undefined || exitCode !== null || signalCode !== null) return
  try {
    process.kill(-pid, 'SIGTERM')
  } catch {
    // It ended just now.
  }
}

async function ended(what: string, { child, over }: Started, signal?: AbortSignal): Promise<void> {
  await over
  signal?.throwIfAborted()
  const { exitCode, signalCode } = child
  if (exitCode === 0) return
  const how = signalCode === null ? `with exit status ${exitCode}` : `by ${signalCode}`
  throw new CommandFailedError(`${what} ended ${how}`)
}
