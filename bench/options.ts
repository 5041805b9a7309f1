/** Options of `npm run bench`. */

import { parseArgs } from 'node:util'
import { BenchError } from './bench-error.ts'
import type { RebuildMode } from './histories.ts'
import { TOOLS, toolNamed } from './tools/index.ts'
import type { Tool } from './tools/tool.ts'
import { WORKLOADS, workloadNamed } from './workloads/index.ts'
import type { Workload } from './workloads/workload.ts'

const PARTS = [
  'kernels',
  'workloads',
  'growth',
  'histories',
  'many-histories',
  'relay',
  'none',
] as const
type Part = (typeof PARTS)[number]

/** A smaller bench: one run, a fifth of the sizes, the tools that matter most. */
const QUICK = { scale: 0.2, tools: 'cairn,restic,borg' }

const RUNS = 3
/** W7 stands there twice: its small one is the file of 64 MiB. */
const DEFAULT_WORKLOADS = [...WORKLOADS.map(({ name }) => name), 'W7@0.0625'].join(',')
const GROWTH_FILES = '10000,100000,300000,1000000'
const GROWTH_SIZES = '1,4,16'
const HISTORY_DAYS = '100'
const HISTORY_SIZE = '256'
const HISTORY_FILES = '200000'
const HISTORY_MODES = ['by-hand', 'automatic'] as const

export const USAGE = `Usage: npm run bench -- [options]
       npm run bench -- workload NAME --dir DIR [--scale S] [--seed N] [--day N]

Measure Cairn beside other tools, and print tables in Markdown.
  --quick              one run at a fifth of the sizes, fewer tools: two or three minutes
  --workloads LIST     of ${WORKLOADS.map(({ name }) => name).join(', ')}; NAME@SCALE for another size
  --tools LIST         of ${TOOLS.map(({ name }) => name).join(', ')}; one not installed is left out
  --runs N             runs of each workload; tables show medians (${RUNS})
  --scale S            multiplies the scale of all workloads
  --seed N             of everything that is generated (1)
  --parts LIST         of ${PARTS.join(', ')} (kernels,workloads)
  --growth             the same as adding growth to the parts
  --growth-files LIST  trees of so many files (${GROWTH_FILES})
  --growth-sizes LIST  files of so many GiB (${GROWTH_SIZES})
  --history-days N     versions of the file whose history is rebuilt (${HISTORY_DAYS})
  --history-size S     MiB of that file (${HISTORY_SIZE})
  --history-modes LIST of ${HISTORY_MODES.join(', ')} (both)
  --history-files N    files with a history each, of many-histories (${HISTORY_FILES})
  --figures            also hold what was measured against the figures to reach
  --json FILE          also write the results as JSON
  --with FILE          take the parts that are not measured from earlier results
  --markdown FILE      also write the tables between the marks of that page
  --dir DIR            work there instead of in memory and the temporary folder

Write a workload into an empty folder, or apply a day to it:
${WORKLOADS.map(({ name, title }) => `  ${name.padEnd(4)} ${title}`).join('\n')}
`

export interface BenchOptions {
  readonly parts: ReadonlySet<Part>
  readonly workloads: readonly { readonly workload: Workload; readonly scale: number }[]
  readonly tools: readonly Tool[]
  readonly runs: number
  readonly seed: number
  readonly growthFiles: readonly number[]
  readonly growthSizes: readonly number[]
  readonly historyDays: number
  readonly historySize: number
  readonly historyModes: readonly RebuildMode[]
  readonly historyFiles: number
  readonly isJudged: boolean
  readonly jsonFile?: string
  readonly withFile?: string
  readonly markdownFile?: string
  readonly folder?: string
}

export interface WorkloadOptions {
  readonly workload: Workload
  readonly folder: string
  readonly seed: number
  readonly scale: number
  readonly day: number
}

export type Request =
  | { readonly type: 'bench'; readonly options: BenchOptions }
  | { readonly type: 'workload'; readonly options: WorkloadOptions }
  | { readonly type: 'help' }

