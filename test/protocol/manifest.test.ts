import * as fc from 'fast-check'
import { CID } from 'multiformats/cid'
import * as Digest from 'multiformats/hashes/digest'
import { describe, expect, it } from 'vitest'

import { encodeCbor } from '../../protocol/cbor.ts'
import { fromBase32 } from '../../protocol/bytes.ts'
import { FormatError, VersionError } from '../../protocol/errors.ts'
import { sha256 } from '../../protocol/hash.ts'
import {
  decodeManifest,
  encodeManifest,
  leafCount,
  MANIFEST_SIZE_MAX,
  PACK_SIZE_MAX,
  packId,
  packIdFromBytes,
  packIdToBytes,
  parsePackId,
  pieceSize,
} from '../../protocol/manifest.ts'
import type { Manifest } from '../../protocol/manifest.ts'

import { MANIFEST, MANIFEST_BYTES, sampleRoots } from './examples.ts'
import { foreignError } from './fuzz.ts'

const manifest: fc.Arbitrary<Manifest> = fc
  .tuple(
    fc.integer({ min: 1, max: 256 }),
    fc.integer({ min: 0, max: 255 }),
    fc.integer({ min: 1, max: PACK_SIZE_MAX }),
    fc.constantFrom(4096, 16_384),
  )
  .map(([total, less, size, leafSize]) => ({
    version: 1,
    needed: Math.max(1, total - less),
    total,
    size,
    leafSize,
    roots: sampleRoots(total),
  }))

const largest: Manifest = {
  version: 1,
  needed: 256,
  total: 256,
  size: PACK_SIZE_MAX,
  leafSize: 16_384,
  roots: sampleRoots(256),
}

describe('manifests', () => {
  it('come out as they went in', () => {
    fc.assert(
      fc.property(manifest, (value) => {
        expect(decodeManifest(encodeManifest(value))).toEqual(value)
      }),
    )
  })

  it('are as large as stated at the most', () => {
    const bytes = encodeManifest(largest)
    expect(bytes).toHaveLength(MANIFEST_SIZE_MAX)
    expect(decodeManifest(bytes)).toEqual(largest)
  })

  it('throw nothing but FormatErrors when damaged', async () => {
    expect(await foreignError(decodeManifest, [MANIFEST_BYTES], 1000)).toBeUndefined()
  })
})

describe('manifests are refused', () => {
  it.each<[string, object]>([
    ['needed', { needed: 0 }],
    ['needed', { needed: 6 }],
    ['needed', { needed: -1 }],
    ['needed', { needed: 257 }],
    ['total', { total: 257, roots: sampleRoots(256) }],
    ['total', { total: 2 ** 31 }],
    ['total', { total: 0, roots: [] }],
    ['size', { size: 0 }],
    ['size', { size: -1 }],
    ['size', { size: PACK_SIZE_MAX + 1 }],
    ['leafSize', { leafSize: 0 }],
    ['leafSize', { leafSize: 8192 }],
    ['roots', { roots: sampleRoots(4) }],
    ['roots', { roots: sampleRoots(6) }],
    ['roots.0', { roots: [new Uint8Array(31), ...sampleRoots(4)] }],
  ])('W09: naming %s out of range: %o', (field, change) => {
    expect(() => decodeManifest(encodeCbor({ ...MANIFEST, ...change }))).toThrow(`field ${field}`)
  })

  it('by the writer too', () => {
    expect(() => encodeManifest({ ...MANIFEST, needed: 6 })).toThrow(FormatError)
    expect(() => encodeManifest({ ...MANIFEST, size: Number.NaN })).toThrow(FormatError)
  })

  it('when of a later version, and say so', () => {
    const later = encodeCbor({ version: 2, anything: true })
    expect(() => decodeManifest(later)).toThrow(VersionError)
  })

  it('with a field too many or missing', () => {
    expect(() => decodeManifest(encodeCbor({ ...MANIFEST, more: 1 }))).toThrow(FormatError)
    expect(() => decodeManifest(encodeCbor({ version: 1 }))).toThrow(FormatError)
  })

  it('above their largest size', () => {
    const above = new Uint8Array(MANIFEST_SIZE_MAX + 1)
    expect(() => decodeManifest(above)).toThrow('at most')
  })
})

