/**
 * Rates: how fast this machine may send, all day or by the hour.
 *
 * `500kB`, or `08:00-18:00 500kB, 18:00-23:00 2MB`: local time, no limit outside the spans; where spans overlap the
 * slowest holds. `0` or `unlimited` is no limit.
 */

import { InvalidArgumentError } from 'commander'
import { formatBytes, parseSize } from './format.ts'

/** Slower than that, ten shares at a time would miss what peers expect of each: 4 KiB a second. */
export const RATE_MIN = 64_000

/** Of the option that many commands have. */
export const LIMIT_UPLOAD_WORDS =
  'send no faster: 500kB a second, or by the hour: "08:00-18:00 500kB, 18:00-23:00 2MB"'

const DAY_MINUTES = 24 * 60

interface Span {
  /** Minutes since midnight, local time; the end is not within. A span may go over midnight. */
  readonly from: number
  readonly until: number
  /** Bytes a second; `undefined` for no limit. */
  readonly rate: number | undefined
}

export type Rates = readonly Span[]

/** @returns the rates; `undefined` if the text is none */
export function parseRates(text: string): Rates | undefined {
  const spans = text.split(',').map((part) => parseSpan(part.trim()))
  return spans.every((span) => span !== undefined) ? spans : undefined
}

/** @throws {InvalidArgumentError} */
export function ratesOption(text: string): Rates {
  const rates = parseRates(text)
  if (rates !== undefined) return rates
  throw new InvalidArgumentError(
    'Expected bytes a second, for instance 500kB, or spans as "08:00-18:00 500kB, 18:00-23:00 2MB"; ' +
      `${formatBytes(RATE_MIN)} at least.`,
  )
}

/** @returns bytes a second at that moment; `undefined` for no limit */
export function rateAt(rates: Rates, now: Date): number | undefined {
  const minute = now.getHours() * 60 + now.getMinutes()
  const limits = rates.flatMap((span) => (isWithin(span, minute) ? [span.rate ?? Infinity] : []))
  const least = Math.min(...limits)
  return least === Infinity ? undefined : least
}

function isWithin({ from, until }: Span, minute: number): boolean {
  return from <= until ? minute >= from && minute < until : minute >= from || minute < until
}

function parseSpan(text: string): Span | undefined {
  const match = /^(?:(\d{1,2}):(\d{2})\s*-\s*(\d{1,2}):(\d{2})\s+)?(\S+?)(?:\/s)?$/.exec(text)
  if (match === null) return undefined
  const rate = parseRate(match[5] ?? '')
  if (rate === null) return undefined
  if (match[1] === undefined) return { from: 0, until: DAY_MINUTES, rate }
  const from = minutesOf(match[1], match[2])
  const until = minutesOf(match[3], match[4])
  return from === undefined || until === undefined ? undefined : { from, until, rate }
}

/** @returns null if the text is no rate */
function parseRate(text: string): number | undefined | null {
  if (text === 'unlimited' || text === '0') return undefined
  const rate = parseSize(text)
  return rate !== undefined && rate >= RATE_MIN ? rate : null
}

function minutesOf(hours = '', minutes = ''): number | undefined {
  const minute = Number(hours) * 60 + Number(minutes)
  return Number(minutes) < 60 && minute <= DAY_MINUTES ? minute : undefined
}
