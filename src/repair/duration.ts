/**
 * Durations as people say them: `1y5m7d2h` is a year, five months, seven days and two hours.
 *
 * Years, months and days are the calendar's: a month before 15 March is 15 February, however many
 * days lie between. The words are restic's.
 */

const PART = /(\d{1,6})([ymdh])/g
const WHOLE = /^(?:\d{1,6}[ymdh])+$/

export interface Duration {
  /** Each 0–999,999. */
  readonly years: number
  readonly months: number
  readonly days: number
  readonly hours: number
}

/** @returns the duration, or `undefined` if the text is none, or names a unit twice or no time at all */
export function parseDuration(text: string): Duration | undefined {
  if (!WHOLE.test(text)) return undefined
  const parts = [...text.matchAll(PART)].map(
    ([, count, unit]) => [unit ?? '', Number(count)] as const,
  )
  const counts = new Map(parts)
  if (counts.size < parts.length || parts.every(([, count]) => count === 0)) return undefined
  const count = (unit: string) => counts.get(unit) ?? 0
  return { years: count('y'), months: count('m'), days: count('d'), hours: count('h') }
}

/** @returns for instance `1y5m7d2h` */
export function formatDuration({ years, months, days, hours }: Duration): string {
  const parts = [
    [years, 'y'] as const,
    [months, 'm'] as const,
    [days, 'd'] as const,
    [hours, 'h'] as const,
  ]
  return parts.map(([count, unit]) => (count === 0 ? '' : `${count}${unit}`)).join('')
}

/**
 * @param time - milliseconds since 1970
 * @returns the same time of day, by the local calendar, so long before; -Infinity before all calendars
 */
export function before(time: number, { years, months, days, hours }: Duration): number {
  const date = new Date(time)
  date.setFullYear(date.getFullYear() - years, date.getMonth() - months, date.getDate() - days)
  const moment = date.getTime() - hours * 3_600_000
  return Number.isNaN(moment) ? -Infinity : moment
}
