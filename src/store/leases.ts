/**
 * Leases: when a device of each vault was last heard, and what a peer owes the vault besides.
 *
 * One lease covers all shares of a vault. Any request of a device renews it, and nothing ends it by
 * itself: it only says whose shares may make room for others, once a vault was silent for very long.
 * The row also keeps the vault's cancel of all releases and its credit of bytes that may go.
 */

import type { DatabaseSync, SQLOutputValue } from 'node:sqlite'

import { fromHex } from '../../protocol/bytes.ts'
import { vaultIdFromBytes, type VaultId } from '../../protocol/ids.ts'
import { statement } from './database.ts'
import { Helpers } from './helpers.ts'

const DAY_MS = 24 * 3600_000

/** After so much silence a vault's shares may be reclaimed: a year, and five weeks to notice. */
export const LEASE_MS = 400 * DAY_MS

/** After so much silence the log warns, every day. */
export const LEASE_WARNING_MS = 370 * DAY_MS

/** A lease renewed so short a time ago is not written again. */
const RENEWAL_MS = 3600_000

export interface Lease {
  readonly vault: VaultId
  /** The peer's age, ms, when a device of the vault was last heard. */
  readonly renewedAge: number
  /** The peer's age, ms, when the log was last told; null: not since the lease was renewed. */
  readonly warnedAge: number | null
  /** The highest sequence that a cancel of all packs named; 0: there was none. */
  readonly keptBy: number
  /** Bytes of due releases that may go by now. */
  readonly credit: number
  /** The peer's age, ms, up to which credit was given; null: nothing was due then. */
  readonly creditedAge: number | null
}

export class Leases {
  readonly #database: DatabaseSync
  /** Of each vault heard since the start, the age it was heard at; spares a write for every request. */
  readonly #heard = new Map<VaultId, number>()

  /** Who renewed leases in place of a vault's device. */
  readonly helpers: Helpers

  /** @param database - with the tables of accounts-schema.ts */
  constructor(database: DatabaseSync) {
    this.#database = database
    this.helpers = new Helpers(database)
  }

  /** A device of the vault was heard at this age. */
  renew(vault: VaultId, age: number): void {
    const heard = this.#heard.get(vault)
    if (heard !== undefined && Math.abs(age - heard) < RENEWAL_MS) return
    statement(
      this.#database,
      `INSERT INTO leases (vault, renewed_age) VALUES (?, ?) ON CONFLICT (vault)
       DO UPDATE SET renewed_age = excluded.renewed_age, warned_age = NULL`,
    ).run(vault, age)
    this.#heard.set(vault, age)
  }

  /** Give vaults that have shares and no lease a fresh one: their rows were lost. */
  begin(age: number): void {
    statement(
      this.#database,
      `INSERT OR IGNORE INTO leases (vault, renewed_age) SELECT DISTINCT vault, ? FROM shares`,
    ).run(age)
  }

  get(vault: VaultId): Lease | undefined {
    const row = statement(this.#database, 'SELECT * FROM leases WHERE vault = ?').get(vault)
    return row === undefined ? undefined : toLease(row)
  }

  /** @returns leases of vaults that were last heard at this age or before, the most silent first */
  silentSince(age: number): Lease[] {
    return statement(
      this.#database,
      'SELECT * FROM leases WHERE renewed_age <= ? ORDER BY renewed_age, vault',
    )
      .all(age)
      .map(toLease)
  }

  noteWarned(vault: VaultId, age: number): void {
    statement(this.#database, 'UPDATE leases SET warned_age = ? WHERE vault = ?').run(age, vault)
  }

  /** Releases that name this head of the vault, or an older one, count no more, whatever the pack. */
  keepAll(vault: VaultId, sequence: number, age: number): void {
    statement(
      this.#database,
      `INSERT INTO leases (vault, renewed_age, kept_by) VALUES (?, ?, ?) ON CONFLICT (vault)
       DO UPDATE SET kept_by = MAX(kept_by, excluded.kept_by)`,
    ).run(vault, age, sequence)
  }

  /** @param age - up to which it was given; null where nothing is due any more */
  setCredit(vault: VaultId, credit: number, age: number | null): void {
    statement(this.#database, 'UPDATE leases SET credit = ?, credited_age = ? WHERE vault = ?').run(
      credit,
      age,
      vault,
    )
  }
}

function toLease(row: Readonly<Record<string, SQLOutputValue>>): Lease {
  return {
    vault: vaultIdFromBytes(fromHex(String(row['vault']))),
    renewedAge: Number(row['renewed_age']),
    warnedAge: row['warned_age'] === null ? null : Number(row['warned_age']),
    keptBy: Number(row['kept_by']),
    credit: Number(row['credit']),
    creditedAge: row['credited_age'] === null ? null : Number(row['credited_age']),
  }
}
