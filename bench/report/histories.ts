/** Histories: what the figures and the tables say of them. */

import type {
  HistoriesResult,
  HistoryState,
  ManyHistoriesResult,
  Operation,
  VersionRestore,
} from '../results.ts'
import { formatCount, formatMib, formatNumber, formatRatio, formatSeconds, NONE } from './format.ts'

/** @returns sealed bytes of the first version whole, and of the newest whole where it ever was */
export function originals(result: HistoriesResult): { first: number; newest: number } {
  const { count, bytes } = result.after.originals
  return { first: result.original, newest: count === 1 ? bytes : result.original }
}

/** @returns bytes of all days' deltas as rdiff and zstd make them, or else as the backups did */
export function minimalDeltas({ days, minimalDelta, addedByDays }: HistoriesResult): number {
  return minimalDelta === undefined ? addedByDays : minimalDelta * (days - 1)
}

/** @returns bytes down and up, before erasure */
export function movedBy({ bytesFetched = 0, bytesNew = 0 }: Operation): number {
  return bytesFetched + bytesNew
}

/** @returns bytes of the deltas that went, and of those told anew */
export function concernedBy({ after, left }: HistoriesResult): number {
  return deltasOf(after) - deltasOf(left)
}

export function peakOfMaintenance({ rebuild, forget, gc }: HistoriesResult): number {
  return Math.max(rebuild?.peakMemory ?? 0, forget.peakMemory, gc.peakMemory)
}

function deltasOf({ forward, reverse }: HistoryState): number {
  return forward.bytes + reverse.bytes
}

type Row = readonly string[]
type Table = (heads: readonly string[], rows: readonly Row[]) => string

/** The tables of one history. */
export function historyTables(result: HistoriesResult, table: Table): string {
  const { days, size, mode } = result
  const heading = `### ${days} daily versions of ${formatMib(size)} MiB, rebuilt ${mode}`
  const minimal = [
    `Original ${formatMib(result.original)} MiB sealed; days added ${formatMib(result.addedByDays)} MiB`,
    ...(result.minimalDelta === undefined
      ? []
      : [`rdiff and zstd would have made ${formatMib(minimalDeltas(result))} of them`]),
  ].join(', ')
  const states: [string, HistoryState][] = [
    [`after ${days} days`, result.before],
    ...(result.rebuild === undefined ? [] : [['rebuilt', result.after] as [string, HistoryState]]),
    ['last 10 kept', result.left],
  ]
  return [
    heading,
    `${minimal}; MiB before erasure unless said.`,
    table(STATE_HEADS, states.map(stateRow)),
    table(OPERATION_HEADS, operationRows(result)),
  ].join('\n\n')
}

const STATE_HEADS = [
  'state',
  'originals',
  'forward deltas',
  'reverse deltas',
  'newest: deltas below',
  'MiB to fetch',
  'loss ÷ original’s',
  'packs needed, MiB',
  'packs on their way out, MiB',
  'on peers, MiB with erasure',
]

function stateRow([name, state]: [string, HistoryState]): Row {
  const amount = ({ count, bytes }: HistoryState['forward']) =>
    count === 0 ? NONE : `${count}: ${formatMib(bytes)}`
  return [
    name,
    amount(state.originals),
    amount(state.forward),
    amount(state.reverse),
    String(state.chainLength),
    formatMib(state.fetchSize),
    formatNumber(state.loss / state.lossOfOriginal),
    formatMib(state.live),
    formatMib(state.dead),
    formatMib(state.onPeers),
  ]
}

const OPERATION_HEADS = [
  'step',
  'CPU s',
  'wall s',
  'peak MiB',
  'fetched MiB',
  'added MiB',
  'sent MiB',
  'peers’ CPU s',
]

function operationRows(result: HistoriesResult): Row[] {
  const { first, day, rebuild, forget, gc, restores } = result
  const restored = ({ version, ofVersions, isRight }: VersionRestore) =>
    `restore of version ${version}, ${ofVersions} kept${isRight ? '' : ': **differs**'}`
  return [
    operationRow('first backup', first),
    operationRow('a day, mean', day),
    [
      'a day, worst',
      formatSeconds(result.highestDay),
      NONE,
      formatMib(result.peakOfDays),
      NONE,
      NONE,
      NONE,
      NONE,
    ],
    ...(rebuild === undefined ? [] : [operationRow('rebuild', rebuild)]),
    operationRow('forget --keep-last 10', forget),
    operationRow('gc', gc),
    ...restores.map((each) => operationRow(restored(each), each)),
  ]
}

function operationRow(name: string, operation: Operation): Row {
  return [
    name,
    formatSeconds(operation.cpuSeconds),
    formatSeconds(operation.wallSeconds),
    formatMib(operation.peakMemory),
    formatMib(operation.bytesFetched),
    formatMib(operation.bytesNew),
    formatMib(operation.bytesSent),
    formatSeconds(operation.peersCpuSeconds),
  ]
}

/** What steps over many histories cost. */
export function manyHistoriesTable(results: readonly ManyHistoriesResult[], table: Table): string {
  const rows = results.flatMap(({ files, plan, live, forgetWhole, forget }) => {
    const row = (name: string, { cpuSeconds, wallSeconds, peakMemory }: Operation) => [
      `${formatCount(files)} histories: ${name}`,
      formatSeconds(cpuSeconds),
      formatSeconds(wallSeconds),
      formatMib(peakMemory),
      formatRatio(cpuSeconds * 1e6, files),
    ]
    return [
      row('a plan for each', plan),
      row('all that is needed', live),
      row('forgotten, nothing composed', forgetWhole),
      row('forgotten, a delta composed for each', forget),
    ]
  })
  const heads = ['step', 'CPU s', 'wall s', 'peak MiB', 'µs CPU a file']
  return `### Many histories\n\n${table(heads, rows)}`
}
