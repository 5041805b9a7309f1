/**
 * Drawing audits: which leaves of which shares a peer is asked for.
 *
 * Every byte that a peer is believed to hold is as likely as any other. So somebody who dropped a part f of
 * them passes c audits with (1 − f)^c, however many shares there are; 44 find a tenth with 99 % (durability.md §3).
 * Four of 44 are windows of 64 KiB at the places where readers of single objects fetch theirs, so that an
 * audit is not told apart from a read, neither by its message nor by its size; with five a month would come to
 * more than 1 MB.
 */

import { leafCount, type Manifest } from '../../protocol/manifest.ts'
import type { PackId } from '../../protocol/manifest.ts'
import type { Random } from '../ports/random.ts'

/** Audits of one peer in 30 days: a tenth that is missing is found with 99 %. */
export const AUDITS_MAX = 44

/** Each so many-th draw is a window: four of 44, whichever 44 in a row. */
export const WINDOW_EVERY = 11

/** Bytes of a window: as src/history/vault-objects.ts fetches around a single object. */
const WINDOW_SIZE = 64 * 1024

export interface AuditedShare {
  readonly pack: PackId
  readonly shareNumber: number
  /** Bytes of its piece. */
  readonly size: number
}

export interface AuditDraw {
  readonly share: AuditedShare
  /** A byte of the piece. */
  readonly offset: number
  readonly isWindow: boolean
}

/**
 * @param options.windowEvery - each so many-th draw is a window; `Infinity` for none
 * @param options.done - draws before these, so that windows go on in turn; else they begin anywhere
 * @returns `count` draws, a byte drawn twice included; none where there is nothing to draw from
 */
export function drawAudits(
  shares: readonly AuditedShare[],
  count: number,
  random: Random,
  options: { readonly windowEvery?: number; readonly done?: number } = {},
): AuditDraw[] {
  const { windowEvery = WINDOW_EVERY } = options
  const ends: number[] = []
  let total = 0
  for (const { size } of shares) ends.push((total += size))
  if (total === 0) return []
  const done = options.done ?? (windowEvery === Infinity ? 0 : below(random, windowEvery))
  return Array.from({ length: count }, (_, index) => {
    const at = below(random, total)
    const found = firstAbove(ends, at)
    const share = shares[found]!
    const offset = at - (ends[found]! - share.size)
    return { share, offset, isWindow: (done + index + 1) % windowEvery === 0 }
  })
}

/** @returns the leaves that the draw is about, as a reader would ask for them */
export function leavesOf(
  { offset, isWindow }: AuditDraw,
  manifest: Manifest,
): { readonly first: number; readonly count: number } {
  const leaf = Math.floor(offset / manifest.leafSize)
  if (!isWindow) return { first: leaf, count: 1 }
  const perWindow = WINDOW_SIZE / manifest.leafSize
  const first = leaf - (leaf % perWindow)
  return { first, count: Math.min(perWindow, leafCount(manifest) - first) }
}

/** @returns a whole number from 0 to `bound` − 1; for bounds in use each as likely to 1 in 2^16 */
export function below(random: Random, bound: number): number {
  const bytes = random.bytes(6)
  let value = 0
  for (const byte of bytes) value = value * 256 + byte
  return value % bound
}

/** @returns the index of the first number that is above `value`, in an ascending list that has one */
export function firstAbove(ascending: readonly number[], value: number): number {
  let [from, until] = [0, ascending.length - 1]
  while (from < until) {
    const middle = Math.floor((from + until) / 2)
    if (ascending[middle]! > value) until = middle
    else from = middle + 1
  }
  return from
}
