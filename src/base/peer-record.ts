/**
 * Peer record: what was seen of one storage peer from here.
 *
 * We see a peer only when we look, and a laptop looks when it is open. So silence is not the time since
 * a peer was last heard: it is what was counted of it, from one look to the next. A look in which nobody
 * answered counts for nobody, since then it is we who are offline, and between two looks at most two days
 * count, however long this machine was closed or however far its clock jumped (docs/adr/0050-silence.md).
 */

import type { PeerId } from '../ports/network.ts'

const DAY_MS = 86_400_000

/** Most that counts between two looks: peers count their own age by the same step (docs/peer.md). */
export const LOOK_GAP_MS_MAX = 2 * DAY_MS

/** Of what was watched, the older half is worth less each time so much has come together. */
export const WATCHED_MS_MAX = 180 * DAY_MS

/** All times are milliseconds since 1970 by our clock; all durations are what was counted. */
export interface PeerRecord {
  readonly peer: PeerId
  /** When it was first looked for. */
  readonly firstAt: number
  /** When it last answered; absent if it never did. */
  readonly seenAt?: number
  /** The last look that told anything about it. */
  readonly lookedAt: number
  /** Silence towards us since it last answered. */
  readonly silentMs: number
  /** The same, cut short where others heard it meanwhile: never more than `silentMs`. */
  readonly unheardMs: number
  /** Time that is watched and over, and how much of it ended with an answer. */
  readonly watchedMs: number
  readonly onlineMs: number
  /** Looks that told anything. */
  readonly looks: number
  readonly auditsPassed: number
  readonly auditsFailed: number
  /** The last failed audit, and the one before it. */
  readonly failedAt?: number
  readonly failedBeforeAt?: number
  /** Time over which it answered and no audit brought anything good, and when the last of those was. */
  readonly nothingMs: number
  readonly nothingAt?: number
  /** Why it took no share when it was last asked to, and when that was; absent once it took one. */
  readonly refusal?: Refusal
  readonly refusedAt?: number
}

/** In one word, why a peer took no share. */
export type Refusal = 'full' | 'quota' | 'unreachable' | 'other'

/** Everybody was asked something: who answered. */
export interface Look {
  readonly answered: readonly PeerId[]
  readonly silent: readonly PeerId[]
}

/** One look, as it concerns one peer. */
export interface Sight {
  readonly now: number
  readonly isHeard: boolean
  /** It said that it would be away: its silence means nothing. */
  readonly isExcused?: boolean
}

/** A record of a peer that nobody looked for yet. */
export function newRecord(peer: PeerId, now: number): PeerRecord {
  return {
    peer,
    firstAt: now,
    lookedAt: now,
    silentMs: 0,
    unheardMs: 0,
    watchedMs: 0,
    onlineMs: 0,
    looks: 0,
    auditsPassed: 0,
    auditsFailed: 0,
    nothingMs: 0,
  }
}

/** @returns the record after a look in which somebody answered, this peer or another */
export function afterLook(record: PeerRecord, sight: Sight): PeerRecord {
  const { now } = sight
  const passed = Math.min(LOOK_GAP_MS_MAX, Math.max(0, now - record.lookedAt))
  const looked = { ...record, lookedAt: now, looks: record.looks + 1 }
  if (sight.isHeard) return heard(looked, passed, now)
  if (sight.isExcused === true) return looked
  return {
    ...looked,
    silentMs: record.silentMs + passed,
    unheardMs: record.unheardMs + passed,
  }
}

/** @returns the record after a look in which nobody answered: the time until now tells nothing */
export function afterBlindLook(record: PeerRecord, now: number): PeerRecord {
  return { ...record, lookedAt: now }
}

/** @param ageMs - how long ago others heard the peer, as most of them say */
export function afterWords(record: PeerRecord, ageMs: number): PeerRecord {
  return { ...record, unheardMs: Math.min(record.unheardMs, Math.max(0, ageMs)) }
}

/** What one audit brought of a peer that answers: right bytes, wrong ones or none of what it must have, a refusal. */
export type AuditOutcome = 'good' | 'failed' | 'refused'

export function afterAudit(record: PeerRecord, now: number, outcome: AuditOutcome): PeerRecord {
  if (outcome === 'good') {
    const { nothingAt: _, ...rest } = record
    return { ...rest, nothingMs: 0, auditsPassed: record.auditsPassed + 1 }
  }
  const { failedAt, nothingAt = now } = record
  const passed = Math.min(LOOK_GAP_MS_MAX, Math.max(0, now - nothingAt))
  const empty = { ...record, nothingMs: record.nothingMs + passed, nothingAt: now }
  if (outcome === 'refused') return empty
  return {
    ...empty,
    auditsFailed: record.auditsFailed + 1,
    failedAt: now,
    ...(failedAt === undefined ? {} : { failedBeforeAt: failedAt }),
  }
}

/** @param refusal - `undefined` once the peer took a share */
export function afterPut(
  record: PeerRecord,
  now: number,
  refusal: Refusal | undefined,
): PeerRecord {
  const { refusal: _, refusedAt: __, ...rest } = record
  return refusal === undefined ? rest : { ...rest, refusal, refusedAt: now }
}

/** @returns the part of the time watched in which the peer answered, 0–1; `undefined` before any */
export function onlineShare({ watchedMs, onlineMs }: PeerRecord): number | undefined {
  return watchedMs === 0 ? undefined : onlineMs / watchedMs
}

/** Silence is watched once it is over: a peer that is silent now keeps the share it had until then. */
function heard(record: PeerRecord, passed: number, now: number): PeerRecord {
  const watchedMs = record.watchedMs + record.silentMs + passed
  const onlineMs = record.onlineMs + passed
  const half = watchedMs > WATCHED_MS_MAX ? 2 : 1
  return {
    ...record,
    seenAt: now,
    silentMs: 0,
    unheardMs: 0,
    watchedMs: Math.round(watchedMs / half),
    onlineMs: Math.round(onlineMs / half),
  }
}
