import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { concat } from '../../protocol/bytes.ts'
import { sha256 } from '../../protocol/hash.ts'
import {
  HASH_STATE_SIZE_MAX,
  hashedSize,
  openSha256,
  type OpenHash,
} from '../../src/codec/resumable-sha256.ts'
import { openSystemSha256 } from '../../src/adapters/system-sha256.ts'
import { sample } from '../vectors/format.ts'
import { bytesOfSizes, sizesAround } from './builders.ts'

const bytes = bytesOfSizes(...sizesAround(64), ...sizesAround(128), 1_000)

const kinds: readonly (readonly [string, OpenHash | undefined])[] = [
  ['ours', openSha256],
  ['the system’s', openSystemSha256],
]

describe.each(kinds)('a hash that is put aside: %s', (_, open) => {
  it.skipIf(open === undefined)('goes on as if it had not been', () => {
    fc.assert(
      fc.property(bytes, bytes, bytes, (first, second, third) => {
        const hash = open!()
        hash.update(first)
        const saved = hash.save()
        expect(hashedSize(saved)).toBe(first.length)
        expect(saved.length).toBeLessThanOrEqual(HASH_STATE_SIZE_MAX)
        const later = open!(saved)
        later.update(second)
        // Both go on, each by itself.
        hash.update(third)
        expect(hash.digest()).toEqual(sha256(first, third))
        later.update(third)
        expect(later.digest()).toEqual(sha256(first, second, third))
      }),
    )
  })

  it.skipIf(open === undefined)('goes on in the other kind, from the same state', () => {
    fc.assert(
      fc.property(bytes, bytes, (first, second) => {
        const hash = open!()
        hash.update(first)
        const ours = openSha256()
        ours.update(first)
        expect(hash.save()).toEqual(ours.save())
        const later = open!(ours.save())
        later.update(second)
        expect(later.digest()).toEqual(sha256(concat(first, second)))
      }),
    )
  })
})

describe('a saved state', () => {
  it('says how many bytes it is of, and is none if it was cut', () => {
    const hash = openSha256()
    hash.update(sample(100))
    const saved = hash.save()
    expect(hashedSize(saved)).toBe(100)
    expect(hashedSize(saved.subarray(0, -1))).toBeUndefined()
    expect(hashedSize(saved.subarray(0, 39))).toBeUndefined()
    expect(hashedSize(concat(saved, Uint8Array.of(0)))).toBeUndefined()
  })

  it('keeps its size beyond 4 GiB', () => {
    const saved = openSha256().save()
    new DataView(saved.buffer).setBigUint64(32, 2n ** 40n)
    for (const [, open] of kinds) {
      if (open === undefined) continue
      const hash = open(saved)
      hash.update(sample(64))
      expect(hashedSize(hash.save())).toBe(2 ** 40 + 64)
    }
  })
})
