/**
 * Token bucket: so much at once, and so much a second after that.
 *
 * It counts and does not wait: who takes more than there is goes into debt, and is told how long it takes
 * until that is paid. So those who come later wait longer, in the order in which they came.
 */

import type { Clock } from '../ports/clock.ts'

export interface BucketLimits {
  /** Tokens that come in a second. */
  readonly rate: number
  /** Tokens that are there at once after a pause. */
  readonly burst: number
}

export class TokenBucket {
  readonly #clock: Pick<Clock, 'monotonic'>
  #limits: BucketLimits
  #left: number
  /** Up to when tokens have been given, monotonic ms. */
  #filledAt: number

  /** Full at first. */
  constructor(clock: Pick<Clock, 'monotonic'>, limits: BucketLimits) {
    this.#clock = clock
    this.#limits = limits
    this.#left = limits.burst
    this.#filledAt = clock.monotonic()
  }

  /** Tokens that can be taken at once; negative is debt. */
  get left(): number {
    this.#fill()
    return this.#left
  }

  /** Whether nobody took anything for so long that it is as good as new. */
  get isFull(): boolean {
    return this.left >= this.#limits.burst
  }

  /**
   * Take tokens, into debt if need be.
   *
   * @param msMax - longest wait that is worth it
   * @returns how long to wait until they are paid for, ms; `undefined`, with nothing taken, where that is
   *   longer than `msMax`
   */
  take(count: number, msMax = Infinity): number | undefined {
    this.#fill()
    const debt = Math.max(0, count - this.#left)
    const ms = (debt / this.#limits.rate) * 1000
    if (ms > msMax) return undefined
    this.#left -= count
    return ms
  }

  /** Take as many as are there, `count` at most. @returns how many */
  takeSome(count: number): number {
    this.#fill()
    const taken = Math.max(0, Math.min(count, Math.floor(this.#left)))
    this.#left -= taken
    return taken
  }

  /** What was taken was not used. */
  giveBack(count: number): void {
    this.#fill()
    this.#left = Math.min(this.#limits.burst, this.#left + count)
  }

  /** Other limits from now on; what a larger burst adds is there at once. */
  resize(limits: BucketLimits): void {
    this.#fill()
    const more = Math.max(0, limits.burst - this.#limits.burst)
    this.#left = Math.min(limits.burst, this.#left + more)
    this.#limits = limits
  }

  #fill(): void {
    const now = this.#clock.monotonic()
    const came = ((now - this.#filledAt) / 1000) * this.#limits.rate
    this.#left = Math.min(this.#limits.burst, this.#left + came)
    this.#filledAt = now
  }
}
