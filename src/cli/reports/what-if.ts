/**
 * What `cairn what-if` says: how a group fares, year by year, what a restore waits for, what it costs, and which
 * change would help most. No number is told finer than the runs show it.
 */

import type { Change } from '../../durability/changes.ts'
import { onlineOf, KINDS } from '../../durability/kinds.ts'
import {
  expansionOf,
  type Best,
  type Measure,
  type Trial,
  type Waits,
  type WhatIfReport,
  type WhatIfRequest,
} from '../../durability/what-if.ts'
import { DAY_HOURS, YEAR_DAYS } from '../../durability/world.ts'
import type { Code } from '../../grid/code.ts'
import { formatBytes, formatCount, formatItems } from '../format.ts'
import type { JsonRecord } from '../output.ts'

export interface Told {
  readonly report: WhatIfReport
  readonly isInvented: boolean
  /** Friends who do not count, in words. */
  readonly left: readonly string[]
}

export function whatIfLines(told: Told): string[] {
  const { report } = told
  const { closedForm } = report
  return [
    ...groupLines(told),
    '',
    ...yearLines(report),
    ...(closedForm === undefined ? [] : ['', closedFormLine(report, closedForm)]),
    '',
    ...waitLines(report),
    '',
    ...costLines(report),
    '',
    ...changeLines(report),
    '',
    ...assumptionLines(report),
  ]
}

function groupLines({ report, isInvented, left }: Told): string[] {
  const { plan, lost } = report.request
  const { group, code, years } = plan
  const nas = group.filter(({ kind }) => kind === 'nas').length
  const laptops = group.length - nas
  const houses = new Set(group.map(({ house }) => house)).size
  const kinds = [
    ...(nas === 0 ? [] : [`${nas} always on`]),
    ...(laptops === 0 ? [] : [formatItems(laptops, 'laptop')]),
  ].join(' and ')
  const who = isInvented
    ? formatItems(group.length, 'invented friend')
    : `Your ${formatItems(group.length, 'friend')}`
  const shared = houses === group.length ? '' : `, in ${formatItems(houses, 'house')}`
  const names = lost.map((peer) => group[peer]?.name ?? '')
  return [
    `${who}: ${kinds}${shared}; any ${code.needed} of ${code.total} shares bring a pack back.`,
    ...(left.length === 0 ? [] : [`Not counted: ${left.join(', ')}.`]),
    ...(names.length === 0 ? [] : [`Lost on the first day: ${names.join(', ')}.`]),
    `Played: ${formatCount(report.tally.runs)} times ${formatItems(years, 'year')}.`,
  ]
}

function yearLines({ request, tally, closed }: WhatIfReport): string[] {
  const isClosed = closed === tally
  const replaced = `a new friend after ${daysWords(request.plan.replacedDays)}`
  const columns = [
    ...(isClosed ? [] : [[replaced, tally] as const]),
    ['nobody new comes', closed] as const,
  ]
  const years = Array.from({ length: tally.lostRuns.length - 1 }, (_, index) => index + 1)
  return [
    'Chance that something of the newest versions is lost by then, and that a given file is:',
    ...table([
      ['', ...columns.flatMap(([title]) => [title, ''])],
      ['after', ...columns.flatMap(() => ['something', 'a given file'])],
      ...years.map((year) => [
        formatItems(year, 'year'),
        ...columns.flatMap(([, { lostRuns, lostPart, runs }]) => {
          const lost = lostRuns[year] ?? 0
          return [lossWords(lost, runs), lossWords((lostPart[year] ?? 0) * runs, runs, lost)]
        }),
      ]),
    ]),
  ]
}

function closedFormLine({ request }: WhatIfReport, loss: number): string {
  const { years } = request.plan
  return (
    `If friends leave one by one and each is replaced at once, closed forms say: any one pack is lost ` +
    `in ${formatItems(years, 'year')} with a chance of ${rareWords(loss)}.`
  )
}

