import * as fc from 'fast-check'
import { expect, it } from 'vitest'

import { DeltaMaker, makeSignature, parseSignature } from '../../src/codec/rdiff.ts'
import { RenewedSignature } from '../../src/codec/renewed-signature.ts'
import { sample } from '../vectors/format.ts'
import { cuts, edits, split } from './builders.ts'

const blockSize = 16

it('the signature made beside a delta is the one made alone', () => {
  fc.assert(
    fc.property(edits(blockSize), cuts, ({ old, file }, places) => {
      const known = parseSignature(makeSignature(old, { blockSize }))
      const parts = split(file, places)
      expect(renewed(known, blockSize, parts)).toEqual(makeSignature(file, { blockSize }))
    }),
    { numRuns: 500 },
  )
})

it('also for large files, unchanged, edited in place and shifted', () => {
  const old = sample(700_000)
  const edited = old.slice()
  edited.set(sample(1000, 2), 300_000)
  const shifted = new Uint8Array(Buffer.concat([sample(5, 3), old, sample(100_000, 4)]))
  for (const size of [512, 4096])
    for (const file of [old, old.subarray(0, 600_001), edited, shifted, sample(300_000, 5)]) {
      const known = parseSignature(makeSignature(old, { blockSize: size }))
      const parts = split(file, [0.1, 0.35, 0.351, 0.9])
      const signature = renewed(known, size, parts)
      expect(Buffer.compare(signature, makeSignature(file, { blockSize: size }))).toBe(0)
    }
})

it.for([
  { blockSize: 32, strongSize: 16 },
  { blockSize: 16, strongSize: 8 },
])('also where the old one has blocks of $blockSize and strong sums of $strongSize', (other) => {
  const old = sample(1000)
  const known = parseSignature(makeSignature(old, other))
  expect(renewed(known, blockSize, [old])).toEqual(makeSignature(old, { blockSize }))
})

function renewed(
  old: ReturnType<typeof parseSignature>,
  size: number,
  parts: readonly Uint8Array[],
): Uint8Array {
  const signature = new RenewedSignature(old, size)
  const maker = new DeltaMaker(old, { onCopy: (...copy) => signature.onCopy(...copy) })
  for (const part of parts) {
    signature.push(part)
    maker.push(part)
    signature.advance(maker.toldSize)
  }
  maker.close()
  signature.advance(maker.toldSize)
  return signature.close()
}
