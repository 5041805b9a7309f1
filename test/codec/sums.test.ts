import { blake2b } from '@noble/hashes/blake2.js'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import { strongSum } from '../../src/codec/plain/strong-sum.ts'
import {
  rollWeakSum,
  shrinkWeakPower,
  shrinkWeakSum,
  weakPower,
  weakSum,
} from '../../src/codec/plain/weak-sum.ts'
import { slowWeakSum } from '../reference/slow-rdiff.ts'
import { bytesOfSizes, sizesAround } from './builders.ts'

const some = fc.uint8Array({ minLength: 1, maxLength: 40 })

describe('the weak sum', () => {
  it('is what its definition says', () => {
    fc.assert(
      fc.property(bytesOfSizes(0, 1, 2, 3, 4, 5, 7, 8, 9, 1000), (bytes) => {
        expect(weakSum(bytes, 0, bytes.length) >>> 0).toBe(slowWeakSum(bytes))
      }),
    )
  })

  it('rolls one byte on as if computed anew', () => {
    fc.assert(
      fc.property(some, fc.integer({ min: 0, max: 255 }), (block, come) => {
        const length = block.length
        const longer = Uint8Array.of(...block, come)
        const rolled = rollWeakSum(weakSum(block, 0, length), weakPower(length), block[0]!, come)
        expect(rolled).toBe(weakSum(longer, 1, length + 1))
      }),
    )
  })

  it('shrinks by one byte as if computed anew', () => {
    fc.assert(
      fc.property(some, (block) => {
        const power = shrinkWeakPower(weakPower(block.length))
        expect(power).toBe(weakPower(block.length - 1))
        const sum = weakSum(block, 0, block.length)
        expect(shrinkWeakSum(sum, power, block[0]!)).toBe(weakSum(block, 1, block.length))
      }),
    )
  })

  it('tells blocks of zeros of different lengths apart', () => {
    const sums = [0, 1, 2, 100, 4096].map((length) => weakSum(new Uint8Array(length), 0, length))
    expect(new Set(sums).size).toBe(5)
  })
})

describe('the strong sum', () => {
  it('is BLAKE2b with a digest of 32 bytes', () => {
    fc.assert(
      fc.property(bytesOfSizes(...sizesAround(128), 4096, 20_000), (bytes) => {
        expect(strongSum(bytes)).toEqual(blake2b(bytes, { dkLen: 32 }))
      }),
      { numRuns: 30 },
    )
  })

  it('takes views, and gives arrays that stay as they are', () => {
    const bytes = Uint8Array.of(9, 1, 2, 3, 9)
    const sum = strongSum(bytes.subarray(1, 4))
    strongSum(bytes)
    expect(sum).toEqual(blake2b(Uint8Array.of(1, 2, 3), { dkLen: 32 }))
  })
})
