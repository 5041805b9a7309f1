/**
 * Process table: what Linux tells about processes: CPU, memory, children.
 *
 * Times are in clock ticks of 10 ms, as /proc has them.
 */

import { readdirSync, readFileSync } from 'node:fs'
import { BenchError } from '../bench-error.ts'

const TICKS_PER_SECOND = 100

/** Counted from 0, after the command's name, which is in brackets and may hold anything. */
const FIELD = { userTicks: 11, childrenUserTicks: 13 } as const

/** @returns seconds of CPU, user and system, that a process has used; 0 if there is none */
export function cpuSecondsOf(pid: number): number {
  return ticksAt(statOf(pid), FIELD.userTicks) / TICKS_PER_SECOND
}

/** @returns seconds of CPU of all processes that we started and that ended, with theirs */
export function cpuSecondsOfChildren(): number {
  const stat = statOf('self')
  if (stat === undefined) throw new BenchError('the bench needs Linux and its /proc')
  return ticksAt(stat, FIELD.childrenUserTicks) / TICKS_PER_SECOND
}

export interface Memory {
  /** Most that any one of the processes held at any time so far, bytes. */
  readonly peak: number
  /** What they hold together now, bytes; memory that they share counts more than once. */
  readonly total: number
}

/** @returns the memory of a process and all below it */
export function memoryBelow(pid: number): Memory {
  let [peak, total] = [0, 0]
  for (const each of treeBelow(pid)) {
    const status = read(`/proc/${each}/status`) ?? ''
    peak = Math.max(peak, kibIn(status, 'VmHWM'))
    total += kibIn(status, 'VmRSS')
  }
  return { peak: peak * 1024, total: total * 1024 }
}

function treeBelow(pid: number): number[] {
  const found = [pid]
  // Grows while it is walked.
  for (const parent of found) {
    for (const thread of threadsOf(parent)) {
      const children = read(`/proc/${parent}/task/${thread}/children`) ?? ''
      found.push(...children.split(' ').filter(Boolean).map(Number))
    }
  }
  return found
}

function threadsOf(pid: number): string[] {
  try {
    return readdirSync(`/proc/${pid}/task`)
  } catch {
    return []
  }
}

function statOf(pid: number | 'self'): string[] | undefined {
  return read(`/proc/${pid}/stat`)?.split(') ').at(-1)?.split(' ')
}

/** Sum of a field and the one after it: user and system. */
function ticksAt(stat: string[] | undefined, index: number): number {
  return Number(stat?.[index] ?? 0) + Number(stat?.[index + 1] ?? 0)
}

function kibIn(status: string, name: string): number {
  return Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1] ?? 0)
}

/** @returns undefined for a process that has ended */
function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}
