import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { concat } from '../../protocol/bytes.ts'
import { sha256 } from '../../protocol/hash.ts'
import type { ObjectKey } from '../../protocol/reference.ts'
import { reseal } from '../../src/codec/reseal.ts'
import { objectKeyBytes, preparePlain, rawKey, runSecret, seal } from '../../src/codec/seal.ts'
import { noise } from '../support/test-vault.ts'

const contentSecret = new Uint8Array(32).fill(0x63)
const KIB = 1024

describe('resealing', () => {
  it('gives the very bytes that were sealed before, of a run as well', () => {
    const bodies = fc.array(fc.uint8Array({ maxLength: 3_000, size: 'max' }), { maxLength: 9 })
    fc.assert(
      fc.property(bodies, fc.boolean(), (contents, isRun) => {
        const plains = contents.map((body) => preparePlain('content', body))
        const secret = runSecret(
          contentSecret,
          plains.map(({ digest }) => digest),
        )
        const keys = plains.map(({ digest }, ordinal): ObjectKey =>
          isRun ? { type: 'run', secret, ordinal } : rawKey(contentSecret, digest),
        )
        const sealed = plains.map(({ plain }, index) => seal(plain, keys[index]!))
        const again = resealed(contents, keys, sealed)
        expect(again.sealed).toEqual(concat(...sealed))
        expect(again.likeness).toEqual(contents.map(() => (isRun ? 'likely' : 'same')))
        expect(again.digests).toEqual(concat(...contents.map((body) => sha256(body))))
      }),
    )
  })

  it('tells what changed: by its key where it stands alone, else by its length', () => {
    const before = [noise(200 * KIB, 1), noise(5 * KIB, 2), noise(5 * KIB, 3)]
    const plains = before.map((body) => preparePlain('content', body))
    const keys = plains.map(({ digest }) => rawKey(contentSecret, digest))
    const sealed = plains.map(({ plain }, index) => seal(plain, keys[index]!))
    const after = [noise(200 * KIB, 4), noise(5 * KIB, 5), noise(4 * KIB, 3)]
    const again = resealed(after, keys, sealed)
    // A small one may have been part of a run, whose key would say nothing.
    expect(again.likeness).toEqual(['different', 'likely', 'different'])
    expect(again.sealed.length).toBe(sealed[1]!.length)
    expect(again.sealed).not.toEqual(sealed[1])
  })
})

function resealed(
  contents: readonly Uint8Array[],
  keys: readonly ObjectKey[],
  sealed: readonly Uint8Array[],
) {
  const [result] = reseal({ contentSecret }).push({
    bytes: concat(...contents),
    sizes: contents.map(({ length }) => length),
    lengths: sealed.map(({ length }) => length),
    keys: concat(...keys.map(objectKeyBytes)),
  })
  return result!
}
