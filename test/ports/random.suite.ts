/** What every Random promises. */

import { describe, expect, it } from 'vitest'

import type { Random } from '../../src/ports/random.ts'

export function randomSuite(name: string, makeRandom: () => Random | Promise<Random>): void {
  describe(`${name} as a Random`, () => {
    it('gives as many bytes as asked', async () => {
      const random = await makeRandom()
      for (const length of [0, 1, 12, 24, 32, 65_537]) {
        expect(random.bytes(length)).toHaveLength(length)
      }
    })

    it('never gives the same bytes twice', async () => {
      const random = await makeRandom()
      const seen = new Set(Array.from({ length: 1000 }, () => random.bytes(16).join()))
      expect(seen.size).toBe(1000)
    })

    it('gives arrays of their own', async () => {
      const random = await makeRandom()
      const first = random.bytes(32)
      const copy = first.slice()
      random.bytes(32).fill(0)
      expect(first).toEqual(copy)
      expect(first.buffer.byteLength).toBe(32)
    })

    it('lets every bit be set and clear', async () => {
      const random = await makeRandom()
      const ever = new Uint8Array(32)
      const always = new Uint8Array(32).fill(255)
      for (let round = 0; round < 200; round++) {
        random.bytes(32).forEach((byte, index) => {
          ever[index] = (ever[index] ?? 0) | byte
          always[index] = (always[index] ?? 0) & byte
        })
      }
      expect(ever).toEqual(new Uint8Array(32).fill(255))
      expect(always).toEqual(new Uint8Array(32))
    })
  })
}
