/**
 * Receipts: when which peer received the head of a snapshot, by that peer's clock.
 *
 * The ages of snapshots come from these (design §5), never from this machine's clock.
 */

import type { DatabaseSync } from 'node:sqlite'
import type { PeerId } from '../ports/network.ts'
import { statement } from './database.ts'

export interface ReceiptRow {
  readonly peer: PeerId
  /** Milliseconds since 1970. */
  readonly receivedAt: number
}

export class Receipts {
  readonly #database: DatabaseSync

  constructor(database: DatabaseSync) {
    this.#database = database
  }

  /** The first word of a peer counts: a later one may come of a clock that was changed since. */
  put(sequence: number, { peer, receivedAt }: ReceiptRow): void {
    statement(this.#database, 'INSERT OR IGNORE INTO receipts VALUES (?, ?, ?)').run(
      sequence,
      peer,
      receivedAt,
    )
  }

  of(sequence: number): ReceiptRow[] {
    const rows = statement(
      this.#database,
      'SELECT peer, received_at FROM receipts WHERE sequence = ? ORDER BY peer',
    ).all(sequence) as { peer: string; received_at: number }[]
    return rows.map(({ peer, received_at }) => ({ peer: peer as PeerId, receivedAt: received_at }))
  }
}
