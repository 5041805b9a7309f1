/**
 * Deadlines: work that must end, or must keep moving, by the clock of the Clock port.
 */

import type { Clock } from '../ports/clock.ts'
import { linkSignals, reasonOf } from './abort.ts'
import { PeerTimeoutError } from './errors.ts'

/**
 * Run `work` for at most `ms` milliseconds, or within limits of pace.
 *
 * At the deadline the signal given to `work` aborts and the call rejects at once, whether or not
 * `work` listens.
 *
 * @param late - makes the error for a missed deadline; by default a PeerTimeoutError
 * @throws the outer signal's reason, unchanged, once it aborts
 */
export async function withDeadline<T>(
  clock: Clock,
  limits: number | PaceLimits,
  signal: AbortSignal,
  work: (signal: AbortSignal) => Promise<T>,
  late?: () => Error,
): Promise<T> {
  const worked = linkSignals(signal)
  const pace = typeof limits === 'number' ? { idleMs: limits } : limits
  const none = () => new PeerTimeoutError(`no answer within ${pace.idleMs} ms`)
  const watchdog = new Watchdog(clock, pace, signal, late ?? none)
  try {
    return await watchdog.guard(() => work(worked.signal))
  } catch (error) {
    worked.abort(error)
    throw error
  } finally {
    worked.release()
  }
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
  /** When something moved beside the guarded work that shows that all is well, monotonic milliseconds. */
  readonly movedAt?: () => number
}

/**
 * Watches that something keeps moving: `touch` tells it so. Too long a silence, or too slow a pace
 * over the whole time, ends the wait for the guarded work.
 *
 * One timer is pending at a time however often it is touched.
 */
export class Watchdog {
  readonly #clock: Clock
  readonly #limits: Required<PaceLimits>
  readonly #signal: AbortSignal
  readonly #late: () => Error
  readonly #startedAt: number
  #touchedAt: number
  #size = 0
  #hasEnded = false

  constructor(
    clock: Clock,
    limits: PaceLimits,
    signal: AbortSignal,
    late: () => Error = () => new PeerTimeoutError(`silent for ${limits.idleMs} ms, or too slow`),
  ) {
    this.#clock = clock
    this.#limits = { rateMin: 0, graceMs: 0, totalMs: Infinity, movedAt: () => 0, ...limits }
    this.#signal = signal
    this.#late = late
    this.#startedAt = clock.monotonic()
    this.#touchedAt = this.#startedAt
  }

  /** Whether the guarded work came to an end of its own. */
  get hasEnded(): boolean {
    return this.#hasEnded
  }

  /** Something moved; `size` bytes of it. */
  touch(size = 0): void {
    this.#touchedAt = this.#clock.monotonic()
    this.#size += size
  }

  /**
   * Run `work` under this watch, once. It goes on unheard when the call rejects.
   *
   * @throws what it is to be `late`
   * @throws the outer signal's reason, unchanged, once it aborts
   */
  guard<T>(work: () => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const signal = this.#signal
      const onAbort = (): void => fail(reasonOf(signal))
      let cancel = (): void => undefined
      const end = (): void => {
        cancel()
        signal.removeEventListener('abort', onAbort)
      }
      const fail = (error: unknown): void => {
        end()
        reject(error)
      }
      const watch = (): void => {
        const dueMs = this.#dueAt() - this.#clock.monotonic()
        if (dueMs <= 0) return fail(this.#late())
        cancel = this.#clock.after(dueMs, watch)
      }
      if (signal.aborted) return fail(reasonOf(signal))
      signal.addEventListener('abort', onAbort)
      watch()
      const run = async (): Promise<T> => {
        try {
          return await work()
        } finally {
          this.#hasEnded = true
          end()
        }
      }
      run().then(resolve, reject)
    })
  }

  /** When the work will be too slow if nothing more moves until then. */
  #dueAt(): number {
    const endsAt = this.#startedAt + this.#limits.totalMs
    const { idleMs, movedAt } = this.#limits
    const silentAt = Math.min(endsAt, Math.max(this.#touchedAt, movedAt()) + idleMs)
    if (this.#limits.rateMin === 0) return silentAt
    const paidUntil = this.#startedAt + (this.#size / this.#limits.rateMin) * 1000
    const slowAt = Math.max(this.#startedAt + this.#limits.graceMs, paidUntil)
    return Math.min(silentAt, slowAt)
  }
}
