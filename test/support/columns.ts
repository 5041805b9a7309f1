/**
 * Taking a columnar body apart and putting it together again, to damage it where it hurts: behind the
 * compression.
 */

import { ByteReader, ByteWriter } from '../../protocol/bytes.ts'
import { COLUMNS_SIZE_MAX } from '../../protocol/columns.ts'
import { takeBlock } from '../../protocol/zstd-block.ts'

/** @returns the same body with its block of columns uncompressed and changed */
export function withBlock(body: Uint8Array, change: (block: Uint8Array) => Uint8Array): Uint8Array {
  const reader = new ByteReader(body)
  const head = reader.take(2)
  const block = change(takeBlock(reader, COLUMNS_SIZE_MAX).slice())
  const writer = new ByteWriter().put(head).varint(block.length).varint(0).put(block)
  return writer.put(reader.take(reader.remaining)).finish()
}
