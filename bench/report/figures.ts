/**
 * Figures: what the project set out to reach, held against what was measured.
 *
 * Bytes are before erasure with everything included; CPU is the client's, user and system. The workloads
 * count at the scales that the figures were set for.
 */

import type {
  HistoriesResult,
  ManyHistoriesResult,
  Operation,
  Results,
  ToolResult,
  WorkloadResult,
} from '../results.ts'
import { concernedBy, minimalDeltas, movedBy, originals, peakOfMaintenance } from './histories.ts'
import { formatNumber } from './format.ts'
import { peakMemory, resultOf } from './tables.ts'

const MIB = 1024 * 1024
const MB = 1e6

export interface Verdict {
  readonly figure: string
  readonly limit: number
  readonly isAtMost: boolean
  /** undefined: this run did not measure it. */
  readonly measured: number | undefined
  readonly outcome: 'met' | 'missed' | 'not measured'
}

interface Figure {
  readonly figure: string
  readonly limit: number
  /** Otherwise at least. */
  readonly isAtMost: boolean
  readonly measure: (results: Results) => number | undefined
}

const FIGURES: readonly Figure[] = [
  atLeast('encode 3-of-10, × zfec', 12, kernelRatio('encode 3-of-10')),
  atLeast('decode 3-of-10, worst case, × zfec', 8, kernelRatio('decode 3-of-10')),
  atLeast('signature, × rdiff', 1.3, kernelRatio('signature')),
  atLeast('delta, × rdiff', 1.1, kernelRatio('delta')),
  atLeast('scan without a match, × rdiff', 5, kernelRatio('delta without a match')),
  atLeast('chunking, MB per CPU s', 2000, kernelRate('chunking')),
  atLeast('sealing, × noble', 8, kernelRatio('sealing')),

  atMost('W1 first backup, CPU ÷ restic', 1, versus('W1', 0.25, cpu('first'))),
  atMost('W1 first backup, wall ÷ restic', 2, versus('W1', 0.25, wall('first'))),
  atLeast('W7 to the grid, MB/s of source', 60, sourceRate('W7', 0.25)),
  atLeast('one 64 MiB file to the grid, MB/s of source', 60, sourceRate('W7', 0.0625)),

  ...day('W2', 0.25, 0.35),
  ...day('W2b', 0.25, 0.2),
  ...day('W3', 0.25, 1.8),
  ...day('W4', 0.5, 1),
  ...day('W5', 0.5, 1.4),
  ...day('W1', 0.25, 5),
  ...day('W6', 0.1, 0.8),
  ...day('R2', 1, 1),
  ...day('R2b', 1, 1),

  atMost('nothing changed in 10,000 files of W1, CPU s', 0.9, ours('W1', 0.25, cpu('unchanged'))),
  atMost('nothing changed in 10,000 files of W6, CPU s', 0.9, ours('W6', 0.1, cpu('unchanged'))),
  atMost('nothing changed in 300,000 files, CPU s', 3, growth(300_000, unchangedCpu)),
  atMost('nothing changed in 300,000 files, peak MB', 300, growth(300_000, unchangedPeak)),
  atMost('scan of 300,000 unchanged files, CPU s', 2, growth(300_000, scanCpu)),
  atMost('scan of 300,000 unchanged files, peak MB', 250, growth(300_000, scanPeak)),

  atMost('W1 restore, wall ÷ restic', 1.3, versus('W1', 0.25, wall('restore'))),
  atMost('W1 restore, CPU ÷ restic', 1.3, versus('W1', 0.25, cpu('restore'))),
  atMost('peak of any workload, MB', 450, highestPeak),
  atMost('first backup of 1,000,000 files, peak MB', 800, growth(1_000_000, firstPeak)),
  atMost('time a file at 1,000,000 ÷ at 100,000', 1.5, (results) => {
    const large = growth(1_000_000, wallPerFile)(results)
    const small = growth(100_000, wallPerFile)(results)
    return large === undefined || small === undefined ? undefined : large / small
  }),
  atMost('restored files that differ', 0, contentDifferences),

  ...eachMode('newest after 100 days, fetched ÷ its sealed original', 1.1, newestFetched),
  ...eachMode('stored during the delay ÷ (2 originals + 1.5 × minimal deltas)', 1, (result) => {
    const { first, newest } = originals(result)
    return (result.after.live + result.after.dead) / (first + newest + 1.5 * minimalDeltas(result))
  }),
  ...eachMode('stored after the delay ÷ (original + 1.5 × minimal deltas)', 1, (result) => {
    return result.after.live / (originals(result).newest + 1.5 * minimalDeltas(result))
  }),
  ...eachMode('keep-10, moved ÷ deltas concerned', 1.1, (result) => {
    return movedBy(result.forget) / concernedBy(result)
  }),
  ...eachMode('loss of the newest ÷ of its original', 1.1, ({ after }) => {
    return after.loss / after.lossOfOriginal
  }),
  ...eachMode(
    'peak of rebuild, forget and gc, MB',
    450,
    (result) => peakOfMaintenance(result) / MB,
  ),
  ...eachMode('restored versions that differ', 0, ({ restores }) => {
    return restores.filter(({ isRight }) => !isRight).length
  }),
  ...manyHistories('planned', ({ plan }) => plan),
  ...manyHistories('forgotten, nothing composed', ({ forgetWhole }) => forgetWhole),
  ...manyHistories('forgotten, each with a delta composed', ({ forget }) => forget),

  atLeast(
    'through a friend, between two who only dial out, MB/s',
    20,
    (results) => results.relay.find(({ way }) => way === 'relayed')?.mbPerSecond,
  ),
]

