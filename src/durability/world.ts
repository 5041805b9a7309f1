/**
 * Worlds: what a simulation of years is told about friends, packs and what is done when friends go.
 *
 * Times are days, as floating-point numbers; a year has 365.25 of them.
 */

import type { Code } from '../grid/code.ts'

export const YEAR_DAYS = 365.25
export const DAY_HOURS = 24
export const WEEK_HOURS = 168

/** How likely a machine is on, hour by hour. */
export interface Rhythm {
  /** For each of the 168 hours from Monday 0:00 local time: the part of such hours in which it is on. */
  readonly hours: Float64Array
  /** Hours that its local time is ahead. */
  readonly zone: number
  /**
   * Its luck is drawn anew so often, hours: it is on while that is below the hour's part. With 24 a machine
   * that is on in three evenings of four is off all evening in the fourth.
   */
  readonly luckHours: number
}

/** A silence that is longer than a night, and ends. */
export interface Absence {
  readonly perYear: number
  readonly days: number
}

export interface PeerModel {
  /** Who has the same one lives in one house: they leave together. Numbered from 0, without gaps. */
  readonly domain: number
  readonly rhythm: Rhythm
  readonly absences: readonly Absence[]
  /** Days of silence after which it is given up. */
  readonly giveUpDays: number
}

/** How long somebody takes part: Weibull, whose shape 1 is the exponential distribution. */
export interface Lifetime {
  /** Days, `Infinity` for ever. */
  readonly mean: number
  /** Below 1 most leave early, and who stayed stays on. */
  readonly shape: number
}

/**
 * What is done about lost shares.
 *
 * - `none`: nothing.
 * - `drawn`: as in the closed forms. A loss is known at once; with `threshold` living shares or fewer a job
 *   begins, takes an exponential time of this mean and makes all that is missing.
 * - `clocks`: as the product does it. Friends are given up by their clocks; a pack of which fewer than H
 *   shares were seen within three days does not wait; what is due is made again at the next check.
 */
export type Repairing =
  | { readonly type: 'none' }
  | { readonly type: 'drawn'; readonly threshold: number; readonly meanDays: number }
  | { readonly type: 'clocks'; readonly checkDays: number; readonly packsPerCheck: number }

/** Each peer is gone with this probability, all at one moment: on some day, or once in a while. */
export interface Shock {
  readonly fraction: number
  readonly day?: number
  readonly perYear?: number
}

/** A moment at which a peer goes away, is back, or is gone for good with all it holds. */
export interface Turn {
  readonly day: number
  readonly to: 'away' | 'here' | 'gone'
}

export interface World {
  readonly peers: readonly PeerModel[]
  readonly code: Code
  readonly packs: number
  /**
   * Where shares are at first: pack q at the peers from q × n on; drawn, each in another house as far as there
   * are houses; or as it is told, for each pack and share the peer, −1 for nobody.
   */
  readonly placement: 'own' | 'drawn' | readonly (readonly number[])[]
  /** Of each house, in order of their numbers; the last holds for all after it. */
  readonly lifetimes: readonly Lifetime[]
  readonly repairing: Repairing
  /**
   * Days from when a house was given up until another is in its place, on average; 0 is at once and
   * exactly, `Infinity` is never: a closed group.
   */
  readonly replacedDays: number
  /** Days after which the person knows that somebody is gone for good, and says so; by default only clocks do. */
  readonly knownDays?: number
  readonly shock?: Shock
  /** What becomes of each peer, in place of chance. */
  readonly script?: readonly (readonly Turn[])[]
  /** A pack that is lost begins anew, so that long runs tell long-run averages. */
  readonly isRenewed: boolean
  readonly years: number
  readonly seed: number
}

/** Peers that are alike, each in a house of its own. */
export function alike(count: number, peer: Omit<PeerModel, 'domain'>): PeerModel[] {
  return Array.from({ length: count }, (_, domain) => ({ ...peer, domain }))
}
