import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import { BODY_FRAME_SIZE_MAX, BodySizeError, readBody, splitBody } from '../../protocol/body.ts'
import { concat } from '../../protocol/bytes.ts'
import { sample } from '../vectors/format.ts'

describe('bodies', () => {
  it('come out as they went in, and leave what follows', async () => {
    const sizes = [0, 1, BODY_FRAME_SIZE_MAX - 1, BODY_FRAME_SIZE_MAX, BODY_FRAME_SIZE_MAX + 1]
    for (const size of [...sizes, 3 * BODY_FRAME_SIZE_MAX]) {
      const frames = [...splitBody(sample(size)), sample(9)].values()
      const iterator = stream(frames)
      expect(concat(...(await Array.fromAsync(readBody(iterator, size))))).toEqual(sample(size))
      expect((await iterator.next()).value).toEqual(sample(9))
    }
  })

  it('may come in frames of any size within the limit', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.uint8Array({ minLength: 1, maxLength: 20 })), async (frames) => {
        const body = concat(...frames)
        const read = await Array.fromAsync(readBody(stream(frames.values()), body.length))
        expect(concat(...read)).toEqual(body)
      }),
    )
  })
})

describe('bodies are refused', () => {
  it('W04: when they end early', async () => {
    const frames = stream([sample(10)].values())
    await expect(Array.fromAsync(readBody(frames, 11))).rejects.toThrow(BodySizeError)
  })

  it('when a frame goes on after their end', async () => {
    const frames = stream([sample(6), sample(6)].values())
    await expect(Array.fromAsync(readBody(frames, 11))).rejects.toThrow(BodySizeError)
  })

  it('when a frame is too large, at the limit they are not', async () => {
    const limit = BODY_FRAME_SIZE_MAX
    await expect(readInOneFrame(limit)).resolves.toHaveLength(1)
    await expect(readInOneFrame(limit + 1)).rejects.toThrow(BodySizeError)
  })
})

function readInOneFrame(size: number): Promise<Uint8Array[]> {
  return Array.fromAsync(readBody(stream([sample(size)].values()), size))
}

async function* stream(frames: Iterator<Uint8Array>): AsyncGenerator<Uint8Array> {
  for (let next = frames.next(); next.done !== true; next = frames.next()) yield next.value
}
