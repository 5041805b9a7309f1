/**
 * Pace: bytes leave no faster than a rate allows, all writers together, first come, first served.
 *
 * Nothing is saved up: after a pause the rate is the same as before it.
 */

import type { Clock } from '../ports/clock.ts'

export class Pace {
  readonly #clock: Pick<Clock, 'monotonic' | 'sleep'>
  readonly #rate: () => number | undefined
  /** When all that was let go so far has left, monotonic ms. */
  #freeAt = -Infinity

  /** @param rate - bytes a second now; `undefined` for no limit */
  constructor(clock: Pick<Clock, 'monotonic' | 'sleep'>, rate: () => number | undefined) {
    this.#clock = clock
    this.#rate = rate
  }

  /** Resolves when `size` more bytes may leave. */
  async take(size: number): Promise<void> {
    const rate = this.#rate()
    if (rate === undefined) return
    const now = this.#clock.monotonic()
    const from = Math.max(now, this.#freeAt)
    this.#freeAt = from + (size / rate) * 1000
    if (from > now) await this.#clock.sleep(from - now)
  }
}
