/**
 * Names as columns: each is the length it shares with the name before and the rest of its bytes.
 *
 * Format: docs/formats/page.md, "Names"
 */

import { concat } from './bytes.ts'
import { COLUMN } from './columns.ts'
import type { ColumnsReader, ColumnsWriter } from './columns.ts'
import { FormatError } from './errors.ts'
import { NAME_SIZE_MAX } from './tree.ts'

/** Longest bound of an index row: a name and one byte more. */
export const LOWER_SIZE_MAX = NAME_SIZE_MAX + 1

const DOT = 0x2e
const SLASH = 0x2f

export class NameWriter {
  readonly #columns: ColumnsWriter

  constructor(columns: ColumnsWriter) {
    this.#columns = columns
  }

  /** @param before - the name before this one in the same folder */
  put(name: Uint8Array, before: Uint8Array | undefined): void {
    checkName(name)
    putName(this.#columns, name, before)
  }
}

/** The inverse of {@link NameWriter}. */
export class NameReader {
  readonly #columns: ColumnsReader

  constructor(columns: ColumnsReader) {
    this.#columns = columns
  }

  /** @throws {FormatError} also for a name that no folder can hold */
  take(before: Uint8Array | undefined): Uint8Array {
    const name = takeName(this.#columns, before)
    checkName(name)
    return name
  }
}

/** As a name, but anything goes: for the bounds of index pages. */
export function putName(
  columns: ColumnsWriter,
  name: Uint8Array,
  before: Uint8Array | undefined,
): void {
  const shared = before === undefined ? 0 : sharedLength(before, name)
  columns.unsigned(COLUMN.namePrefixes, shared)
  columns.unsigned(COLUMN.nameSizes, name.length - shared)
  columns.bytes(COLUMN.names, name.subarray(shared))
}

/** The inverse of {@link putName}. */
export function takeName(columns: ColumnsReader, before: Uint8Array | undefined): Uint8Array {
  const shared = columns.bounded(COLUMN.namePrefixes, before?.length ?? 0, 'shared part of a name')
  const size = columns.bounded(COLUMN.nameSizes, LOWER_SIZE_MAX - shared, 'rest of a name')
  const rest = columns.bytes(COLUMN.names, size)
  return before === undefined || shared === 0 ? rest : concat(before.subarray(0, shared), rest)
}

/**
 * Names come from strangers too: one that means another place would let a restore write there.
 *
 * @throws {FormatError} unless a folder can hold the name
 */
export function checkName(name: Uint8Array): void {
  if (name.length === 0 || name.length > NAME_SIZE_MAX) {
    throw new FormatError(`name: ${name.length} bytes`)
  }
  const isDots = name.length <= 2 && name.every((byte) => byte === DOT)
  if (isDots || name.includes(0) || name.includes(SLASH)) throw new FormatError('name: not a name')
}

function sharedLength(a: Uint8Array, b: Uint8Array): number {
  const max = Math.min(a.length, b.length)
  let length = 0
  while (length < max && a[length] === b[length]) length++
  return length
}
