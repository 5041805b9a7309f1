/**
 * What if: how a group fares over years, and which single change would help it most.
 *
 * The same runs are played for every change, with the same luck for everybody who is in both worlds; so a
 * small difference shows in few runs. Nothing is told that the runs do not show: where none of them lost
 * anything, only how many there were.
 */

import type { Code } from '../grid/code.ts'
import { bulkRepair } from './closed-forms.ts'
import { changesOf, type Change } from './changes.ts'
import { Engine } from './engine.ts'
import { worldOf, type Plan } from './group.ts'
import { KINDS } from './kinds.ts'
import { Presence } from './presence.ts'
import { Streams } from './streams.ts'
import { DAY_HOURS, WEEK_HOURS, YEAR_DAYS } from './world.ts'

const RESTORE_PURPOSE = 4

/** Runs between two words on progress. */
const BATCH = 50

/** A difference counts from so many standard deviations on. */
const Z_MIN = 3

/** Fewer than that say nothing about a probability. */
const COUNT_MIN = 5

export interface WhatIfRequest {
  readonly plan: Plan
  /** The person chose the code; otherwise a larger group has another one. */
  readonly isCodeGiven: boolean
  /** Indexes of peers that are gone from the first day on. */
  readonly lost: readonly number[]
  readonly runs: number
  /** For each change that is tried. */
  readonly changeRuns: number
}

/** In how many runs it took longer than that to meet enough friends, or something was lost by then. */
export interface Waits {
  readonly runs: number
  readonly beyondNow: number
  readonly beyondDay: number
  readonly beyondWeek: number
}

/** What many runs of one world came to. */
export interface Tally {
  readonly runs: number
  /** For each year from 0: runs in which anything was lost by then, and the mean part of packs lost. */
  readonly lostRuns: Int32Array
  readonly lostPart: Float64Array
  /** On the first day, and on some day of these years. */
  readonly today: Waits
  readonly someday: Waits
  /** Bytes a year: made again, and read for that by who is not the owner; all peers together. */
  readonly made: number
  readonly read: number
  /** Silences that were taken for losses, a year. */
  readonly falseAlarms: number
  /** For each run: the part of packs lost; whether the wait on some day was longer than a day; whether there was one. */
  readonly wrong: Readonly<Record<Measure, Float32Array>>
}

/** What may go wrong with a version: it is lost, or a restore takes more than a day, or has to wait at all. */
export type Measure = 'loss' | 'day' | 'now'

/** How often it went wrong. */
export interface Wrong {
  /** The sum over the runs: of parts of packs lost, or of runs. */
  readonly sum: number
  /** Runs in which it went wrong at all. */
  readonly runs: number
}

/** One change, tried. */
export interface Trial {
  readonly change: Change
  readonly tally: Tally
  /** Runs of the same numbers without the change: how often it went wrong in these. */
  readonly before: Readonly<Record<Measure, Wrong>>
  readonly after: Readonly<Record<Measure, Wrong>>
}

export interface Best {
  readonly measure: Measure
  readonly trial: Trial
  /** The best of those that take no more storage; absent where that is the same or none shows. */
  readonly frugal?: Trial
}

export interface WhatIfReport {
  readonly request: WhatIfRequest
  readonly tally: Tally
  /** The same where nobody comes after those who leave; the same object where that was asked for. */
  readonly closed: Tally
  readonly trials: readonly Trial[]
  /** The trial that helps most, and by which measure; `undefined` where none shows. */
  readonly best: Best | undefined
  /** Where it applies: the probability that one pack is lost within the years, if friends leave one by one. */
  readonly closedForm: number | undefined
}

export interface WhatIfProgress {
  readonly done: number
  readonly total: number
}

/** Play all runs; a word on progress comes now and then. */
export function* whatIf(request: WhatIfRequest): Generator<WhatIfProgress, WhatIfReport> {
  const { plan, lost, runs, changeRuns } = request
  const isClosed = plan.replacedDays === Infinity
  const changes = changesOf(plan, request.isCodeGiven)
  const total = runs * (isClosed ? 1 : 2) + changeRuns * changes.length
  let done = 0
  const played = function* (what: Plan, count: number) {
    const tally = yield* tallyOf(what, lost, count, (run) => ({ done: done + run, total }))
    done += count
    return tally
  }
  const tally = yield* played(plan, runs)
  const closed = isClosed ? tally : yield* played({ ...plan, replacedDays: Infinity }, runs)
  const trials: Trial[] = []
  for (const change of changes) {
    const changed = yield* played(change.plan, changeRuns)
    trials.push({
      change,
      tally: changed,
      before: wrongs(tally, changeRuns),
      after: wrongs(changed, changeRuns),
    })
  }
  const best = bestOf(plan.code, tally, trials)
  return { request, tally, closed, trials, best, closedForm: closedFormOf(plan, lost) }
}

