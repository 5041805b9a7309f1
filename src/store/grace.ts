/**
 * Grace: how long each vault has been above its grant, and how much patience that has used up.
 *
 * Patience runs while a vault is above its grant and comes back as fast while it is not, so that dipping
 * below for a moment buys no new month. Counted by the peer's own age; lost rows mean full patience.
 */

import type { DatabaseSync } from 'node:sqlite'

import type { VaultId } from '../../protocol/ids.ts'
import { statement } from './database.ts'

/** Above its grant for so long, a vault may store no more: time to notice, and to do something. */
export const GRACE_MS = 30 * 24 * 3600_000

/** What does not change is written no more often than this. */
const WRITE_MS = 3600_000

/** How a vault stands. */
export interface Patience {
  /** The peer's age, ms, when the vault came to be above its grant; null while it is not. */
  readonly overAge: number | null
  /** Milliseconds of grace that are left. */
  readonly left: number
}

interface Row {
  readonly overAge: number | null
  readonly spent: number
  readonly settledAge: number
}

const FRESH = { overAge: null, spent: 0 }

export class Grace {
  readonly #database: DatabaseSync

  /** @param database - with the tables of accounts-schema.ts */
  constructor(database: DatabaseSync) {
    this.#database = database
  }

  of(vault: VaultId, age: number): Patience {
    const { overAge, spent } = advanced(this.#read(vault, age), age)
    return { overAge, left: GRACE_MS - spent }
  }

  /** The vault is, or is not, above its grant at this age. */
  note(vault: VaultId, isOver: boolean, age: number): Patience {
    const before = this.#read(vault, age)
    const now = advanced(before, age)
    const overAge = isOver ? (now.overAge ?? age) : null
    if (!isOver && now.spent === 0) {
      if (before.spent > 0 || before.overAge !== null) this.#remove(vault)
    } else if (overAge !== before.overAge || age - before.settledAge >= WRITE_MS) {
      this.#write(vault, { overAge, spent: now.spent, settledAge: age })
    }
    return { overAge, left: GRACE_MS - now.spent }
  }

  #read(vault: VaultId, age: number): Row {
    const row = statement(this.#database, 'SELECT * FROM grace WHERE vault = ?').get(vault)
    if (row === undefined) return { ...FRESH, settledAge: age }
    return {
      overAge: row['over_age'] === null ? null : Number(row['over_age']),
      spent: Number(row['spent']),
      settledAge: Number(row['settled_age']),
    }
  }

  #write(vault: VaultId, { overAge, spent, settledAge }: Row): void {
    statement(
      this.#database,
      'INSERT OR REPLACE INTO grace (vault, over_age, spent, settled_age) VALUES (?, ?, ?, ?)',
    ).run(vault, overAge, spent, settledAge)
  }

  #remove(vault: VaultId): void {
    statement(this.#database, 'DELETE FROM grace WHERE vault = ?').run(vault)
  }
}

function advanced({ overAge, spent, settledAge }: Row, age: number): Row {
  const passed = Math.max(0, age - settledAge)
  const now = overAge === null ? spent - passed : spent + passed
  return { overAge, spent: Math.min(Math.max(now, 0), GRACE_MS), settledAge: age }
}
