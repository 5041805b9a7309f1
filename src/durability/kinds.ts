/**
 * Kinds of machines: when they are on, how long they are away, and when they are given up.
 *
 * The hours of a working day and the absences are those of the oracles diurnal.csv and false_repairs.csv; a
 * weekend is a laptop's day from 10 to 23. Where the client measured how often a friend answers, the
 * hours are stretched to that.
 */

import {
  GIVE_UP_LAPTOP_MS,
  GIVE_UP_NAS_MS,
  NAS_ONLINE_MIN,
  NAS_WATCHED_MS_MIN,
} from '../grid/standing.ts'
import { DAY_HOURS, WEEK_HOURS, type PeerModel, type Rhythm } from './world.ts'

const DAY_MS = 86_400_000
const WORKING_DAYS = 5

/** No machine is on more than that: power cuts, updates, a router that hangs. */
const ONLINE_MAX = 0.995

export type Kind = 'nas' | 'laptop'

/** What a machine that is always on answers. */
export const NAS_ONLINE = 0.98

export const KINDS: Readonly<Record<Kind, Omit<PeerModel, 'domain'>>> = {
  nas: {
    rhythm: { hours: flat(NAS_ONLINE), zone: 0, luckHours: 6 },
    absences: [
      { perYear: 4, days: 2 },
      { perYear: 1, days: 10 },
    ],
    giveUpDays: GIVE_UP_NAS_MS / DAY_MS,
  },
  laptop: {
    rhythm: { hours: hoursOf(laptopOn), zone: 0, luckHours: DAY_HOURS },
    absences: [
      { perYear: 4, days: 7 },
      { perYear: 2, days: 16 },
    ],
    giveUpDays: GIVE_UP_LAPTOP_MS / DAY_MS,
  },
}

/** What was seen of a friend: docs/adr/0050-silence.md. */
export interface Measured {
  /** Part of the time watched in which it answered, 0–1. */
  readonly online: number
  readonly watchedMs: number
}

/** @returns what the product takes a machine for that answered so often */
export function kindOf({ online, watchedMs }: Measured): Kind {
  return watchedMs >= NAS_WATCHED_MS_MIN && online >= NAS_ONLINE_MIN ? 'nas' : 'laptop'
}

/** @param online - measured; the kind's own where nothing was */
export function peerOf(kind: Kind, domain: number, online?: number): PeerModel {
  const model = KINDS[kind]
  if (online === undefined) return { ...model, domain }
  return { ...model, domain, rhythm: stretched(model.rhythm, online) }
}

/** @returns the part of all hours in which it is on */
export function onlineOf({ hours }: Rhythm): number {
  return hours.reduce((sum, part) => sum + part, 0) / hours.length
}

/** The same rhythm with all hours stretched, so that the machine is on for this part of them. */
export function stretched(rhythm: Rhythm, online: number): Rhythm {
  const wanted = Math.min(ONLINE_MAX, Math.max(0, online))
  let [low, high] = [0, 1_000]
  for (let step = 0; step < 60; step += 1) {
    const factor = (low + high) / 2
    if (onlineOf({ ...rhythm, hours: times(rhythm.hours, factor) }) < wanted) low = factor
    else high = factor
  }
  return { ...rhythm, hours: times(rhythm.hours, high) }
}

/** @param on - the part for a day of the week, from Monday 0, and an hour of the day */
export function hoursOf(on: (day: number, hour: number) => number): Float64Array {
  return Float64Array.from({ length: WEEK_HOURS }, (_, hour) =>
    on(Math.floor(hour / DAY_HOURS), hour % DAY_HOURS),
  )
}

export function flat(online: number): Float64Array {
  return new Float64Array(WEEK_HOURS).fill(online)
}

/** A laptop at home on a working day. */
export function laptopOnWorkday(hour: number): number {
  if (hour >= 18 && hour < 23) return 0.75
  return hour >= 8 && hour < 18 ? 0.3 : 0.03
}

function laptopOn(day: number, hour: number): number {
  if (day < WORKING_DAYS) return laptopOnWorkday(hour)
  return hour >= 10 && hour < 23 ? 0.6 : 0.03
}

function times(hours: Float64Array, factor: number): Float64Array {
  return hours.map((part) => Math.min(ONLINE_MAX, part * factor))
}
