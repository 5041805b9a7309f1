/** `npm run sim`: play seeds, tell their stories, say what broke and how to see it again. */

import { readFileSync } from 'node:fs'
import { Command, InvalidArgumentError, Option } from 'commander'
import { playCanaries } from './canaries.ts'
import { playHistories } from './histories.ts'
import { playHostile, type HostileReport } from './hostile.ts'
import { memoryInUse } from './memory.ts'
import { playBatch, playOne } from './plan-batch.ts'
import { drawPlan, PEERS_MAX, PEERS_MIN } from './plan-draw.ts'
import { readPlan, writePlan, type Plan } from './plan.ts'
import type { StoryReport } from './report.ts'
import { playScenario } from './scenario.ts'

interface MainOptions {
  readonly seed?: number
  readonly seeds?: number
  readonly minutes?: number
  readonly peers?: number
  readonly days?: number
  readonly budget?: Plan['budget']
  readonly plan?: string
  readonly print?: boolean
  readonly shrink: 'on' | 'off'
  readonly json?: boolean
  readonly histories?: boolean
  readonly hostile?: boolean
  readonly classic?: boolean
  /** Names of some; true for all. */
  readonly canaries?: true | string[]
  readonly sessions?: number
}

const SEED = 42

const program = new Command('sim')
  .description(
    'Play a grid of friends in virtual time: faults first, then calm. Draws a plan from each seed and plays ' +
      'it, unless another kind of story is asked for: docs/simulation.md',
  )
  .option('--seed <number>', `the seed to play, or the first one (default: ${SEED})`, integer(0))
  .option('--seeds <count>', 'how many seeds, one after another (default: 1)', integer(1))
  .option('--minutes <count>', 'go on with fresh seeds until so many minutes are over', integer(1))
  .option('--plans', 'plans: everything at once, from a list that is drawn first; the default')
  .option('--classic', 'some days of one vault, drawn as they go; 5 to 9 friends')
  .option('--histories', 'a year of one vault: rebuilds, forgets and gc; 5 or 6 friends')
  .option('--hostile', 'members who mean harm, while somebody backs up and restores; 7 friends')
  .option('--canaries [names...]', 'known bugs, put in one by one: seeds must find each of them')
  .option(
    '--peers <count>',
    'friends; drawn from the seed if absent',
    integer(PEERS_MIN, PEERS_MAX),
  )
  .option('--days <count>', 'days of trouble; drawn from the seed if absent', integer(1))
  .addOption(
    new Option('--budget <which>', 'what plans destroy, against what is promised').choices([
      'within',
      'beyond',
    ]),
  )
  .option('--plan <file>', 'play the plan in this file')
  .option('--print', 'print the plan, and do not play it')
  .addOption(
    new Option('--shrink <whether>', 'make plans that break a promise smaller, and keep them')
      .choices(['on', 'off'])
      .default('on'),
  )
  .option('--sessions <count>', 'hostile sessions of each seed, 100 if absent', integer(1))
  .option('--json', 'one JSON line for each seed, in place of the story')
  .addHelpText(
    'after',
    `
A run prints its seed, the commit, all that was drawn, its digest, and the command that plays it again. When
a promise breaks, the exit code is 1 and the plan, made smaller, is in sim/found. Of 50 seeds one is played
twice. After 20 seeds and more a batch also fails if it never walked a rare path that its plans allow.

  npm run sim -- --seed 7                      one plan, told line by line
  npm run sim -- --seed 1 --seeds 200          a batch
  npm run sim -- --minutes 60                  fresh seeds for an hour
  npm run -s sim -- --seed 7 --print > plan.json
                                               the plan itself
  npm run sim -- --plan plan.json              play it, as it is or as you changed it`,
  )
  .parse()

await main(program.opts<MainOptions>())

async function main(options: MainOptions): Promise<void> {
  const { canaries } = options
  if (canaries !== undefined) {
    if (!(await playCanaries(canaries === true ? [] : canaries))) process.exitCode = 1
    return
  }
  if (options.hostile === true) return await mainHostile(options)
  if (options.histories === true || options.classic === true) return await mainOlder(options)
  if (!(await mainPlans(options))) process.exitCode = 1
}

