/**
 * Extents: which stretches of a pack number's bytes are still there, once packs were merged.
 *
 * References give a pack's number and an offset in the bytes that were written under that number. When
 * a pack is written anew, only its live stretches are copied, back to back; a list of them says where
 * each offset went. Without a list all bytes are there.
 *
 * Format: docs/formats/ledger.md
 */

import { ByteReader, ByteWriter } from './bytes.ts'
import { FormatError } from './errors.ts'
import { PACK_SIZE_MAX } from './manifest.ts'

/** Extents of one number, at most: with more, dead bytes between live ones are copied along. */
export const EXTENTS_MAX = 1024

/** A stretch of a number's own bytes. */
export interface Extent {
  readonly offset: number
  /** At least 1. */
  readonly length: number
}

/** Where the bytes of a number lie in a pack. */
export interface Mapping {
  /** Bytes from the start of the pack to the number's first byte that is there. */
  readonly base: number
  /** What is there, ascending, not touching each other; `undefined`: all, from offset 0 on. */
  readonly extents: readonly Extent[] | undefined
}

/**
 * @param range - of the number's own bytes
 * @returns bytes from the start of the pack; `undefined` where not all of the range is there
 */
export function placeOf({ base, extents }: Mapping, range: Extent): number | undefined {
  if (extents === undefined) return base + range.offset
  let place = base
  for (const { offset, length } of extents) {
    const isInside = range.offset >= offset && range.offset + range.length <= offset + length
    if (isInside) return place + range.offset - offset
    place += length
  }
  return undefined
}

/** @returns bytes in all extents */
export function extentsSize(extents: readonly Extent[]): number {
  return extents.reduce((sum, { length }) => sum + length, 0)
}

/** @returns whether a list is one that a writer may write */
export function areExtents(extents: readonly Extent[]): boolean {
  if (extents.length === 0 || extents.length > EXTENTS_MAX) return false
  return extents.every(({ offset, length }, index) => {
    const before = extents[index - 1]
    const offsetMin = before === undefined ? 0 : before.offset + before.length + 1
    const isInteger = Number.isSafeInteger(offset) && Number.isSafeInteger(length)
    return isInteger && offset >= offsetMin && length >= 1 && offset + length <= PACK_SIZE_MAX
  })
}

/** @throws {FormatError} for a list that is none */
export function writeExtents(writer: ByteWriter, extents: Mapping['extents']): void {
  if (extents !== undefined && !areExtents(extents)) throw new FormatError('extents: out of order')
  writer.varint(extents?.length ?? 0)
  let end = -1
  for (const { offset, length } of extents ?? []) {
    writer.varint(offset - end - 1).varint(length - 1)
    end = offset + length
  }
}

/** @throws {FormatError} */
export function readExtents(reader: ByteReader): Mapping['extents'] {
  const count = reader.varint()
  if (count === 0) return undefined
  if (count > EXTENTS_MAX) throw new FormatError(`extents: ${count}, at most ${EXTENTS_MAX}`)
  const extents: Extent[] = []
  for (let end = -1; extents.length < count;) {
    const offset = end + 1 + reader.varint()
    const length = reader.varint() + 1
    extents.push({ offset, length })
    end = offset + length
  }
  if (!areExtents(extents)) throw new FormatError('extents: out of range')
  return extents
}

/** @returns the bytes of a list by itself */
export function encodeExtents(extents: Mapping['extents']): Uint8Array {
  const writer = new ByteWriter()
  writeExtents(writer, extents)
  return writer.finish()
}

/** @throws {FormatError} */
export function decodeExtents(bytes: Uint8Array): Mapping['extents'] {
  const reader = new ByteReader(bytes)
  const extents = readExtents(reader)
  reader.end()
  return extents
}
