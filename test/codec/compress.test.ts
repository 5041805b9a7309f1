import { zstdCompressSync } from 'node:zlib'

import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import { concat, utf8 } from '../../protocol/bytes.ts'
import { OBJECT_SIZE_MAX } from '../../protocol/object.ts'
import { BadCompressionError, compress, decompress } from '../../src/codec/compress.ts'
import { foreignError } from '../protocol/fuzz.ts'
import { flip, sample } from '../vectors/format.ts'

describe('compressed bodies', () => {
  it('come out as they went in', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 300 }),
        fc.integer({ min: 2, max: 9 }),
        (part, times) => {
          const body = concat(...Array.from({ length: times }, () => part))
          const packed = compress(body)
          expect(packed === undefined ? body : decompress(packed, body.length)).toEqual(body)
        },
      ),
    )
    const largest = new Uint8Array(OBJECT_SIZE_MAX)
    const packed = pack(largest)
    expect(decompress(packed, OBJECT_SIZE_MAX)).toEqual(largest)
  })

  it('are the same bytes every time', () => {
    const body = concat(sample(1000), sample(1000))
    expect(compress(body)).toEqual(compress(body.slice()))
  })

  it('exist only where a sixteenth is saved', () => {
    expect(compress(new Uint8Array(0))).toBeUndefined()
    expect(compress(new Uint8Array(1))).toBeUndefined()
    expect(compress(sample(100_000))).toBeUndefined()
    expect(saved(900)).toBe(0)
    expect(saved(1200)).toBeGreaterThanOrEqual(1000)
  })
})

describe('compressed bodies are refused', () => {
  const body = concat(sample(1000), sample(1000))
  const packed = compress(body) ?? new Uint8Array(0)

  it('when they hold fewer or more bytes than said', () => {
    expect(decompress(packed, 2000)).toEqual(body)
    for (const size of [0, 1, 1999, 2001, OBJECT_SIZE_MAX]) {
      expect(() => decompress(packed, size)).toThrow(BadCompressionError)
    }
  })

  it('when they would burst: what comes out is bounded by what was declared', () => {
    const bomb = zstdCompressSync(new Uint8Array(128 * 2 ** 20))
    expect(bomb.length).toBeLessThan(20_000)
    const before = process.memoryUsage().rss
    for (const size of [1, 1000, OBJECT_SIZE_MAX]) {
      expect(() => decompress(bomb, size)).toThrow(BadCompressionError)
    }
    expect(() => decompress(bomb, 128 * 2 ** 20)).toThrow(BadCompressionError)
    expect(process.memoryUsage().rss - before).toBeLessThan(64 * 2 ** 20)
  })

  it('when their window is larger than any body', () => {
    expect(decompress(frameOfFive(22), 5)).toEqual(utf8('hello'))
    for (const windowLog of [23, 27, 31, 41]) {
      expect(() => decompress(frameOfFive(windowLog), 5)).toThrow(BadCompressionError)
    }
  })

  it('cut short, or with something behind them', () => {
    for (let size = 0; size < packed.length; size += 7) {
      expect(() => decompress(packed.subarray(0, size), 2000)).toThrow(BadCompressionError)
    }
    expect(() => decompress(concat(packed, sample(9)), 2000)).toThrow(BadCompressionError)
    expect(() => decompress(concat(packed, packed), 2000)).toThrow(BadCompressionError)
    expect(() => decompress(concat(packed, Uint8Array.of(0)), 2000)).toThrow(BadCompressionError)
  })

  it('with nothing but FormatErrors', async () => {
    expect(() => decompress(flip(packed, 0), 2000)).toThrow(BadCompressionError)
    expect(await foreignError((bytes) => decompress(bytes, 2000), [packed])).toBeUndefined()
  })
})

/** @returns bytes saved on 16,000, of which `size` are zeros and the others random */
function saved(size: number): number {
  const body = concat(sample(16_000 - size), new Uint8Array(size))
  return body.length - (compress(body) ?? body).length
}

/** RFC 8878 by hand: a frame with a window of 2^windowLog bytes, one raw block that says hello. */
function frameOfFive(windowLog: number): Uint8Array {
  const windowDescriptor = (windowLog - 10) << 3
  const header = Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd, 0x00, windowDescriptor)
  const lastRawBlock = Uint8Array.of((5 << 3) | 1, 0, 0)
  return concat(header, lastRawBlock, utf8('hello'))
}

/** A frame that Node's own compressor makes. */
function pack(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(zstdCompressSync(bytes))
}