function* tallyOf(
  plan: Plan,
  lost: readonly number[],
  runs: number,
  progress: (run: number) => WhatIfProgress,
): Generator<WhatIfProgress, Tally> {
  const engine = new Engine(worldOf(plan))
  const presence = new Presence(engine)
  const years = Math.ceil(plan.years)
  const lostRuns = new Int32Array(years + 1)
  const lostPart = new Float64Array(years + 1)
  const wrong = {
    loss: new Float32Array(runs),
    day: new Float32Array(runs),
    now: new Float32Array(runs),
  }
  const today = { runs, beyondNow: 0, beyondDay: 0, beyondWeek: 0 }
  const someday = { ...today }
  const streams = new Streams(1)
  let [shares, jobs, falseAlarms] = [0, 0, 0]
  for (let run = 0; run < runs; run += 1) {
    if (run % BATCH === 0) yield progress(run)
    streams.seed(0, plan.seed, run, RESTORE_PURPOSE)
    const moments = [0, streams.unit(0) * engine.days]
    engine.run(run, lost, moments, (_, moment) => {
      const hours = presence.hoursToRestore(2 * run + moment, WEEK_HOURS)
      note(moment === 0 ? today : someday, hours)
      if (moment === 0) return
      wrong.now[run] = hours > 0 ? 1 : 0
      wrong.day[run] = hours > DAY_HOURS ? 1 : 0
    })
    shares += engine.sharesMade
    jobs += engine.jobs
    falseAlarms += engine.falseAlarms
    wrong.loss[run] = engine.losses / engine.book.packs
    for (let year = 0; year <= years; year += 1) {
      const day = Math.min(year, plan.years) * YEAR_DAYS
      let gone = 0
      for (let pack = 0; pack < engine.lostAt.length; pack += 1) {
        if (engine.lostAt[pack]! <= day) gone += 1
      }
      if (gone > 0) lostRuns[year]! += 1
      lostPart[year]! += gone / engine.lostAt.length / runs
    }
  }
  const packSize = plan.size / engine.book.packs
  const perYear = 1 / (runs * plan.years)
  return {
    runs,
    lostRuns,
    lostPart,
    today,
    someday,
    made: (shares * packSize * perYear) / plan.code.needed,
    read: jobs * packSize * perYear,
    falseAlarms: falseAlarms * perYear,
    wrong,
  }
}

function note(waits: { -readonly [key in keyof Waits]: Waits[key] }, hours: number): void {
  if (hours > 0) waits.beyondNow += 1
  if (hours > DAY_HOURS) waits.beyondDay += 1
  if (hours > WEEK_HOURS) waits.beyondWeek += 1
}

/** How often it went wrong in the first runs. */
function wrongs({ wrong }: Tally, runs: number): Record<Measure, Wrong> {
  const count = (parts: Float32Array) => {
    const first = parts.subarray(0, runs)
    return {
      sum: first.reduce((sum, each) => sum + each, 0),
      runs: first.reduce((sum, each) => sum + (each > 0 ? 1 : 0), 0),
    }
  }
  return { loss: count(wrong.loss), day: count(wrong.day), now: count(wrong.now) }
}

/** By losses where the runs show any; else by how long a restore waits. */
function bestOf(code: Code, base: Tally, trials: readonly Trial[]): Best | undefined {
  for (const measure of ['loss', 'day', 'now'] as const) {
    if ((trials[0]?.before[measure].runs ?? 0) < COUNT_MIN) continue
    const helping = trials.filter(({ tally }) => zOf(base, tally, measure) >= Z_MIN)
    const sorted = helping.toSorted((a, b) => a.after[measure].sum - b.after[measure].sum)
    const [trial] = sorted
    if (trial === undefined) continue
    const frugal = sorted.find(({ change }) => expansionOf(change.plan.code) <= expansionOf(code))
    return { measure, trial, ...(frugal === undefined || frugal === trial ? {} : { frugal }) }
  }
  return undefined
}

/** The mean of what each run went better by, in its standard deviations. */
function zOf(base: Tally, changed: Tally, measure: Measure): number {
  const [one, other] = [base.wrong[measure], changed.wrong[measure]]
  let [sum, squares] = [0, 0]
  for (let run = 0; run < changed.runs; run += 1) {
    const better = one[run]! - other[run]!
    sum += better
    squares += better * better
  }
  return sum === 0 ? 0 : sum / Math.sqrt(squares)
}

/** Friends who leave one by one, each replaced: the time of a repair is the patience with a friend and a day. */
function closedFormOf(plan: Plan, lost: readonly number[]): number | undefined {
  const { group, replacedDays, lifetimeDays, code, years, placed = [] } = plan
  const isAlone = new Set(group.map(({ house }) => house)).size === group.length
  const isWhole = placed.every((pack) => !pack.includes(-1))
  if (replacedDays === Infinity || lost.length > 0 || !isAlone) return undefined
  if (!isWhole || !hasRoom(plan)) return undefined
  const patience = group.reduce((sum, { kind }) => sum + KINDS[kind].giveUpDays, 0) / group.length
  const repair = patience + 1
  const { mttdl } = bulkRepair(code, { threshold: code.total - 1, lifetime: lifetimeDays, repair })
  return -Math.expm1((-years * YEAR_DAYS) / mttdl)
}

/** Whether there is nearly always a friend who has none of a pack, as the closed form takes for granted. */
function hasRoom({ group, code, replacedDays, lifetimeDays }: Plan): boolean {
  const empty = (group.length * replacedDays) / (lifetimeDays + replacedDays)
  return group.length - code.total >= 2 * empty
}

/** How many bytes peers keep for one of the vault. */
export function expansionOf({ needed, total }: Code): number {
  return total / needed
}
