/** What every Compute promises; it is given the table of toy-codecs.ts. */

import { describe, expect, it } from 'vitest'

import { FormatError } from '../../src/base/errors.ts'
import type { Compute } from '../../src/ports/compute.ts'
import { inRealTime, noise, same } from './story.ts'
import type { RunStory } from './story.ts'
import { ToyError } from './toy-codecs.ts'
import type { codecs } from './toy-codecs.ts'

export interface ComputeWorld {
  readonly compute: Compute<typeof codecs>
  readonly run?: RunStory
}

export function computeSuite(
  name: string,
  makeWorld: () => ComputeWorld | Promise<ComputeWorld>,
): void {
  const story = (tell: (compute: Compute<typeof codecs>) => Promise<void>) => async () => {
    const { compute, run = inRealTime } = await makeWorld()
    try {
      await run(() => tell(compute))
    } finally {
      await compute.stop()
    }
  }

  describe(`${name} as a Compute`, () => {
    it(
      'runs a codec from its parameters over its inputs to its outputs',
      story(async (compute) => {
        const run = await compute.open('echo', { prefix: 9 })
        expect(await run.push(Uint8Array.of(1, 2))).toEqual([Uint8Array.of(9), Uint8Array.of(1, 2)])
        expect(await run.push(new Uint8Array(0))).toEqual([Uint8Array.of(9), new Uint8Array(0)])
        expect(await run.close()).toEqual([])
      }),
    )

    it(
      'keeps the state of each run to itself',
      story(async (compute) => {
        const runs = await Promise.all(
          Array.from({ length: 9 }, (_, start) => compute.open('sum', { start: start * 1000 })),
        )
        for (const byte of [1, 2, 3]) {
          await Promise.all(runs.map((run) => run.push(Uint8Array.of(byte, byte))))
        }
        const totals = await Promise.all(runs.map((run) => run.close()))
        expect(totals.flat()).toEqual(Array.from({ length: 9 }, (_, start) => start * 1000 + 12))
      }),
    )

    it(
      'carries large inputs and outputs whole, views of one buffer among them',
      story(async (compute) => {
        const bytes = noise(3_000_001)
        const run = await compute.open('halves', undefined)
        for (let round = 0; round < 3; round++) {
          const [left, right] = await run.push(bytes.slice())
          expect(same(left!.part, bytes.subarray(0, 1_500_000))).toBe(true)
          expect(same(right!.part, bytes.subarray(1_500_000))).toBe(true)
          expect([left!.at, right!.at]).toEqual([0, 1_500_000])
        }
        await run.close()
      }),
    )

    it(
      'takes a view into a larger buffer as what it shows',
      story(async (compute) => {
        const run = await compute.open('sum', { start: 0 })
        await run.push(Uint8Array.of(100, 1, 2, 100).subarray(1, 3))
        expect(await run.close()).toEqual([3])
      }),
    )

    for (const when of ['open', 'push', 'close'] as const) {
      it(
        `gives an error of the bytes back as what it was, from ${when}`,
        story(async (compute) => {
          const error = await failing(compute, { when, how: 'format' })
          expect(error).toBeInstanceOf(FormatError)
          expect(error).toBeInstanceOf(ToyError)
          expect(error).toMatchObject({ name: 'ToyError', message: `bad ${when}`, offset: 7 })
        }),
      )

      it(
        `gives a bug back as an error with its name, from ${when}`,
        story(async (compute) => {
          const error = await failing(compute, { when, how: 'bug' })
          expect(error).toBeInstanceOf(Error)
          expect(error).not.toBeInstanceOf(FormatError)
          expect(error).toMatchObject({ name: 'RangeError', message: 'off by one' })
        }),
      )
    }

    it(
      'goes on after a run failed',
      story(async (compute) => {
        await failing(compute, { when: 'push', how: 'bug' })
        const run = await compute.open('sum', { start: 1 })
        expect(await run.close()).toEqual([1])
      }),
    )

    it(
      'refuses a run that ended, by close, failure or cancel',
      story(async (compute) => {
        const closed = await compute.open('sum', { start: 0 })
        await closed.close()
        await expect(closed.push(Uint8Array.of(1))).rejects.toThrow(/ended/)
        await expect(closed.close()).rejects.toThrow(/ended/)

        const failed = await compute.open('fails', { when: 'push', how: 'format' })
        await expect(failed.push(Uint8Array.of(1))).rejects.toThrow(ToyError)
        await expect(failed.close()).rejects.toThrow(/ended/)

        const cancelled = await compute.open('sum', { start: 0 })
        cancelled.cancel()
        cancelled.cancel()
        await expect(cancelled.push(Uint8Array.of(1))).rejects.toThrow(/ended/)
        closed.cancel()
      }),
    )

    it(
      'refuses to open once stopped, and stops twice',
      story(async (compute) => {
        await compute.stop()
        await compute.stop()
        await expect(compute.open('sum', { start: 0 })).rejects.toThrow(/stopped/)
      }),
    )
  })
}

async function failing(
  compute: Compute<typeof codecs>,
  params: { when: 'open' | 'push' | 'close'; how: 'format' | 'bug' },
): Promise<unknown> {
  try {
    const run = await compute.open('fails', params)
    await run.push(Uint8Array.of(1))
    await run.close()
  } catch (error) {
    return error
  }
  throw new Error('it did not fail')
}
