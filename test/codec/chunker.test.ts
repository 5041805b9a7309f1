import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import { CHUNK_SIZES, Chunker, gearTable } from '../../src/codec/chunker.ts'
import { slowChunks } from '../reference/slow-chunker.ts'
import { sample } from '../vectors/format.ts'
import { cuts, run, split } from './builders.ts'

const gear = gearTable(sample(32))
/** Small, so that a few thousand bytes are many chunks. */
const sizes = { sizeMin: 64, sizeAverage: 256, sizeMax: 1024 }

/** Random-looking content, of a length and a seed. */
const files = fc.tuple(fc.nat(6000), fc.nat()).map(([size, seed]) => sample(size, seed))

describe('chunks', () => {
  it('are those of the slow twin', () => {
    const runs = fc
      .tuple(fc.nat(255), fc.nat(3000))
      .map(([byte, size]) => new Uint8Array(size).fill(byte))
    const mixed = fc
      .array(fc.oneof(files, runs), { maxLength: 3 })
      .map((parts) => new Uint8Array(Buffer.concat(parts)))
    fc.assert(
      fc.property(mixed, (file) => {
        expect(chunksOf(file)).toEqual(slowChunks(gear, file, sizes))
      }),
      { numRuns: 60 },
    )
  })

  it('are the same however the pushes are split', () => {
    fc.assert(
      fc.property(files, cuts, (file, places) => {
        expect(run(new Chunker(gear, sizes), split(file, places))).toEqual(chunksOf(file))
      }),
    )
    const file = sample(3000)
    const single = Array.from(file, (byte) => Uint8Array.of(byte))
    expect(run(new Chunker(gear, sizes), single)).toEqual(chunksOf(file))
  })

  it('join to the file and keep their bounds', () => {
    fc.assert(
      fc.property(files, (file) => {
        const chunks = chunksOf(file)
        expect(new Uint8Array(Buffer.concat(chunks))).toEqual(file)
        expect(chunks.every(({ length }) => length > 0 && length <= sizes.sizeMax)).toBe(true)
        expect(chunks.slice(0, -1).every(({ length }) => length >= sizes.sizeMin)).toBe(true)
      }),
    )
  })

  it('fall into step again after an edit', () => {
    fc.assert(
      fc.property(fc.nat(), fc.nat(400), fc.uint8Array({ maxLength: 100 }), (seed, at, added) => {
        const old = sample(20_000, seed)
        const file = new Uint8Array(Buffer.concat([old.subarray(0, at), added, old.subarray(at)]))
        const held = new Set(chunksOf(old).map(keyOf))
        const news = chunksOf(file).filter((chunk) => !held.has(keyOf(chunk)))
        const size = news.reduce((sum, { length }) => sum + length, 0)
        expect(size).toBeLessThan(8000)
      }),
      { numRuns: 100 },
    )
  })

  it.for([0, 1, 255, 256])('of a file of %i bytes, up to the average, are one or none', (size) => {
    const file = sample(size)
    expect(chunksOf(file)).toEqual(size === 0 ? [] : [file])
  })

  it('of a file one byte above the average may be several', () => {
    const counts = Array.from({ length: 40 }, (_, seed) => chunksOf(sample(257, seed)).length)
    expect(Math.max(...counts)).toBeGreaterThan(1)
  })

  it.for([1023, 1024, 1025, 2048, 2049])(
    'of %i bytes without any cut have the largest size',
    (size) => {
      // A gear of equal words has the same hash everywhere; this one is above every threshold.
      const still = new Uint32Array(256).fill(1)
      const chunks = run(new Chunker(still, sizes), [new Uint8Array(size)])
      const expected = [...Array<number>(Math.floor(size / 1024)).fill(1024), size % 1024]
      expect(chunks.map(({ length }) => length)).toEqual(expected.filter((length) => length > 0))
    },
  )

  it('have buffers of their own', () => {
    const file = sample(5000)
    const chunks = chunksOf(file)
    expect(new Set([file.buffer, ...chunks.map(({ buffer }) => buffer)]).size).toBe(
      1 + chunks.length,
    )
  })

  it('are about 1 MiB on average, never below 256 KiB or above 4 MiB', () => {
    const chunks = run(new Chunker(gear), [sample(48 * 1024 * 1024)]).slice(0, -1)
    const lengths = chunks.map(({ length }) => length)
    const average = lengths.reduce((sum, length) => sum + length, 0) / lengths.length
    expect(average / CHUNK_SIZES.sizeAverage).toBeGreaterThan(0.7)
    expect(average / CHUNK_SIZES.sizeAverage).toBeLessThan(1.4)
    expect(Math.min(...lengths)).toBeGreaterThanOrEqual(CHUNK_SIZES.sizeMin)
    expect(Math.max(...lengths)).toBeLessThanOrEqual(CHUNK_SIZES.sizeMax)
  })
})

describe('the cuts', () => {
  it('of a known file never change, or everything would be stored anew', () => {
    const chunks = run(new Chunker(gearTable(new Uint8Array(32))), [sample(8 * 1024 * 1024)])
    expect(chunks.map(({ length }) => length)).toEqual([
      966096, 3248364, 811958, 428396, 498049, 316751, 1593311, 409106, 116577,
    ])
  })
})

describe('the gear table', () => {
  it('is fixed for a key, and another for another key', () => {
    expect(gearTable(sample(32))).toEqual(gear)
    const other = gearTable(sample(32, 2))
    expect(other.every((word, byte) => word !== gear[byte])).toBe(true)
    const file = sample(5000)
    expect(run(new Chunker(other, sizes), [file])).not.toEqual(chunksOf(file))
  })

  it('has the words that another program computed', () => {
    const words = gearTable(new Uint8Array(32))
    expect(Array.from(words.slice(0, 3))).toEqual([0x50ca1929, 0x7e446af3, 0xc498020e])
    expect(words).toHaveLength(256)
  })
})

function chunksOf(file: Uint8Array): Uint8Array[] {
  return run(new Chunker(gear, sizes), [file])
}

function keyOf(chunk: Uint8Array): string {
  return Buffer.from(chunk).toString('latin1')
}
