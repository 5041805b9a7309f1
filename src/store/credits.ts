/**
 * Credits: what devices of all vaults vouch that peers hold for them, the newest of each pair.
 *
 * Whoever carries a credit here, it proves itself. Kept is one for every vault and peer; an older one never
 * takes a newer one's place. When each was first and last heard counts by the peer's own age.
 */

import type { DatabaseSync, SQLOutputValue } from 'node:sqlite'

import { fromHex, toHex } from '../../protocol/bytes.ts'
import { creditName, type OpenedCredit } from '../../protocol/account.ts'
import { deviceIdToBytes, vaultIdFromBytes, type VaultId } from '../../protocol/ids.ts'
import { CREDITS_KNOWN_MAX } from '../../protocol/message-limits.ts'
import { parsePeerId, peerIdOf, type PeerId } from '../../protocol/peer-id.ts'
import { statement } from './database.ts'

/** Credits kept: fifty peers for fifty vaults, and more. Beyond it those heard longest ago make room. */
export const CREDITS_KEPT_MAX = CREDITS_KNOWN_MAX

/** A credit that nobody renewed counts for so long, and is forgotten then. */
export const CREDIT_MS = 400 * 24 * 3600_000

/** What a kept credit says, and how long it has been known. */
export interface CreditFacts {
  readonly vault: VaultId
  readonly peer: PeerId
  /** The device that vouches, by its identity on the network. */
  readonly device: PeerId
  /** Bytes held on average, as the vault's device believes. */
  readonly bytes: number
  readonly passed: number
  readonly failed: number
  /** Bytes that the peer lends in all, as it said. */
  readonly capacity: number
  /** Our own age, ms, when the first credit of this pair with a passed audit came; null: none did. */
  readonly firstAge: number | null
  /** Our own age, ms, when this one came. */
  readonly heardAge: number
}

export class Credits {
  readonly #database: DatabaseSync
  #facts: readonly CreditFacts[] | undefined

  /** @param database - with the tables of accounts-schema.ts */
  constructor(database: DatabaseSync) {
    this.#database = database
  }

  /** @returns all that are kept; the same array until one comes or goes */
  all(): readonly CreditFacts[] {
    this.#facts ??= statement(
      this.#database,
      `SELECT vault, peer, device, bytes, passed, failed, capacity, first_age, heard_age
         FROM credits ORDER BY vault, peer`,
    )
      .all()
      .map(toFacts)
    return this.#facts
  }

  /**
   * Keep a credit whose signatures hold, unless a newer one of its vault and peer is kept.
   *
   * @returns whether it is news
   */
  keep(bytes: Uint8Array, credit: OpenedCredit, age: number): boolean {
    const { vault, peer, capacity } = credit.account
    const before = statement(
      this.#database,
      'SELECT issued_at, first_age FROM credits WHERE vault = ? AND peer = ?',
    ).get(vault, peer)
    if (before !== undefined && Number(before['issued_at']) >= credit.issuedAt) return false
    const known = before?.['first_age'] ?? null
    const firstAge = known === null ? (credit.passed > 0 ? age : null) : Number(known)
    statement(
      this.#database,
      `INSERT OR REPLACE INTO credits (vault, peer, device, bytes, passed, failed, capacity, issued_at,
           first_age, heard_age, name, document)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    ).run(
      vault,
      peer,
      deviceOf(credit),
      credit.bytes,
      credit.passed,
      credit.failed,
      capacity,
      credit.issuedAt,
      firstAge,
      age,
      toHex(creditName(bytes)),
      bytes,
    )
    this.#facts = undefined
    this.#makeRoom()
    return true
  }

  /** @returns names of all that are kept */
  names(): Uint8Array[] {
    return statement(this.#database, 'SELECT name FROM credits ORDER BY vault, peer')
      .all()
      .map((row) => fromHex(String(row['name'])))
  }

  /** @returns the documents whose names are not among these, those heard last first */
  documentsBeside(known: readonly Uint8Array[]): Uint8Array[] {
    const names = new Set(known.map(toHex))
    return statement(
      this.#database,
      'SELECT name, document FROM credits ORDER BY heard_age DESC, vault, peer',
    )
      .all()
      .flatMap((row) => (names.has(String(row['name'])) ? [] : [documentOf(row['document'])]))
  }

  /** Forget what nobody renewed. */
  expire(age: number): void {
    const { changes } = statement(this.#database, 'DELETE FROM credits WHERE heard_age < ?').run(
      age - CREDIT_MS,
    )
    if (changes > 0) this.#facts = undefined
  }

  #makeRoom(): void {
    const row = statement(this.#database, 'SELECT count(*) AS count FROM credits').get()
    if (Number(row?.['count']) <= CREDITS_KEPT_MAX) return
    statement(
      this.#database,
      `DELETE FROM credits WHERE (vault, peer) IN
         (SELECT vault, peer FROM credits ORDER BY heard_age DESC, vault, peer LIMIT -1 OFFSET ?)`,
    ).run(CREDITS_KEPT_MAX)
  }
}

/** @returns the network identity of the device that signed */
export function deviceOf({ device }: Pick<OpenedCredit, 'device'>): PeerId {
  return peerIdOf(deviceIdToBytes(device))
}

function toFacts(row: Readonly<Record<string, SQLOutputValue>>): CreditFacts {
  return {
    vault: vaultIdFromBytes(fromHex(String(row['vault']))),
    peer: parsePeerId(String(row['peer'])),
    device: parsePeerId(String(row['device'])),
    bytes: Number(row['bytes']),
    passed: Number(row['passed']),
    failed: Number(row['failed']),
    capacity: Number(row['capacity']),
    firstAge: row['first_age'] === null ? null : Number(row['first_age']),
    heardAge: Number(row['heard_age']),
  }
}

function documentOf(value: SQLOutputValue | undefined): Uint8Array {
  return value instanceof Uint8Array ? value : new Uint8Array(0)
}
