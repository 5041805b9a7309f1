/**
 * When: which snapshot a person means.
 *
 * `latest` · a snapshot's number · RFC 3339 · `YYYY-MM-DD[THH[:MM[:SS]]]` in local time, where what is
 * left out reaches to its end (a date alone is the end of that day) · `3d`, `2w`, `5h`, `30m` ago ·
 * repozo's `YYYY-MM-DD-HH-MM-SS`, which is UTC. A moment means the newest snapshot that had ended by
 * then. Whoever asks must show which snapshot was chosen.
 */

import type { SnapshotRow } from '../../protocol/snapshots.ts'
import { UsageError } from '../base/errors.ts'

/** The words name no snapshot, or none that is kept. */
export class NoSuchSnapshotError extends UsageError {
  override readonly name = 'NoSuchSnapshotError'
}

const UNIT_MS = { m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 } as const

const NUMBER = /^\d{1,15}$/
const AGO = /^(\d{1,6})([mhdw])$/
const REPOZO = /^(\d{4})-(\d\d)-(\d\d)-(\d\d)-(\d\d)-(\d\d)$/
const LOCAL = /^(\d{4})-(\d\d)-(\d\d)(?:T(\d\d)(?::(\d\d)(?::(\d\d))?)?)?$/
const RFC3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)$/

/**
 * @param rows - all snapshots, newest first
 * @param now - milliseconds since 1970
 * @throws {NoSuchSnapshotError}
 */
export function chooseSnapshot(
  rows: readonly SnapshotRow[],
  when: string,
  now: number,
): SnapshotRow {
  const newest = rows[0]
  if (newest === undefined)
    throw new NoSuchSnapshotError('There is no snapshot yet: run "cairn backup"')
  if (when === 'latest' || when === 'now') return newest
  if (NUMBER.test(when)) {
    const row = rows.find(({ sequence }) => sequence === Number(when))
    if (row !== undefined) return row
    throw new NoSuchSnapshotError(`There is no snapshot ${when}; ${nearest(rows, Number(when))}`)
  }
  const moment = toMoment(when, now)
  const row = rows.find(({ endedAt }) => endedAt <= moment)
  if (row !== undefined) return row
  const first = rows.at(-1)
  throw new NoSuchSnapshotError(
    `No snapshot had ended by ${new Date(moment).toISOString()}; ` +
      `the first, ${first?.sequence}, ended at ${new Date(first?.endedAt ?? 0).toISOString()}`,
  )
}

/** Numbers have gaps: of snapshots that were forgotten, and of rebuilds, which count along. */
function nearest(rows: readonly SnapshotRow[], sequence: number): string {
  const after = rows.findLast((row) => row.sequence > sequence)
  const before = rows.find((row) => row.sequence < sequence)
  if (after !== undefined && before !== undefined) {
    return `the nearest that are kept are ${before.sequence} and ${after.sequence}`
  }
  return `there are ${rows.at(-1)?.sequence} to ${rows[0]?.sequence}`
}

/** @returns milliseconds since 1970: the last one that the words cover */
export function toMoment(when: string, now: number): number {
  const moment = readAgo(when, now) ?? readRepozo(when) ?? readRfc3339(when) ?? readLocal(when)
  if (moment !== undefined && !Number.isNaN(moment)) return moment
  throw new NoSuchSnapshotError(
    `"${when}" is no snapshot: use latest, a number, 2026-11-20, 2026-11-20T14:30, ` +
      '2026-11-20T14:30:00Z, or an age such as 3d',
  )
}

function readAgo(when: string, now: number): number | undefined {
  const match = AGO.exec(when)
  if (match === null) return undefined
  return now - Number(match[1]) * UNIT_MS[match[2] as keyof typeof UNIT_MS]
}

function readRepozo(when: string): number | undefined {
  const match = REPOZO.exec(when)
  if (match === null) return undefined
  const [year, month, day, hour, minute, second] = match.slice(1).map(Number)
  const text = when.slice(0, 10)
  const at = Date.UTC(year ?? 0, (month ?? 1) - 1, day, hour, minute, second) + 999
  return isDay(text) && inClock(hour, minute, second) ? at : Number.NaN
}

function readRfc3339(when: string): number | undefined {
  if (!RFC3339.test(when)) return undefined
  const moment = Date.parse(when)
  // Whole seconds cover all of their milliseconds, as a person means them.
  return isDay(when.slice(0, 10)) ? moment + (when.includes('.') ? 0 : 999) : Number.NaN
}

function readLocal(when: string): number | undefined {
  const match = LOCAL.exec(when)
  if (match === null) return undefined
  const [year, month, day] = match.slice(1, 4).map(Number)
  const [hour, minute, second] = match.slice(4, 7).map((part) => (part ? Number(part) : undefined))
  const end = new Date(
    year ?? 0,
    (month ?? 1) - 1,
    day,
    hour ?? 23,
    minute ?? 59,
    second ?? 59,
    999,
  )
  return isDay(when.slice(0, 10)) && inClock(hour, minute, second) ? end.getTime() : Number.NaN
}

/** Date would turn 31 April into 1 May. */
function isDay(text: string): boolean {
  const day = new Date(`${text}T00:00:00Z`)
  return !Number.isNaN(day.getTime()) && day.toISOString().startsWith(text)
}

function inClock(hour = 0, minute = 0, second = 0): boolean {
  return hour < 24 && minute < 60 && second < 60
}
