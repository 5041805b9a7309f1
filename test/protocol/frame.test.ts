import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import { concat } from '../../protocol/bytes.ts'
import { FormatError } from '../../protocol/errors.ts'
import {
  decodeFrames,
  encodeFrame,
  encodeFramePieces,
  FrameTooLongError,
  FrameTruncatedError,
  PAYLOAD_SIZE_MAX,
} from '../../protocol/frame.ts'
import { sample } from '../vectors/format.ts'

import { foreignError } from './fuzz.ts'

const payload = fc.uint8Array({ minLength: 1, maxLength: 300 })

describe('frames', () => {
  it('come out as they went in, however the stream was split', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(payload), fc.array(fc.nat(200)), async (payloads, sizes) => {
        const stream = concat(...payloads.map(encodeFrame))
        expect(await collect(decodeFrames(split(stream, sizes)))).toEqual(payloads)
      }),
    )
  })

  it('are the same in pieces, none of them the memory of the payload', () => {
    for (const size of [1, 5, 6, 7, 12, 13, 14, 100]) {
      const whole = sample(size)
      const pieces = [...encodeFramePieces(whole, 10)]
      expect(concat(...pieces)).toEqual(encodeFrame(whole))
      expect(pieces.every((piece) => piece.length >= 1 && piece.length <= 10)).toBe(true)
      for (const piece of pieces) piece.fill(0)
      expect(whole).toEqual(sample(size))
    }
    expect(() => [...encodeFramePieces(new Uint8Array(0), 10)]).toThrow(FormatError)
  })

  it('come out at the boundary sizes', async () => {
    for (const size of [1, 2, 4095, 4096, 4097, PAYLOAD_SIZE_MAX - 1, PAYLOAD_SIZE_MAX]) {
      const stream = encodeFrame(sample(size))
      const [whole] = await collect(decodeFrames(split(stream, [])))
      expect(whole).toEqual(sample(size))
      expect(whole?.buffer.byteLength).toBe(size)
    }
  })

  it('of the largest size come out of single bytes as well', async () => {
    const stream = encodeFrame(sample(PAYLOAD_SIZE_MAX))
    const bytes = Array.from({ length: stream.length }, () => 1)
    expect(await collect(decodeFrames(split(stream, bytes)))).toEqual([sample(PAYLOAD_SIZE_MAX)])
  })

  it('are arrays of their own: the stream may use its buffers again', async () => {
    const buffer = encodeFrame(sample(100))
    const results = await collect(decodeFrames(split(buffer, [3, 5])))
    buffer.fill(0)
    expect(results).toEqual([sample(100)])
  })

  it('are taken from the stream only when asked for', async () => {
    let taken = 0
    const source = (async function* chunks() {
      for (;;) {
        taken += 1
        yield encodeFrame(sample(10, taken))
      }
    })()
    const frames = decodeFrames(source)
    expect(taken).toBe(0)
    await frames.next()
    await frames.next()
    expect(taken).toBe(2)
    await frames.return(undefined)
  })

  it('throw nothing but FormatErrors when damaged', async () => {
    const stream = concat(encodeFrame(sample(10)), encodeFrame(sample(20)))
    expect(await foreignError(collectInParts, [stream], 1000)).toBeUndefined()
  })
})

describe('frames are refused', () => {
  it('W01: with a length of 0, after those before it came out', async () => {
    const stream = concat(encodeFrame(sample(3)), new Uint8Array(4), encodeFrame(sample(3)))
    const frames = decodeFrames(split(stream, []))
    expect((await frames.next()).value).toEqual(sample(3))
    await expect(frames.next()).rejects.toThrow(FormatError)
  })

  it.each([PAYLOAD_SIZE_MAX + 1, 2 ** 31, 2 ** 32 - 1])(
    'W02: with a length of %d, before anything is buffered or read',
    async (length) => {
      const header = new Uint8Array(4)
      new DataView(header.buffer).setUint32(0, length)
      let taken = 0
      const source = (async function* chunks() {
        for (;;) {
          taken += 1
          yield taken === 1 ? header : new Uint8Array(65_536)
        }
      })()
      const before = process.memoryUsage().arrayBuffers
      await expect(collect(decodeFrames(source))).rejects.toThrow(FrameTooLongError)
      expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(2 ** 20)
      expect(taken).toBe(1)
    },
  )

  it('W04: cut off at every byte', async () => {
    const stream = concat(encodeFrame(sample(30)), encodeFrame(sample(5)))
    const ends = new Set([0, 34, stream.length])
    const inside = Array.from({ length: stream.length }, (_, size) => size)
    for (const size of inside.filter((place) => !ends.has(place))) {
      const results = collectInParts(stream.subarray(0, size))
      await expect(results).rejects.toThrow(FrameTruncatedError)
    }
    for (const size of ends) {
      await expect(collectInParts(stream.subarray(0, size))).resolves.toBeTruthy()
    }
  })

  it('by the writer: empty ones and those above the limit', () => {
    expect(() => encodeFrame(new Uint8Array(0))).toThrow(FormatError)
    expect(() => encodeFrame(new Uint8Array(PAYLOAD_SIZE_MAX + 1))).toThrow(FrameTooLongError)
  })
})

/** The stream in parts of these sizes, then the rest. */
async function* split(stream: Uint8Array, sizes: readonly number[]): AsyncGenerator<Uint8Array> {
  let start = 0
  for (const size of sizes) {
    yield stream.subarray(start, start + size)
    start += size
  }
  yield stream.subarray(start)
}

async function collect(frames: AsyncIterable<Uint8Array>): Promise<Uint8Array[]> {
  return await Array.fromAsync(frames)
}

function collectInParts(stream: Uint8Array): Promise<Uint8Array[]> {
  return collect(decodeFrames(split(stream, [3, 1, 7])))
}
