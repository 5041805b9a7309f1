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

  after(ms: number, action: () => void): () => void {
    const dueAt = this.monotonic() + ms
    let timer: NodeJS.Timeout | undefined
    // Timers may fire a little early, and long waits take several of them.
    const wait = (left: number): void => {
      timer = setTimeout(
        () => {
          const rest = dueAt - this.monotonic()
          if (rest > 0) wait(rest)
          else action()
        },
        Math.min(Math.ceil(left), TIMER_MS_MAX),
      )
    }
    wait(ms)
    return () => clearTimeout(timer)
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      // oxlint-disable-next-line typescript/prefer-promise-reject-errors -- the reason surfaces unchanged
      const fail = (): void => reject(signal?.reason)
      if (signal?.aborted === true) return fail()
      const onAbort = (): void => {
        cancel()
        fail()
      }
      const cancel = this.after(ms, () => {
        signal?.removeEventListener('abort', onAbort)
        resolve()
      })
      signal?.addEventListener('abort', onAbort, { once: true })
    })
  }
}
