/**
 * Body lane: how many large bodies go to one peer at a time.
 *
 * Several at once fill a wide line, and starve each other on a narrow one: at 10 KB/s four of them all fall
 * below the pace that bodies must keep, and none ever arrives. So they go one by one until one of
 * them has shown that the line takes more.
 */

import { Semaphore } from '../base/semaphore.ts'
import type { Clock } from '../ports/clock.ts'

/** Smaller bodies go at once: even four are soon over at the slowest pace. */
const LARGE_SIZE = 16 * 1024

/** A pace measured on less says more of the way than of the line. */
const MEASURED_SIZE = 64 * 1024

export class BodyLane {
  readonly #clock: Clock
  readonly #rateWide: number
  readonly #places = new Semaphore(1)
  readonly #placesWide: number
  #isWide = false

  /**
   * @param rateWide - bytes per second of one body that show a wide line
   * @param placesWide - bodies at a time on such a line
   */
  constructor(clock: Clock, rateWide: number, placesWide: number) {
    this.#clock = clock
    this.#rateWide = rateWide
    this.#placesWide = placesWide
  }

  /**
   * Send a body once there is room for it.
   *
   * @param sentBy - bytes of it that really went, by what `send` gave
   * @throws the signal's reason, unchanged, if it aborts while waiting
   */
  async run<T>(
    size: number,
    send: () => Promise<T>,
    sentBy: (result: T) => number,
    signal: AbortSignal,
  ): Promise<T> {
    if (size < LARGE_SIZE) return await send()
    return await this.#places.run(async () => {
      const startedAt = this.#clock.monotonic()
      const result = await send()
      this.#learn(sentBy(result), this.#clock.monotonic() - startedAt)
      return result
    }, signal)
  }

  #learn(size: number, ms: number): void {
    if (this.#isWide || size < MEASURED_SIZE || size < (this.#rateWide * ms) / 1000) return
    this.#isWide = true
    this.#places.add(this.#placesWide - 1)
  }
}
