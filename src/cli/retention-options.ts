/**
 * Retention options: which snapshots to keep, as people write it in flags and in config.toml.
 */

import { InvalidArgumentError, type Command } from 'commander'
import { parseDuration, type Duration } from '../repair/duration.ts'
import { UNLIMITED, type RetentionPolicy } from '../repair/retention.ts'

/** Flags, and keys of `[retention]`, without `keep-`; and the rule that each gives. */
const COUNTS = [
  ['last', 'last', 'the last N snapshots; N may be "unlimited"'],
  ['hourly', 'hourly', 'one of each of the last N hours that have any'],
  ['daily', 'daily', 'one of each of the last N days that have any'],
  ['weekly', 'weekly', 'one of each of the last N weeks that have any'],
  ['monthly', 'monthly', 'one of each of the last N months that have any'],
  ['yearly', 'yearly', 'one of each of the last N years that have any'],
] as const

const DURATIONS = [
  ['within', 'within', 'all within this of the newest: 30d, 1y5m7d2h'],
  ['within-hourly', 'withinHourly', 'one of each hour within this of the newest'],
  ['within-daily', 'withinDaily', 'one of each day within this of the newest'],
  ['within-weekly', 'withinWeekly', 'one of each week within this of the newest'],
  ['within-monthly', 'withinMonthly', 'one of each month within this of the newest'],
  ['within-yearly', 'withinYearly', 'one of each year within this of the newest'],
] as const

export const COUNT_KEYS = COUNTS.map(([name]) => `keep-${name}` as const)
export const DURATION_KEYS = DURATIONS.map(([name]) => `keep-${name}` as const)

type CountKey = (typeof COUNT_KEYS)[number]
type DurationKey = (typeof DURATION_KEYS)[number]

/** What was given, by the names of flags and keys. */
export type KeepRules = { readonly [key in CountKey]?: number | undefined } & {
  readonly [key in DurationKey]?: Duration | undefined
} & { readonly 'keep-tag'?: readonly (readonly string[])[] | undefined }

/** Add all `--keep-…` to a command. */
export function addKeepOptions(command: Command): Command {
  for (const [name, , what] of COUNTS) {
    command.option(`--keep-${name} <n>`, what, keepCountOption)
  }
  for (const [name, , what] of DURATIONS) {
    command.option(`--keep-${name} <time>`, what, durationOption)
  }
  return command.option(
    '--keep-tag <tag,…>',
    'what has all of these tags; may be given again',
    collectTags,
  )
}

/** @returns the rules among commander's options, which it calls `keepWithinHourly` and so on */
export function keepRules(options: Readonly<Record<string, unknown>>): KeepRules {
  const given = [...COUNT_KEYS, ...DURATION_KEYS, 'keep-tag'].map((key) => {
    const name = key.replaceAll(/-(.)/g, (_, letter: string) => letter.toUpperCase())
    return [key, options[name]] as const
  })
  return Object.fromEntries(given.filter(([, value]) => value !== undefined))
}

export function toPolicy(rules: KeepRules): RetentionPolicy {
  const counts = COUNTS.map(([name, rule]) => [rule, rules[`keep-${name}`]] as const)
  const durations = DURATIONS.map(([name, rule]) => [rule, rules[`keep-${name}`]] as const)
  const all = [...counts, ...durations, ['tags', rules['keep-tag']] as const]
  return Object.fromEntries(all.filter(([, value]) => value !== undefined))
}

/** @returns the count, `UNLIMITED` for `unlimited` or -1, `undefined` if it is none */
export function parseKeepCount(text: string): number | undefined {
  if (text === 'unlimited' || text === '-1') return UNLIMITED
  return /^\d{1,9}$/.test(text) ? Number(text) : undefined
}

/** @returns the tags in `a,b`, or `undefined` if one of them is empty */
export function parseTags(text: string): string[] | undefined {
  const tags = text.split(',').map((tag) => tag.trim())
  return tags.includes('') ? undefined : tags
}

function keepCountOption(text: string): number {
  const count = parseKeepCount(text)
  if (count !== undefined) return count
  throw new InvalidArgumentError('Expected a whole number, or "unlimited".')
}

function durationOption(text: string): Duration {
  const duration = parseDuration(text)
  if (duration !== undefined) return duration
  throw new InvalidArgumentError(
    'Expected years, months, days and hours: for instance 30d or 1y5m7d2h.',
  )
}

function collectTags(text: string, previous: readonly string[][] = []): string[][] {
  const tags = parseTags(text)
  if (tags === undefined) throw new InvalidArgumentError('Expected tags, for instance home,photos.')
  return [...previous, tags]
}
