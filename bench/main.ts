/**
 * `npm run bench`: speed and size, beside what people use today. See docs/performance.md.
 *
 * Tables go to standard output, progress to standard error.
 */

import { readFileSync, writeFileSync } from 'node:fs'
import process from 'node:process'
import { BenchError } from './bench-error.ts'
import { measureGrowth } from './growth.ts'
import { measureHistories } from './histories.ts'
import { measureKernels } from './kernels.ts'
import { measureManyHistories } from './many-histories.ts'
import { conditions, loadNow } from './measure/conditions.ts'
import { measureWorkload } from './measure/measure-workload.ts'
import { parseRequest, USAGE, UsageError, type BenchOptions } from './options.ts'
import { judge, verdictCells, type Verdict } from './report/figures.ts'
import { fillPage } from './report/page.ts'
import { resultsInMarkdown, table } from './report/tables.ts'
import type { Results, WorkloadResult } from './results.ts'
import { writeWorkload } from './workloads/write.ts'

const args = process.argv.slice(2)
try {
  const request = parseRequest(args)
  if (request.type === 'help') process.stdout.write(USAGE)
  else if (request.type === 'workload') await writeWorkload(request.options)
  else await bench(request.options)
} catch (error) {
  if (!(error instanceof BenchError)) throw error
  say(error.message)
  if (error instanceof UsageError) say(`\n${USAGE}`)
  process.exitCode = error instanceof UsageError ? 2 : 1
}

async function bench(options: BenchOptions): Promise<void> {
  const results = await measureAll(options)
  const tables = resultsInMarkdown(results)
  const verdicts = judge(results)
  process.stdout.write(`${options.isJudged ? `${figuresTable(verdicts)}\n\n` : ''}${tables}\n`)
  if (options.markdownFile !== undefined) {
    const page = readFileSync(options.markdownFile, 'utf8')
    const command = `\`${results.conditions.command}\``
    // The page has sections of their own for what this run left out.
    const measured = verdicts.filter(({ outcome }) => outcome !== 'not measured')
    writeFileSync(
      options.markdownFile,
      fillPage(page, command, `${figuresTable(measured)}\n\n${tables}`),
    )
  }
  if (!results.workloads.every(isSound)) process.exitCode = 1
}

function figuresTable(verdicts: readonly Verdict[]): string {
  const heads = ['figure', 'wanted', 'measured', '']
  return `### Figures to reach\n\n${table(heads, verdicts.map(verdictCells))}`
}

async function measureAll(options: BenchOptions): Promise<Results> {
  const { parts, seed, withFile } = options
  const earlier = withFile === undefined ? undefined : resultsIn(readFileSync(withFile, 'utf8'))
  if (parts.has('none') && earlier !== undefined) return earlier
  const loadBefore = loadNow()
  const tools = options.tools.filter((tool) => {
    const isThere = tool.version() !== undefined
    if (!isThere) say(`${tool.name} is not installed: left out`)
    return isThere
  })
  const more = options.folder === undefined ? {} : { folder: options.folder }
  const found = {
    kernels: parts.has('kernels') ? await measureKernels(seed, say) : (earlier?.kernels ?? []),
    workloads: parts.has('workloads') ? [] : (earlier?.workloads ?? []),
    growth: parts.has('growth') ? [] : (earlier?.growth ?? []),
    histories: parts.has('histories') ? [] : (earlier?.histories ?? []),
    manyHistories: parts.has('many-histories') ? [] : (earlier?.manyHistories ?? []),
  }
  // Kept after each step: a bench that takes hours may be cut short.
  const keep = (part: Partial<Results>): Results => {
    Object.assign(found, part)
    const told = conditions({ tools, seed, command: shownCommand(), loadBefore })
    const results = { conditions: { ...told, ...takenFrom(earlier, parts) }, ...found }
    if (options.jsonFile !== undefined) {
      writeFileSync(options.jsonFile, `${JSON.stringify(results, undefined, 2)}\n`)
    }
    return results
  }
  for (const { workload, scale } of parts.has('workloads') ? options.workloads : []) {
    const fit = tools.filter(({ isForOneFile }) => isForOneFile !== true || !workload.isManyFiles)
    const measuring = { tools: fit, runs: options.runs, seed, scale, say, ...more }
    keep({ workloads: [...found.workloads, await measureWorkload(workload, measuring)] })
  }
  if (parts.has('growth')) {
    const sizes = { files: options.growthFiles, sizes: options.growthSizes }
    for await (const grown of measureGrowth({ ...sizes, seed, say, ...more })) {
      keep({ growth: [...found.growth, grown] })
    }
  }
  if (parts.has('histories')) {
    const { historyDays: days, historySize: size, historyModes: modes } = options
    for await (const kept of measureHistories({ days, size, modes, seed, say, ...more })) {
      keep({ histories: [...found.histories, kept] })
    }
  }
  if (parts.has('many-histories')) {
    const files = options.historyFiles
    keep({ manyHistories: [await measureManyHistories({ files, seed, say, ...more })] })
  }
  return keep({})
}

/** Results of an earlier bench may lack a part that there was not then. */
function resultsIn(json: string): Results {
  return { histories: [], manyHistories: [], ...(JSON.parse(json) as Partial<Results>) } as Results
}

/** Says which parts are not of this run. */
function takenFrom(earlier: Results | undefined, measured: ReadonlySet<string>) {
  const all = {
    kernels: 'kernels',
    workloads: 'workloads',
    growth: 'growth',
    histories: 'histories',
    'many-histories': 'manyHistories',
  } as const
  const parts = Object.entries(all).flatMap(([part, field]) =>
    !measured.has(part) && (earlier?.[field].length ?? 0) > 0 ? [part] : [],
  )
  if (earlier === undefined || parts.length === 0) return {}
  const { measuredAt, commit } = earlier.conditions
  return { earlier: { parts, measuredAt, commit } }
}

/** Whether Cairn did everything and gave everything back. */
function isSound({ failures, tools }: WorkloadResult): boolean {
  const isWrong = tools.some(({ tool, contentDifferences: wrong }) => tool === 'cairn' && wrong > 0)
  return !isWrong && !failures.some((failure) => failure.startsWith('cairn:'))
}

/** The command that was given, without the places of files: they are this machine's. */
function shownCommand(): string {
  const places = ['--json', '--with', '--markdown', '--dir']
  const shown = args.filter((arg, at) => {
    const isPlace = places.some((option) => arg === option || arg.startsWith(`${option}=`))
    return !isPlace && !places.includes(args[at - 1] ?? '')
  })
  return ['npm run bench', ...(shown.length > 0 ? ['--', ...shown] : [])].join(' ')
}

function say(line: string): void {
  process.stderr.write(`${line}\n`)
}
