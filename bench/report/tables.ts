/**
 * Tables: the results in Markdown.
 */

import type {
  GrowthResult,
  KernelResult,
  Operation,
  RelayResult,
  Results,
  ToolResult,
  WorkloadResult,
} from '../results.ts'
import { historyTables, manyHistoriesTable } from './histories.ts'
import { formatCount, formatMib, formatNumber, formatRatio, formatSeconds, NONE } from './format.ts'

/** The tool that is measured, and the one it is held against. */
const OURS = 'cairn'
const YARDSTICK = 'restic'

interface Column {
  readonly head: string
  readonly cell: (result: ToolResult) => string
  /** What the last row divides by restic's. */
  readonly ratio?: (result: ToolResult) => number | undefined
}

const COLUMNS: readonly Column[] = [
  ...operationColumns('first', ({ first }) => first),
  { head: 'stored MiB', cell: ({ stored }) => formatMib(stored), ratio: ({ stored }) => stored },
  ...operationColumns('day', ({ day }) => day),
  {
    head: 'day new MiB',
    cell: ({ day }) => formatMib(day.bytesNew),
    ratio: ({ day }) => day.bytesNew,
  },
  { head: 'day sent MiB', cell: ({ day }) => formatMib(day.bytesSent) },
  ...operationColumns('unchanged', ({ unchanged }) => unchanged),
  {
    head: 'unchanged new KiB',
    cell: ({ unchanged: { bytesNew } }) =>
      formatNumber(bytesNew === undefined ? undefined : bytesNew / 1024),
    ratio: ({ unchanged }) => unchanged.bytesNew,
  },
  ...operationColumns('restore', (result) => result.restore),
  { head: 'restore fetched MiB', cell: ({ restore }) => formatMib(restore.bytesFetched) },
  {
    head: 'peak MiB',
    cell: (result) => formatMib(peakMemory(result)),
    ratio: peakMemory,
  },
  {
    head: 'peers’ CPU s',
    cell: ({ first, day, restore }) =>
      first.peersCpuSeconds === undefined
        ? NONE
        : [first, day, restore].map((each) => formatSeconds(each.peersCpuSeconds)).join(' / '),
  },
  {
    head: 'differences',
    cell: (result) => `${result.contentDifferences} / ${result.attributeDifferences}`,
  },
]

/** @returns most memory that one process held in any operation, bytes */
export function peakMemory({ first, day, unchanged, restore }: ToolResult): number {
  return Math.max(...[first, day, unchanged, restore].map((each) => each.peakMemory ?? 0))
}

/** Everything that was measured, under headings of the third rank. */
export function resultsInMarkdown(results: Results): string {
  const parts = [conditionsText(results)]
  if (results.workloads.length > 0) parts.push(summaryTable(results.workloads))
  parts.push(...results.workloads.map(workloadTable))
  if (results.kernels.length > 0) parts.push(kernelTable(results.kernels))
  if (results.growth.length > 0) parts.push(growthTable(results.growth))
  parts.push(...results.histories.map((each) => historyTables(each, table)))
  if (results.manyHistories.length > 0) parts.push(manyHistoriesTable(results.manyHistories, table))
  if (results.relay.length > 0) parts.push(relayTable(results.relay))
  return parts.join('\n\n')
}

function relayTable(results: readonly RelayResult[]): string {
  const heads = ['way', 'MB/s', 'CPU s for 100 MB: sender', 'friend between', 'receiver']
  const rows = results.map(({ way, mbPerSecond, cpuOfSource, cpuOfRelay, cpuOfTarget }) => [
    way === 'relayed' ? 'through a friend' : 'directly to that friend',
    formatNumber(mbPerSecond),
    formatSeconds(cpuOfSource),
    way === 'relayed' ? formatSeconds(cpuOfRelay) : NONE,
    formatSeconds(way === 'relayed' ? cpuOfTarget : cpuOfRelay),
  ])
  return `### Two friends who only dial out\n\n${table(heads, rows)}`
}

function conditionsText({ conditions }: Results): string {
  const { versions, earlier } = conditions
  const tools = Object.entries(versions).map(([tool, version]) => `${tool} ${version}`)
  return [
    `Measured ${conditions.measuredAt.slice(0, 10)} at commit ${conditions.commit} with \`${conditions.command}\`, seed ${conditions.seed}:`,
    `${conditions.processor}, ${conditions.cores} cores, ${formatNumber(conditions.memory / 2 ** 30)} GiB, ${conditions.system}, Node ${conditions.runtime};`,
    `load ${formatNumber(conditions.loadBefore)} before, ${formatNumber(conditions.loadAfter)} after. ${tools.join(', ')}.`,
    ...(earlier === undefined
      ? []
      : [
          `Taken from an earlier run (${earlier.measuredAt.slice(0, 10)}, commit ${earlier.commit}): ${earlier.parts.join(', ')}.`,
        ]),
  ].join('\n')
}

