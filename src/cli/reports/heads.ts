/**
 * What `cairn heads` says: how each friend stands to the newest head, and what contradicts itself.
 */

import type { HeadsSummary } from '../../node/client.ts'
import { escapeLine } from '../escape.ts'
import { formatItems, formatMoment, formatTime } from '../format.ts'
import type { JsonRecord } from '../output.ts'

type Row = HeadsSummary['peers'][number]
type Case = HeadsSummary['evidence'][number]

const VERDICTS: Readonly<Record<Row['verdict'], string>> = {
  current: 'current',
  behind: 'behind',
  'rolled-back': 'rolled back',
  fork: 'fork',
  none: 'has none',
  silent: 'no answer',
}

export function headsRecords(summary: HeadsSummary): JsonRecord[] {
  return [
    {
      message_type: 'heads',
      sequence: summary.sequence,
      peers_asked: summary.peersAsked,
      peers_answered: summary.peersAnswered,
    },
    ...summary.peers.map(({ receivedAt, signedFor, ...row }) => ({
      message_type: 'head',
      ...row,
      ...(receivedAt === undefined ? {} : { received_at: formatMoment(receivedAt) }),
      ...(signedFor === undefined ? {} : { signed_for: signedFor }),
    })),
    ...summary.evidence.map((found) => ({
      message_type: 'evidence',
      kind: found.kind,
      name: found.name,
      sequence: found.sequence,
      ...(found.shown === undefined ? {} : { shown: found.shown }),
      ...(found.peer === undefined ? {} : { peer: found.peer }),
      found_at: formatMoment(found.foundAt),
    })),
  ]
}

export function headsLines(summary: HeadsSummary): string[] {
  const { sequence, peers, peersAnswered, peersAsked, evidence } = summary
  return [
    `head ${sequence}; ${peersAnswered} of ${peersAsked} friends answered`,
    ...peers.map(lineOf),
    ...evidence.map(
      (found) => `${found.name}  found ${formatTime(found.foundAt)}  ${briefly(found)}`,
    ),
  ]
}

/** @returns what is to be done about it, or `undefined` where all is well */
export function headsAdvice({ peers, evidence }: HeadsSummary): string | undefined {
  if (peers.some(({ verdict }) => verdict === 'rolled-back')) {
    return (
      'A friend who shows less than they signed for had a disk brought back from an old copy, or hides heads. ' +
      'Ask them. The next backup gives them the newest head again.'
    )
  }
  if (evidence.length > 0) return '`cairn heads --export DIR` writes the signed documents.'
  const behind = peers.filter(({ verdict }) => verdict === 'behind' || verdict === 'none')
  if (behind.length === 0) return undefined
  return `The next backup gives the newest head to those who lack it: ${formatItems(behind.length, 'friend')}.`
}

function lineOf({ peer, name, verdict, sequence, receivedAt, lag, signedFor }: Row): string {
  const parts = [VERDICTS[verdict].padEnd(11), peer]
  if (name !== undefined) parts.push(escapeLine(name))
  if (sequence !== undefined) parts.push(`head ${sequence}`)
  if (receivedAt !== undefined) parts.push(`since ${formatTime(receivedAt)} by their clock`)
  if (lag !== undefined) parts.push(`${lag} behind`)
  if (verdict === 'rolled-back') parts.push(`signed for ${signedFor}`)
  return parts.join('  ')
}

function briefly({ kind, sequence, shown, peer }: Case): string {
  if (kind === 'fork') return `two heads ${sequence}`
  return `${peer} signed for head ${sequence} and showed ${shown === 0 ? 'none' : `head ${shown}`}`
}
