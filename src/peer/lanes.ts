/**
 * Lanes: whose bytes go first where this peer's line is too narrow for all.
 *
 * A peer does not know how wide its line is, so no number of bytes per second would be right. It knows who
 * is within his part of it: those go in the *foreground*, as fast as they read. All others go in the
 * *background*: as fast while nobody is in the foreground, and a frame now and then while somebody reads
 * there or sends shares. Few answers are under way in the background, and what a line has taken cannot give
 * way: short answers, for which somebody who sends shares waits, are stuck behind it.
 */

import { BODY_FRAME_SIZE_MAX } from '../../protocol/messages.ts'
import { linkSignals } from '../base/abort.ts'
import { assert } from '../base/assert.ts'
import { Semaphore } from '../base/semaphore.ts'
import type { Clock } from '../ports/clock.ts'

export type Lane = 'foreground' | 'background'

/** Bytes per second of everybody in the background together, while the foreground is in use. */
export const BACKGROUND_RATE = 128 * 1024

/** The foreground counts as in use for so long after a frame of an answer began, ms. */
export const FOREGROUND_MS = 1_000

/** Whoever sends a share at this pace, bytes per second, keeps the foreground in use all the time. */
export const ARRIVAL_RATE = 64 * 1024

/** And for so long after the last bytes of it at most, ms. */
export const ARRIVAL_MS_MAX = 5_000

/** Answers of everybody in the background that are under way. */
export const BACKGROUND_MAX = 2

/** One that takes longer than this, ms, is read slowly: it fills no line, and the next may begin. */
export const BACKGROUND_MS_MAX = 2_000

/** After a frame in the background the next one waits for as long as it would take at that rate, ms. */
const TURN_MS = (BODY_FRAME_SIZE_MAX / BACKGROUND_RATE) * 1000

export class Lanes {
  readonly #clock: Clock
  readonly #turn = new Semaphore(1)
  readonly #places = new Semaphore(BACKGROUND_MAX)
  /** Until when the foreground is in use, monotonic ms. */
  #busyUntil = -Infinity
  #nextAt = -Infinity

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Bytes of a share came in. */
  arrived(size: number): void {
    const now = this.#clock.monotonic()
    const until = Math.max(now, this.#busyUntil) + (size / ARRIVAL_RATE) * 1000
    this.#busyUntil = Math.max(this.#busyUntil, Math.min(now + ARRIVAL_MS_MAX, until))
  }

  /** Give an answer with bytes, once there is a place for it. */
  async answer<T>(lane: Lane, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    if (lane === 'foreground') return await work()
    let given: Promise<T> | undefined
    await this.#places.run(async () => {
      given = work()
      const isOver = linkSignals(signal)
      const late = this.#clock.sleep(BACKGROUND_MS_MAX, isOver.signal)
      await Promise.race([given, late].map((each) => each.then(noop, noop)))
      isOver.abort(new Error('the answer is given'))
    }, signal)
    assert(given !== undefined, 'a place was given and the work begun')
    return await given
  }

  /**
   * Begin with a frame of an answer, once it may go.
   *
   * @throws the signal's reason, unchanged, if it aborts while waiting
   */
  async begin(lane: Lane, signal: AbortSignal): Promise<void> {
    if (lane === 'foreground') {
      this.#busyUntil = Math.max(this.#busyUntil, this.#clock.monotonic() + FOREGROUND_MS)
      return
    }
    if (!this.#isBusy) return
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
    return this.#clock.monotonic() < this.#busyUntil
  }
}

function noop(): void {}
