import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { FsIndex } from '../../src/source/adapters/fs-index.ts'
import { FileStorage } from '../../src/source/adapters/file-storage.ts'
import { FormatError } from '../../protocol/errors.ts'

const POSITION_MAX = 2 ** 48 - 1

const positions = fc.integer({ min: 1, max: POSITION_MAX })
const oids = fc.record({
  prefix: fc.oneof(fc.integer({ min: 0, max: 3 }), fc.integer({ min: 0, max: 2 ** 48 - 1 })),
  rest: fc.integer({ min: 0, max: 65_535 }),
})

describe('an index of a FileStorage', () => {
  it('comes back as it was', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(oids, positions)), positions, (entries, end) => {
        const index = new FsIndex()
        const expected = new Map<string, number>()
        for (const [oid, position] of entries) {
          index.set(oid, position)
          expected.set(`${oid.prefix} ${oid.rest}`, position)
        }
        const decoded = FsIndex.decode(index.encode(end))
        expect(decoded?.end).toBe(end)
        for (const [oid] of entries) {
          expect(decoded?.index.get(oid)).toBe(expected.get(`${oid.prefix} ${oid.rest}`))
        }
        expect(decoded?.index.encode(end)).toEqual(index.encode(end))
      }),
    )
  })

  it('comes back with every object of a prefix, and ends at any size', () => {
    const index = new FsIndex()
    for (let rest = 0; rest < 65_536; rest += 1) index.set({ prefix: 7, rest }, rest * 100 + 4)
    for (const end of [0, 1, 255, 256, 65_535, 65_536, 2 ** 31 - 1, 2 ** 31, 2 ** 40, 2 ** 47]) {
      const decoded = FsIndex.decode(index.encode(end))
      expect(decoded?.end).toBe(end)
      for (const rest of [0, 1, 8_191, 8_192, 65_535]) {
        expect(decoded?.index.get({ prefix: 7, rest })).toBe(rest * 100 + 4)
      }
    }
  })

  it('is none where the bytes are others', () => {
    const index = new FsIndex()
    index.set({ prefix: 0, rest: 1 }, 4)
    const whole = index.encode(100)
    for (let size = 0; size < whole.length; size += 1) {
      expect(FsIndex.decode(whole.subarray(0, size))).toBeUndefined()
    }
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        const decoded = FsIndex.decode(bytes)
        expect(decoded === undefined || Number.isSafeInteger(decoded.end)).toBe(true)
      }),
    )
  })
})

describe('bytes that only begin like a FileStorage', () => {
  it('end somewhere, or are called damaged', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), async (noise) => {
        const bytes = Uint8Array.of(0x46, 0x53, 0x33, 0x30, ...noise)
        const storage = new FileStorage({
          read: async (offset, length) => bytes.slice(offset, offset + length),
        })
        try {
          const end = await storage.findEnd(bytes.length)
          expect(end).toBeLessThanOrEqual(bytes.length)
          await storage.index(end)
        } catch (error) {
          expect(error).toBeInstanceOf(FormatError)
        }
      }),
    )
  })
})
