/**
 * A batch of plans: one seed after another, and at the end what they walked all together.
 *
 * One seed in fifty is played twice, and must give the same digest. The first that breaks a promise ends the
 * batch: its plan is made smaller and written to a file.
 */

import { mkdirSync, writeFileSync } from 'node:fs'
import { commit } from './commit.ts'
import { StoryError } from './errors.ts'
import { drawPlan, type Overrides } from './plan-draw.ts'
import { playPlan, type PlanReport } from './plan-play.ts'
import { writePlan, type Plan } from './plan.ts'
import { introductionOf, seedsOf, toJson, type SeedOptions } from './report.ts'
import { shrink } from './shrink.ts'
import { BATCH_MIN, SometimesOfAll } from './sometimes.ts'

/** Every so many seeds one is played twice. */
const TWICE_EVERY = 50

const RUNS_MAX = 400
const MINUTE_MS = 60_000
const SHRINK_MS = 10 * MINUTE_MS

/** Where plans that broke a promise are written. */
const FOUND = 'sim/found'

export interface BatchOptions extends Overrides, SeedOptions {
  /** What plays the batch again. */
  readonly command: string
  readonly isShrinking: boolean
  readonly isJson: boolean
}

/** @returns whether all is well */
export async function playBatch(
  options: BatchOptions,
  play: (plan: Plan) => Promise<PlanReport> = playPlan,
): Promise<boolean> {
  const { isJson } = options
  if (!isJson) console.log(introductionOf(options, options.command))
  const all = new SometimesOfAll()
  let count = 0
  for (const seed of seedsOf(options)) {
    const plan = drawPlan(seed, options)
    const report = await play(plan)
    console.log(isJson ? jsonOf(plan, report) : summaryOf(plan, report))
    all.add(plan, report.sometimes)
    const isTwice = count % TWICE_EVERY === 0 && report.failure === undefined
    const again = isTwice ? await play(plan) : report
    const failure = report.failure ?? differenceOf(report, again)
    count += 1
    if (failure === undefined) continue
    await tellFailure(plan, { ...report, failure }, options)
    return false
  }
  return tellSometimes(all, count, options)
}

/** @returns what is wrong if a plan told another story the second time */
function differenceOf({ seed, digest }: PlanReport, again: PlanReport): Error | undefined {
  if (again.digest === digest) return undefined
  return new StoryError(`seed ${seed} told another story the second time`)
}

/** Play one plan, and tell its story line by line. @returns whether all is well */
export async function playOne(
  plan: Plan,
  options: Pick<BatchOptions, 'isShrinking' | 'isJson'> & { readonly file?: string | undefined },
): Promise<boolean> {
  const { isJson } = options
  if (!isJson) console.log(drawnOf(plan))
  const report = await playPlan(plan, isJson ? undefined : (line) => console.log(line))
  if (isJson) console.log(jsonOf(plan, report))
  else {
    for (const [path, count] of Object.entries(report.sometimes)) console.log(`${count} × ${path}`)
    console.log(`${summaryOf(plan, report)}\n${commandFor(plan, options.file)}`)
  }
  if (report.failure === undefined) return true
  await tellFailure(plan, report, { ...options, isTold: true })
  return false
}

/** All that was drawn, in full. */
function drawnOf(plan: Plan): string {
  const { seed, days, budget, options, peers, laptop, events } = plan
  return [
    `seed ${seed}, commit ${commit()}: ${days} days, ${events.length} events, faults ${budget} what is promised`,
    `options ${JSON.stringify(options)}`,
    `laptop ${JSON.stringify(laptop)}`,
    ...peers.map((peer) => `peer ${JSON.stringify(peer)}`),
  ].join('\n')
}

function summaryOf(plan: Plan, report: PlanReport): string {
  const { seed, peers, days, runs, snapshots, restores, crashes, events, digest } = report
  return (
    `seed ${seed}: ${peers} friends, ${days} days, ${plan.budget}, ${runs} runs, ${snapshots} snapshots, ` +
    `${restores} restores, ${crashes} crashes, ${events} events, trace ${digest.slice(0, 16)}`
  )
}

function commandFor(plan: Plan, file?: string): string {
  if (file !== undefined) return `npm run sim -- --plan ${file}`
  const { seed, peers, days, budget } = plan
  const founders = peers.filter(({ isLate }) => isLate !== true).length
  return `npm run sim -- --seed ${seed} --peers ${founders} --days ${days} --budget ${budget}`
}

async function tellFailure(
  plan: Plan,
  report: PlanReport,
  options: Pick<BatchOptions, 'isShrinking' | 'isJson'> & {
    readonly file?: string | undefined
    readonly isTold?: boolean
  },
): Promise<void> {
  const { failure } = report
  if (failure === undefined) return
  if (options.isTold !== true && !options.isJson) {
    console.error(drawnOf(plan))
    for (const line of report.lines) console.error(line)
  }
  console.error(failure)
  console.error(`\nseed ${plan.seed} broke a promise; see it again with`)
  console.error(`  ${commandFor(plan, options.file)}`)
  if (options.isShrinking) await makeSmaller(plan, failure)
}

async function makeSmaller(plan: Plan, failure: Error): Promise<void> {
  const until = Date.now() + SHRINK_MS
  const { plan: small, runs } = await shrink(plan, failure, {
    play: async (one) => (await playPlan(one)).failure,
    runsMax: RUNS_MAX,
    isOver: () => Date.now() > until,
    onSmaller: ({ events, peers, days }) =>
      console.error(`  ${events.length} events, ${peers.length} friends, ${days} days`),
  })
  mkdirSync(FOUND, { recursive: true })
  const file = `${FOUND}/seed-${plan.seed}.json`
  writeFileSync(file, writePlan(small))
  console.error(`after ${runs} runs the same breaks with\n  ${commandFor(small, file)}`)
}

/** @returns whether nothing was lost sight of */
function tellSometimes(
  all: SometimesOfAll,
  count: number,
  { isJson }: Pick<BatchOptions, 'isJson'>,
): boolean {
  if (!isJson) for (const line of all.lines) console.log(line)
  const missed = count < BATCH_MIN ? [] : all.missed
  for (const path of missed) console.error(`never: ${path}`)
  return missed.length === 0
}

function jsonOf({ budget, options }: Plan, report: PlanReport): string {
  return JSON.stringify({ ...toJson(report), budget, options })
}
