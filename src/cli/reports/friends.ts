/**
 * Friends in words: what is the matter with one, since when, and until when it is waited for.
 */

import type { OverGrant } from '../../node/client.ts'
import type { Standing } from '../../grid/standing.ts'
import type { PeerLack } from '../../repair/explain.ts'
import { escapeLine } from '../escape.ts'
import { formatItems, formatMoment } from '../format.ts'

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS

/** A standing in one word, for a table. */
export const STANDING_WORD: Readonly<Record<Standing, string>> = {
  here: 'here',
  quiet: 'silent',
  vacation: 'away',
  leaving: 'leaving',
  gone: 'given up',
  untrusted: 'mistrusted',
}

/** How a person knows a peer: by its name, else by the end of its id. */
export function friendName({ peer, name }: { readonly peer: string; readonly name?: string }) {
  return name === undefined || name === '' ? `…${peer.slice(-6)}` : escapeLine(name)
}

/** @returns for instance `3 days`, `5 hours`, `a moment` */
export function formatAge(ms: number): string {
  if (ms >= 2 * DAY_MS) return formatItems(Math.floor(ms / DAY_MS), 'day')
  if (ms >= 2 * HOUR_MS) return formatItems(Math.floor(ms / HOUR_MS), 'hour')
  return ms >= 120_000 ? formatItems(Math.floor(ms / 60_000), 'minute') : 'a moment'
}

/** @returns the day, by the local calendar: `2026-01-21` */
export function formatDay(ms: number): string {
  const date = new Date(ms)
  const two = (value: number) => String(value).padStart(2, '0')
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`
}

/** What is the matter with a peer, to stand after its name. */
export function describeLack({ why, since, until }: PeerLack, now: number): string {
  const ago = since === undefined ? '' : formatAge(now - since)
  const asked = since === undefined ? '' : ` (asked ${ago} ago)`
  switch (why) {
    case 'silent': {
      const wait = until === undefined ? '' : `; waited for until ${formatDay(until)} at least`
      return since === undefined ? `never heard${wait}` : `silent for ${ago}${wait}`
    }
    case 'vacation':
      return until === undefined ? 'away, as it said' : `away until ${formatDay(until)}, as it said`
    case 'leaving':
      return 'about to leave the grid: its shares move'
    case 'gone':
      return `given up${since === undefined ? '' : `, silent for ${ago}`}; its shares count again if it comes back`
    case 'untrusted':
      return until === undefined
        ? 'answers, and no audit brought anything good for a week: what it holds does not count'
        : `failed two audits; no new shares there until ${formatDay(until)}`
    case 'full':
      return `has no room left${asked}`
    case 'quota':
      return `keeps no more for this vault: the quota is used up${asked}`
    case 'unreachable':
      return `was not reached when a share was to go there${asked}`
    case 'refused':
      return `refused a share${asked}`
    default:
      return 'gave wrong bytes for a share of it'
  }
}

/** @returns how far a vault is above its grant, for programs */
export function overRecord(over: OverGrant | undefined) {
  return (
    over && { bytes: over.bytes, since: formatMoment(over.since), until: formatMoment(over.until) }
  )
}
