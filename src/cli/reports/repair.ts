/**
 * What `cairn repair` says: what was made and moved, what it took, what is left, and how packs stand now.
 */

import type { RepairSummary } from '../../node/client.ts'
import type { Means } from '../../repair/repair-plan.ts'
import type { RepairedPack } from '../../repair/repair-worker.ts'
import { escapeLine } from '../escape.ts'
import { EXIT, type ExitCode } from '../exit-code.ts'
import { formatBytes, formatItems } from '../format.ts'
import type { JsonRecord } from '../output.ts'
import { healthExit, healthFields, healthLines, healthRecords, peerNames } from './health.ts'

const MEANS_WORDS: Readonly<Record<Means, string>> = {
  spool: 'from packs kept here',
  files: 'from your own files',
  peers: 'from what peers hold',
  leaver: 'moved from peers that leave',
}

export function repairLines(summary: RepairSummary): string[] {
  const { peers, packs, repaired, isDryRun } = summary
  const nameOf = peerNames(peers)
  const lines = healthLines(peers, packs, nameOf)
  const planned = repaired.filter(({ left }) => left === 'planned')
  const done = repaired.filter(({ mended }) => (mended?.placed.size ?? 0) > 0)
  if (isDryRun) {
    const [up, down] = [sum(planned, 'bytesUp'), sum(planned, 'bytesDown')]
    lines.push(
      `would move ${formatBytes(up)} to peers and ${formatBytes(down)} from them, ` +
        `for ${formatItems(planned.length, 'pack')}; nothing was changed`,
      ...byMeans(planned, ({ cost }) => cost?.means),
    )
    return lines
  }
  if (repaired.length > 0) {
    const shares = done.reduce((count, { mended }) => count + (mended?.placed.size ?? 0), 0)
    lines.push(
      `repaired   ${formatItems(shares, 'share')} of ${formatItems(done.length, 'pack')}: ` +
        `${formatBytes(summary.bytesSent)} sent, ${formatBytes(summary.bytesRead)} read`,
      ...byMeans(done, ({ mended }) => mended?.means),
    )
  }
  const later = repaired.filter(({ left }) => left === 'budget')
  if (later.length > 0) {
    lines.push(
      `left       ${formatItems(later.length, 'pack')} for another run: the budget is used up`,
    )
  }
  for (const { before, error } of repaired) {
    if (error === undefined) continue
    lines.push(`failed     pack …${before.pack.id.slice(-8)}: ${escapeLine(error.message)}`)
  }
  // Who does not answer at all is told of above.
  const here = new Set(peers.filter(({ isHere }) => isHere).map(({ peer }) => peer))
  const untold = summary.untold.filter((peer) => here.has(peer))
  if (untold.length > 0) {
    lines.push(`untold     ${untold.map(nameOf).join(', ')}: told later what is needed`)
  }
  return lines
}

export function repairRecords(summary: RepairSummary): JsonRecord[] {
  const { peers, packs, repaired } = summary
  return [
    ...healthRecords(peers, packs, peerNames(peers)),
    ...repaired.map(repairedRecord),
    {
      message_type: 'summary',
      is_dry_run: summary.isDryRun,
      peers_total: peers.length,
      peers_here: peers.filter(({ isHere }) => isHere).length,
      ...healthFields(packs),
      packs_due: repaired.length,
      packs_left: repaired.filter(({ left }) => left === 'budget').length,
      shares_placed: repaired.reduce((all, { mended }) => all + (mended?.placed.size ?? 0), 0),
      bytes_read: summary.bytesRead,
      bytes_sent: summary.bytesSent,
      error_count: summary.failures.length,
    },
  ]
}

export function repairExit({ packs, repaired, isDryRun }: RepairSummary): ExitCode {
  const worst = healthExit(packs)
  if (worst !== EXIT.ok) return worst
  const isLeft = !isDryRun && repaired.some(({ left }) => left === 'budget' || left === 'failed')
  return isLeft ? EXIT.incomplete : EXIT.ok
}

function repairedRecord({ before, after, cost, mended, left, error }: RepairedPack): JsonRecord {
  return {
    message_type: 'repaired_pack',
    pack: before.pack.id,
    numbers: before.pack.numbers,
    verdict_before: before.verdict,
    verdict: after.verdict,
    means: mended?.means ?? cost?.means,
    shares_placed: [...(mended?.placed ?? [])].map(([share, peer]) => ({ share, peer })),
    planned_bytes_up: cost?.bytesUp,
    planned_bytes_down: cost?.bytesDown,
    bytes_read: mended?.bytesRead ?? 0,
    bytes_sent: mended?.bytesSent ?? 0,
    left,
    error: error === undefined ? undefined : { name: error.name, message: error.message },
  }
}

function byMeans(
  packs: readonly RepairedPack[],
  meansOf: (pack: RepairedPack) => Means | undefined,
): string[] {
  const groups = Map.groupBy(packs, meansOf)
  return [...groups].flatMap(([means, some]) =>
    means === undefined
      ? []
      : [`           ${formatItems(some.length, 'pack')} ${MEANS_WORDS[means]}`],
  )
}

function sum(packs: readonly RepairedPack[], field: 'bytesUp' | 'bytesDown'): number {
  return packs.reduce((total, { cost }) => total + (cost?.[field] ?? 0), 0)
}
