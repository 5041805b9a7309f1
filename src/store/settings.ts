/** Settings: named values of the backupdb, each dag-cbor. */

import type { DatabaseSync } from 'node:sqlite'
import { statement } from './database.ts'
import { z } from 'zod'
import { decodeCbor, encodeCbor } from '../../protocol/cbor.ts'

/** Largest value: the list of ledger segments and the roster stay far below it. */
const VALUE_SIZE_MAX = 16 * 1024 * 1024

export class Settings {
  readonly #database: DatabaseSync

  constructor(database: DatabaseSync) {
    this.#database = database
  }

  /** @returns the value, or `undefined` if it was never set */
  get<T>(name: string, schema: z.ZodType<T>): T | undefined {
    const row = statement(this.#database, 'SELECT value FROM settings WHERE name = ?').get(name) as
      { value: Uint8Array } | undefined
    if (row === undefined) return undefined
    return decodeCbor(row.value, schema, { format: `setting ${name}`, sizeMax: VALUE_SIZE_MAX })
  }

  set(name: string, value: unknown): void {
    statement(this.#database, 'INSERT OR REPLACE INTO settings (name, value) VALUES (?, ?)').run(
      name,
      encodeCbor(value),
    )
  }

  remove(name: string): void {
    statement(this.#database, 'DELETE FROM settings WHERE name = ?').run(name)
  }

  /** Take the next number of a counter that starts at 1 and never gives a number twice. */
  next(name: string): number {
    const number = this.counter(name) + 1
    this.set(name, number)
    return number
  }

  /** @returns the counter's last number, 0 before the first */
  counter(name: string): number {
    return this.get(name, z.int().nonnegative()) ?? 0
  }
}