/** One row a workload: ours beside restic's where it is decided. */
function summaryTable(workloads: readonly WorkloadResult[]): string {
  const heads = [
    'workload',
    'first CPU ÷ restic',
    'first wall ÷ restic',
    'day CPU ÷ restic',
    'day new MiB',
    'restic’s',
    'ratio',
    'unchanged CPU ÷ restic',
    'restore CPU ÷ restic',
    'restore wall ÷ restic',
    'peak MiB',
  ]
  const rows = workloads.map((workload) => {
    const ours = resultOf(workload, OURS)
    const theirs = resultOf(workload, YARDSTICK)
    const ratio = (value: (result: ToolResult) => number | undefined) =>
      formatRatio(ours && value(ours), theirs && value(theirs))
    return [
      `${workload.workload} @${workload.scale}`,
      ratio(({ first }) => first.cpuSeconds),
      ratio(({ first }) => first.wallSeconds),
      ratio(({ day }) => day.cpuSeconds),
      formatMib(ours?.day.bytesNew),
      formatMib(theirs?.day.bytesNew),
      ratio(({ day }) => day.bytesNew),
      ratio(({ unchanged }) => unchanged.cpuSeconds),
      ratio(({ restore }) => restore.cpuSeconds),
      ratio(({ restore }) => restore.wallSeconds),
      formatMib(ours && peakMemory(ours)),
    ]
  })
  return `### ${OURS} beside ${YARDSTICK}\n\n${table(heads, rows)}`
}

function workloadTable(workload: WorkloadResult): string {
  const columns = COLUMNS.filter(({ cell }) => workload.tools.some((each) => cell(each) !== NONE))
  const rows = workload.tools.map((result) => [
    result.tool,
    ...columns.map(({ cell }) => cell(result)),
  ])
  const ours = resultOf(workload, OURS)
  const theirs = resultOf(workload, YARDSTICK)
  if (ours !== undefined && theirs !== undefined) {
    const ratios = columns.map(({ ratio }) => ratio && formatRatio(ratio(ours), ratio(theirs)))
    rows.push([`${OURS} ÷ ${YARDSTICK}`, ...ratios.map((each) => each ?? '')])
  }
  const runs = Math.max(0, ...workload.tools.map((each) => each.runs))
  const heading = `### ${workload.workload} @${workload.scale}: ${workload.title}`
  const facts = [
    `${formatMib(workload.bytes)} MiB in ${formatCount(workload.files)} ${workload.files === 1 ? 'file' : 'files'}`,
    workload.place === 'memory' ? 'in memory' : 'on disk',
    runs === 1 ? 'one run' : `medians of ${runs} runs`,
    ...(workload.days > 1 ? [`mean of ${workload.days} days`] : []),
  ].join(', ')
  const failures = workload.failures.map((each) => `\n- not measured: ${each}`).join('')
  return `${heading}\n\n${facts}.${failures === '' ? '' : `\n${failures}`}\n\n${table(['tool', ...columns.map(({ head }) => head)], rows)}`
}

function kernelTable(kernels: readonly KernelResult[]): string {
  const rows = kernels.map(({ kernel, rate, peer }) => [
    kernel,
    formatNumber(rate),
    peer?.name ?? NONE,
    formatNumber(peer?.rate),
    formatRatio(rate, peer?.rate),
  ])
  return `### Kernels\n\nMB (10⁶ bytes) of source per CPU-second of one thread.\n\n${table(['kernel', 'MB per CPU s', 'beside', 'its MB per CPU s', 'ratio'], rows)}`
}

function growthTable(growth: readonly GrowthResult[]): string {
  const heads = [
    'tree',
    'first CPU s',
    'wall s',
    'µs CPU a file',
    'µs wall a file',
    'MB a CPU s',
    'MB a s',
    'peak MiB',
    'unchanged CPU s',
    'wall s',
    'peak MiB',
    'new KiB',
    'scan CPU s',
    'peak MiB',
    'restic unchanged CPU s',
    'scan ÷ restic',
  ]
  const rows = growth.map(({ kind, files, bytes, first, unchanged, scan, beside }) => [
    kind === 'files' ? `${formatCount(files)} files` : `one file, ${formatMib(bytes / 1024)} GiB`,
    formatSeconds(first.cpuSeconds),
    formatSeconds(first.wallSeconds),
    kind === 'files' ? formatNumber((first.cpuSeconds * 1e6) / files) : NONE,
    kind === 'files' ? formatNumber((first.wallSeconds * 1e6) / files) : NONE,
    kind === 'file' ? formatNumber(bytes / 1e6 / first.cpuSeconds) : NONE,
    kind === 'file' ? formatNumber(bytes / 1e6 / first.wallSeconds) : NONE,
    formatMib(first.peakMemory),
    formatSeconds(unchanged.cpuSeconds),
    formatSeconds(unchanged.wallSeconds),
    formatMib(unchanged.peakMemory),
    formatNumber((unchanged.bytesNew ?? 0) / 1024),
    scan === undefined ? NONE : formatSeconds(scan.cpuSeconds),
    scan === undefined ? NONE : formatMib(scan.peakMemory),
    beside === undefined ? NONE : formatSeconds(beside.unchanged.cpuSeconds),
    scan === undefined ? NONE : formatRatio(scan.cpuSeconds, beside?.unchanged.cpuSeconds),
  ])
  return `### Growth\n\n${table(heads, rows)}`
}

function operationColumns(name: string, operation: (result: ToolResult) => Operation): Column[] {
  return [
    {
      head: `${name} CPU s`,
      cell: (result) => formatSeconds(operation(result).cpuSeconds),
      ratio: (result) => operation(result).cpuSeconds,
    },
    {
      head: `${name} wall s`,
      cell: (result) => formatSeconds(operation(result).wallSeconds),
      ratio: (result) => operation(result).wallSeconds,
    },
  ]
}

export function resultOf(workload: WorkloadResult, tool: string): ToolResult | undefined {
  return workload.tools.find((each) => each.tool === tool)
}

/** First column to the left, numbers to the right. */
export function table(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`
  const rule = heads.map((_, index) => (index === 0 ? '---' : '--:'))
  return [line(heads), line(rule), ...rows.map(line)].join('\n')
}
