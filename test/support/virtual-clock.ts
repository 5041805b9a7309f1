/**
 * A clock whose time passes only when nothing else is going on.
 *
 * Sleepers wake in order of their time, each only after everything that could run has run (one turn
 * of the event loop with nothing new), so minutes take no time and a test tells the same story twice.
 */

import type { Clock } from '../../src/ports/clock.ts'

interface Sleeper {
  readonly at: number
  readonly order: number
  wake: () => void
}

export class VirtualClock implements Clock {
  #elapsed = 0
  #count = 0
  #isTurning = false
  readonly #startedAt: number
  readonly #sleepers = new Set<Sleeper>()

  constructor(startedAt = 1_800_000_000_000) {
    this.#startedAt = startedAt
  }

  now(): number {
    return this.#startedAt + this.#elapsed
  }

  monotonic(): number {
    return this.#elapsed
  }

  async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted()
    await new Promise<void>((resolve, reject) => {
      this.#count += 1
      const sleeper: Sleeper = { at: this.#elapsed + ms, order: this.#count, wake: () => undefined }
      const onAbort = () => {
        this.#sleepers.delete(sleeper)
        reject(signal?.reason as Error)
      }
      sleeper.wake = () => {
        signal?.removeEventListener('abort', onAbort)
        resolve()
      }
      signal?.addEventListener('abort', onAbort, { once: true })
      this.#sleepers.add(sleeper)
      this.#turn()
    })
  }

  #turn(): void {
    if (this.#isTurning) return
    this.#isTurning = true
    setImmediate(() => {
      this.#isTurning = false
      const next = [...this.#sleepers].sort((a, b) => a.at - b.at || a.order - b.order)[0]
      if (next === undefined) return
      this.#sleepers.delete(next)
      this.#elapsed = Math.max(this.#elapsed, next.at)
      next.wake()
      this.#turn()
    })
  }
}
