/**
 * What `cairn rebuild` says: each file's plan, what it moves and frees, and its chain before and after.
 */

import { versionName } from '../../history/version-name.ts'
import type { RebuildSummary, RebuiltFile } from '../../node/maintenance-types.ts'

import { escapeLine, escapeName, pathFields } from '../escape.ts'
import { formatBytes, formatItems } from '../format.ts'
import type { JsonRecord } from '../output.ts'
import { chainFields } from './chain.ts'
import { maintainedFields, trafficLines } from './maintained.ts'

const HEADING = 'plan              up        down       freed  chain      file: why'

/** @returns one record for each file, and a summary */
export function rebuildRecords(summary: RebuildSummary): JsonRecord[] {
  const { plans, done } = totals(summary)
  return [
    ...summary.files.map(fileRecord),
    {
      message_type: 'summary',
      is_dry_run: summary.isDryRun,
      files_total: summary.files.length,
      files_rebuilt: summary.files.filter(isRebuilt).length,
      files_degraded: summary.files.filter(isDegraded).length,
      error_count: summary.failures.length,
      planned_bytes_up: plans.up,
      planned_bytes_down: plans.down,
      planned_bytes_freed: plans.freed,
      bytes_freed: summary.isDryRun ? 0 : done.freed,
      ...maintainedFields(summary),
    },
  ]
}

/** @returns a table of files and the total */
export function rebuildLines(summary: RebuildSummary): string[] {
  const { files, isDryRun } = summary
  const changing = files.filter(({ plan }) => plan.type !== 'leave')
  if (files.length === 0) return ['No chain is too long.']
  const { plans, done } = totals(summary)
  const told = isDryRun ? plans : done
  return [
    HEADING,
    ...files.map((file) => describeFile(file, isDryRun)),
    row('total', told, '', isDryRun ? planned(changing.length) : rebuilt(files, changing)),
    ...(isDryRun ? [] : trafficLines(summary)),
  ]
}

/** @returns for each degraded file a sentence with its name, escaped */
export function degradedLines({ files }: RebuildSummary): string[] {
  return files.filter(isDegraded).map(({ path, degraded }) => {
    const names = degraded.map(({ id }) => versionName(id)).join(', ')
    return (
      `${escapeName(path)}: no path leads to ${names} now: objects are lost. ` +
      'The other versions are whole.'
    )
  })
}

export function isDegraded({ degraded }: RebuiltFile): boolean {
  return degraded.length > 0
}

function isRebuilt({ isDone, plan }: RebuiltFile): boolean {
  return isDone && plan.type !== 'leave'
}

function planned(count: number): string {
  return `${formatItems(count, 'file')} would be rebuilt; nothing was changed`
}

function rebuilt(files: readonly RebuiltFile[], changing: readonly RebuiltFile[]): string {
  const count = files.filter(isRebuilt).length
  const left = changing.length - count
  const rest = left === 0 ? '' : `, ${formatItems(left, 'file')} left for later`
  return `${formatItems(count, 'file')} rebuilt${rest}`
}

function describeFile(file: RebuiltFile, isDryRun: boolean): string {
  const { plan, path } = file
  const waits = !isDryRun && !file.isDone && plan.type !== 'leave' ? ' (not done yet)' : ''
  const chain = `${plan.before.length} → ${plan.after.length}`
  const moved = { up: plan.bytesUp, down: plan.bytesDown, freed: plan.bytesFreed }
  return row(plan.type, moved, chain, `${escapeName(path)}: ${escapeLine(plan.reason)}${waits}`)
}

interface Moved {
  readonly up: number
  readonly down: number
  readonly freed: number
}

function row(name: string, { up, down, freed }: Moved, chain: string, rest: string): string {
  const sizes = [up, down, freed].map((size) => formatBytes(size).padStart(10)).join('  ')
  return `${name.padEnd(8)}  ${sizes}  ${chain.padEnd(9)}  ${rest}`
}

/** @returns the sums over all plans, and over those that were carried out */
function totals({ files }: RebuildSummary): { plans: Moved; done: Moved } {
  return { plans: sum(files), done: sum(files.filter(isRebuilt)) }
}

function sum(files: readonly RebuiltFile[]): Moved {
  const total = { up: 0, down: 0, freed: 0 }
  for (const { plan } of files) {
    total.up += plan.bytesUp
    total.down += plan.bytesDown
    total.freed += plan.bytesFreed
  }
  return total
}

function fileRecord({ path, plan, isDone, degraded }: RebuiltFile): JsonRecord {
  return {
    message_type: 'rebuild_plan',
    ...pathFields(path),
    plan: plan.type,
    reason: plan.reason,
    is_done: isDone,
    bytes_up: plan.bytesUp,
    bytes_down: plan.bytesDown,
    bytes_freed: plan.bytesFreed,
    before: chainFields(plan.before),
    after: chainFields(plan.after),
    degraded_versions: degraded.map(({ id }) => id),
  }
}