export function judge(results: Results): Verdict[] {
  return FIGURES.map(({ figure, limit, isAtMost, measure }) => {
    const measured = measure(results)
    const isMet = measured !== undefined && (isAtMost ? measured <= limit : measured >= limit)
    const outcome = measured === undefined ? 'not measured' : isMet ? 'met' : 'missed'
    return { figure, limit, isAtMost, measured, outcome }
  })
}

/** @returns a row for the table of verdicts */
export function verdictCells({ figure, limit, isAtMost, measured, outcome }: Verdict): string[] {
  const wanted = `${isAtMost ? '≤' : '≥'} ${limit}`
  return [figure, wanted, formatNumber(measured), outcome === 'missed' ? '**missed**' : outcome]
}

/** Bytes and CPU of a changed day. */
function day(workload: string, scale: number, mib: number): Figure[] {
  const bytes = ours(workload, scale, ({ day: { bytesNew } }) => bytesNew && bytesNew / MIB)
  return [
    atMost(`${workload} day, MiB before erasure`, mib, bytes),
    atMost(`${workload} day, CPU ÷ restic`, 1.2, versus(workload, scale, cpu('day'))),
  ]
}

type OperationName = 'first' | 'day' | 'unchanged' | 'restore'

function cpu(operation: OperationName) {
  return (result: ToolResult): number | undefined => result[operation].cpuSeconds
}

function wall(operation: OperationName) {
  return (result: ToolResult): number | undefined => result[operation].wallSeconds
}

function workloadAt(results: Results, name: string, scale: number): WorkloadResult | undefined {
  return results.workloads.find((each) => each.workload === name && each.scale === scale)
}

function ours(name: string, scale: number, value: (result: ToolResult) => number | undefined) {
  return (results: Results): number | undefined => {
    const workload = workloadAt(results, name, scale)
    const result = workload && resultOf(workload, 'cairn')
    return result && value(result)
  }
}

function versus(name: string, scale: number, value: (result: ToolResult) => number | undefined) {
  return (results: Results): number | undefined => {
    const mine = ours(name, scale, value)(results)
    const workload = workloadAt(results, name, scale)
    const other = workload && resultOf(workload, 'restic')
    const base = other && value(other)
    return mine === undefined || base === undefined || base === 0 ? undefined : mine / base
  }
}