/** @throws {UsageError} */
export function parseRequest(args: readonly string[]): Request {
  const { positionals, values } = parse(args)
  if (values.help === true) return { type: 'help' }
  const seed = wholeNumber(values.seed ?? '1', '--seed', 0)
  if (positionals[0] === 'workload') {
    const workload = knownWorkload(positionals[1] ?? '')
    if (values.dir === undefined) throw new UsageError('say where: --dir DIR')
    const scale = values.scale === undefined ? workload.scale : positive(values.scale, '--scale')
    const day = wholeNumber(values.day ?? '0', '--day', 0)
    return { type: 'workload', options: { workload, folder: values.dir, seed, scale, day } }
  }
  if (positionals[0] !== undefined) throw new UsageError(`unknown: ${positionals[0]}`)
  if (values.day !== undefined) throw new UsageError('--day is for `workload`')

  const isQuick = values.quick === true
  const factor = (isQuick ? QUICK.scale : 1) * positive(values.scale ?? '1', '--scale')
  const toolNames = values.tools ?? (isQuick ? QUICK.tools : TOOLS.map(({ name }) => name).join())
  const parts = listOf(values.parts ?? 'kernels,workloads').map(knownPart)
  return {
    type: 'bench',
    options: {
      parts: new Set(values.growth === true ? [...parts, 'growth'] : parts),
      workloads: listOf(values.workloads ?? DEFAULT_WORKLOADS).map((each) => sized(each, factor)),
      tools: listOf(toolNames).map(knownTool),
      runs: wholeNumber(values.runs ?? String(isQuick ? 1 : RUNS), '--runs', 1),
      seed,
      growthFiles: numbers(values['growth-files'] ?? GROWTH_FILES, '--growth-files'),
      growthSizes: numbers(values['growth-sizes'] ?? GROWTH_SIZES, '--growth-sizes'),
      historyDays: wholeNumber(values['history-days'] ?? HISTORY_DAYS, '--history-days', 2),
      historySize: positive(values['history-size'] ?? HISTORY_SIZE, '--history-size'),
      historyModes: listOf(values['history-modes'] ?? HISTORY_MODES.join()).map(knownMode),
      historyFiles: wholeNumber(values['history-files'] ?? HISTORY_FILES, '--history-files', 1),
      isJudged: values.figures === true,
      ...(values.json === undefined ? {} : { jsonFile: values.json }),
      ...(values.with === undefined ? {} : { withFile: values.with }),
      ...(values.markdown === undefined ? {} : { markdownFile: values.markdown }),
      ...(values.dir === undefined ? {} : { folder: values.dir }),
    },
  }
}

/** The command line asks for what there is not. */
export class UsageError extends BenchError {
  override readonly name = 'UsageError'
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        quick: { type: 'boolean' },
        workloads: { type: 'string' },
        tools: { type: 'string' },
        runs: { type: 'string' },
        scale: { type: 'string' },
        seed: { type: 'string' },
        parts: { type: 'string' },
        growth: { type: 'boolean' },
        'growth-files': { type: 'string' },
        'growth-sizes': { type: 'string' },
        'history-days': { type: 'string' },
        'history-size': { type: 'string' },
        'history-modes': { type: 'string' },
        'history-files': { type: 'string' },
        figures: { type: 'boolean' },
        json: { type: 'string' },
        with: { type: 'string' },
        markdown: { type: 'string' },
        dir: { type: 'string' },
        day: { type: 'string' },
        help: { type: 'boolean' },
      },
    })
  } catch (cause) {
    throw new UsageError((cause as Error).message, { cause })
  }
}

/** `W7` or `W7@0.0625`; a scale that is given stands as it is but for the factor. */
function sized(text: string, factor: number): { workload: Workload; scale: number } {
  const [name = '', scale] = text.split('@')
  const workload = knownWorkload(name)
  const own = scale === undefined ? workload.scale : positive(scale, text)
  return { workload, scale: Number((own * factor).toPrecision(6)) }
}

function knownWorkload(name: string): Workload {
  const found = workloadNamed(name)
  if (found === undefined) throw new UsageError(`no workload is called ${name || 'nothing'}`)
  return found
}

function knownTool(name: string): Tool {
  const found = toolNamed(name)
  if (found === undefined) throw new UsageError(`no tool is called ${name}`)
  return found
}

function knownPart(name: string): Part {
  const found = PARTS.find((each) => each === name)
  if (found === undefined) throw new UsageError(`no part is called ${name}`)
  return found
}

function knownMode(name: string): RebuildMode {
  const found = HISTORY_MODES.find((each) => each === name)
  if (found === undefined) throw new UsageError(`histories are not rebuilt ${name}`)
  return found
}

function listOf(text: string): string[] {
  return text.split(',').filter((each) => each !== '')
}

function numbers(text: string, option: string): number[] {
  return listOf(text).map((each) => positive(each, option))
}

function positive(text: string, option: string): number {
  const value = Number(text)
  if (!(value > 0) || !Number.isFinite(value)) throw new UsageError(`${option}: ${text} is no size`)
  return value
}

function wholeNumber(text: string, option: string, min: number): number {
  const value = Number(text)
  if (!Number.isSafeInteger(value) || value < min) {
    throw new UsageError(`${option}: ${text} is no whole number from ${min} on`)
  }
  return value
}
