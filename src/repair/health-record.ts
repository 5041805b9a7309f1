/**
 * Health record: what the last check or repair found, in numbers, for `status` to tell.
 */

import { z } from 'zod'
import { count } from '../../protocol/cbor.ts'
import type { Settings } from '../store/settings.ts'
import { VERDICTS, type PackHealth, type Verdict } from './pack-health.ts'

/** Setting: when packs were checked last, ms since 1970 by our clock. */
const CHECKED_AT = 'repair/checked-at'
const HEALTH = 'repair/health'

const many = count(Number.MAX_SAFE_INTEGER)
const schema = z.strictObject({
  whole: many,
  settling: many,
  thin: many,
  unsafe: many,
  'out-of-reach': many,
  lost: many,
  missing: many,
})

export interface HealthRecord {
  readonly checkedAt: number
  /** Packs by verdict. */
  readonly packs: Readonly<Record<Verdict, number>>
  /** Shares that nobody holds who counts. */
  readonly missing: number
}

export function countVerdicts(packs: readonly PackHealth[]): Record<Verdict, number> {
  const counts = Object.fromEntries(VERDICTS.map((verdict) => [verdict, 0])) as Record<
    Verdict,
    number
  >
  for (const { verdict } of packs) counts[verdict] += 1
  return counts
}

export function keepHealth(settings: Settings, packs: readonly PackHealth[], now: number): void {
  const missing = packs.reduce((sum, health) => sum + health.missing.length, 0)
  settings.set(CHECKED_AT, Math.max(0, now))
  settings.set(HEALTH, { ...countVerdicts(packs), missing })
}

/** @returns `undefined` before the first check */
export function readHealth(settings: Settings): HealthRecord | undefined {
  const checkedAt = settings.get(CHECKED_AT, many)
  const found = settings.get(HEALTH, schema)
  if (checkedAt === undefined || found === undefined) return undefined
  const { missing, ...packs } = found
  return { checkedAt, packs, missing }
}
