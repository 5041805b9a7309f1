/**
 * Taking a columnar body apart and putting it together again, to damage it where it hurts: behind the
 * compression.
 */

import { zstdDecompressSync } from 'node:zlib'

import { ByteReader, ByteWriter } from '../../protocol/bytes.ts'

/** @returns the same body with its block of columns uncompressed and changed */
export function withBlock(body: Uint8Array, change: (block: Uint8Array) => Uint8Array): Uint8Array {
  const reader = new ByteReader(body)
  const head = reader.take(2)
  const size = reader.varint()
  const packedSize = reader.varint()
  const block = packedSize === 0 ? reader.take(size) : zstdDecompressSync(reader.take(packedSize))
  const changed = change(new Uint8Array(block))
  const writer = new ByteWriter().put(head).varint(changed.length).varint(0).put(changed)
  return writer.put(reader.take(reader.remaining)).finish()
}
