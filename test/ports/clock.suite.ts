/** What every Clock promises. */

import { describe, expect, it } from 'vitest'

import type { Clock } from '../../src/ports/clock.ts'
import { inRealTime } from './story.ts'
import type { RunStory } from './story.ts'

export interface ClockWorld {
  readonly clock: Clock
  readonly run?: RunStory
}

export function clockSuite(name: string, makeWorld: () => ClockWorld | Promise<ClockWorld>): void {
  const story = (tell: (clock: Clock) => Promise<void>) => async () => {
    const { clock, run = inRealTime } = await makeWorld()
    await run(() => tell(clock))
  }

  describe(`${name} as a Clock`, () => {
    it(
      'tells wall time in whole milliseconds of this era',
      story(async (clock) => {
        expect(Number.isSafeInteger(clock.now())).toBe(true)
        expect(clock.now()).toBeGreaterThan(Date.UTC(2000, 0))
      }),
    )

    it(
      'has a monotonic time that never goes back',
      story(async (clock) => {
        let last = clock.monotonic()
        for (let round = 0; round < 1000; round++) {
          const next = clock.monotonic()
          expect(next).toBeGreaterThanOrEqual(last)
          last = next
        }
      }),
    )

    it(
      'sleeps no shorter than asked',
      story(async (clock) => {
        const before = clock.monotonic()
        await clock.sleep(20)
        expect(clock.monotonic() - before).toBeGreaterThanOrEqual(20)
      }),
    )

    it(
      'wakes sleepers in the order of their times',
      story(async (clock) => {
        const woken: number[] = []
        await Promise.all([60, 20, 40].map((ms) => clock.sleep(ms).then(() => woken.push(ms))))
        expect(woken).toEqual([20, 40, 60])
      }),
    )

    it(
      'takes a sleep of nothing',
      story(async (clock) => {
        const before = clock.monotonic()
        await clock.sleep(0)
        expect(clock.monotonic()).toBeGreaterThanOrEqual(before)
      }),
    )

    it(
      'ends a sleep with the signal’s reason, unchanged',
      story(async (clock) => {
        const reason = new Error('enough')
        const controller = new AbortController()
        const sleep = clock.sleep(1_000_000, controller.signal)
        controller.abort(reason)
        await expect(sleep).rejects.toBe(reason)
      }),
    )

    it(
      'does not begin a sleep whose signal has already aborted',
      story(async (clock) => {
        const reason = new Error('too late')
        await expect(clock.sleep(1_000_000, AbortSignal.abort(reason))).rejects.toBe(reason)
      }),
    )

    it(
      'has things happen no sooner than asked, in the order of their times, unless they are called off',
      story(async (clock) => {
        const happened: [number, boolean][] = []
        const before = clock.monotonic()
        const note = (ms: number) => () => happened.push([ms, clock.monotonic() - before >= ms])
        for (const ms of [60, 20, 40]) clock.after(ms, note(ms))
        const callOff = clock.after(30, note(30))
        const callOffLate = clock.after(0, note(0))
        callOff()
        await clock.sleep(80)
        callOffLate()
        expect(happened).toEqual([0, 20, 40, 60].map((ms) => [ms, true]))
      }),
    )

    it(
      'sleeps longer than a 32-bit timer can count',
      story(async (clock) => {
        const controller = new AbortController()
        let isAwake = false
        const sleep = clock.sleep(2 ** 32, controller.signal).finally(() => (isAwake = true))
        await clock.sleep(20)
        expect(isAwake).toBe(false)
        controller.abort(new Error('enough'))
        await expect(sleep).rejects.toThrow('enough')
      }),
    )
  })
}
