/**
 * Cuts: where a folder's pages end.
 *
 * A page ends after an entry whose name, hashed under the vault's cut key, falls below a threshold.
 * The threshold grows with the entry's weight, so pages come out about equally heavy; it looks at
 * nothing else, so a change of content or a new file moves no other boundary. The key keeps lengths
 * of pages from telling names.
 */

import { utf8 } from '../../protocol/bytes.ts'
import { hmac } from '../../protocol/hash.ts'

/** No page ends before it weighs this much; a folder that weighs no more may lie in its parent's page. */
export const INLINE_WEIGHT_MAX = 1_024

/** Weight of a page on average, beyond the least one. */
const CUT_WEIGHT = 3_072

/** A page ends once it weighs this much or holds this many entries, whatever the names. */
export const PAGE_WEIGHT_MAX = 16_384
export const PAGE_ENTRIES_MAX = 512

/** Rows of an index page: about 64 on average. */
const CUT_ROWS = 60
const INDEX_ROWS_MIN = 4
export const INDEX_ROWS_MAX = 256

const ENTRY_TAG = utf8('cairn page cut')
const ROW_TAG = utf8('cairn index cut')

export class Cuts {
  readonly #key: Uint8Array

  /** @param key - the vault's cut key, 32 bytes */
  constructor(key: Uint8Array) {
    this.#key = key
  }

  /** @returns whether the page ends after this entry, which is in `page` already */
  afterEntry(
    name: Uint8Array,
    weight: number,
    page: { readonly weight: number; readonly entries: readonly unknown[] },
  ): boolean {
    if (page.weight >= PAGE_WEIGHT_MAX || page.entries.length >= PAGE_ENTRIES_MAX) return true
    if (page.weight <= INLINE_WEIGHT_MAX) return false
    return fraction(hmac(this.#key, ENTRY_TAG, name)) < weight / CUT_WEIGHT
  }

  /** @returns whether the index page ends after the row with this bound */
  afterRow(lower: Uint8Array, level: number, count: number): boolean {
    if (count >= INDEX_ROWS_MAX) return true
    if (count < INDEX_ROWS_MIN) return false
    return fraction(hmac(this.#key, ROW_TAG, Uint8Array.of(level), lower)) < 1 / CUT_ROWS
  }
}

/** @returns 0 ≤ fraction < 1 from the first four bytes */
function fraction(hash: Uint8Array): number {
  return new DataView(hash.buffer, hash.byteOffset, 4).getUint32(0) / 2 ** 32
}
