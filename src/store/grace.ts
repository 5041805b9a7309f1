/**
 * Grace: how long each vault has been above its grant, and how much patience that has used up.
 *
 * Patience runs while a vault is above its grant and comes back as fast while it is not, so that dipping
 * below for a moment buys no new month. Counted by the peer's own age; lost rows mean full patience. Once new
 * shares are refused it is remembered how few bytes the vault came down to.
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
  /** The fewest bytes that it kept since new ones are refused; null while they are not. */
  readonly least: number | null
}

/** How a vault is found to stand at a moment. */
export interface Finding {
  /** Bytes that count. */
  readonly kept: number
  readonly isOver: boolean
  /** Whether new shares are refused without any grace. */
  readonly isHard?: boolean
}

interface Row {
  readonly overAge: number | null
  readonly spent: number
  readonly settledAge: number
  readonly least: number | null
}

const FRESH = { overAge: null, spent: 0, least: null }

export class Grace {
  readonly #database: DatabaseSync

  /** @param database - with the tables of accounts-schema.ts */
  constructor(database: DatabaseSync) {
    this.#database = database
  }

  of(vault: VaultId, age: number): Patience {
    return patienceOf(advanced(this.#read(vault, age), age))
  }

  /** The vault is, or is not, above its grant at this age. */
  note(vault: VaultId, { kept, isOver, isHard = false }: Finding, age: number): Patience {
    const before = this.#read(vault, age)
    const { overAge, spent, least } = advanced(before, age)
    if (!isOver && spent === 0) {
      if (before.spent > 0 || before.overAge !== null) this.#remove(vault)
      return patienceOf({ ...FRESH, settledAge: age })
    }
    const isRefused = isOver && (isHard || spent >= GRACE_MS)
    const now: Row = {
      overAge: isOver ? (overAge ?? age) : null,
      spent,
      settledAge: age,
      least: isRefused ? Math.min(least ?? kept, kept) : null,
    }
    const isNews = now.overAge !== before.overAge || now.least !== before.least
    if (isNews || age - before.settledAge >= WRITE_MS) this.#write(vault, now)
    return patienceOf(now)
  }

  #read(vault: VaultId, age: number): Row {
    const row = statement(this.#database, 'SELECT * FROM grace WHERE vault = ?').get(vault)
    if (row === undefined) return { ...FRESH, settledAge: age }
    return {
      overAge: row['over_age'] === null ? null : Number(row['over_age']),
      spent: Number(row['spent']),
      settledAge: Number(row['settled_age']),
      least: row['least'] === null ? null : Number(row['least']),
    }
  }

  #write(vault: VaultId, { overAge, spent, settledAge, least }: Row): void {
    statement(
      this.#database,
      `INSERT OR REPLACE INTO grace (vault, over_age, spent, settled_age, least)
         VALUES (?, ?, ?, ?, ?)`,
    ).run(vault, overAge, spent, settledAge, least)
  }

  #remove(vault: VaultId): void {
    statement(this.#database, 'DELETE FROM grace WHERE vault = ?').run(vault)
  }
}

function patienceOf({ overAge, spent, least }: Row): Patience {
  return { overAge, left: GRACE_MS - spent, least }
}

function advanced({ overAge, spent, settledAge, least }: Row, age: number): Row {
  const passed = Math.max(0, age - settledAge)
  const now = overAge === null ? spent - passed : spent + passed
  return { overAge, spent: Math.min(Math.max(now, 0), GRACE_MS), settledAge: age, least }
}
