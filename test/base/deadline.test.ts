import { describe, expect, it } from 'vitest'

import { withDeadline, Watchdog } from '../../src/base/deadline.ts'
import { PeerTimeoutError } from '../../src/base/errors.ts'
import { VirtualClock } from '../support/virtual-clock.ts'

const forever = new AbortController().signal

describe('a deadline', () => {
  it('lets work through that ends in time', async () => {
    const clock = new VirtualClock()
    const work = withDeadline(clock, 1000, forever, async (signal) => {
      await clock.sleep(999, signal)
      return 'done'
    })
    expect(await work).toBe('done')
  })

  it('ends work that does not listen, at its moment', async () => {
    const clock = new VirtualClock()
    const work = withDeadline(clock, 1000, forever, () => new Promise<void>(() => undefined))
    await expect(work).rejects.toThrow(PeerTimeoutError)
    expect(clock.monotonic()).toBe(1000)
  })

  it('passes the reason of the outer signal on, unchanged', async () => {
    const reason = new Error('enough')
    const controller = new AbortController()
    const work = withDeadline(new VirtualClock(), 1000, controller.signal, async (signal) => {
      controller.abort(reason)
      signal.throwIfAborted()
    })
    await expect(work).rejects.toBe(reason)
  })
})

describe('a watchdog', () => {
  it('lets go on whatever keeps moving, and counts silence from the last move', async () => {
    const clock = new VirtualClock()
    const watchdog = new Watchdog(clock, { idleMs: 1000 }, forever)
    const work = watchdog.guard(async (signal) => {
      for (let step = 0; step < 10; step += 1) {
        await clock.sleep(900, signal)
        watchdog.touch()
      }
      await new Promise(() => undefined)
    })
    await expect(work).rejects.toThrow(PeerTimeoutError)
    expect(clock.monotonic()).toBe(10_000)
  })

  it('ends what trickles below the pace after the grace time', async () => {
    const clock = new VirtualClock()
    const limits = { idleMs: 60_000, rateMin: 4096, graceMs: 30_000 }
    const watchdog = new Watchdog(clock, limits, forever)
    const work = watchdog.guard(async (signal) => {
      for (;;) {
        await clock.sleep(1000, signal)
        watchdog.touch(1)
      }
    })
    await expect(work).rejects.toThrow(PeerTimeoutError)
    expect(clock.monotonic()).toBe(30_000)
  })
})
