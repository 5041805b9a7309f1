/** Read ahead: do the next few steps while this one is used, and give the results in order. */

/**
 * @param depth - steps under way at once
 * @returns what `work` gave for each item, in the order of the items
 */
export async function* readAhead<T, R>(
  items: AsyncIterable<T>,
  depth: number,
  work: (item: T) => Promise<R>,
): AsyncGenerator<R> {
  const running: Promise<R>[] = []
  try {
    for await (const item of items) {
      const step = work(item)
      // Its failure is thrown when its turn comes; until then it must not count as unhandled.
      step.catch(() => undefined)
      running.push(step)
      if (running.length < depth) continue
      yield await (running.shift() as Promise<R>)
    }
    while (running.length > 0) yield await (running.shift() as Promise<R>)
  } finally {
    await Promise.allSettled(running)
  }
}
