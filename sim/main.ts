/** `npm run sim`: play seeds, tell their stories, say what broke and how to see it again. */

import { Command, InvalidArgumentError } from 'commander'
import { playHistories } from './histories.ts'
import { playHostile, type HostileReport } from './hostile.ts'
import { memoryInUse } from './memory.ts'
import { playScenario } from './scenario.ts'

interface MainOptions {
  readonly seed: number
  readonly seeds: number
  readonly peers?: number
  readonly days?: number
  readonly json?: boolean
  readonly histories?: boolean
  readonly hostile?: boolean
  readonly sessions?: number
}

/** What both kinds of story report. */
interface Report {
  readonly seed: number
  readonly peers: number
  readonly days: number
  readonly lines: readonly string[]
  readonly digest: string
  readonly events: number
  readonly runs: number
  readonly snapshots: number
  readonly restores: number
  readonly crashes: number
  readonly failure?: Error
}

const program = new Command('sim')
  .description('Play a grid of friends in virtual time: faults first, then calm.')
  .option('--seed <number>', 'the seed to play, or the first one', integer(0), 42)
  .option('--seeds <count>', 'how many seeds, one after another', integer(1), 1)
  .option('--histories', 'a year of one vault: rebuilds, forgets and gc; 5 or 6 friends')
  .option('--hostile', 'members who mean harm, while somebody backs up and restores; 7 friends')
  .option('--sessions <count>', 'hostile sessions of each seed, 100 if absent', integer(1))
  .option('--peers <count>', 'friends, 5 to 9; drawn from the seed if absent', integer(5, 9))
  .option('--days <count>', 'days of trouble; drawn from the seed if absent', integer(1))
  .option('--json', 'one JSON line for each seed, in place of the story')
  .parse()

await (program.opts<MainOptions>().hostile === true ? mainHostile : main)(program.opts())

async function main(options: MainOptions): Promise<void> {
  const isQuiet = options.json === true || options.seeds > 1
  for (let seed = options.seed; seed < options.seed + options.seeds; seed++) {
    const { peers, days } = options
    const onLine = isQuiet ? {} : { onLine: (line: string) => console.log(line) }
    const play = options.histories === true ? playHistories : playScenario
    const report: Report = await play({ seed, peers, days, ...onLine })
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
  const isQuiet = options.json === true || options.seeds > 1
  let [sessions, held] = [0, 0]
  for (let seed = options.seed; seed < options.seed + options.seeds; seed++) {
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
  if (options.json !== true && options.seeds > 1) {
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

function summaryOf(report: Report): string {
  const { seed, peers, days, runs, snapshots, restores, crashes, events, digest } = report
  return (
    `seed ${seed}: ${peers} friends, ${days} days, ${runs} runs, ${snapshots} snapshots, ` +
    `${restores} restores, ${crashes} crashes, ${events} events, trace ${digest.slice(0, 16)}`
  )
}

function toJson(report: Report | HostileReport): object {
  const { failure } = report
  const told = failure && `${failure.name}: ${failure.message}`
  return { ...report, lines: undefined, failure: told }
}

function commandFor({ seed, peers, days }: Report, { histories }: MainOptions): string {
  const which = histories === true ? '--histories ' : ''
  return `npm run sim -- ${which}--seed ${seed} --peers ${peers} --days ${days}`
}

function integer(min: number, max = Number.MAX_SAFE_INTEGER): (text: string) => number {
  return (text) => {
    const value = Number(text)
    if (Number.isSafeInteger(value) && value >= min && value <= max) return value
    throw new InvalidArgumentError(`a whole number from ${min}${max < 1e9 ? ` to ${max}` : ''}`)
  }
}