function waitLines({ tally, request }: WhatIfReport): string[] {
  const row = (title: string, waits: Waits) => [
    title,
    successWords(waits.beyondNow, waits.runs),
    successWords(waits.beyondDay, waits.runs),
    successWords(waits.beyondWeek, waits.runs),
  ]
  return [
    'Chance that a restore of everything meets enough friends:',
    ...table([
      ['begun', 'at once', 'within a day', 'within a week'],
      row('today', tally.today),
      row(`some day in ${formatItems(request.plan.years, 'year')}`, tally.someday),
    ]),
  ]
}

function costLines({ tally, request }: WhatIfReport): string[] {
  const { size, code, group } = request.plan
  const stored = size * expansionOf(code)
  const made = tally.made / group.length
  return [
    `Storage: ${expansionWords(code)} times the data: ${formatBytes(stored)} for ${formatBytes(size)}, ` +
      `about ${formatBytes(stored / group.length)} with each friend.`,
    `Repair: each friend gets about ${roughBytes(made)} a year on average; you send ${roughBytes(tally.made)}. ` +
      `If a friend's box repairs for you, it also reads ${roughBytes(tally.read)}.`,
  ]
}

function changeLines({ best, trials, request }: WhatIfReport): string[] {
  const measure = best?.measure ?? shownMeasure(trials)
  const rows = trials.map((trial) => [
    changeWords(trial.change),
    wrongWords(measure, trial.after, request.changeRuns),
    `${expansionWords(trial.change.plan.code)} ×`,
  ])
  const [first] = trials
  const now = first === undefined ? '' : wrongWords(measure, first.before, request.changeRuns)
  return [
    ...(best === undefined
      ? [`No single change makes a difference that ${formatItems(request.changeRuns, 'run')} show.`]
      : bestLines(best, request)),
    ...table([
      ['change', MEASURE_TITLE[measure], 'storage'],
      ['as it is', now, `${expansionWords(request.plan.code)} ×`],
      ...rows,
    ]),
  ]
}

/** What is told where no change shows: what goes wrong most often. */
function shownMeasure(trials: readonly Trial[]): Measure {
  return (trials[0]?.before.loss.runs ?? 0) > 0 ? 'loss' : 'day'
}

const MEASURE_TITLE: Readonly<Record<Measure, string>> = {
  loss: 'a given file is lost',
  day: 'a restore takes more than a day',
  now: 'a restore has to wait',
}

function bestLines({ measure, trial, frugal }: Best, request: WhatIfRequest): string[] {
  const { plan, changeRuns } = request
  const words = (each: Trial) => wrongWords(measure, each.after, changeRuns)
  const cost = (each: Trial) => expansionWords(each.change.plan.code)
  const before = wrongWords(measure, trial.before, changeRuns)
  const storage =
    cost(trial) === expansionWords(plan.code)
      ? ''
      : `, for ${cost(trial)} times the data in place of ${expansionWords(plan.code)}`
  return [
    `What would help most: ${changeWords(trial.change)}.`,
    `${MEASURE_SENTENCE[measure]}: ${words(trial)} instead of ${before}${storage}.`,
    ...(frugal === undefined
      ? []
      : [`Without more storage: ${changeWords(frugal.change)}, ${words(frugal)}.`]),
  ]
}

const MEASURE_SENTENCE: Readonly<Record<Measure, string>> = {
  loss: 'Chance that a given file is lost in these years',
  day: 'Chance that a restore takes more than a day',
  now: 'Chance that a restore has to wait',
}

function wrongWords(measure: Measure, wrongs: Trial['after'], runs: number): string {
  const { sum, runs: seen } = wrongs[measure]
  return lossWords(sum, runs, seen)
}

export function changeWords(change: Change): string {
  const { needed, total } = change.plan.code
  switch (change.type) {
    case 'friend':
      return 'one more friend with a laptop'
    case 'nas':
      return 'one more friend with a machine that is always on'
    case 'always-on':
      return `${change.name} always on`
    case 'other-house':
      return `${change.name} in a house of its own`
    case 'code':
      return `backups with --code ${needed}-of-${total}`
    case 'repair-by-hand':
      return `"cairn repair" within ${change.days} days of a friend's leaving`
    default:
      return `a new friend within about ${change.days} days of giving one up`
  }
}

