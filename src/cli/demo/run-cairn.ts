/**
 * Run cairn: one command as a process of its own, as a person would start it.
 */

import { spawn } from 'node:child_process'
import { CairnError } from '../../base/errors.ts'
import { programArguments } from '../grid/peer-process.ts'

/** A command of the demo did not end well. */
export class DemoStepError extends CairnError {
  override readonly name = 'DemoStepError'
}

export interface CairnRun {
  /** `cairn backup …`, for showing. */
  readonly command: string
  /** The JSON lines on stdout. */
  readonly records: readonly Record<string, unknown>[]
  readonly durationMs: number
}

/**
 * Run a command with `--json` and wait for its end.
 *
 * @param home - its CAIRN_HOME
 * @throws {DemoStepError} with its exit code and last words, unless it ended with 0
 */
export async function runCairn(
  args: readonly string[],
  home: string,
  signal: AbortSignal,
): Promise<CairnRun> {
  const command = `cairn ${args.join(' ')}`
  const startedAt = performance.now()
  const child = spawn(process.execPath, [...programArguments(), ...args, '--json'], {
    env: { ...process.env, CAIRN_HOME: home },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const stop = () => child.kill('SIGTERM')
  signal.addEventListener('abort', stop, { once: true })
  const output = { out: '', err: '' }
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output.out += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (output.err += text))
  const code = await new Promise<number | string>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (status, killer) => resolve(status ?? killer ?? 'unknown'))
  }).finally(() => signal.removeEventListener('abort', stop))

  signal.throwIfAborted()
  if (code !== 0) throw new DemoStepError(`${command}: ended with ${code}: ${output.err.trim()}`)
  return { command, records: parseLines(output.out), durationMs: performance.now() - startedAt }
}

/** @returns the last record of that type */
export function recordOf(run: CairnRun, type: string): Record<string, unknown> {
  const found = run.records.findLast((record) => record['message_type'] === type)
  if (found === undefined) throw new DemoStepError(`${run.command}: said no ${type}`)
  return found
}

/** @returns the field as a number */
export function numberIn(record: Record<string, unknown>, field: string): number {
  const value = record[field]
  if (typeof value !== 'number') throw new DemoStepError(`no number ${field} in the answer`)
  return value
}

function parseLines(text: string): Record<string, unknown>[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Record<string, unknown>)
}
