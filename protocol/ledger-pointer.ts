/**
 * Ledger pointers: where a ledger segment lies, and its key. Unlike a reference, a pointer names the
 * pack itself, since the pack table that would resolve a number is what it leads to.
 *
 * Format: docs/formats/ledger.md, "pointers"
 */

import { z } from 'zod'
import { bytesField, check, count, decodeCbor, encodeCbor, integer } from './cbor.ts'
import {
  PACK_ID_SIZE,
  PACK_SIZE_MAX,
  packIdFromBytes,
  packIdToBytes,
  type PackId,
} from './manifest.ts'
import { SEALED_SIZE_MAX, SEALED_SIZE_MIN } from './object.ts'

/** Bytes of an encoded pointer, at most. */
export const LEDGER_POINTER_SIZE_MAX = 128

export interface LedgerPointer {
  readonly pack: PackId
  /** Of the sealed segment in the pack's own bytes. */
  readonly offset: number
  /** Of the sealed segment, bytes. */
  readonly length: number
  /** 32 bytes; opens this segment only. */
  readonly key: Uint8Array
}

const rowSchema = z.tuple([
  bytesField(PACK_ID_SIZE, PACK_ID_SIZE),
  count(PACK_SIZE_MAX),
  integer(SEALED_SIZE_MIN, SEALED_SIZE_MAX),
  bytesField(32, 32),
])

/** A pointer inside other structured data: an array of 4 items. */
export const ledgerPointerSchema: z.ZodType<LedgerPointer> = z
  .array(z.unknown())
  .max(4)
  .transform(pointerFromCbor)

/** @returns the array that `ledgerPointerSchema` reads */
export function ledgerPointerToCbor(pointer: LedgerPointer): readonly unknown[] {
  return [packIdToBytes(pointer.pack), pointer.offset, pointer.length, pointer.key]
}

/** @throws {FormatError} if a field is out of range */
export function encodeLedgerPointer(pointer: LedgerPointer): Uint8Array {
  const row = ledgerPointerToCbor(pointer)
  pointerFromCbor(row)
  return encodeCbor(row)
}

/** @throws {FormatError} */
export function decodeLedgerPointer(bytes: Uint8Array): LedgerPointer {
  return decodeCbor(bytes, ledgerPointerSchema, {
    format: 'ledger pointer',
    sizeMax: LEDGER_POINTER_SIZE_MAX,
  })
}

function pointerFromCbor(row: readonly unknown[]): LedgerPointer {
  const [pack, offset, length, key] = check(row, rowSchema, 'ledger pointer')
  return { pack: packIdFromBytes(pack), offset, length, key }
}
