/**
 * Friend verdict: what to make of one storage peer and its owner, in words.
 */

import type { Member } from '../../protocol/roster.ts'
import type { PeerRecord } from '../base/peer-record.ts'
import { formatBytes } from '../base/size-words.ts'
import { givesNothing, UNTRUSTED_MS, type Standing } from '../grid/standing.ts'

const DAY_MS = 86_400_000

/** Who is known for less than two weeks is new. */
const NEW_MS = 14 * DAY_MS

/** Holding so much of what one stores is fair: peers come and go. The inverse of what peers grant. */
const FAIR_PART = 1 / 1.2

export interface VerdictFacts {
  /** Of the peer, as the roster has it. */
  readonly member: Pick<Member, 'vault' | 'awayUntil'>
  readonly record: PeerRecord | undefined
  readonly standing: Standing
  readonly isOurs: boolean
  /** Bytes that all peers of its owner hold for others, and that others hold for him. */
  readonly balance: { readonly held: number; readonly stored: number } | undefined
  /** Milliseconds since 1970. */
  readonly now: number
}

/** @returns what to make of a friend, for people to read */
export function verdictOf({
  member,
  record,
  standing,
  isOurs,
  balance,
  now,
}: VerdictFacts): string {
  switch (standing) {
    case 'gone':
      return `given up: silent for ${inDays(record?.silentMs ?? 0)}`
    case 'leaving':
      return 'is leaving: what it holds moves elsewhere'
    case 'vacation':
      return `on vacation for ${inDays((member.awayUntil ?? now) - now)} more`
    case 'untrusted':
      if (givesNothing(record, now))
        return 'answers, and gave nothing good for a week: what it holds does not count'
      return `failed ${failuresOf(record, now)} audits within a month: gets no new shares`
    case 'quiet':
      return `silent for ${inDays(record?.silentMs ?? 0)}`
    default:
  }
  if (isOurs) return 'yours'
  if (member.vault === undefined) return 'lends, and did not say whose it is'
  const { held = 0, stored = 0 } = balance ?? {}
  const numbers = `${formatBytes(held)} for ${formatBytes(stored)}`
  const known = now - (record?.firstAt ?? now)
  if (known < NEW_MS) return `new, ${inDays(known)}`
  if (held >= FAIR_PART * stored) return `carries its share: holds ${numbers}`
  return `holds less than it stores: ${numbers}`
}

function failuresOf(record: PeerRecord | undefined, now: number): number {
  const times = [record?.failedAt, record?.failedBeforeAt]
  return times.filter((at) => at !== undefined && now - at < UNTRUSTED_MS).length
}

function inDays(ms: number): string {
  const days = Math.max(0, Math.floor(ms / DAY_MS))
  return `${days} ${days === 1 ? 'day' : 'days'}`
}
