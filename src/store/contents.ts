/**
 * Contents: which bytes the vault already holds, and where.
 *
 * A row is named by a keyed id of the content and holds its place; the object's key lies sealed under
 * a key made from that very content, so only who has the bytes (and the vault's secret) can use it.
 */

import type { DatabaseSync } from 'node:sqlite'
import { statement } from './database.ts'
import { LocalSeal } from './local-seal.ts'
import { placeOf, type Extent } from '../../protocol/extents.ts'
import { utf8 } from '../../protocol/bytes.ts'
import { hmac } from '../../protocol/hash.ts'
import type { Reference } from '../../protocol/reference.ts'

const ID_SIZE = 16

export class Contents {
  readonly #database: DatabaseSync
  readonly #localKey: Uint8Array
  readonly #maskKey: Uint8Array
  readonly #records: LocalSeal

  /** @param localKey - secret of this vault for local state, 32 bytes */
  constructor(database: DatabaseSync, localKey: Uint8Array) {
    this.#database = database
    this.#localKey = localKey
    this.#maskKey = hmac(localKey, utf8('cairn/contents/key'))
    this.#records = new LocalSeal(localKey, 'versions')
  }

  /** @returns the keyed id (16 bytes) that stands for these bytes in local state */
  id(digest: Uint8Array): Uint8Array {
    return hmac(this.#localKey, digest).slice(0, ID_SIZE)
  }

  /** @returns where an object with exactly these bytes lies */
  find(digest: Uint8Array): Reference | undefined {
    const row = statement(
      this.#database,
      'SELECT pack, offset, length, sealed_key FROM contents WHERE id = ?',
    ).get(this.id(digest)) as
      { pack: number; offset: number; length: number; sealed_key: Uint8Array } | undefined
    if (row === undefined) return undefined
    const secret = this.#mask(digest, row.sealed_key)
    return {
      pack: row.pack,
      offset: row.offset,
      length: row.length,
      key: { type: 'raw', secret },
    }
  }

  /** @param key - the object's own key, 32 bytes */
  add(
    digest: Uint8Array,
    place: { pack: number; offset: number; length: number },
    key: Uint8Array,
  ): void {
    statement(
      this.#database,
      `INSERT OR REPLACE INTO contents (id, pack, offset, length, sealed_key)
         VALUES (?, ?, ?, ?, ?)`,
    ).run(this.id(digest), place.pack, place.offset, place.length, this.#mask(digest, key))
  }

  /** A version record as the queue keeps it: it names digests and object keys. */
  sealRecord(record: Uint8Array): Uint8Array {
    return this.#records.seal(record)
  }

  /** @throws {SealedValueError} */
  openRecord(sealed: Uint8Array): Uint8Array {
    return this.#records.open(sealed)
  }

  /** A pack is not to be relied on any more. */
  forgetPack(pack: number): void {
    statement(this.#database, 'DELETE FROM contents WHERE pack = ?').run(pack)
  }

  /** Only these stretches of a pack's bytes were copied when it was merged. */
  forgetOutside(pack: number, extents: readonly Extent[]): void {
    const rows = statement(
      this.#database,
      'SELECT id, offset, length FROM contents WHERE pack = ?',
    ).all(pack) as unknown as (Extent & { readonly id: Uint8Array })[]
    const forget = statement(this.#database, 'DELETE FROM contents WHERE id = ?')
    for (const { id, ...range } of rows) {
      if (placeOf({ base: 0, extents }, range) === undefined) forget.run(id)
    }
  }

  /** One-time pad: the mask is as unguessable as the content is, and hides one key only. */
  #mask(digest: Uint8Array, key: Uint8Array): Uint8Array {
    const pad = hmac(this.#maskKey, digest)
    return key.map((byte, index) => byte ^ (pad[index] as number))
  }
}