function assumptionLines({ request }: WhatIfReport): string[] {
  const { lifetimeDays, replacedDays, group, placed } = request.plan
  const replaced =
    replacedDays === Infinity
      ? 'nobody comes in their place'
      : `somebody like them comes ${daysWords(replacedDays)} after they were given up, on average`
  const measured = group.filter(({ online }) => online !== undefined).length
  const laptop = Math.round(onlineOf(KINDS.laptop.rhythm) * 100)
  const rhythm =
    measured === group.length
      ? 'Friends are on as often as was measured'
      : `${measured === 0 ? 'A' : 'Where nothing was measured a'} laptop is on ${laptop} % of the time, ` +
        'most in the evening and at weekends'
  return [
    'Assumed:',
    `  Friends stay ${daysWords(lifetimeDays)} on average (--lifetime), houses leave as a whole, and ${replaced} (--replaced).`,
    placed === undefined
      ? '  Shares lie with friends as chance has it, each in another house as far as there are houses.'
      : '  Shares lie where they were put, as far as this machine knows; for another code, as chance has it.',
    `  ${rhythm}; it is away for a week 4 times a year, and twice for 16 days.`,
    '  Somebody looks every day: your backup, or a helper. Silent friends are given up after 21 days, machines that are always on after 14.',
    '  Your own disk does not count, everybody lives in one time zone, and a restore is over when enough friends were met: bytes take longer.',
    '  What hits many at once, an update or a quarrel, is not in it.',
  ]
}

/** @returns a record of what was asked and assumed, one for each year, of waits, of costs, of each change, and the best */
export function whatIfRecords({ report, isInvented }: Told): JsonRecord[] {
  const { request, tally, closed, trials, best, closedForm } = report
  const { plan, lost, runs } = request
  const { group, code } = plan
  const years = Array.from({ length: tally.lostRuns.length }, (_, year) => year)
  return [
    {
      message_type: 'world',
      is_invented: isInvented,
      peers: group.map(({ name, kind, house, online }, index) => ({
        name,
        kind,
        house,
        online_share: online,
        is_lost: lost.includes(index),
      })),
      needed: code.needed,
      total: code.total,
      years: plan.years,
      lifetime_days: plan.lifetimeDays,
      replaced_days: plan.replacedDays === Infinity ? null : plan.replacedDays,
      size: plan.size,
      is_placed: plan.placed !== undefined,
      runs,
      seed: plan.seed,
    },
    ...years.map((year) => ({
      message_type: 'year',
      year,
      runs,
      runs_lost: tally.lostRuns[year],
      lost_part: tally.lostPart[year],
      runs_lost_closed: closed.lostRuns[year],
      lost_part_closed: closed.lostPart[year],
    })),
    waitRecord('today', tally.today),
    waitRecord('someday', tally.someday),
    {
      message_type: 'cost',
      expansion: expansionOf(code),
      bytes_stored: Math.round(plan.size * expansionOf(code)),
      bytes_made_a_year: Math.round(tally.made),
      bytes_made_a_year_for_each_peer: Math.round(tally.made / group.length),
      bytes_read_a_year_by_a_helper: Math.round(tally.read),
      false_alarms_a_year: tally.falseAlarms,
    },
    ...trials.map(({ change, before, after, tally: changed }) => ({
      message_type: 'change',
      change: change.type,
      text: changeWords(change),
      needed: change.plan.code.needed,
      total: change.plan.code.total,
      runs: request.changeRuns,
      before: wrongFields(before),
      after: wrongFields(after),
      expansion: expansionOf(change.plan.code),
      bytes_made_a_year: Math.round(changed.made),
    })),
    {
      message_type: 'summary',
      runs_lost: tally.lostRuns.at(-1),
      runs,
      loss_of_one_pack_by_closed_form: closedForm,
      best:
        best === undefined
          ? null
          : {
              change: best.trial.change.type,
              measure: best.measure,
              text: changeWords(best.trial.change),
            },
    },
  ]
}

