/**
 * Signatures: of newest versions, so that a change can be told without the old bytes.
 *
 * A cache under keyed content ids, bounded in size; those used longest ago go first. A lost signature
 * costs one new original.
 */

import type { DatabaseSync } from 'node:sqlite'
import { statement } from './database.ts'

/** Bytes of signatures kept: enough for some 400 GB of files in 4 KiB blocks (design §3). */
export const SIGNATURES_SIZE_MAX = 2 * 1024 ** 3

export class Signatures {
  readonly #database: DatabaseSync
  readonly #sizeMax: number

  constructor(database: DatabaseSync, sizeMax = SIGNATURES_SIZE_MAX) {
    this.#database = database
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

  put(content: Uint8Array, signature: Uint8Array): void {
    if (signature.length > this.#sizeMax) return
    statement(
      this.#database,
      `INSERT OR REPLACE INTO signatures (content, size, used, signature)
         VALUES (?, ?, (SELECT coalesce(max(used), 0) + 1 FROM signatures), ?)`,
    ).run(content, signature.length, signature)
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
