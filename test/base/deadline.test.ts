import { describe, expect, it } from 'vitest'

import { withDeadline, Watchdog, type PaceLimits } from '../../src/base/deadline.ts'
import { PeerTimeoutError } from '../../src/base/errors.ts'
import type { Clock } from '../../src/ports/clock.ts'
import { inVirtualTime } from '../support/virtual-time.ts'

const forever = new AbortController().signal
const never = () => new Promise<never>(() => undefined)

describe('a deadline', () => {
  it('lets work through that ends in time', async () => {
    await inVirtualTime(async (clock) => {
      const work = withDeadline(clock, 1000, forever, async (signal) => {
        await clock.sleep(900, signal)
        return 'done'
      })
      expect(await work).toBe('done')
    })
  })

  it('ends work that does not listen, at its moment', async () => {
    await inVirtualTime(async (clock) => {
      await expect(withDeadline(clock, 1000, forever, never)).rejects.toThrow(PeerTimeoutError)
      expectNear(clock.monotonic(), 1000)
    })
  })

  it('passes the reason of the outer signal on, unchanged', async () => {
    await inVirtualTime(async (clock) => {
      const reason = new Error('enough')
      const controller = new AbortController()
      const work = withDeadline(clock, 1000, controller.signal, async (signal) => {
        controller.abort(reason)
        signal.throwIfAborted()
      })
      await expect(work).rejects.toBe(reason)
    })
  })
})

describe('a watchdog', () => {
  it('lets go on whatever keeps moving, and counts silence from the last move', async () => {
    await inVirtualTime(async (clock) => {
      const watchdog = new Watchdog(clock, { idleMs: 1000 }, forever)
      let touchedAt = 0
      const guarded = watchdog.guard(async () => {
        for (let step = 0; step < 10; step += 1) {
          await clock.sleep(900)
          watchdog.touch()
          touchedAt = clock.monotonic()
        }
        return await never()
      })
      await expect(guarded).rejects.toThrow(PeerTimeoutError)
      expect(touchedAt).toBeGreaterThanOrEqual(9000)
      expectNear(clock.monotonic(), touchedAt + 1000)
    })
  })

  it('ends what trickles below the pace after the grace time', async () => {
    const limits = { idleMs: 60_000, rateMin: 4096, graceMs: 30_000 }
    const end = await endOf(limits, trickle)
    expect(Math.abs(end - 30_000)).toBeLessThan(50)
  })

  it('ends what takes too long in all', async () => {
    const end = await endOf({ idleMs: 60_000, totalMs: 90_000 }, trickle)
    expect(Math.abs(end - 90_000)).toBeLessThan(50)
  })
})

/** Clocks wake sleepers a little late. */
function expectNear(found: number, ms: number): void {
  expect(found).toBeGreaterThanOrEqual(ms)
  expect(found).toBeLessThan(ms + 50)
}

async function trickle(clock: Clock, watchdog: Watchdog): Promise<never> {
  for (;;) {
    await clock.sleep(900)
    watchdog.touch(1)
  }
}

/** @returns when the watchdog ended the work */
async function endOf(
  limits: PaceLimits,
  work: (clock: Clock, watchdog: Watchdog) => Promise<never>,
): Promise<number> {
  return await inVirtualTime(async (clock) => {
    const watchdog = new Watchdog(clock, limits, forever)
    const guarded = watchdog.guard(() => work(clock, watchdog))
    await expect(guarded).rejects.toThrow(PeerTimeoutError)
    return clock.monotonic()
  })
}
