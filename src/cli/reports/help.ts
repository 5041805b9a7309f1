/** What a helper did for a vault, in words. */

import type { VaultId } from '../../../protocol/ids.ts'
import type { HelpReport } from '../../node/help-reports.ts'
import { escapeLine } from '../escape.ts'
import { formatBytes, formatCount, formatItems, formatTime } from '../format.ts'

/** @returns one line */
export function describeHelp(vault: VaultId, report: HelpReport | undefined): string {
  const parts = [vault.slice(0, 16), ...wordsOf(report)]
  return parts.join('  ')
}

function wordsOf(report: HelpReport | undefined): string[] {
  if (report === undefined)
    return ['no round yet: the first comes within half an hour of the start']
  const at = formatTime(report.at)
  const { outcome, trouble } = report
  if (outcome === undefined) return [at, `could not help: ${escapeLine(trouble ?? 'unknown')}`]
  switch (outcome.type) {
    case 'no-head':
      return [at, 'nobody who answers has a backup of it']
    case 'replaced':
      return [at, 'its owner moved to a new device: ask for a new cap, this one is good no more']
    default:
      return [
        at,
        `snapshot ${outcome.sequence}`,
        `kept alive at ${formatItems(outcome.renewed, 'peer')}${outcome.missed > 0 ? `, ${outcome.missed} missed` : ''}`,
        packsInWords(outcome.packs, outcome.verdicts),
        ...(outcome.placed === 0
          ? []
          : [
              `${formatItems(outcome.placed, 'share')} made again (${formatBytes(outcome.bytesSent)} sent)`,
            ]),
        ...(outcome.badShares + outcome.dropped === 0
          ? []
          : [`${formatItems(outcome.badShares + outcome.dropped, 'share')} found bad or gone`]),
      ]
  }
}

function packsInWords(
  packs: number,
  verdicts: NonNullable<HelpReport['outcome']>['verdicts'],
): string {
  const { whole = 0, ...others } = verdicts
  if (whole === packs) return `all ${formatCount(packs)} packs whole`
  const rest = Object.entries(others).map(([verdict, count]) => `${formatCount(count)} ${verdict}`)
  return `${formatCount(whole)} of ${formatCount(packs)} packs whole, ${rest.join(', ')}`
}
