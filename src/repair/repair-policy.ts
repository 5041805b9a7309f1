/**
 * Repair policy: what backups do by themselves about the health of what was stored.
 */

import type { Random } from '../ports/random.ts'
import { AUDITS_MAX, below } from './draw-audits.ts'

const DAY_MS = 86_400_000

export interface RepairPolicy {
  /** Whether backups audit, check and repair by themselves, when they are done. */
  readonly isAutomatic: boolean
  /** Bytes from and to peers that one automatic repair may take. */
  readonly budget: number
  /** Packs that it takes up, at most: a friend who is given up has all of them due at once. */
  readonly countMax: number
}

export const REPAIR_POLICY: RepairPolicy = {
  isAutomatic: true,
  budget: 2_000_000_000,
  countMax: 256,
}

/** A check by itself comes about so often; peers are asked 100 questions for a hundred thousand shares. */
export const CHECK_EVERY_MS = DAY_MS

/** Audits of one peer are spread over so long. */
export const AUDIT_MS = 30 * DAY_MS

/**
 * When the next check by itself is due: in a day, or a quarter less or more, so that all who lost the same
 * friend do not repair at the same hour.
 */
export function nextCheckAt(now: number, random: Random): number {
  const share = 0.75 + below(random, 1_000) / 2_000
  return Math.round(now + share * CHECK_EVERY_MS)
}

/**
 * Audits of each peer that are due.
 *
 * @param auditedAt - when those before them were, by our clock; `undefined` if there never were any
 * @returns their count, and the time up to which audits are done then
 */
export function auditsDue(
  auditedAt: number | undefined,
  now: number,
): { readonly count: number; readonly auditedAt: number } {
  // Time begins with the first look, and anew where the clock was set back.
  if (auditedAt === undefined || auditedAt > now) return { count: 0, auditedAt: now }
  const each = AUDIT_MS / AUDITS_MAX
  const count = Math.floor((now - auditedAt) / each)
  if (count >= AUDITS_MAX) return { count: AUDITS_MAX, auditedAt: now }
  return { count, auditedAt: auditedAt + Math.floor(count * each) }
}
