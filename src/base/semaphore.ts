/**
 * Semaphore: a number of places that work waits for, first come first served.
 */

import { orAbort } from './abort.ts'

export class Semaphore {
  #free: number
  readonly #waiting: (() => void)[] = []

  constructor(places: number) {
    this.#free = places
  }

  /**
   * Run `work` once a place is free.
   *
   * @throws the signal's reason, unchanged, if it aborts while waiting
   */
  async run<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T> {
    await this.#enter(signal)
    try {
      return await work()
    } finally {
      this.#leave()
    }
  }

  /** From now on there are so many places more. */
  add(places: number): void {
    for (let place = 0; place < places; place++) this.#leave()
  }

  async #enter(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    if (this.#free > 0) {
      this.#free -= 1
      return
    }
    const turn = Promise.withResolvers<void>()
    this.#waiting.push(turn.resolve)
    try {
      await orAbort(turn.promise, signal)
    } catch (error) {
      const index = this.#waiting.indexOf(turn.resolve)
      // Not in the line any more: the place was handed over in the same moment, so hand it on.
      if (index < 0) this.#leave()
      else this.#waiting.splice(index, 1)
      throw error
    }
  }

  #leave(): void {
    const next = this.#waiting.shift()
    if (next === undefined) this.#free += 1
    else next()
  }
}
