/** What every kind of story reports of one seed, and what is told of one seed after another. */

import { commit } from './commit.ts'

export interface StoryReport {
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
  /** What broke; absent if all promises held. */
  readonly failure?: Error
}

export interface SeedOptions {
  readonly seed: number
  readonly seeds?: number | undefined
  /** Go on with the next seeds until so many minutes are over. */
  readonly minutes?: number | undefined
}

const MINUTE_MS = 60_000

/** Seeds one after another: so many, or as many as begin within so many minutes. */
export function* seedsOf({ seed, seeds = 1, minutes }: SeedOptions): Generator<number> {
  const until = minutes === undefined ? undefined : Date.now() + minutes * MINUTE_MS
  const isOver = (count: number): boolean =>
    until === undefined ? count >= seeds : Date.now() >= until
  for (let count = 0; !isOver(count); count++) yield seed + count
}

/** Whether one seed is played, and told line by line. */
export function isSingle({ seeds = 1, minutes }: SeedOptions): boolean {
  return seeds === 1 && minutes === undefined
}

/** What a run begins with. */
export function introductionOf({ seed, seeds = 1, minutes }: SeedOptions, command: string): string {
  const many = minutes === undefined ? `${seeds} seeds` : `for ${minutes} min`
  const which = isSingle({ seed, seeds, minutes })
    ? `seed ${seed}`
    : `from seed ${seed} on, ${many}`
  return `${which}, commit ${commit()}; play it again with\n  ${command}`
}

/** @returns what a line of JSON has of a report: all but its story */
export function toJson(report: { readonly failure?: Error }): object {
  const { failure } = report
  const told = failure && `${failure.name}: ${failure.message}`
  return { ...report, commit: commit(), lines: undefined, failure: told }
}