describe('pieces and leaves', () => {
  it.each([
    [{ size: 1, needed: 1, leafSize: 4096 }, 1, 1],
    [{ size: 1, needed: 3, leafSize: 4096 }, 1, 1],
    [{ size: 4096, needed: 1, leafSize: 4096 }, 4096, 1],
    [{ size: 4097, needed: 1, leafSize: 4096 }, 4097, 2],
    [{ size: 12_289, needed: 3, leafSize: 4096 }, 4097, 2],
    [{ size: PACK_SIZE_MAX, needed: 1, leafSize: 4096 }, PACK_SIZE_MAX, 16_384],
  ])('of %o are %d bytes and %d leaves', (code, size, leaves) => {
    expect(pieceSize(code)).toBe(size)
    expect(leafCount(code)).toBe(leaves)
  })
})

describe('names of packs', () => {
  it('are the CIDs that multiformats makes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 50 }), (bytes) => {
        const cid = CID.createV1(0x71, Digest.create(0x12, sha256(bytes)))
        const id = packId(bytes)
        expect(id).toBe(cid.toString())
        expect(packIdToBytes(id)).toEqual(new Uint8Array(cid.bytes))
        expect(packIdFromBytes(cid.bytes)).toBe(id)
        expect(parsePackId(id)).toBe(id)
      }),
    )
  })

  it('have one text and one row of bytes only', () => {
    const id = packId(MANIFEST_BYTES)
    const bytes = packIdToBytes(id)
    const texts = [
      '',
      id.toUpperCase(),
      id.slice(1),
      ` ${id}`,
      `${id}\n`,
      id.slice(0, -1),
      `${id}a`,
    ]
    for (const text of [...texts, 'bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku']) {
      expect(() => parsePackId(text)).toThrow(FormatError)
    }
    const rows = [
      bytes.slice(1),
      new Uint8Array([...bytes, 0]),
      bytes.with(0, 0),
      bytes.with(1, 0x55),
    ]
    for (const row of [...rows, bytes.with(3, 31), new Uint8Array(0), new Uint8Array(36)]) {
      expect(() => packIdFromBytes(row)).toThrow(FormatError)
    }
  })

  it('are told from other texts as the bytes behind them would be', () => {
    const letters = 'abcdefghijklmnopqrstuvwxyz234567'
    const id = packId(MANIFEST_BYTES)
    const at = fc.integer({ min: 0, max: id.length - 1 })
    fc.assert(
      fc.property(at, fc.constantFrom(...letters.split('')), (index, letter) => {
        const text = id.slice(0, index) + letter + id.slice(index + 1)
        expect(isName(text)).toBe(text.startsWith('b') && isNameByItsBytes(text))
      }),
      { numRuns: 2000 },
    )
  })

  it('refuse text whose last character has bits left over', () => {
    const id = packId(MANIFEST_BYTES)
    const ends = 'abcdefghijklmnopqrstuvwxyz234567'.split('').map((end) => id.slice(0, -1) + end)
    expect(ends.filter(isName)).toHaveLength(8)
  })
})

/** Decoded and encoded again. */
function isNameByItsBytes(text: string): boolean {
  try {
    return packIdFromBytes(fromBase32(text.slice(1))) === text
  } catch (error) {
    if (!(error instanceof FormatError)) throw error
    return false
  }
}

function isName(text: string): boolean {
  try {
    return parsePackId(text) === text
  } catch (error) {
    if (!(error instanceof FormatError)) throw error
    return false
  }
}
