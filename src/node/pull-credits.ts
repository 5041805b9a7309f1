/**
 * Pulling credits: a peer learns from the others what devices vouch for, now and then.
 *
 * Devices tell every peer themselves; this is for who was away then. Who is missed is asked the next time.
 */

import { delayMs, type RetryPlan } from '../base/retry.ts'
import type { Grid } from '../grid/grid.ts'
import type { FairUse } from '../peer/fair-use.ts'
import type { Clock } from '../ports/clock.ts'
import type { Log } from '../ports/log.ts'
import type { Random } from '../ports/random.ts'

/** Whether it is time is looked at so often, ms: half of it to all of it, by chance. */
const LOOK: RetryPlan = { triesMax: Infinity, delayMsMin: 3_600_000, delayMsMax: 3_600_000 }

/** At start the roster comes first, which says whose peers are; ms. */
const START_MS = 30_000

export interface PullCreditsParts {
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  readonly grid: Grid
  readonly fairUse: FairUse
}

/**
 * Run until the signal aborts.
 *
 * @throws the signal's reason, unchanged
 */
export async function pullCredits(
  { clock, random, log, grid, fairUse }: PullCreditsParts,
  signal: AbortSignal,
): Promise<never> {
  await clock.sleep(START_MS, signal)
  for (;;) {
    if (fairUse.isNewsDue()) {
      const { answers } = await grid.askEverybody(async (session, within) => {
        return fairUse.take(await session.credits([], fairUse.known(), within))
      }, signal)
      log.debug('credits', { news: answers.reduce((sum, { answer }) => sum + answer, 0) })
    }
    await clock.sleep(delayMs(random, LOOK, 1), signal)
  }
}
