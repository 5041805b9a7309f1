/**
 * Rebuilt chains: what a head that is on its way changes about entries, once it is published.
 */

import type { DatabaseSync } from 'node:sqlite'
import { statement } from './database.ts'
import type { Entries } from './entries.ts'

export interface RebuiltRow {
  readonly key: Uint8Array
  /** The newest version whose chain was rebuilt. */
  readonly version: number
  readonly chainLength: number
  readonly chainSize: number
}

export class Rebuilt {
  readonly #database: DatabaseSync

  constructor(database: DatabaseSync) {
    this.#database = database
  }

  plan(sequence: number, rows: readonly RebuiltRow[]): void {
    for (const { key, version, chainLength, chainSize } of rows) {
      statement(this.#database, 'INSERT OR REPLACE INTO rebuilt VALUES (?, ?, ?, ?, ?)').run(
        key,
        sequence,
        version,
        chainLength,
        chainSize,
      )
    }
  }

  /** The head is published: entries that still have that version follow. */
  settle(sequence: number, entries: Entries): void {
    const rows = statement(this.#database, 'SELECT * FROM rebuilt WHERE sequence = ?').all(
      sequence,
    ) as { key: Uint8Array; version: number; chain_length: number; chain_size: number }[]
    for (const row of rows) {
      const entry = entries.get(row.key)
      if (entry?.version !== row.version) continue
      entries.put({ ...entry, chainLength: row.chain_length, chainSize: row.chain_size })
    }
    this.dropPlanned()
  }

  dropPlanned(): void {
    this.#database.exec('DELETE FROM rebuilt')
  }
}
