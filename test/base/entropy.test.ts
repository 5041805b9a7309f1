import { describe, expect, it } from 'vitest'
import { assertEntropy, EntropyError } from '../../src/base/entropy.ts'
import { NodeRandom } from '../../src/adapters/node-random.ts'
import { SimRandom } from '../../sim/random.ts'

describe('a random generator', () => {
  it('K05: that gives zeros, one byte, little else, the same twice, or nothing is refused', () => {
    const once = new SimRandom(1).bytes(32)
    const broken: readonly ((length: number) => Uint8Array)[] = [
      (length) => new Uint8Array(length),
      (length) => new Uint8Array(length).fill(7),
      (length) => Uint8Array.from({ length }, (_, index) => index % 3),
      () => once.slice(),
      () => new Uint8Array(0),
      () => {
        throw new Error('no such device')
      },
    ]
    for (const bytes of broken) expect(() => assertEntropy({ bytes })).toThrow(EntropyError)
  })

  it('K05: that works is taken', () => {
    assertEntropy(new NodeRandom())
    for (let seed = 0; seed < 2000; seed += 1) assertEntropy(new SimRandom(seed))
  })
})
