/**
 * Lanes: whose bytes go first where this peer's line is too narrow for all.
 *
 * A peer does not know how wide its line is, so no number of bytes per second would be right. It knows who
 * is within his part of it: those go in the *foreground*, as fast as they read. All others go in the
 * *background*: as fast while nobody is in the foreground, and a frame now and then while somebody is.
 */

import { BODY_FRAME_SIZE_MAX } from '../../protocol/messages.ts'
import { Semaphore } from '../base/semaphore.ts'
import type { Clock } from '../ports/clock.ts'

export type Lane = 'foreground' | 'background'

/** Bytes per second of everybody in the background together, while somebody is in the foreground. */
export const BACKGROUND_RATE = 128 * 1024

/** The foreground counts as in use for so long after a frame of it began, ms. */
export const FOREGROUND_MS = 1_000

/** After a frame in the background the next one waits for as long as it would take at that rate, ms. */
const TURN_MS = (BODY_FRAME_SIZE_MAX / BACKGROUND_RATE) * 1000

export class Lanes {
  readonly #clock: Clock
  readonly #turn = new Semaphore(1)
  #begunAt = -Infinity
  #nextAt = -Infinity

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /**
   * Begin with a frame, once it may go.
   *
   * @throws the signal's reason, unchanged, if it aborts while waiting
   */
  async begin(lane: Lane, signal: AbortSignal): Promise<void> {
    if (lane === 'foreground') this.#begunAt = this.#clock.monotonic()
    if (lane === 'foreground' || !this.#isBusy) return
    await this.#turn.run(async () => {
      while (this.#isBusy) {
        const ms = Math.min(this.#nextAt - this.#clock.monotonic(), FOREGROUND_MS)
        if (ms <= 0) break
        await this.#clock.sleep(ms, signal)
      }
      this.#nextAt = this.#clock.monotonic() + TURN_MS
    }, signal)
  }

  get #isBusy(): boolean {
    return this.#clock.monotonic() < this.#begunAt + FOREGROUND_MS
  }
}
