/**
 * A compressed block inside a format: zstd (RFC 8878), level 3, or the bytes as they are where zstd
 * saves nothing.
 *
 * Layout: varint size ‖ varint packed size (0: not compressed) ‖ bytes
 */

import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib'

import type { ByteReader, ByteWriter } from './bytes.ts'
import { FormatError } from './errors.ts'

const LEVEL = 3
const WINDOW_LOG_MAX = 22 // 4 MiB: a hostile frame cannot ask for a larger window

export function putBlock(writer: ByteWriter, block: Uint8Array): void {
  const packed = zstdCompressSync(block, {
    params: { [constants.ZSTD_c_compressionLevel]: LEVEL },
  })
  const isSmaller = packed.length < block.length
  writer.varint(block.length)
  writer.varint(isSmaller ? packed.length : 0)
  writer.put(isSmaller ? packed : block)
}

/**
 * The inverse of {@link putBlock}.
 *
 * @returns the block, a view or an array of its own
 * @throws {FormatError} also when it says it has more than `sizeMax` bytes, before any are made
 */
export function takeBlock(reader: ByteReader, sizeMax: number): Uint8Array {
  const size = reader.varint()
  const packedSize = reader.varint()
  if (size > sizeMax) throw new FormatError(`block of ${size} bytes, at most ${sizeMax} allowed`)
  if (packedSize === 0) return reader.take(size)
  if (packedSize >= size) throw new FormatError('compressed block is not smaller')
  return unpackFrame(reader.take(packedSize), size)
}

/**
 * Unpack one zstd frame that came from anywhere.
 *
 * @param size - bytes that must come out; no more are ever made, so the caller bounds it
 * @throws {FormatError} unless it is one frame of exactly this size, and nothing else
 */
export function unpackFrame(packed: Uint8Array, size: number): Uint8Array {
  const { buffer, engine } = unpack(packed, size)
  if (buffer.length !== size) throw new FormatError(`frame of ${buffer.length} bytes, not ${size}`)
  if (engine.bytesWritten !== packed.length)
    throw new FormatError('bytes left over after the frame')
  return new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.length)
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
    throw new FormatError('not a zstd frame of the stated size', { cause })
  }
  throw new TypeError('zlib no longer tells how much it has read')
}

function isUnpacked(result: unknown): result is Unpacked {
  return typeof result === 'object' && result !== null && 'buffer' in result && 'engine' in result
}
