/**
 * Body lane: how many large bodies go to one peer, or come from it, at a time.
 *
 * Several at once fill a wide line, and starve each other on a narrow one: at 20 KB/s four of them all fall
 * below the pace that bodies must keep, and none ever arrives. So there are two at a time until one of them has
 * shown that the line takes more; not one, since a peer that takes its time would keep all others waiting.
 */

import { Semaphore } from '../base/semaphore.ts'
import type { Clock } from '../ports/clock.ts'

/** Smaller bodies go at once: even four are soon over at the slowest pace. */
const LARGE_SIZE = 16 * 1024

/** Bodies at a time on a line that may be narrow: each of them keeps the pace at 20 KB/s. */
const PLACES_NARROW = 2

export class BodyLane {
  readonly #clock: Clock
  readonly #rateWide: number
  readonly #places = new Semaphore(PLACES_NARROW)
  readonly #placesWide: number
  #isWide = false
  #waiting = 0

  /**
   * @param rateWide - bytes per second of one body that show a wide line
   * @param placesWide - bodies at a time on such a line
   */
  constructor(clock: Clock, rateWide: number, placesWide: number) {
    this.#clock = clock
    this.#rateWide = rateWide
    this.#placesWide = placesWide
  }

  /** Bodies that wait for others. */
  get waiting(): number {
    return this.#waiting
  }

  /**
   * Move a body once there is room for it.
   *
   * @param movedBy - bytes of it that really moved, by what `move` gave
   * @throws the signal's reason, unchanged, if it aborts while waiting
   */
  async run<T>(
    size: number,
    move: () => Promise<T>,
    movedBy: (result: T) => number,
    signal: AbortSignal,
  ): Promise<T> {
    if (size < LARGE_SIZE) return await move()
    let isWaiting = true
    const begin = (): void => {
      if (isWaiting) this.#waiting -= 1
      isWaiting = false
    }
    this.#waiting += 1
    const moving = async (): Promise<T> => {
      begin()
      const startedAt = this.#clock.monotonic()
      const result = await move()
      this.#learn(movedBy(result), this.#clock.monotonic() - startedAt)
      return result
    }
    return await this.#places.run(moving, signal).finally(begin)
  }

  #learn(size: number, ms: number): void {
    if (this.#isWide || size < LARGE_SIZE || size < (this.#rateWide * ms) / 1000) return
    this.#isWide = true
    this.#places.add(this.#placesWide - PLACES_NARROW)
  }
}
