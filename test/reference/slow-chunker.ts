/**
 * The slow twin of src/codec/chunker.ts: at every place the hash of the 32 bytes before it, from its
 * definition.
 */

import type { ChunkSizes } from '../../src/codec/chunker.ts'

/** Σ gear[bᵢ] · 2³¹⁻ⁱ modulo 2³², over the 32 bytes before `end`. */
function slowHash(gear: Uint32Array, file: Uint8Array, end: number): number {
  let sum = 0n
  for (let at = end - 32; at < end; at++) sum += BigInt(gear[file[at]!]!) << BigInt(end - 1 - at)
  return Number(sum % 2n ** 32n)
}

export function slowChunks(gear: Uint32Array, file: Uint8Array, sizes: ChunkSizes): Uint8Array[] {
  const { sizeMin, sizeAverage, sizeMax } = sizes
  if (file.length === 0) return []
  if (file.length <= sizeAverage) return [file]
  const threshold = Math.round(2 ** 32 / (sizeAverage - sizeMin))
  const chunks: Uint8Array[] = []
  let start = 0
  for (let end = 1; end <= file.length; end++) {
    const size = end - start
    const isCut = size >= sizeMin && slowHash(gear, file, end) < threshold
    if (isCut || size === sizeMax || end === file.length) {
      chunks.push(file.subarray(start, end))
      start = end
    }
  }
  return chunks
}
