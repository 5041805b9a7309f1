/**
 * Rebuild plans: for one file, what could be done about its chain, and the cheapest of it in bytes.
 */

import type { ChainFacts } from './chain-facts.ts'

/**
 * - 'compose': the newest version becomes one delta upon the original it rests on
 * - 'reverse': the newest version becomes an original, the older ones reverse deltas
 * - 'original': the newest version becomes an original, and what the others rest on stays
 * - 'leave': the chain is as it should be
 */
export type PlanType = 'compose' | 'reverse' | 'original' | 'leave'

export interface RebuildPlan {
  readonly type: PlanType
  /** Why, for the person. */
  readonly reason: string
  /** Sealed bytes to send, before erasure; estimated. */
  readonly bytesUp: number
  /** Bytes to fetch; estimated. */
  readonly bytesDown: number
  /** Sealed bytes that nothing needs any more. */
  readonly bytesFreed: number
  readonly before: ChainFacts
  /** Estimated. */
  readonly after: ChainFacts
}
