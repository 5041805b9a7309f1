/**
 * Byte-days: how much a peer has held for each vault over the last month, by the peer's own age.
 *
 * For every vault the bytes held are summed up over time, in a bucket for each day of the peer's age; the
 * last thirty and the present one are kept. What is not written yet is in memory, and written by the
 * sweep: a power cut loses no more than the order of the last hour's changes, and what is made up for it
 * errs on the side of less. Lost rows begin anew.
 */

import type { DatabaseSync } from 'node:sqlite'

import { fromHex } from '../../protocol/bytes.ts'
import { vaultIdFromBytes, type VaultId } from '../../protocol/ids.ts'
import { inTransaction, statement } from './database.ts'

const DAY_MS = 24 * 3600_000

/** Whole days that an account reaches back. */
export const ACCOUNT_DAYS = 30

/** A sum of bytes over time: byte-days, and what is left over in byte-milliseconds. */
interface Sum {
  readonly whole: number
  readonly part: number
}

/** What was held for one vault from one age to another, both ms. */
export interface HeldSpan {
  readonly byteDays: number
  readonly sinceAge: number
  readonly untilAge: number
}

interface Row {
  /** Age at which the vault's first share came; ms. */
  readonly sinceAge: number
  /** Age up to which the days are summed up. */
  settledAge: number
  /** Bytes held from then on. */
  level: number
  readonly days: Map<number, Sum>
  /** The first day that is not yet written as it is. */
  changedFrom: number
  isDirty: boolean
}

export class ByteDays {
  readonly #database: DatabaseSync
  readonly #rows = new Map<VaultId, Row>()

  /** @param database - with the tables of accounts-schema.ts */
  constructor(database: DatabaseSync) {
    this.#database = database
    for (const row of statement(database, 'SELECT * FROM byte_accounts').all()) {
      this.#rows.set(vaultOf(row), {
        sinceAge: Number(row['since_age']),
        settledAge: Number(row['settled_age']),
        level: Number(row['bytes']),
        days: new Map(),
        changedFrom: dayOf(Number(row['settled_age'])),
        isDirty: false,
      })
    }
    for (const row of statement(database, 'SELECT * FROM byte_days').all()) {
      const sum = { whole: Number(row['whole']), part: Number(row['part']) }
      this.#rows.get(vaultOf(row))?.days.set(Number(row['day']), sum)
    }
  }

  /**
   * The store was opened, and holds this for these vaults. What came or went unseen counts from now on, or
   * was gone before.
   */
  begin(held: ReadonlyMap<VaultId, number>, age: number): void {
    for (const [vault, row] of this.#rows) row.level = Math.min(row.level, held.get(vault) ?? 0)
    for (const vault of new Set([...this.#rows.keys(), ...held.keys()])) {
      this.set(vault, held.get(vault) ?? 0, age)
    }
  }

  /** From this age on so many bytes are held for the vault. */
  set(vault: VaultId, bytes: number, age: number): void {
    const row = this.#rows.get(vault)
    if (row === undefined) {
      if (bytes === 0) return
      const ages = { sinceAge: age, settledAge: age, changedFrom: dayOf(age) }
      this.#rows.set(vault, { ...ages, level: bytes, days: new Map(), isDirty: true })
      return
    }
    settle(row, age)
    if (row.level === bytes) return
    row.level = bytes
    row.isDirty = true
  }

  /** @returns what was held over the last thirty days and the part of today; nothing for a stranger */
  spanOf(vault: VaultId, age: number): HeldSpan {
    const row = this.#rows.get(vault)
    if (row === undefined) return { byteDays: 0, sinceAge: age, untilAge: age }
    settle(row, age)
    const first = dayOf(row.settledAge) - ACCOUNT_DAYS
    const sums = [...row.days].filter(([day]) => day >= first).map(([, sum]) => sum)
    const whole = sums.reduce((total, sum) => total + sum.whole, 0)
    const part = sums.reduce((total, sum) => total + sum.part, 0)
    return {
      byteDays: whole + Math.floor(part / DAY_MS),
      sinceAge: Math.max(row.sinceAge, first * DAY_MS),
      untilAge: row.settledAge,
    }
  }

  /** Write down what changed, all or nothing, and forget what no account reaches back to. */
  save(age: number): void {
    for (const row of this.#rows.values()) settle(row, age)
    inTransaction(this.#database, () => {
      for (const [vault, row] of this.#rows) if (row.isDirty) this.#saveRow(vault, row)
    })
  }

  #saveRow(vault: VaultId, row: Row): void {
    const first = dayOf(row.settledAge) - ACCOUNT_DAYS
    for (const day of row.days.keys()) if (day < first) row.days.delete(day)
    const clear = statement(this.#database, 'DELETE FROM byte_days WHERE vault = ? AND day < ?')
    if (row.level === 0 && row.days.size === 0) {
      clear.run(vault, dayOf(row.settledAge) + 1)
      statement(this.#database, 'DELETE FROM byte_accounts WHERE vault = ?').run(vault)
      this.#rows.delete(vault)
      return
    }
    clear.run(vault, first)
    statement(
      this.#database,
      `INSERT OR REPLACE INTO byte_accounts (vault, since_age, settled_age, bytes)
         VALUES (?, ?, ?, ?)`,
    ).run(vault, row.sinceAge, row.settledAge, row.level)
    const put = statement(
      this.#database,
      'INSERT OR REPLACE INTO byte_days (vault, day, whole, part) VALUES (?, ?, ?, ?)',
    )
    for (const [day, { whole, part }] of row.days) {
      if (day >= row.changedFrom) put.run(vault, day, whole, part)
    }
    row.changedFrom = dayOf(row.settledAge)
    row.isDirty = false
  }
}

/** Sum up to this age, day by day. */
function settle(row: Row, age: number): void {
  while (row.settledAge < age) {
    const day = dayOf(row.settledAge)
    const until = Math.min(age, (day + 1) * DAY_MS)
    if (row.level > 0) {
      const { whole, part } = row.days.get(day) ?? { whole: 0, part: 0 }
      // A terabyte over a day is more than a double holds.
      const sum = BigInt(row.level) * BigInt(until - row.settledAge) + BigInt(part)
      const more = Number(sum / BigInt(DAY_MS))
      row.days.set(day, { whole: whole + more, part: Number(sum % BigInt(DAY_MS)) })
      row.isDirty = true
    }
    // With every day that ends, an old one may go.
    if (dayOf(until) > day) row.isDirty = true
    row.settledAge = until
  }
}

function dayOf(age: number): number {
  return Math.floor(age / DAY_MS)
}

function vaultOf(row: Readonly<Record<string, unknown>>): VaultId {
  return vaultIdFromBytes(fromHex(String(row['vault'])))
}