function wrongFields({ loss, day, now }: Trial['after']) {
  return {
    lost_parts: loss.sum,
    runs_lost: loss.runs,
    runs_beyond_a_day: day.runs,
    runs_beyond_now: now.runs,
  }
}

function waitRecord(begun: string, { runs, beyondNow, beyondDay, beyondWeek }: Waits): JsonRecord {
  return {
    message_type: 'restore',
    begun,
    runs,
    runs_beyond_now: beyondNow,
    runs_beyond_a_day: beyondDay,
    runs_beyond_a_week: beyondWeek,
  }
}

/** Of something seen 0, 1, 2 … times: as often it may be expected at most, with 95 % (Poisson). */
const UPPER = [3, 4.74, 6.3, 7.75, 9.15] as const

/**
 * How often it went wrong, as fine as so many runs tell; where it hardly ever did, what they rule out with 95 %.
 *
 * @param count - of runs, or a sum of parts
 * @param seen - runs in which anything went wrong
 */
export function lossWords(count: number, runs: number, seen = count): string {
  const bound = UPPER[seen]
  if (bound !== undefined && seen < runs / 50) {
    const part = seen === 0 ? 1 : count / seen
    return `better than 1 in ${formatCount(floored(runs / (bound * part)))}`
  }
  const chance = count / runs
  if (chance < 0.02) return `about 1 in ${formatCount(rounded(runs / count, seen < 30 ? 1 : 2))}`
  if (count >= runs) return 'always'
  if (runs - count < runs / 200) return 'nearly always'
  return `about ${Math.round(chance * 100)} %`
}

/** The opposite. */
export function successWords(missed: number, runs: number): string {
  if (missed === 0) return `always in ${formatItems(runs, 'run')}`
  if (missed === runs) return 'never'
  if (missed < UPPER.length)
    return `in ${formatCount(runs - missed)} of ${formatItems(runs, 'run')}`
  const chance = missed / runs
  if (chance < 0.02)
    return `all but 1 in ${formatCount(rounded(runs / missed, missed < 30 ? 1 : 2))}`
  if (runs - missed < runs / 200) return 'hardly ever'
  return `${Math.round((1 - chance) * 100)} %`
}

/** A computed chance, to one digit: what it rests on is no finer. */
export function rareWords(chance: number): string {
  if (chance >= 0.02) return `about ${Math.round(chance * 100)} %`
  if (chance < 1e-12) return 'less than 1 in 1,000,000,000,000'
  return `about 1 in ${formatCount(rounded(1 / chance, 1))}`
}

function rounded(value: number, digits: number): number {
  return Number(value.toPrecision(digits))
}

function floored(value: number): number {
  const unit = 10 ** Math.floor(Math.log10(value))
  return Math.floor(value / unit) * unit
}

function roughBytes(bytes: number): string {
  return bytes === 0 ? 'nothing' : formatBytes(rounded(bytes, 2))
}

function expansionWords(code: Code): string {
  return String(rounded(expansionOf(code), 2))
}

function daysWords(days: number): string {
  if (days === Infinity) return 'never'
  const years = days / YEAR_DAYS
  if (days >= YEAR_DAYS) return `${rounded(years, 2)} ${years === 1 ? 'year' : 'years'}`
  if (days >= 2) return formatItems(Math.round(days), 'day')
  return formatItems(Math.round(days * DAY_HOURS), 'hour')
}

/** Columns two spaces apart. */
function table(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => (row[column] ?? '').length)),
  )
  return rows.map((row) => {
    const cells = row.map((cell, column) => cell.padEnd(widths[column] ?? 0))
    return `  ${cells.join('  ')}`.trimEnd()
  })
}
