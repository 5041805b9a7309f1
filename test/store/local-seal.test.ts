import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { FormatError } from '../../src/base/errors.ts'
import { LocalSeal } from '../../src/store/local-seal.ts'

const KEY = new Uint8Array(32).fill(1)
const PLAIN = Uint8Array.of(1, 2, 3)

describe('a local seal', () => {
  it('opens what it sealed', () => {
    const seal = new LocalSeal(KEY, 'published')
    expect(seal.open(seal.seal(PLAIN))).toEqual(PLAIN)
  })

  it('opens values of any size, and none of which a single bit differs', () => {
    const seal = new LocalSeal(KEY, 'versions')
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat(), fc.nat(7), (plain, place, bit) => {
        const sealed = seal.seal(plain)
        expect(seal.open(sealed)).toEqual(plain)
        const at = place % sealed.length
        const changed = sealed.with(at, (sealed[at] ?? 0) ^ (1 << bit))
        expect(() => seal.open(changed)).toThrow(FormatError)
      }),
    )
    expect(() => seal.open(new Uint8Array(15))).toThrow(FormatError)
  })

  it('opens nothing that was changed, sealed for another use, or by another vault', () => {
    const sealed = new LocalSeal(KEY, 'published').seal(PLAIN)
    const changed = sealed.with(17, (sealed[17] ?? 0) ^ 1)
    expect(() => new LocalSeal(KEY, 'published').open(changed)).toThrow(FormatError)
    expect(() => new LocalSeal(KEY, 'versions').open(sealed)).toThrow(FormatError)
    expect(() => new LocalSeal(KEY.with(0, 2), 'published').open(sealed)).toThrow(FormatError)
  })
})
