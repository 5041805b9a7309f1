/**
 * Run a command to its end and measure it: CPU of it and all its children, wall time, memory.
 */

import { spawn } from 'node:child_process'
import { tmpdir } from 'node:os'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { BenchError } from '../bench-error.ts'
import { cpuSecondsOfChildren, memoryBelow } from './process-table.ts'

const SAMPLE_MS = 15

export interface Usage {
  /** User and system, of the command and all below it. */
  readonly cpuSeconds: number
  readonly wallSeconds: number
  /** Most that one process held, bytes. */
  readonly peakMemory: number
  /** Most that all its processes held together, bytes; what they share counts for each. */
  readonly peakMemoryOfAll: number
}

export interface Command {
  readonly program: string
  readonly args: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  readonly cwd?: string
}

let isRunning = false

/**
 * Run one command; one at a time, since what children used is known of all together.
 *
 * @throws {BenchError} it could not be started or ended with an error; with its last words
 */
export async function runMeasured(command: Command): Promise<{ usage: Usage; output: string }> {
  if (isRunning) throw new BenchError('two commands measured at once')
  isRunning = true
  const cpuBefore = cpuSecondsOfChildren()
  const startedAt = performance.now()
  try {
    const { output, peakMemory, peakMemoryOfAll } = await runSampled(command)
    const wallSeconds = (performance.now() - startedAt) / 1000
    const cpuSeconds = cpuSecondsOfChildren() - cpuBefore
    return { usage: { cpuSeconds, wallSeconds, peakMemory, peakMemoryOfAll }, output }
  } finally {
    isRunning = false
  }
}

async function runSampled({ program, args, env, cwd }: Command) {
  const child = spawn(program, args, {
    env: { ...ownEnvironment(), ...env },
    ...(cwd === undefined ? {} : { cwd }),
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const output = { out: '', err: '' }
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output.out += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (output.err += text))
  let [peakMemory, peakMemoryOfAll] = [0, 0]
  const sample = () => {
    const memory = memoryBelow(child.pid ?? 0)
    peakMemory = Math.max(peakMemory, memory.peak)
    peakMemoryOfAll = Math.max(peakMemoryOfAll, memory.total)
  }
  const sampler = setInterval(sample, SAMPLE_MS)
  const stopped = () => child.kill('SIGTERM')
  process.once('SIGINT', stopped)
  try {
    const end = await new Promise<number | string>((resolve, reject) => {
      child.on('error', (cause) => reject(new BenchError(`${program} does not start`, { cause })))
      child.on('close', (code, signal) => resolve(code ?? signal ?? 'unknown'))
    })
    if (end === 0) return { output: output.out, peakMemory, peakMemoryOfAll }
    const words = output.err.trim().split('\n').slice(-3).join('; ')
    throw new BenchError(
      withoutPlaces(`${[program, ...args].join(' ')} ended with ${end}: ${words}`),
    )
  } finally {
    clearInterval(sampler)
    process.off('SIGINT', stopped)
  }
}

/** Only what programs need to run: nothing of npm's or of whoever runs us. */
function ownEnvironment(): Record<string, string> {
  const { PATH = '', HOME = '' } = process.env
  return { PATH, HOME, LANG: 'C.UTF-8', TZ: 'UTC' }
}

/** What went wrong may end in a table that others read: this machine's folders stay out of it. */
function withoutPlaces(text: string): string {
  const places = [process.execPath, fileURLToPath(new URL('../..', import.meta.url)), tmpdir()]
  const bare = places.reduce((rest, place) => rest.replaceAll(place, '…'), text)
  return bare.replaceAll(/(…|\/dev\/shm)\/cairn-bench-\w+/g, '…')
}
