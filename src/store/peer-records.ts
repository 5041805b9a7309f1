/**
 * Peer records: what was seen of every storage peer, kept from one run to the next.
 *
 * A cache like all of the database (law 5): without it every clock begins anew, so friends are waited
 * for longer, and nothing is lost.
 */

import type { DatabaseSync } from 'node:sqlite'
import {
  afterAudit,
  afterBlindLook,
  afterLook,
  afterPut,
  afterWords,
  newRecord,
  type AuditOutcome,
  type Look,
  type PeerRecord,
  type Refusal,
} from '../base/peer-record.ts'
import type { PeerId } from '../ports/network.ts'
import { inTransaction, statement } from './database.ts'

interface RecordColumns {
  peer: string
  first_at: number
  seen_at: number | null
  looked_at: number
  silent_ms: number
  unheard_ms: number
  watched_ms: number
  online_ms: number
  looks: number
  audits_passed: number
  audits_failed: number
  failed_at: number | null
  failed_before_at: number | null
  nothing_ms: number
  nothing_at: number | null
  refusal: Refusal | null
  refused_at: number | null
}

export class PeerRecords {
  readonly #database: DatabaseSync

  constructor(database: DatabaseSync) {
    this.#database = database
  }

  /**
   * Note a look. One in which nobody answered counts for nobody: then we are offline, not they.
   *
   * @param now - by our clock, milliseconds since 1970
   * @param isExcused - whether the peer told that it would be away now
   */
  note(
    now: number,
    { answered, silent }: Look,
    isExcused: (peer: PeerId) => boolean = () => false,
  ): void {
    inTransaction(this.#database, () => {
      if (answered.length === 0) {
        for (const peer of silent) this.#change(peer, now, (record) => afterBlindLook(record, now))
        return
      }
      for (const peer of answered) {
        this.#change(peer, now, (record) => afterLook(record, { now, isHeard: true }))
      }
      for (const peer of silent) {
        const sight = { now, isHeard: false, isExcused: isExcused(peer) }
        this.#change(peer, now, (record) => afterLook(record, sight))
      }
    })
  }

  /** @param ageMs - how long ago others heard the peer, as most of those who answered say */
  noteWords(peer: PeerId, now: number, ageMs: number): void {
    this.#change(peer, now, (record) => afterWords(record, ageMs))
  }

  noteAudit(peer: PeerId, now: number, outcome: AuditOutcome): void {
    this.#change(peer, now, (record) => afterAudit(record, now, outcome))
  }

  /** @param refusal - why the peer took no share; `undefined` where it took one */
  notePut(peer: PeerId, now: number, refusal: Refusal | undefined): void {
    this.#change(peer, now, (record) => afterPut(record, now, refusal))
  }

  get(peer: PeerId): PeerRecord | undefined {
    const row = statement(this.#database, 'SELECT * FROM peer_records WHERE peer = ?').get(peer)
    return row === undefined ? undefined : toRecord(row as unknown as RecordColumns)
  }

  /** @returns all records, sorted by peer id */
  all(): PeerRecord[] {
    const rows = statement(this.#database, 'SELECT * FROM peer_records ORDER BY peer').all()
    return rows.map((row) => toRecord(row as unknown as RecordColumns))
  }

  #change(peer: PeerId, now: number, change: (record: PeerRecord) => PeerRecord): void {
    const record = change(this.get(peer) ?? newRecord(peer, now))
    statement(
      this.#database,
      `INSERT OR REPLACE INTO peer_records
         (peer, first_at, seen_at, looked_at, silent_ms, unheard_ms, watched_ms, online_ms, looks,
          audits_passed, audits_failed, failed_at, failed_before_at, nothing_ms, nothing_at, refusal,
          refused_at)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    ).run(
      record.peer,
      record.firstAt,
      record.seenAt ?? null,
      record.lookedAt,
      record.silentMs,
      record.unheardMs,
      record.watchedMs,
      record.onlineMs,
      record.looks,
      record.auditsPassed,
      record.auditsFailed,
      record.failedAt ?? null,
      record.failedBeforeAt ?? null,
      record.nothingMs,
      record.nothingAt ?? null,
      record.refusal ?? null,
      record.refusedAt ?? null,
    )
  }
}

function toRecord(row: RecordColumns): PeerRecord {
  return {
    peer: row.peer as PeerId,
    firstAt: row.first_at,
    lookedAt: row.looked_at,
    silentMs: row.silent_ms,
    unheardMs: row.unheard_ms,
    watchedMs: row.watched_ms,
    onlineMs: row.online_ms,
    looks: row.looks,
    auditsPassed: row.audits_passed,
    auditsFailed: row.audits_failed,
    nothingMs: row.nothing_ms,
    ...(row.nothing_at === null ? {} : { nothingAt: row.nothing_at }),
    ...(row.seen_at === null ? {} : { seenAt: row.seen_at }),
    ...(row.failed_at === null ? {} : { failedAt: row.failed_at }),
    ...(row.failed_before_at === null ? {} : { failedBeforeAt: row.failed_before_at }),
    ...(row.refusal === null ? {} : { refusal: row.refusal }),
    ...(row.refused_at === null ? {} : { refusedAt: row.refused_at }),
  }
}
