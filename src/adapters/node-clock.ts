/** NodeClock: this machine's clock. */

import type { Clock } from '../ports/clock.ts'

/** Longest wait of one timer, ms: Node counts them in 31 bits and fires longer ones at once. */
const TIMER_MS_MAX = 2 ** 31 - 1

export class NodeClock implements Clock {
  now(): number {
    return Date.now()
  }

  monotonic(): number {
    return performance.now()
  }

  async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted()
    const wakeAt = this.monotonic() + ms
    // Timers may fire a little early, and long waits take several of them.
    let left = ms
    do {
      await wait(Math.min(Math.ceil(left), TIMER_MS_MAX), signal)
      left = wakeAt - this.monotonic()
    } while (left > 0)
  }
}

function wait(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const abort = (): void => {
      clearTimeout(timer)
      // oxlint-disable-next-line typescript/prefer-promise-reject-errors -- the reason surfaces unchanged
      reject(signal?.reason)
    }
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', abort)
      resolve()
    }, ms)
    signal?.addEventListener('abort', abort, { once: true })
  })
}
