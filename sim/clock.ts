/** SimClock: a machine's own idea of the time: true time, plus an error that may grow or jump. */

import { reasonOf } from '../src/base/abort.ts'
import type { Clock } from '../src/ports/clock.ts'
import type { Life } from './life.ts'
import type { SimRandom } from './random.ts'
import type { SimScheduler } from './scheduler.ts'

export interface ClockError {
  /** Wall time ahead of true time, ms; negative is behind. */
  readonly offset?: number
  /** Rate of wall and monotonic time against true time; 1 is right. */
  readonly rate?: number
}

/** Nobody is woken on the dot; what is drawn on top lets sleepers of equal times change places. */
const LATE_MS_MIN = 0.01

export class SimClock implements Clock {
  readonly #scheduler: SimScheduler
  readonly #life: Life
  readonly #random: SimRandom
  readonly #bornAt: number
  readonly #rate: number
  #offset: number

  constructor(scheduler: SimScheduler, life: Life, random: SimRandom, error: ClockError = {}) {
    this.#scheduler = scheduler
    this.#life = life
    this.#random = random
    this.#bornAt = scheduler.elapsed
    this.#rate = error.rate ?? 1
    this.#offset = error.offset ?? 0
  }

  now(): number {
    return Math.floor(this.exact())
  }

  /** Wall time with its fraction, ms. */
  exact(): number {
    const epoch = this.#scheduler.now - this.#scheduler.elapsed
    return epoch + this.#bornAt + this.#elapsed + this.#offset
  }

  monotonic(): number {
    return this.#elapsed
  }

  after(ms: number, action: () => void): () => void {
    const lateMs = LATE_MS_MIN + this.#random.unit()
    let isOff = false
    const event = this.#scheduler.after(ms / this.#rate + lateMs, () => {
      this.#life.happen(() => isOff || action())
    })
    return () => {
      isOff = true
      event.cancel()
    }
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#life.isOver) return
      if (signal?.aborted === true) {
        reject(reasonOf(signal))
        return
      }
      const cancel = this.after(ms, () => {
        signal?.removeEventListener('abort', onAbort)
        resolve()
      })
      const onAbort = (): void => {
        cancel()
        if (signal !== undefined && !this.#life.isOver) reject(reasonOf(signal))
      }
      signal?.addEventListener('abort', onAbort, { once: true })
    })
  }

  /** The wall clock is set: it jumps by `ms`. Monotonic time does not notice. */
  jump(ms: number): void {
    this.#offset += ms
  }

  get #elapsed(): number {
    return (this.#scheduler.elapsed - this.#bornAt) * this.#rate
  }
}
