import { describe, expect, it } from 'vitest'

import { assertRandom, NodeRandom } from '../../src/adapters/node-random.ts'
import { AssertionError } from '../../src/base/assert.ts'
import { randomSuite } from '../ports/random.suite.ts'

randomSuite('NodeRandom', () => new NodeRandom())

describe('NodeRandom', () => {
  it('refuses a generator that gives zeros, and lets a few zeros be chance', () => {
    expect(() => assertRandom(new Uint8Array(32))).toThrow(AssertionError)
    expect(() => assertRandom(new Uint8Array(16))).toThrow(AssertionError)
    expect(() => assertRandom(new Uint8Array(15))).not.toThrow()
    expect(() => assertRandom(Uint8Array.of(...new Uint8Array(31), 1))).not.toThrow()
  })
})
