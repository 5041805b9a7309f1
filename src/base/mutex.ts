/**
 * Mutex: one at a time, first come first served.
 */

export class Mutex {
  #last: Promise<unknown> = Promise.resolve()

  /** Run `work` when everything handed in before has ended, well or badly. */
  run<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(work, work)
    this.#last = turn.catch(() => undefined)
    return turn
  }
}

/** A mutex for every key: work on one key is in order, work on different keys is not held up. */
export class KeyedMutex {
  readonly #turns = new Map<string, { readonly mutex: Mutex; waiting: number }>()

  async run<T>(key: string, work: () => Promise<T>): Promise<T> {
    const turn = this.#turns.get(key) ?? { mutex: new Mutex(), waiting: 0 }
    this.#turns.set(key, turn)
    turn.waiting += 1
    try {
      return await turn.mutex.run(work)
    } finally {
      turn.waiting -= 1
      if (turn.waiting === 0) this.#turns.delete(key)
    }
  }
}
