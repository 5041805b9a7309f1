import { describe, expect, it } from 'vitest'
import { SimScheduler } from '../../sim/scheduler.ts'
import { ForeignWaitError, LivelockError, StuckError } from '../../sim/errors.ts'

describe('virtual time', () => {
  it('lets events happen by time, and equal times in the order they were asked for', async () => {
    const scheduler = new SimScheduler()
    const seen: string[] = []
    await scheduler.run(async () => {
      for (const [ms, name] of [
        [5, 'e'],
        [1, 'a'],
        [3, 'c'],
        [1, 'b'],
        [3, 'd'],
      ] as const) {
        scheduler.after(ms, () => seen.push(name))
      }
      await scheduler.sleep(10)
    })
    expect(seen.join('')).toBe('abcde')
    expect(scheduler.elapsed).toBe(10)
  })

  it('orders thousands of events in any order of asking', async () => {
    const scheduler = new SimScheduler()
    const seen: number[] = []
    await scheduler.run(async () => {
      for (let index = 0; index < 5000; index++) {
        const ms = (index * 7919) % 5000
        scheduler.after(ms, () => seen.push(ms))
      }
      await scheduler.sleep(5000)
    })
    expect(seen).toEqual(Array.from({ length: 5000 }, (_, index) => index))
  })

  it('moves on only when all that can run has run', async () => {
    const scheduler = new SimScheduler()
    const seen: string[] = []
    await scheduler.run(async () => {
      scheduler.after(1, () => seen.push('event'))
      const chain = (async () => {
        for (let turn = 0; turn < 1000; turn++) await Promise.resolve()
        seen.push('chain')
      })()
      await scheduler.sleep(2)
      await chain
    })
    expect(seen).toEqual(['chain', 'event'])
  })

  it('forgets what was cancelled', async () => {
    const scheduler = new SimScheduler()
    let happened = false
    await scheduler.run(async () => {
      scheduler.after(1, () => (happened = true)).cancel()
      await scheduler.sleep(2)
    })
    expect(happened).toBe(false)
  })

  it('gives the story’s own value and error', async () => {
    const scheduler = new SimScheduler()
    expect(await scheduler.run(async () => 7)).toBe(7)
    await expect(
      scheduler.run(async () => {
        await scheduler.sleep(1)
        throw new RangeError('the story')
      }),
    ).rejects.toThrow(RangeError)
  })

  it('names a story that waits for nothing', async () => {
    const scheduler = new SimScheduler()
    const story = scheduler.run(() => new Promise<never>(() => undefined))
    await expect(story).rejects.toThrow(StuckError)
  })

  it('names a story that waits for the real world', async () => {
    const scheduler = new SimScheduler()
    const story = scheduler.run(() => new Promise((resolve) => setImmediate(resolve)))
    await expect(story).rejects.toThrow(ForeignWaitError)
  })

  it('ends a story that goes in circles', async () => {
    const scheduler = new SimScheduler()
    const circle = async (): Promise<never> => {
      for (;;) await scheduler.sleep(1)
    }
    await expect(scheduler.run(circle, { eventsMax: 100 })).rejects.toThrow(LivelockError)
    const other = new SimScheduler()
    const slow = async (): Promise<never> => {
      for (;;) await other.sleep(1000)
    }
    await expect(other.run(slow, { durationMax: 10_000 })).rejects.toThrow(LivelockError)
  })
})
