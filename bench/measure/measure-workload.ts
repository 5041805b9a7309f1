/**
 * Measure one workload: all tools beside each other, through first backup, days, an unchanged day and a
 * restore that is compared with the source.
 *
 * All tools see the same source, step by step. Which goes first changes from run to run. After each change
 * of the source the bench waits, since a file changed in the second of its backup is read again by any
 * careful tool, and people's backups do not come in the same second.
 */

import { mkdirSync, mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { removeTree } from '../../src/cli/demo/remove-tree.ts'
import {
  compareManifests,
  takeManifest,
  totals,
  type TreeManifest,
} from '../../src/cli/demo/tree-manifest.ts'
import { BenchError } from '../bench-error.ts'
import type { Operation, ToolResult, WorkloadResult } from '../results.ts'
import type { Session, Tool } from '../tools/tool.ts'
import { WorkloadError } from '../workloads/workload-error.ts'
import type { State, Workload } from '../workloads/workload.ts'
import { combine, mean, median } from './median.ts'

const SETTLE_MS = 2_100
const MEMORY_FOLDER = '/dev/shm'

export interface MeasureOptions {
  readonly tools: readonly Tool[]
  readonly runs: number
  readonly seed: number
  readonly scale: number
  /** Where to work, instead of memory or the temporary folder. */
  readonly folder?: string
  readonly say: (line: string) => void
}

/** What one tool did in one run. */
interface Run {
  first?: Operation
  readonly days: Operation[]
  unchanged?: Operation
  restore?: Operation
  stored: number
  contentDifferences: number
  attributeDifferences: number
}

export async function measureWorkload(
  workload: Workload,
  options: MeasureOptions,
): Promise<WorkloadResult> {
  const runs = new Map<Tool, Run[]>()
  const failures: string[] = []
  let tree = { files: 0, bytes: 0 }
  for (let run = 0; run < options.runs; run++) {
    const tools = options.tools.filter(({ isOnce }) => run === 0 || !isOnce)
    // Another one first each time.
    const turned = [...tools.slice(run % tools.length), ...tools.slice(0, run % tools.length)]
    options.say(`${workload.name} run ${run + 1} of ${options.runs}`)
    try {
      tree = await oneRun(workload, turned, options, (tool, outcome) => {
        if (typeof outcome === 'string') failures.push(`${tool.name}: ${outcome}`)
        else runs.set(tool, [...(runs.get(tool) ?? []), outcome])
      })
    } catch (error) {
      if (!(error instanceof WorkloadError)) throw error
      options.say(`  ${error.message}`)
      failures.push(error.message)
    }
  }
  return {
    workload: workload.name,
    title: workload.title,
    scale: options.scale,
    days: workload.days,
    ...tree,
    place: placeOf(workload, options).startsWith(MEMORY_FOLDER) ? 'memory' : 'disk',
    tools: options.tools.flatMap((tool) => {
      const done = runs.get(tool)
      return done === undefined ? [] : [summarize(tool, done)]
    }),
    failures,
  }
}

async function oneRun(
  workload: Workload,
  tools: readonly Tool[],
  options: MeasureOptions,
  done: (tool: Tool, outcome: Run | string) => void,
): Promise<{ files: number; bytes: number }> {
  const base = mkdtempSync(join(placeOf(workload, options), 'cairn-bench-'))
  const source = join(base, 'source')
  const entrants = tools.map(
    (tool) => new Entrant(tool, { source, folder: join(base, tool.name) }, options.say),
  )
  const remove = () => removeTree(base)
  process.once('exit', remove)
  try {
    mkdirSync(source)
    const state: State = { folder: source, seed: options.seed, scale: options.scale }
    await workload.create(state)
    const tree = totals(takeManifest(source))
    await settle()
    for (const each of entrants) await each.try((session, run) => firstBackup(session, run))
    for (let day = 1; day <= workload.days; day++) {
      await workload.change({ ...state, day })
      await settle()
      for (const each of entrants) {
        await each.try(async (session, run) => void run.days.push(await session.backup()))
      }
    }
    for (const each of entrants) {
      await each.try(async (session, run) => void (run.unchanged = await session.backup()))
    }
    const expected = takeManifest(source)
    for (const each of entrants) {
      await each.try((session, run) => restore(session, run, expected, join(base, 'restored')))
    }
    for (const each of entrants) done(each.tool, each.failure ?? each.run)
    return { files: tree.files, bytes: tree.bytes }
  } finally {
    for (const each of entrants) await each.close()
    process.off('exit', remove)
    remove()
  }
}

/** A tool in one run: out of it at its first failure, which the others do not share. */
class Entrant {
  readonly tool: Tool
  readonly run: Run = { days: [], stored: 0, contentDifferences: 0, attributeDifferences: 0 }
  failure: string | undefined
  readonly #place: { source: string; folder: string }
  readonly #say: (line: string) => void
  #session: Session | undefined

  constructor(tool: Tool, place: { source: string; folder: string }, say: (line: string) => void) {
    this.tool = tool
    this.#place = place
    this.#say = say
  }

  async try(step: (session: Session, run: Run) => Promise<void>): Promise<void> {
    if (this.failure !== undefined) return
    try {
      if (this.#session === undefined) mkdirSync(this.#place.folder)
      this.#session ??= await this.tool.open(this.#place)
      await step(this.#session, this.run)
    } catch (error) {
      // Whatever it was, the other tools go on; the report tells.
      this.failure = error instanceof BenchError ? error.message : String(error)
      this.#say(`  ${this.tool.name} is out: ${this.failure}`)
    }
  }

  async close(): Promise<void> {
    await this.#session?.close()
  }
}

async function firstBackup(session: Session, run: Run): Promise<void> {
  run.first = await session.backup()
  run.stored = session.stored()
}

async function restore(
  session: Session,
  run: Run,
  expected: TreeManifest,
  target: string,
): Promise<void> {
  mkdirSync(target)
  try {
    const { root, ...operation } = await session.restore(target)
    run.restore = operation
    // The root's own attributes are another matter: some tools keep `.`, some do not.
    const differences = compareManifests(expected, takeManifest(root)).filter(
      ({ path }) => path !== '.',
    )
    const attributes = differences.filter(({ what }) => ['mode', 'owner', 'mtime'].includes(what))
    run.attributeDifferences = attributes.length
    run.contentDifferences = differences.length - attributes.length
  } finally {
    removeTree(target)
  }
}

function summarize(tool: Tool, runs: readonly Run[]): ToolResult {
  const all = (operation: (run: Run) => Operation | undefined) =>
    combine(
      runs.map(operation).filter((each) => each !== undefined),
      median,
    )
  return {
    tool: tool.name,
    runs: runs.length,
    first: all(({ first }) => first),
    day: all(({ days }) => combine(days, mean)),
    unchanged: all(({ unchanged }) => unchanged),
    restore: all(({ restore: each }) => each),
    stored: median(runs.map(({ stored }) => stored)),
    contentDifferences: Math.max(...runs.map((run) => run.contentDifferences)),
    attributeDifferences: Math.max(...runs.map((run) => run.attributeDifferences)),
  }
}

function placeOf(workload: Workload, { folder }: MeasureOptions): string {
  return folder ?? (workload.isManyFiles ? MEMORY_FOLDER : tmpdir())
}

async function settle(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, SETTLE_MS))
}
