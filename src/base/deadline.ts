/**
 * Deadlines: work that must end, or must keep moving, by the clock of the Clock port.
 */

import type { Clock } from '../ports/clock.ts'
import { linkSignals, orAbort } from './abort.ts'
import { PeerTimeoutError } from './errors.ts'

/**
 * Run `work` for at most `ms` milliseconds.
 *
 * At the deadline the signal given to `work` aborts and the call rejects at once, whether or not
 * `work` listens.
 *
 * @param late - makes the error for a missed deadline; by default a PeerTimeoutError
 * @throws the outer signal's reason, unchanged, once it aborts
 */
export async function withDeadline<T>(
  clock: Clock,
  ms: number,
  signal: AbortSignal,
  work: (signal: AbortSignal) => Promise<T>,
  late: () => Error = () => new PeerTimeoutError(`no answer within ${ms} ms`),
): Promise<T> {
  const watchdog = new Watchdog(clock, { idleMs: ms }, signal, late)
  return await watchdog.guard(work)
}

/** How slow is too slow. */
export interface PaceLimits {
  /** Longest silence, milliseconds. */
  readonly idleMs: number
  /** Bytes per second that must be kept up on average once `graceMs` have passed. 0: any pace. */
  readonly rateMin?: number
  readonly graceMs?: number
  /** Longest time in all, milliseconds, however well it moves. */
  readonly totalMs?: number
}

/**
 * Watches that something keeps moving: `touch` tells it so. Too long a silence, or too slow a pace
 * over the whole time, aborts the guarded work.
 *
 * One sleep is pending at a time however often it is touched.
 */
export class Watchdog {
  readonly #clock: Clock
  readonly #limits: Required<PaceLimits>
  readonly #signal: AbortSignal
  readonly #late: () => Error
  readonly #startedAt: number
  #touchedAt: number
  #size = 0

  constructor(
    clock: Clock,
    limits: PaceLimits,
    signal: AbortSignal,
    late: () => Error = () => new PeerTimeoutError(`silent for ${limits.idleMs} ms, or too slow`),
  ) {
    this.#clock = clock
    this.#limits = { rateMin: 0, graceMs: 0, totalMs: Infinity, ...limits }
    this.#signal = signal
    this.#late = late
    this.#startedAt = clock.monotonic()
    this.#touchedAt = this.#startedAt
  }

  /** Something moved; `size` bytes of it. */
  touch(size = 0): void {
    this.#touchedAt = this.#clock.monotonic()
    this.#size += size
  }

  /** Run `work` under this watch, once. */
  async guard<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const worked = linkSignals(this.#signal)
    const watched = linkSignals(worked.signal)
    // A watch that itself breaks (a signal's reason) has nobody to tell: the work has ended.
    const watch = this.#watch(watched.signal, worked.abort).catch(() => undefined)
    try {
      worked.signal.throwIfAborted()
      return await orAbort(work(worked.signal), worked.signal)
    } finally {
      watched.abort(new Error('the guarded work is over'))
      worked.release()
      await watch
    }
  }

  async #watch(signal: AbortSignal, abort: (reason: unknown) => void): Promise<void> {
    while (!signal.aborted) {
      const dueAt = this.#dueAt()
      const now = this.#clock.monotonic()
      if (now >= dueAt) return abort(this.#late())
      await this.#clock.sleep(dueAt - now, signal)
    }
  }

  /** When the work will be too slow if nothing more moves until then. */
  #dueAt(): number {
    const endsAt = this.#startedAt + this.#limits.totalMs
    const silentAt = Math.min(endsAt, this.#touchedAt + this.#limits.idleMs)
    if (this.#limits.rateMin === 0) return silentAt
    const paidUntil = this.#startedAt + (this.#size / this.#limits.rateMin) * 1000
    const slowAt = Math.max(this.#startedAt + this.#limits.graceMs, paidUntil)
    return Math.min(silentAt, slowAt)
  }
}
