/**
 * Stories that draw as they go, classic, histories and hostile: one seed after another.
 *
 * The first that breaks a promise ends the batch. It has no plan that could be made smaller; its seed tells it
 * again.
 */

import { playHistories } from './histories.ts'
import { playHostile, type HostileReport } from './hostile.ts'
import { memoryInUse } from './memory.ts'
import { commandOf, firstSeed, SESSIONS, type MainOptions } from './options.ts'
import { introductionOf, isSingle, seedsOf, toJson, type StoryReport } from './report.ts'
import { playScenario } from './scenario.ts'

/** What a report of any kind has. */
interface Told {
  readonly seed: number
  readonly lines: readonly string[]
  readonly failure?: Error
}

export interface Story<Report extends Told> {
  readonly play: (seed: number, onLine?: (line: string) => void) => Promise<Report>
  readonly summaryOf: (report: Report) => string
  /** What tells the same again. */
  readonly commandFor: (report: Report) => string
  /** Of all together, when all is well. */
  readonly totalOf?: (reports: readonly Report[]) => string
}

export function classic({ peers, days }: MainOptions): Story<StoryReport> {
  return {
    play: (seed, onLine) => playScenario({ seed, peers, days, onLine }),
    summaryOf,
    commandFor: (report) => commandOf({ classic: true, ...sizeOf(report) }),
  }
}

export function histories({ peers, days }: MainOptions): Story<StoryReport> {
  return {
    play: (seed, onLine) => playHistories({ seed, peers, days, onLine }),
    summaryOf,
    commandFor: (report) => commandOf({ histories: true, ...sizeOf(report) }),
  }
}

export function hostile({ sessions = SESSIONS }: MainOptions): Story<HostileReport> {
  return {
    play: (seed, onLine) => playHostile({ seed, sessions, onLine, memory: memoryInUse }),
    summaryOf: hostileSummaryOf,
    commandFor: ({ seed }) => commandOf({ hostile: true, seed, sessions }),
    totalOf: (reports) => {
      const sum = (of: (report: HostileReport) => number): number =>
        reports.reduce((total, report) => total + of(report), 0)
      return `${sum((one) => one.sessions)} sessions with peers, ${sum((one) => one.held)} streams of hostile holders: all is well`
    },
  }
}

/** @returns whether all is well */
export async function playStories<Report extends Told>(
  story: Story<Report>,
  options: MainOptions,
): Promise<boolean> {
  const which = { seed: firstSeed(options), ...options }
  const isJson = options.json === true
  const isTold = isSingle(which) && !isJson
  if (!isJson) console.log(introductionOf(which, commandOf(which)))
  const reports: Report[] = []
  for (const seed of seedsOf(which)) {
    const report = await story.play(seed, isTold ? (line) => console.log(line) : undefined)
    console.log(isJson ? JSON.stringify(toJson(report)) : story.summaryOf(report))
    if (report.failure !== undefined) {
      if (!isTold && !isJson) for (const line of report.lines) console.error(line)
      console.error(report.failure)
      console.error(`\nseed ${seed} broke a promise; see it again with`)
      console.error(`  ${story.commandFor(report)}`)
      return false
    }
    reports.push({ ...report, lines: [] })
  }
  if (!isJson && !isTold && story.totalOf !== undefined) console.log(story.totalOf(reports))
  return true
}

function sizeOf({ seed, peers, days }: StoryReport): MainOptions {
  return { seed, peers, days }
}

function summaryOf(report: StoryReport): string {
  const { seed, peers, days, runs, snapshots, restores, crashes, events, digest } = report
  return (
    `seed ${seed}: ${peers} friends, ${days} days, ${runs} runs, ${snapshots} snapshots, ` +
    `${restores} restores, ${crashes} crashes, ${events} events, trace ${digest.slice(0, 16)}`
  )
}

function hostileSummaryOf(report: HostileReport): string {
  const { seed, sessions, held, rounds, calmMs, attackedMs, growth, events, digest } = report
  return (
    `seed ${seed}: ${sessions} hostile sessions, ${held} streams of hostile holders, ${rounds} rounds of ` +
    `${(attackedMs / 1000).toFixed(1)} s in place of ${(calmMs / 1000).toFixed(1)} s ` +
    `(${(attackedMs / calmMs).toFixed(2)} ×), ${(growth / 2 ** 20).toFixed(1)} MiB more, ` +
    `${events} events, trace ${digest.slice(0, 16)}`
  )
}
