import * as fc from 'fast-check'
import { base32 } from 'multiformats/bases/base32'
import { describe, expect, it } from 'vitest'

import {
  ByteReader,
  ByteWriter,
  compare,
  concat,
  equal,
  fromBase32,
  fromHex,
  fromUtf8,
  toBase32,
  toHex,
  utf8,
} from '../../protocol/bytes.ts'
import { FormatError } from '../../protocol/errors.ts'

const bytes = fc.uint8Array({ maxLength: 100 })

describe('bytes', () => {
  it('are joined in order', () => {
    fc.assert(
      fc.property(fc.array(bytes), (parts) => {
        expect(concat(...parts)).toEqual(new Uint8Array(Buffer.concat(parts)))
      }),
    )
  })

  it('compare as the system compares them', () => {
    fc.assert(
      fc.property(bytes, bytes, (a, b) => {
        expect(Math.sign(compare(a, b))).toBe(Buffer.compare(a, b))
        expect(equal(a, b)).toBe(Buffer.compare(a, b) === 0)
        expect(equal(a, a.slice())).toBe(true)
      }),
    )
  })

  it('come back from hex as they went in', () => {
    fc.assert(
      fc.property(bytes, (value) => {
        expect(toHex(value)).toBe(Buffer.from(value).toString('hex'))
        expect(fromHex(toHex(value))).toEqual(value)
      }),
    )
  })

  it('come back from base32 as they went in, and agree with multiformats', () => {
    fc.assert(
      fc.property(bytes, (value) => {
        expect(toBase32(value)).toBe(base32.baseEncode(value))
        expect(fromBase32(toBase32(value))).toEqual(value)
      }),
    )
  })

  it('come back from UTF-8 as they went in, with their byte order mark', () => {
    for (const text of ['', 'plain', 'ß漢🏔', '\ufeffmarked']) {
      expect(fromUtf8(utf8(text))).toBe(text)
    }
  })
})

describe('text that stands for no bytes', () => {
  it.each(['0', 'AB', '0g', ' 00', '0x00', 'é0'])('is refused as hex: %o', (text) => {
    expect(() => fromHex(text)).toThrow(FormatError)
  })

  it.each(['a', 'abc', 'AA', 'a1', 'ab=', 'ab', '\u{1f3d4}a'])(
    'is refused as base32: %o',
    (text) => {
      expect(() => fromBase32(text)).toThrow(FormatError)
    },
  )

  it.each([[0xff], [0xc0, 0x80], [0xed, 0xa0, 0x80], [0xf0, 0x9f]])(
    'is refused as UTF-8: %o',
    (...raw) => {
      expect(() => fromUtf8(Uint8Array.from(raw.flat()))).toThrow(FormatError)
    },
  )
})

const number = (max: number): fc.Arbitrary<number> =>
  fc.oneof(fc.integer({ min: 0, max }), fc.constantFrom(0, 1, max - 1, max))
const safe = fc.oneof(
  fc.maxSafeNat(),
  fc.integer({ min: 0, max: 52 }).map((power) => 2 ** power),
  fc.integer({ min: 1, max: 53 }).map((power) => 2 ** power - 1),
)

describe('numbers', () => {
  it('come out as they went in', () => {
    fc.assert(
      fc.property(
        number(0xff),
        number(0xffff),
        number(0xffff_ffff),
        fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }),
        safe,
        bytes,
        (u8, u16, u32, u64, large, run) => {
          const writer = new ByteWriter().u8(u8).u16(u16).u32(u32).u64(u64).u64(large)
          const written = writer.varint(large).put(run).finish()
          expect(writer.size).toBe(written.length)
          const reader = new ByteReader(written)
          expect([reader.u8(), reader.u16(), reader.u32(), reader.u64()]).toEqual([
            u8,
            u16,
            u32,
            u64,
          ])
          expect([reader.safeU64(), reader.varint()]).toEqual([large, large])
          expect(reader.take(run.length)).toEqual(run)
          reader.end()
        },
      ),
    )
  })

  it('come out with their sign', () => {
    const signed = fc.oneof(
      fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
      fc.integer({ min: 0, max: 52 }).map((power) => -(2 ** power)),
      fc.integer({ min: 0, max: 52 }).map((power) => 2 ** power - 1),
    )
    fc.assert(
      fc.property(signed, (value) => {
        const written = new ByteWriter().zigzag(value).finish()
        const read = new ByteReader(written).zigzag()
        expect(read).toBe(value === 0 ? 0 : value)
      }),
    )
    const smallFirst = [0, -1, 1, -2, 2].map((value) => [
      ...new ByteWriter().zigzag(value).finish(),
    ])
    expect(smallFirst).toEqual([[0], [1], [2], [3], [4]])
  })

  it('take as few bytes as they need when they vary', () => {
    const sizes = [0, 127, 128, 16_383, 16_384, 2 ** 49 - 1, 2 ** 49, Number.MAX_SAFE_INTEGER]
    expect(sizes.map((value) => new ByteWriter().varint(value).size)).toEqual([
      1, 1, 2, 2, 3, 7, 8, 8,
    ])
  })

  it('lie where the view starts, whatever its buffer holds before', () => {
    const whole = Uint8Array.of(9, 9, 1, 2, 3, 4)
    expect(new ByteReader(whole.subarray(2)).u32()).toBe(0x01020304)
  })
})

