/**
 * Signatures: of newest versions, so that a change can be told without the old bytes.
 *
 * A cache under keyed content ids, bounded in size; those used longest ago go first. A lost signature
 * costs one new original.
 */

import type { DatabaseSync } from 'node:sqlite'
import { ByteReader, ByteWriter } from '../../protocol/bytes.ts'
import { statement } from './database.ts'
import { LocalSeal, SealedValueError } from './local-seal.ts'

/** Bytes of signatures kept: enough for some 400 GB of files in 4 KiB blocks (design §3). */
export const SIGNATURES_SIZE_MAX = 2 * 1024 ** 3

const FROM_SIZE = 8

/** From where a version goes on if its file only grows. */
export interface Tail {
  /** Where the bytes begin that this version brought, or those of an original that stand for the rest. */
  readonly from: number
  /** Of a hash over all its bytes: src/codec/resumable-sha256.ts. */
  readonly state: Uint8Array
}

export class Signatures {
  readonly #database: DatabaseSync
  readonly #seal: LocalSeal
  readonly #sizeMax: number

  /** @param localKey - secret of this vault for local state, 32 bytes: a hash's state is as good as a digest */
  constructor(database: DatabaseSync, localKey: Uint8Array, sizeMax = SIGNATURES_SIZE_MAX) {
    this.#database = database
    this.#seal = new LocalSeal(localKey, 'tails')
    this.#sizeMax = sizeMax
  }

  get(content: Uint8Array): Uint8Array | undefined {
    const row = statement(this.#database, 'SELECT signature FROM signatures WHERE content = ?').get(
      content,
    ) as { signature: Uint8Array } | undefined
    return row?.signature
  }

  has(content: Uint8Array): boolean {
    const row = statement(this.#database, 'SELECT 1 FROM signatures WHERE content = ?').get(content)
    return row !== undefined
  }

  /** @returns nothing where nothing is known, or what is does not open */
  tail(content: Uint8Array): Tail | undefined {
    const row = statement(this.#database, 'SELECT tail FROM signatures WHERE content = ?').get(
      content,
    ) as { tail: Uint8Array | null } | undefined
    if (row === undefined || row.tail === null) return undefined
    try {
      const record = this.#seal.open(row.tail)
      return { from: new ByteReader(record).safeU64(), state: record.subarray(FROM_SIZE) }
    } catch (error) {
      if (error instanceof SealedValueError) return undefined
      throw error
    }
  }

  /**
   * @param tail - of bytes that are signed already it says nothing: what is known is kept, also that there is none,
   *   for then some file with these bytes changed elsewhere than at its end
   */
  put(content: Uint8Array, signature: Uint8Array, tail?: Tail): void {
    if (signature.length > this.#sizeMax) return
    const record = tail && new ByteWriter().u64(tail.from).put(tail.state).finish()
    statement(
      this.#database,
      `INSERT INTO signatures (content, size, used, signature, tail)
         VALUES (?, ?, (SELECT coalesce(max(used), 0) + 1 FROM signatures), ?, ?)
         ON CONFLICT (content) DO UPDATE SET size = excluded.size, used = excluded.used,
           signature = excluded.signature`,
    ).run(
      content,
      signature.length,
      signature,
      record === undefined ? null : this.#seal.seal(record),
    )
  }

  /** A newer version took this one's place. */
  remove(content: Uint8Array): void {
    statement(this.#database, 'DELETE FROM signatures WHERE content = ?').run(content)
  }

  /** Let the oldest go until the rest fits. */
  trim(): void {
    const total = statement(
      this.#database,
      'SELECT coalesce(sum(size), 0) AS size FROM signatures',
    ).get() as { size: number }
    let excess = total.size - this.#sizeMax
    if (excess <= 0) return
    const oldest = statement(
      this.#database,
      'SELECT content, size FROM signatures ORDER BY used',
    ).all() as unknown as { content: Uint8Array; size: number }[]
    for (const { content, size } of oldest) {
      if (excess <= 0) return
      this.remove(content)
      excess -= size
    }
  }
}
