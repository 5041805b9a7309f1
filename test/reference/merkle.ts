/**
 * The slow twin of protocol/merkle.ts: RFC 6962 section 2.1 read aloud, every subtree hashed anew.
 *
 * A range proof is the hash of each largest subtree without a wanted leaf, left to right.
 */

import { createHash } from 'node:crypto'

export function slowLeaves(shareNumber: number, piece: Uint8Array, leafSize: number): Buffer[] {
  const leaves: Buffer[] = []
  for (let start = 0; start < piece.length; start += leafSize) {
    const bytes = piece.slice(start, start + leafSize)
    const prefix = Buffer.alloc(10)
    prefix.writeUInt8(0, 0)
    prefix.writeUInt8(shareNumber, 1)
    prefix.writeUInt32BE(leaves.length, 2)
    prefix.writeUInt32BE(bytes.length, 6)
    leaves.push(
      createHash('sha256')
        .update(Buffer.concat([prefix, bytes]))
        .digest(),
    )
  }
  return leaves
}

/** MTH(D[n]) */
export function slowRoot(leaves: readonly Buffer[]): Buffer {
  const [only] = leaves
  if (only !== undefined && leaves.length === 1) return only
  const k = largestPowerOfTwoBelow(leaves.length)
  const children = [Buffer.of(1), slowRoot(leaves.slice(0, k)), slowRoot(leaves.slice(k))]
  return createHash('sha256').update(Buffer.concat(children)).digest()
}

/** @param wanted - for each leaf, whether the reader has it */
export function slowProof(leaves: readonly Buffer[], wanted: readonly boolean[]): Buffer[] {
  if (!wanted.includes(true)) return [slowRoot(leaves)]
  if (leaves.length === 1) return []
  const k = largestPowerOfTwoBelow(leaves.length)
  return [
    ...slowProof(leaves.slice(0, k), wanted.slice(0, k)),
    ...slowProof(leaves.slice(k), wanted.slice(k)),
  ]
}

function largestPowerOfTwoBelow(count: number): number {
  let power = 1
  while (power * 2 < count) power *= 2
  return power
}
