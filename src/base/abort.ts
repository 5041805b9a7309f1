/**
 * Abort: signals that belong together.
 *
 * `AbortSignal.any` keeps its links until the garbage collector finds them; a link made here ends when
 * its work does, so a signal that lives as long as the program collects nothing.
 */

/** A controller that also aborts when any of its sources does, until it is released. */
export interface LinkedAbort {
  readonly signal: AbortSignal
  /** Abort this signal only; the sources know nothing of it. */
  readonly abort: (reason: unknown) => void
  /** Forget the sources. Call it when the work is over. */
  readonly release: () => void
}

/** @returns a signal that aborts with the reason of whichever source aborts first */
export function linkSignals(...sources: readonly (AbortSignal | undefined)[]): LinkedAbort {
  const controller = new AbortController()
  const links: (() => void)[] = []
  const release = () => {
    for (const unlink of links.splice(0)) unlink()
  }
  for (const source of sources) {
    if (source === undefined) continue
    if (source.aborted) {
      controller.abort(source.reason)
      break
    }
    const follow = () => {
      release()
      controller.abort(source.reason)
    }
    source.addEventListener('abort', follow, { once: true })
    links.push(() => source.removeEventListener('abort', follow))
  }
  if (controller.signal.aborted) release()
  return {
    signal: controller.signal,
    abort: (reason) => {
      release()
      controller.abort(reason)
    },
    release,
  }
}

/**
 * Wait for a promise, but no longer than the signal allows.
 *
 * The promise itself goes on unheard; give its work the same signal if it should stop too.
 *
 * @throws the signal's reason, unchanged, once it aborts
 */
export async function orAbort<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  // The loser of the race must not end as an unhandled rejection.
  promise.catch(() => undefined)
  signal.throwIfAborted()
  const link = { end: (): void => undefined }
  const aborted = new Promise<never>((_, reject) => {
    const onAbort = () => reject(reasonOf(signal))
    signal.addEventListener('abort', onAbort, { once: true })
    link.end = () => signal.removeEventListener('abort', onAbort)
  })
  try {
    return await Promise.race([promise, aborted])
  } finally {
    link.end()
  }
}

/** @returns the reason of an aborted signal as it is, wrapped only if it is no Error */
export function reasonOf(signal: AbortSignal): Error {
  const reason: unknown = signal.reason
  return reason instanceof Error ? reason : new Error(`aborted: ${String(reason)}`)
}
