/**
 * Life: one run of the programs on a machine, from start to crash.
 *
 * Every simulated port passes its waits through the life it belongs to. Once the life is over no
 * wait of it ever ends, so code of a crashed machine stands still for good and does nothing more:
 * not even its error handlers run, as in a process that is gone.
 */

import type { SimScheduler } from './scheduler.ts'

export class Life {
  readonly #scheduler: SimScheduler
  #isOver = false

  constructor(scheduler: SimScheduler) {
    this.#scheduler = scheduler
  }

  get isOver(): boolean {
    return this.#isOver
  }

  end(): void {
    this.#isOver = true
  }

  /** Resolves after `ms` of true time; never, once the life is over. */
  pass(ms: number): Promise<void> {
    return new Promise((resolve) => {
      if (this.#isOver) return
      this.#scheduler.after(ms, () => {
        if (!this.#isOver) resolve()
      })
    })
  }
}
