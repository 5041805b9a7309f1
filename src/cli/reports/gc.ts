/**
 * What `cairn gc` says: which packs peers may delete, which are gone, and how much is live.
 */

import type { GcSummary } from '../../node/maintenance-types.ts'
import { formatBytes, formatItems } from '../format.ts'
import type { JsonRecord } from '../output.ts'
import { isStated, maintainedFields, trafficLines } from './maintained.ts'

interface Packs {
  readonly packs: number
  readonly bytes: number
}

export function gcRecord(summary: GcSummary, isDryRun: boolean): JsonRecord {
  const { released, inRelease, merged, gone, live, cancelled, untold } = summary
  return {
    message_type: 'summary',
    is_dry_run: isDryRun,
    released,
    in_release: inRelease,
    merged: { packs: merged.packs, into: merged.into, bytes_saved: merged.bytesSaved },
    gone,
    live,
    cancelled,
    peers_untold: untold,
    ...maintainedFields(summary),
  }
}

export function gcLines(summary: GcSummary, isDryRun: boolean): string[] {
  const { released, inRelease, merged, gone, live, cancelled, untold } = summary
  const lines: string[] = []
  // Who takes releases back has not looked at what is live.
  if (live.packs > 0) lines.push(`live      ${size(live)} of backups, before erasure coding`)
  if (merged.packs > 0) {
    lines.push(
      `merged    ${formatItems(merged.packs, 'pack')} into ${merged.into}: ` +
        `${formatBytes(merged.bytesSaved)} saved`,
    )
  }
  if (cancelled.packs > 0) lines.push(`cancelled ${size(cancelled)}: peers keep them`)
  if (live.packs > 0) {
    lines.push(
      isDryRun || isStated(summary)
        ? `released  ${size(released)} that nothing needs any more`
        : `pending   ${size(released)} that nothing needs: released once the head that says so is safe`,
    )
  }
  lines.push(`waiting   ${size(inRelease)} in release in all`)
  if (gone.packs > 0) lines.push(`gone      ${size(gone)}: the space is back`)
  if (untold.length > 0) {
    lines.push(
      `untold    ${formatItems(untold.length, 'peer')} did not answer; the next gc or backup tells them`,
    )
  }
  return [...lines, ...(isDryRun ? [] : trafficLines(summary))]
}

/** @returns what comes next, or `undefined` where nothing does */
export function gcAdvice(summary: GcSummary, isDryRun: boolean): string | undefined {
  if (isDryRun) return 'Nothing was changed: this was a dry run.'
  if (summary.inRelease.packs === 0) return undefined
  return (
    'Peers delete released packs 30 days after they learn of them, at most 5 % of your bytes a day.\n' +
    'Until then `cairn gc --cancel` takes it back.'
  )
}

function size({ packs, bytes }: Packs): string {
  return `${formatItems(packs, 'pack')}, ${formatBytes(bytes)}`
}
