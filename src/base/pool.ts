/**
 * Pool: fan-out with a stated width.
 */

import { linkSignals } from './abort.ts'
import { assert } from './assert.ts'

/**
 * Run `work` on every item, at most `width` at a time, started in order.
 *
 * Items are taken only as places get free, so an async source is read at the pool's pace. The first
 * failure aborts the signal of the others, waits for them, and is thrown.
 *
 * @returns the results, in the order of the items
 * @throws the signal's reason, unchanged, once it aborts
 */
export async function mapPool<T, R>(
  items: Iterable<T> | AsyncIterable<T>,
  width: number,
  work: (item: T, signal: AbortSignal) => Promise<R>,
  signal: AbortSignal,
): Promise<R[]> {
  assert(Number.isSafeInteger(width) && width > 0, 'a pool has at least one place')
  signal.throwIfAborted()
  const link = linkSignals(signal)
  const results: R[] = []
  const running = new Set<Promise<void>>()
  let failure: { readonly error: unknown } | undefined

  const start = (item: T, index: number) => {
    const run = runOne(item, index).finally(() => running.delete(run))
    running.add(run)
  }
  const runOne = async (item: T, index: number) => {
    try {
      results[index] = await work(item, link.signal)
    } catch (error) {
      failure ??= { error }
      link.abort(error)
    }
  }

  try {
    let index = 0
    for await (const item of items) {
      if (link.signal.aborted) break
      start(item, index)
      index += 1
      while (running.size >= width) await Promise.race(running)
      if (link.signal.aborted) break
    }
  } catch (error) {
    failure ??= { error }
    link.abort(error)
  } finally {
    await Promise.all(running)
    link.release()
  }
  signal.throwIfAborted()
  if (failure !== undefined) throw failure.error
  return results
}
