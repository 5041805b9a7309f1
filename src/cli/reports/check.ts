/**
 * What `cairn check` says: who answers, how packs stand, which shares are wrong, which files that concerns.
 */

import type { CheckSummary } from '../../node/client.ts'
import type { Held } from '../../repair/repair-parts.ts'
import { escapeName, pathFields } from '../escape.ts'
import { EXIT, type ExitCode } from '../exit-code.ts'
import { formatBytes, formatItems } from '../format.ts'
import type { JsonRecord, Output } from '../output.ts'
import {
  healthExit,
  healthFields,
  healthLines,
  healthRecords,
  peerNames,
  whyWords,
} from './health.ts'

export function checkLines(summary: CheckSummary): string[] {
  const { peers, packs, dropped, verified } = summary
  const nameOf = peerNames(peers)
  const lines = healthLines(peers, packs, nameOf)
  for (const [peer, held] of Map.groupBy(dropped, (one) => one.peer)) {
    lines.push(
      `${nameOf(peer)} does not have ${formatItems(held.length, 'share')} any more that it had stored`,
    )
  }
  if (verified === undefined) return lines
  lines.push(
    `verified   ${formatItems(verified.sharesGood, 'share')} right, ${verified.bad.length} wrong, ` +
      `${verified.unread.length} not read: ${formatBytes(verified.bytesRead)} from peers`,
  )
  for (const { held, why } of verified.bad) {
    lines.push(`wrong      ${shareWords(held)} at ${nameOf(held.peer)}: ${whyWords(held, why)}`)
  }
  for (const held of verified.unread) {
    lines.push(`not read   ${shareWords(held)} at ${nameOf(held.peer)}`)
  }
  return lines
}

export function checkRecords(summary: CheckSummary): JsonRecord[] {
  const { peers, packs, dropped, verified, affected } = summary
  return [
    ...healthRecords(peers, packs, peerNames(peers)),
    ...dropped.map((held) => ({ message_type: 'dropped_share', ...shareFields(held) })),
    ...(verified?.bad ?? []).map(({ held, why }) => ({
      message_type: 'bad_share',
      ...shareFields(held),
      why,
    })),
    ...(verified?.unread ?? []).map((held) => ({
      message_type: 'unread_share',
      ...shareFields(held),
    })),
    ...affected.map(({ path, isOldOnly }) => ({
      message_type: 'affected_file',
      ...pathFields(path),
      is_old_only: isOldOnly,
    })),
    {
      message_type: 'summary',
      peers_total: peers.length,
      peers_here: peers.filter(({ isHere }) => isHere).length,
      ...healthFields(packs),
      shares_dropped: dropped.length,
      shares_verified: verified?.sharesGood,
      shares_bad: verified?.bad.length,
      shares_unread: verified?.unread.length,
      bytes_read: verified?.bytesRead,
      files_affected: affected.length,
    },
  ]
}

/** On stderr: what is lost must not pass for data. */
export function tellAffected(output: Output, { affected, packs }: CheckSummary): void {
  if (packs.every(({ verdict }) => verdict !== 'lost')) return
  for (const { path, isOldOnly } of affected) {
    const what = isOldOnly ? 'older versions of it rest' : 'it rests'
    output.say(`${escapeName(path)}: ${what} on a pack that is lost`)
  }
  const files = affected.filter(({ isOldOnly }) => !isOldOnly).length
  output.say(
    `${formatItems(files, 'file')} of the newest snapshot may not come back whole; all others of it do. ` +
      'The next backup keeps them again where they are still here',
  )
}

export function checkExit({ packs, dropped, verified }: CheckSummary): ExitCode {
  const worst = healthExit(packs)
  if (worst !== EXIT.ok) return worst
  const isWrong = dropped.length > 0 || (verified?.bad.length ?? 0) > 0
  return isWrong || (verified?.unread.length ?? 0) > 0 ? EXIT.incomplete : EXIT.ok
}

function shareWords({ pack, shareNumber }: Held): string {
  return `share ${shareNumber} of pack …${pack.slice(-8)}`
}

function shareFields({ pack, shareNumber, peer }: Held) {
  return { pack, share: shareNumber, peer }
}
