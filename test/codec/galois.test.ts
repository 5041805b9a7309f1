import { describe, expect, it } from 'vitest'

import { exponential, logarithm, multiply } from '../../src/codec/galois.ts'
import { slowMultiply } from '../reference/slow-erasure.ts'

const bytes = Array.from({ length: 256 }, (_, byte) => byte)

describe('the field', () => {
  it('multiplies as polynomials do', () => {
    for (const a of bytes)
      expect(bytes.map((b) => multiply(a, b))).toEqual(bytes.map((b) => slowMultiply(a, b)))
  })

  it('has every byte but zero as a power of two', () => {
    const powers = bytes.slice(0, 255).map((power) => exponential(power))
    expect(powers.toSorted((a, b) => a - b)).toEqual(bytes.slice(1))
    expect(powers.map((element) => logarithm(element))).toEqual(bytes.slice(0, 255))
  })

  it('repeats its powers after 255', () => {
    for (let power = 0; power < 255; power++)
      expect(exponential(power + 255)).toBe(exponential(power))
  })
})