function sourceRate(name: string, scale: number) {
  return (results: Results): number | undefined => {
    const bytes = workloadAt(results, name, scale)?.bytes
    const seconds = ours(name, scale, wall('first'))(results)
    return bytes === undefined || seconds === undefined ? undefined : bytes / MB / seconds
  }
}

function kernelRate(name: string) {
  return ({ kernels }: Results): number | undefined =>
    kernels.find(({ kernel }) => kernel === name)?.rate
}

function kernelRatio(name: string) {
  return ({ kernels }: Results): number | undefined => {
    const found = kernels.find(({ kernel }) => kernel === name)
    return found?.peer && found.rate / found.peer.rate
  }
}

interface Grown {
  readonly files: number
  readonly first: Operation
  readonly unchanged: Operation
  readonly scan?: Operation
}

function growth(count: number, value: (grown: Grown) => number | undefined) {
  return (results: Results): number | undefined => {
    const found = results.growth.find(({ kind, files }) => kind === 'files' && files === count)
    return found && value(found)
  }
}

function unchangedCpu({ unchanged }: Grown): number {
  return unchanged.cpuSeconds
}

function unchangedPeak({ unchanged }: Grown): number {
  return unchanged.peakMemory / MB
}

function scanCpu({ scan }: Grown): number | undefined {
  return scan?.cpuSeconds
}

function scanPeak({ scan }: Grown): number | undefined {
  return scan && scan.peakMemory / MB
}

function firstPeak({ first }: Grown): number {
  return first.peakMemory / MB
}

function wallPerFile({ files, first }: Grown): number {
  return first.wallSeconds / files
}

/** The figures were set for a hundred versions of 256 MiB. */
function eachMode(
  figure: string,
  limit: number,
  value: (result: HistoriesResult) => number | undefined,
): Figure[] {
  return (['by-hand', 'automatic'] as const).map((mode) =>
    atMost(`${figure}, rebuilt ${mode}`, limit, ({ histories }) => {
      const found = histories.find(
        (each) => each.mode === mode && each.days === 100 && each.size === 256 * MIB,
      )
      return found && value(found)
    }),
  )
}

function newestFetched(result: HistoriesResult): number | undefined {
  const newest = result.restores.find(
    ({ version, ofVersions }) => version === result.days && ofVersions === result.days,
  )
  const fetched = newest?.bytesFetched
  return fetched === undefined ? undefined : fetched / originals(result).newest
}

/** CPU and not wall: on a machine that is not busy they are the same, and on a busy one wall says nothing. */
function manyHistories(name: string, step: (result: ManyHistoriesResult) => Operation): Figure[] {
  const of = (value: (operation: Operation) => number) => {
    return (results: Results): number | undefined => {
      const found = results.manyHistories.find(({ files }) => files === 200_000)
      return found && value(step(found))
    }
  }
  return [
    atMost(
      `200,000 histories ${name}, CPU s`,
      60,
      of(({ cpuSeconds }) => cpuSeconds),
    ),
    atMost(
      `200,000 histories ${name}, peak MB`,
      500,
      of((operation) => operation.peakMemory / MB),
    ),
  ]
}

function highestPeak({ workloads }: Results): number | undefined {
  const peaks = workloads.flatMap((each) => {
    const result = resultOf(each, 'cairn')
    return result === undefined ? [] : [peakMemory(result) / MB]
  })
  return peaks.length === 0 ? undefined : Math.max(...peaks)
}

function contentDifferences({ workloads }: Results): number | undefined {
  const results = workloads
    .map((each) => resultOf(each, 'cairn'))
    .filter((each) => each !== undefined)
  if (results.length === 0) return undefined
  return results.reduce((sum, each) => sum + each.contentDifferences, 0)
}

function atMost(figure: string, limit: number, measure: Figure['measure']): Figure {
  return { figure, limit, isAtMost: true, measure }
}

function atLeast(figure: string, limit: number, measure: Figure['measure']): Figure {
  return { figure, limit, isAtMost: false, measure }
}
