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
  #isAsleep = false
  /** What was due while the machine slept, in order. */
  #due: (() => void)[] = []

  constructor(scheduler: SimScheduler) {
    this.#scheduler = scheduler
  }

  get isOver(): boolean {
    return this.#isOver
  }

  end(): void {
    this.#isOver = true
    this.#due = []
  }

  get isAsleep(): boolean {
    return this.#isAsleep
  }

  /** The lid is closed: nothing happens on the machine until it is opened. */
  fallAsleep(): void {
    this.#isAsleep = true
  }

  /** The lid is opened: what was due meanwhile happens now. */
  wakeUp(): void {
    this.#isAsleep = false
    for (const action of this.#due.splice(0)) if (!this.#isOver) action()
  }

  /** Have something happen that is due now, unless the life is over: at once, or when the lid is opened. */
  happen(action: () => void): void {
    if (this.#isOver) return
    if (this.#isAsleep) this.#due.push(action)
    else action()
  }

  /** Resolves after `ms` of true time; never, once the life is over. */
  pass(ms: number): Promise<void> {
    return new Promise((resolve) => {
      if (this.#isOver) return
      this.#scheduler.after(ms, () => this.happen(resolve))
    })
  }
}
