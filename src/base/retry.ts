/**
 * Retry: the same thing again, later and later.
 */

import type { Clock } from '../ports/clock.ts'
import type { Random } from '../ports/random.ts'

export interface RetryPlan {
  /** Tries in all, the first included; at least 1. */
  readonly triesMax: number
  /** Milliseconds before the second try; doubles each time. */
  readonly delayMsMin: number
  readonly delayMsMax: number
}

/**
 * Do `work` until it succeeds, its error is not worth another try, or the tries are used up.
 *
 * Delays have jitter (half to all of the step), so that many who failed together do not come back
 * together.
 *
 * @throws the last error, or the signal's reason once it aborts
 */
export async function retry<T>(
  parts: { readonly clock: Clock; readonly random: Random },
  plan: RetryPlan,
  isWorthIt: (error: unknown) => boolean,
  work: (signal: AbortSignal) => Promise<T>,
  signal: AbortSignal,
): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    signal.throwIfAborted()
    try {
      return await work(signal)
    } catch (error) {
      if (signal.aborted || tries >= plan.triesMax || !isWorthIt(error)) throw error
    }
    await parts.clock.sleep(delayMs(parts.random, plan, tries), signal)
  }
}

/** Milliseconds to wait after the try number `tries` (from 1) failed. */
export function delayMs(random: Random, plan: RetryPlan, tries: number): number {
  // 2^20 is beyond any delay in use and keeps the step a safe integer.
  const step = Math.min(plan.delayMsMax, plan.delayMsMin * 2 ** Math.min(tries - 1, 20))
  const [byte = 0] = random.bytes(1)
  return step / 2 + (step / 2) * (byte / 255)
}
