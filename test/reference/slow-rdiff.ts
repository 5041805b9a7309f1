/**
 * The slow twin of src/codec/rdiff*.ts: whole files in memory, sums from their definitions.
 */

import { blake2b } from '@noble/hashes/blake2.js'

export type SlowOp =
  { type: 'literal'; bytes: Uint8Array } | { type: 'copy'; start: number; length: number }

const MULTIPLIER = 0x08104225n
const MODULUS = 2n ** 32n

/** Mⁿ + Σ bᵢ · Mⁿ⁻¹⁻ⁱ modulo 2³². */
export function slowWeakSum(bytes: Uint8Array): number {
  return Number(bytes.reduce((sum, byte) => (sum * MULTIPLIER + BigInt(byte)) % MODULUS, 1n))
}

export function slowSignature(file: Uint8Array, blockSize: number, strongSize: number): Uint8Array {
  const blocks = slowBlocks(file, blockSize).map((block) => [
    ...u32(slowWeakSum(block)),
    ...blake2b(block, { dkLen: 32 }).subarray(0, strongSize),
  ])
  return Uint8Array.from([
    0x72,
    0x73,
    0x01,
    0x47,
    ...u32(blockSize),
    ...u32(strongSize),
    ...blocks.flat(),
  ])
}

/** The operations that a delta should hold: greedy, literals and copies merged. */
export function slowDelta(old: Uint8Array, file: Uint8Array, blockSize: number): SlowOp[] {
  const firstOf = new Map<string, number>()
  const blocks = slowBlocks(old, blockSize).map(keyOf)
  for (const [block, key] of blocks.entries()) if (!firstOf.has(key)) firstOf.set(key, block)

  const ops: SlowOp[] = []
  for (let at = 0; at < file.length;) {
    const key = keyOf(file.subarray(at, at + blockSize))
    const last = ops.at(-1)
    const next = last?.type === 'copy' ? (last.start + last.length) / blockSize : -1
    const block = blocks[next] === key ? next : firstOf.get(key)
    if (block === undefined) {
      if (last?.type === 'literal') last.bytes = Uint8Array.from([...last.bytes, file[at]!])
      else ops.push({ type: 'literal', bytes: file.slice(at, at + 1) })
      at++
    } else {
      const length = Math.min(blockSize, file.length - at)
      if (last?.type === 'copy' && block === next) last.length += length
      else ops.push({ type: 'copy', start: block * blockSize, length })
      at += length
    }
  }
  return ops
}

export function slowPatch(old: Uint8Array, ops: readonly SlowOp[]): Uint8Array {
  const parts = ops.map((op) =>
    op.type === 'literal' ? op.bytes : old.slice(op.start, op.start + op.length),
  )
  return Uint8Array.from(parts.flatMap((part) => [...part]))
}

function slowBlocks(file: Uint8Array, blockSize: number): Uint8Array[] {
  const count = Math.ceil(file.length / blockSize)
  return Array.from({ length: count }, (_, block) =>
    file.subarray(block * blockSize, (block + 1) * blockSize),
  )
}

function keyOf(bytes: Uint8Array): string {
  return bytes.join()
}

function u32(value: number): number[] {
  return [value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255]
}
