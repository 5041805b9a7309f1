/**
 * Object sizes: how many bytes of a file each object of its original holds.
 *
 * An extra of a version. A reference tells only how long an object is once compressed and sealed; with the
 * sizes a reader knows which objects hold a stretch of the file, and fetches no others.
 *
 * Format: docs/formats/object-sizes.md
 */

import { ByteReader, ByteWriter } from './bytes.ts'
import { FormatError } from './errors.ts'
import { OBJECT_SIZE_MAX } from './object.ts'
import { EXTRA_SIZE_MAX, type Extra, type Version } from './tree.ts'

/** The extra's type; a reader that does not know it fetches the whole original. */
export const OBJECT_SIZES_EXTRA = 1

/**
 * @param sizes - bytes of the file in each object, in order
 * @returns the extra; `undefined` for fewer than two objects, or so many that it would be too large
 */
export function encodeObjectSizes(sizes: readonly number[]): Extra | undefined {
  if (sizes.length < 2) return undefined
  const writer = new ByteWriter()
  for (const size of sizes) {
    if (!Number.isInteger(size) || size < 1 || size > OBJECT_SIZE_MAX) {
      throw new FormatError(`object sizes: an object of ${size} bytes`)
    }
    writer.varint(size)
  }
  const bytes = writer.finish()
  return bytes.length > EXTRA_SIZE_MAX ? undefined : { type: OBJECT_SIZES_EXTRA, bytes }
}

/**
 * @param version - an original
 * @returns the sizes of its objects in order; `undefined` where they are not told
 * @throws {FormatError} if they do not add up to the version's size
 */
export function decodeObjectSizes({ size, extra }: Version): number[] | undefined {
  const found = extra.find(({ type }) => type === OBJECT_SIZES_EXTRA)
  if (found === undefined) return undefined
  const reader = new ByteReader(found.bytes)
  const sizes: number[] = []
  let total = 0
  while (reader.remaining > 0) {
    const one = reader.varint()
    if (one < 1 || one > OBJECT_SIZE_MAX) throw new FormatError(`object sizes: ${one} bytes`)
    sizes.push(one)
    total += one
  }
  if (sizes.length < 2 || total !== size) {
    throw new FormatError(`object sizes: ${sizes.length} objects of ${total} bytes, for ${size}`)
  }
  return sizes
}
