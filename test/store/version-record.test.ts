import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { FormatError } from '../../protocol/errors.ts'
import type { Reference } from '../../protocol/reference.ts'
import type { Version } from '../../protocol/tree.ts'
import { decodeVersions, encodeVersions } from '../../src/store/version-record.ts'

describe('a version record', () => {
  it('comes back as it was', () => {
    fc.assert(
      fc.property(fc.array(versions, { maxLength: 4 }), (all) => {
        expect(decodeVersions(encodeVersions(all))).toEqual(all)
      }),
    )
  })

  it('of thousands of references comes back whole', () => {
    const references = Array.from({ length: 20_000 }, (_, offset): Reference => {
      const secret = new Uint8Array(32)
      return { pack: 1, offset, length: 100, key: { type: 'run', secret, ordinal: offset % 256 } }
    })
    const content = { type: 'original', parts: { depth: 0, references } } as const
    const version: Version = { ...plain, content }
    const [found] = decodeVersions(encodeVersions([version]))
    expect(found?.content.parts.references).toHaveLength(20_000)
    expect(found?.content.parts.references.at(-1)).toEqual(references.at(-1))
  })

  it('that is none is a format error', () => {
    const good = encodeVersions([plain])
    expect(() => decodeVersions(good.subarray(0, good.length - 1))).toThrow(FormatError)
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        try {
          decodeVersions(bytes)
        } catch (error) {
          expect(error).toBeInstanceOf(FormatError)
        }
      }),
    )
  })
})

const bytes32 = fc.uint8Array({ minLength: 32, maxLength: 32 })
const keys = fc.oneof(
  fc.record({ type: fc.constant('raw' as const), secret: bytes32 }),
  fc.record({ type: fc.constant('run' as const), secret: bytes32, ordinal: fc.nat(255) }),
)
const references: fc.Arbitrary<Reference> = fc.record({
  pack: fc.nat(2 ** 31),
  offset: fc.nat(2 ** 30),
  length: fc.integer({ min: 100, max: 4_000_000 }),
  key: keys,
})
const parts = fc.record({
  depth: fc.integer({ min: 0, max: 3 }),
  references: fc.array(references, { maxLength: 5 }),
})
const versions: fc.Arbitrary<Version> = fc.record({
  id: fc.nat(),
  size: fc.maxSafeNat(),
  digest: fc.option(bytes32, { nil: undefined }),
  label: fc.constantFrom('stable', 'retried', 'copied', 'fuzzy', 'app-consistent'),
  content: fc.oneof(
    fc.record({ type: fc.constant('original' as const), parts }),
    fc.record({ type: fc.constant('delta' as const), base: fc.nat(), parts }),
  ),
  extra: fc.array(fc.record({ type: fc.nat(65_535), bytes: fc.uint8Array({ maxLength: 40 }) }), {
    maxLength: 3,
  }),
})

const plain: Version = {
  id: 1_024,
  size: 0,
  digest: undefined,
  label: 'stable',
  content: { type: 'original', parts: { depth: 0, references: [] } },
  extra: [],
}
