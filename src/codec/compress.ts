/**
 * Compression of object bodies: single zstd frames (RFC 8878), level 3.
 */

import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib'

import { FormatError } from '../../protocol/errors.ts'
import { OBJECT_SIZE_MAX } from '../../protocol/object.ts'

const LEVEL = 3
const WINDOW_LOG_MAX = 22 // 4 MiB, the largest body: a hostile frame cannot ask for a larger window
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
  const { buffer: body, engine } = unpack(packed, size)
  if (body.length !== size) throw new BadCompressionError(`${body.length} bytes, not ${size}`)
  if (engine.bytesWritten !== packed.length) throw new BadCompressionError('bytes left over')
  return new Uint8Array(body.buffer, body.byteOffset, body.length)
}

/** What Node gives with `info: true`, which its types leave out. */
interface Unpacked {
  readonly buffer: Uint8Array
  readonly engine: { readonly bytesWritten: number }
}

function unpack(packed: Uint8Array, size: number): Unpacked {
  try {
    const result: unknown = zstdDecompressSync(packed, {
      info: true, // Node ignores what follows a frame; this tells how much it has read.
      maxOutputLength: Math.max(1, size),
      params: { [constants.ZSTD_d_windowLogMax]: WINDOW_LOG_MAX },
    })
    if (isUnpacked(result)) return result
  } catch (cause) {
    throw new BadCompressionError('not a zstd frame of the size it should have', { cause })
  }
  throw new TypeError('zlib no longer tells how much it has read')
}

function isUnpacked(result: unknown): result is Unpacked {
  return typeof result === 'object' && result !== null && 'buffer' in result && 'engine' in result
}