async function mainPlans(options: MainOptions): Promise<boolean> {
  const { seeds = 1, minutes, peers, days, budget, plan: file, print } = options
  const isShrinking = options.shrink === 'on'
  const isJson = options.json === true
  const seed = options.seed ?? (minutes === undefined ? SEED : freshSeed())
  if (minutes !== undefined) console.log(`from seed ${seed} on`)
  const overrides = { peers, days, budget }
  if (file === undefined && print !== true && (seeds > 1 || minutes !== undefined)) {
    return await playBatch({ seed, seeds, minutes, ...overrides, isShrinking, isJson })
  }
  const plan = file === undefined ? drawPlan(seed, overrides) : readPlan(readFileSync(file, 'utf8'))
  if (print !== true) return await playOne(plan, { isShrinking, isJson, file })
  process.stdout.write(writePlan(plan))
  return true
}

/** Of no run: a start that nobody has played yet. */
function freshSeed(): number {
  return Date.now()
}

async function mainOlder(options: MainOptions): Promise<void> {
  const { seed: first = SEED, seeds = 1 } = options
  const isQuiet = options.json === true || seeds > 1
  for (let seed = first; seed < first + seeds; seed++) {
    const { peers, days } = options
    const onLine = isQuiet ? {} : { onLine: (line: string) => console.log(line) }
    const play = options.histories === true ? playHistories : playScenario
    const report: StoryReport = await play({ seed, peers, days, ...onLine })
    if (options.json === true) console.log(JSON.stringify(toJson(report)))
    else console.log(summaryOf(report))
    if (report.failure !== undefined) {
      if (isQuiet && options.json !== true) for (const line of report.lines) console.error(line)
      console.error(report.failure)
      console.error(
        `\nseed ${seed} broke a promise; see it again with\n  ${commandFor(report, options)}`,
      )
      process.exitCode = 1
      return
    }
  }
}

async function mainHostile(options: MainOptions): Promise<void> {
  const { seed: first = SEED, seeds = 1 } = options
  const isQuiet = options.json === true || seeds > 1
  let [sessions, held] = [0, 0]
  for (let seed = first; seed < first + seeds; seed++) {
    const onLine = isQuiet ? undefined : (line: string) => console.log(line)
    const report = await playHostile({
      seed,
      sessions: options.sessions,
      onLine,
      memory: memoryInUse,
    })
    if (options.json === true) console.log(JSON.stringify(toJson(report)))
    else console.log(hostileSummaryOf(report))
    sessions += report.sessions
    held += report.held
    if (report.failure === undefined) continue
    console.error(report.failure)
    console.error(
      `\nseed ${seed} broke a promise; see it again with\n  ` +
        `npm run sim -- --hostile --seed ${seed} --sessions ${options.sessions ?? 100}`,
    )
    process.exitCode = 1
    return
  }
  if (options.json !== true && seeds > 1) {
    console.log(`${sessions} sessions with peers, ${held} streams of hostile holders: all is well`)
  }
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

function summaryOf(report: StoryReport): string {
  const { seed, peers, days, runs, snapshots, restores, crashes, events, digest } = report
  return (
    `seed ${seed}: ${peers} friends, ${days} days, ${runs} runs, ${snapshots} snapshots, ` +
    `${restores} restores, ${crashes} crashes, ${events} events, trace ${digest.slice(0, 16)}`
  )
}

function toJson(report: StoryReport | HostileReport): object {
  const { failure } = report
  const told = failure && `${failure.name}: ${failure.message}`
  return { ...report, lines: undefined, failure: told }
}

function commandFor({ seed, peers, days }: StoryReport, { histories }: MainOptions): string {
  const which = histories === true ? '--histories ' : '--classic '
  return `npm run sim -- ${which}--seed ${seed} --peers ${peers} --days ${days}`
}

function integer(min: number, max = Number.MAX_SAFE_INTEGER): (text: string) => number {
  return (text) => {
    const value = Number(text)
    if (Number.isSafeInteger(value) && value >= min && value <= max) return value
    throw new InvalidArgumentError(`a whole number from ${min}${max < 1e9 ? ` to ${max}` : ''}`)
  }
}
