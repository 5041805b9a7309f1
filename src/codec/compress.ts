/**
 * Compression of object bodies: single zstd frames (RFC 8878), level 3.
 */

import { constants, zstdCompressSync } from 'node:zlib'

import { FormatError } from '../../protocol/errors.ts'
import { OBJECT_SIZE_MAX } from '../../protocol/object.ts'
import { unpackFrame } from '../../protocol/zstd-block.ts'

const LEVEL = 3
const SAVING_MIN = 1 / 16 // below that, the time to open it again is worth more

/** A frame that is none, or does not hold the number of bytes it should. */
export class BadCompressionError extends FormatError {
  override readonly name = 'BadCompressionError'
}

/** @returns one zstd frame, or `undefined` if it would not save a sixteenth */
export function compress(body: Uint8Array): Uint8Array | undefined {
  const packed = zstdCompressSync(body, {
    params: {
      [constants.ZSTD_c_compressionLevel]: LEVEL,
      [constants.ZSTD_c_contentSizeFlag]: 1,
      [constants.ZSTD_c_checksumFlag]: 0, // the seal checks more
    },
    pledgedSrcSize: body.length,
  })
  const sizeMax = body.length * (1 - SAVING_MIN)
  return packed.length <= sizeMax && packed.length < body.length
    ? new Uint8Array(packed)
    : undefined
}

/**
 * @param size - bytes that must come out, at most {@link OBJECT_SIZE_MAX}; no more are ever produced
 * @throws {BadCompressionError}
 */
export function decompress(packed: Uint8Array, size: number): Uint8Array {
  if (size > OBJECT_SIZE_MAX) throw new BadCompressionError(`${size} bytes are too many`)
  try {
    return unpackFrame(packed, size)
  } catch (cause) {
    if (!(cause instanceof FormatError)) throw cause
    throw new BadCompressionError(cause.message, { cause })
  }
}
