/**
 * Age clock: how old a peer has become, by what its machine's clock says from check to check.
 *
 * Whatever expires here expires by age and never by a date. A check adds the time since the one
 * before, at most two days and never less than nothing: a clock that jumps by a year, either way, makes
 * nothing older by more than two days, and a peer that was switched off for a month forgets the month.
 */

import type { DatabaseSync } from 'node:sqlite'

import type { Clock } from '../ports/clock.ts'
import { statement } from './database.ts'

/** What one check can add, ms: a weekend's nights off pass, a jump does not. */
export const AGE_STEP_MS_MAX = 2 * 24 * 3600_000

export class AgeClock {
  readonly #database: DatabaseSync
  readonly #clock: Clock
  #age: number
  #checkedAt: number

  /** @param database - with the tables of accounts-schema.ts; a new one begins at age 0, now */
  constructor(database: DatabaseSync, clock: Clock) {
    this.#database = database
    this.#clock = clock
    const row = statement(database, 'SELECT age, checked_at FROM age_clock').get()
    this.#age = Number(row?.['age'] ?? 0)
    this.#checkedAt = Number(row?.['checked_at'] ?? clock.now())
    if (row === undefined) this.#keep()
  }

  /** Milliseconds; what has passed since the last check counts as it will at the next. */
  get age(): number {
    return this.#age + this.#step(this.#clock.now())
  }

  /**
   * Look at the clock, and remember what it says.
   *
   * @returns the age, milliseconds
   */
  check(): number {
    const now = this.#clock.now()
    this.#age += this.#step(now)
    this.#checkedAt = now
    this.#keep()
    return this.#age
  }

  #step(now: number): number {
    return Math.min(Math.max(now - this.#checkedAt, 0), AGE_STEP_MS_MAX)
  }

  #keep(): void {
    statement(
      this.#database,
      'INSERT OR REPLACE INTO age_clock (id, age, checked_at) VALUES (1, ?, ?)',
    ).run(this.#age, this.#checkedAt)
  }
}
