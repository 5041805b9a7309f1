/**
 * Hedge: several ways to one thing, the next of which is tried as well once those before stand still.
 */

import type { Clock } from '../ports/clock.ts'
import { linkSignals, orAbort } from './abort.ts'

/** One way; it calls `moved` whenever it gets on. */
export type Way<T> = (moved: () => void) => Promise<T>

/**
 * Take the first way that leads there.
 *
 * The next one is begun when one failed, or when none has moved for `stillMs`. Ways that are left when the
 * first has led there run out by themselves, and nobody hears of them.
 *
 * @param ways - taken one by one as they are needed; one at least
 * @throws the last failure, once every way has failed
 * @throws the signal's reason, unchanged, once it aborts
 */
export async function hedge<T>(
  clock: Clock,
  stillMs: number,
  ways: Iterator<Way<T>>,
  signal: AbortSignal,
): Promise<T> {
  const found = Promise.withResolvers<T>()
  const over = linkSignals(signal)
  let movedAt = clock.monotonic()
  let running = 0

  const go = async (way: Way<T>): Promise<void> => {
    try {
      found.resolve(await way(() => (movedAt = clock.monotonic())))
    } catch (error) {
      running -= 1
      if (over.signal.aborted) found.reject(error)
      else next(error)
    }
  }
  const next = (failure?: unknown): void => {
    const { value: way, done } = ways.next()
    movedAt = clock.monotonic()
    if (done === true) {
      if (running === 0) found.reject(failure)
      return
    }
    running += 1
    void go(way)
  }
  const watch = async (): Promise<void> => {
    while (!over.signal.aborted) {
      const ms = movedAt + stillMs - clock.monotonic()
      if (ms <= 0) next()
      else await clock.sleep(ms, over.signal)
    }
  }

  try {
    signal.throwIfAborted()
    next()
    // A watch that ends with a signal's reason has nobody to tell.
    watch().catch(() => undefined)
    return await orAbort(found.promise, signal)
  } finally {
    over.abort(new Error('a way was found'))
  }
}