describe('numbers that are wrong', () => {
  it('W03: a varint that never ends is refused after eight bytes', () => {
    expect(varint(...Array.from({ length: 11 }, () => 0xff))).toThrow(FormatError)
    const reader = new ByteReader(new Uint8Array(1000).fill(0xff))
    expect(() => reader.varint()).toThrow(FormatError)
    expect(reader.remaining).toBe(992)
  })

  it('W03: a varint that ends early is refused', () => {
    expect(varint()).toThrow(FormatError)
    expect(varint(0x80)).toThrow(FormatError)
  })

  it('are refused in a longer form than they need', () => {
    expect(varint(0x80, 0x00)).toThrow(FormatError)
    expect(varint(0xff, 0x80, 0x00)).toThrow(FormatError)
  })

  it('are refused above 2^53 − 1', () => {
    const max = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f]
    expect(varint(...max)()).toBe(Number.MAX_SAFE_INTEGER)
    expect(varint(...max.with(7, 0x10))).toThrow(FormatError)
    expect(varint(...max.with(7, 0x8f), 0)).toThrow(FormatError)
    const above = new ByteWriter().u64(2n ** 53n).finish()
    expect(() => new ByteReader(above).safeU64()).toThrow(FormatError)
  })

  it('are refused when bytes are missing, for every reader', () => {
    const reads: ((reader: ByteReader) => unknown)[] = [
      (reader) => reader.u8(),
      (reader) => reader.u16(),
      (reader) => reader.u32(),
      (reader) => reader.u64(),
      (reader) => reader.take(1),
    ]
    for (const [index, read] of reads.entries()) {
      const short = new Uint8Array([0, 1, 3, 7, 0][index] ?? 0)
      expect(() => read(new ByteReader(short))).toThrow(FormatError)
    }
  })

  it('are refused as lengths', () => {
    for (const length of [-1, 0.5, Number.NaN, 2 ** 53, Number.POSITIVE_INFINITY]) {
      expect(() => new ByteReader(new Uint8Array(9)).take(length)).toThrow(FormatError)
    }
  })

  it('are refused by the writer and never wrapped', () => {
    const writes: ((writer: ByteWriter) => unknown)[] = [
      (writer) => writer.u8(256),
      (writer) => writer.u8(-1),
      (writer) => writer.u16(65_536),
      (writer) => writer.u32(2 ** 32),
      (writer) => writer.u32(1.5),
      (writer) => writer.u64(1n << 64n),
      (writer) => writer.u64(-1n),
      (writer) => writer.u64(2 ** 53),
      (writer) => writer.varint(2 ** 53),
      (writer) => writer.varint(Number.NaN),
      (writer) => writer.zigzag(2 ** 52),
      (writer) => writer.zigzag(-(2 ** 52) - 1),
    ]
    for (const write of writes) expect(() => write(new ByteWriter())).toThrow(FormatError)
  })

  it('leave a complaint when bytes are left over', () => {
    expect(() => new ByteReader(Uint8Array.of(1)).end()).toThrow('1 bytes left over')
  })
})

function varint(...raw: number[]): () => number {
  return () => new ByteReader(Uint8Array.from(raw)).varint()
}
