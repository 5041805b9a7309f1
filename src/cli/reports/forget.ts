/**
 * What `cairn forget` says: every snapshot, kept or removed, and why.
 */

import type { ForgetSummary } from '../../node/maintenance-types.ts'
import type { Decision } from '../../repair/retention.ts'
import { escapeLine } from '../escape.ts'
import { formatItems, formatMoment, formatTime } from '../format.ts'
import type { JsonRecord } from '../output.ts'
import { snapshotFields } from '../snapshot-fields.ts'
import { isStated, maintainedFields, trafficLines } from './maintained.ts'

const HEADING = '          id  received              why'

/** @returns one record for each snapshot, newest first, and a summary */
export function forgetRecords(summary: ForgetSummary, isDryRun: boolean): JsonRecord[] {
  const { kept, removed } = sorted(summary)
  return [
    ...summary.decisions.map(decisionRecord),
    {
      message_type: 'summary',
      is_dry_run: isDryRun,
      snapshots_kept: kept.length,
      snapshots_removed: removed.length,
      versions_dropped: summary.versionsDropped,
      deltas_composed: summary.deltasComposed,
      ...maintainedFields(summary),
    },
  ]
}

/** @returns a table of all snapshots, newest last as in `cairn snapshots`, and what was done */
export function forgetLines(summary: ForgetSummary, isDryRun: boolean): string[] {
  const { kept, removed } = sorted(summary)
  if (summary.decisions.length === 0) return ['There are no snapshots.']
  const isUnsure = summary.decisions.some(({ isWitnessed }) => !isWitnessed)
  const isDone = !isDryRun && isStated(summary)
  return [
    HEADING,
    ...summary.decisions.toReversed().map(describeDecision),
    ...(isUnsure ? ['? as the laptop’s clock or fewer than three peers said'] : []),
    outcome(kept.length, removed.length, isDone),
    ...(isDone && removed.length > 0 ? whatWasDone(summary) : []),
  ]
}

/** @returns what to do next, or `undefined` where nothing is */
export function forgetAdvice(summary: ForgetSummary, isDryRun: boolean): string | undefined {
  const { removed } = sorted(summary)
  if (removed.length === 0) return undefined
  if (!isDryRun && !isStated(summary)) return 'Nothing was removed yet.'
  return isDryRun
    ? 'Nothing was changed. The same command without --dry-run removes them.'
    : 'Peers still hold what only these snapshots needed. To get the space back: cairn gc'
}

function outcome(kept: number, removed: number, isDone: boolean): string {
  if (removed === 0) return `nothing to remove: ${formatItems(kept, 'snapshot')} kept`
  const [keep, remove] = isDone ? ['kept', 'removed'] : ['would be kept', 'would be removed']
  return `${formatItems(kept, 'snapshot')} ${keep}, ${formatItems(removed, 'snapshot')} ${remove}`
}

function whatWasDone(summary: ForgetSummary): string[] {
  return [
    `dropped   ${formatItems(summary.versionsDropped, 'version')} of files; ` +
      `${formatItems(summary.deltasComposed, 'delta')} composed for those that rested on them`,
    ...trafficLines(summary),
  ]
}

function describeDecision({ row, isKept, reasons, time, isWitnessed }: Decision): string {
  return [
    isKept ? 'keep  ' : 'remove',
    String(row.sequence).padStart(4),
    `${formatTime(time)}${isWitnessed ? ' ' : '?'}`,
    reasons.map(escapeLine).join('; '),
  ].join('  ')
}

function decisionRecord(decision: Decision): JsonRecord {
  return {
    ...snapshotFields(decision.row),
    message_type: 'decision',
    is_kept: decision.isKept,
    reasons: decision.reasons,
    received_time: formatMoment(decision.time),
    is_witnessed: decision.isWitnessed,
  }
}

function sorted({ decisions }: ForgetSummary) {
  return {
    kept: decisions.filter(({ isKept }) => isKept),
    removed: decisions.filter(({ isKept }) => !isKept),
  }
}
