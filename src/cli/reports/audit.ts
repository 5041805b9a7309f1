/**
 * What `cairn audit` says: each peer with its verdict in words.
 */

import { STANDING_WORDS } from '../../grid/standing.ts'
import type { AuditSummary } from '../../node/client.ts'
import type { AuditVerdict } from '../../repair/audit-peers.ts'
import { EXIT, type ExitCode } from '../exit-code.ts'
import { formatBytes, formatItems } from '../format.ts'
import type { JsonRecord } from '../output.ts'
import { peerNames, whyWords } from './health.ts'

const VERDICT_WORDS: Readonly<Record<AuditVerdict, string>> = {
  good: 'every block was right',
  failed: 'wrong bytes, or none, for what it should hold',
  withholding: 'it is there, and gives no bytes',
  away: 'no answer, or trouble of its own; for a week that is not held against it',
  nothing: 'holds nothing for this vault',
}

export function auditLines({ audits }: AuditSummary): string[] {
  const nameOf = peerNames(audits)
  return audits.flatMap(({ peer, verdict, passed, bad, bytesRead, standing }) => {
    const counts = verdict === 'nothing' || verdict === 'away' ? '' : countsOf(passed, bytesRead)
    const trust = standing === 'untrusted' ? `; it ${STANDING_WORDS.untrusted}` : ''
    return [
      `${nameOf(peer).padEnd(12)} ${VERDICT_WORDS[verdict]}${counts}${trust}`,
      ...bad.map(
        ({ held, why }) =>
          `             share ${held.shareNumber} of pack …${held.pack.slice(-8)}: ${whyWords(held, why)}`,
      ),
    ]
  })
}

export function auditRecords({ audits }: AuditSummary): JsonRecord[] {
  return [
    ...audits.map(({ peer, name, verdict, passed, unanswered, bad, bytesRead, standing }) => ({
      message_type: 'audit',
      peer,
      name,
      verdict,
      standing,
      passed,
      unanswered,
      bytes_read: bytesRead,
      bad_shares: bad.map(({ held, why }) => ({ pack: held.pack, share: held.shareNumber, why })),
    })),
    {
      message_type: 'summary',
      peers_total: audits.length,
      peers_good: audits.filter(({ verdict }) => verdict === 'good').length,
      peers_failed: audits.filter(({ bad }) => bad.length > 0).length,
      peers_away: audits.filter(({ verdict }) => verdict === 'away').length,
      bytes_read: audits.reduce((sum, { bytesRead }) => sum + bytesRead, 0),
    },
  ]
}

export function auditExit({ audits }: AuditSummary): ExitCode {
  const asked = audits.filter(({ verdict }) => verdict !== 'nothing')
  // What nobody answered is no audit.
  const isMute = asked.length > 0 && asked.every(({ verdict }) => verdict === 'away')
  return isMute || audits.some(({ bad }) => bad.length > 0) ? EXIT.incomplete : EXIT.ok
}

function countsOf(passed: number, bytes: number): string {
  return `: ${formatItems(passed, 'block')} of ${formatBytes(bytes)} passed`
}
