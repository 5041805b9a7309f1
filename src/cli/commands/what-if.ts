/**
 * `cairn what-if`: how a backup fares over years, with these friends or invented ones, and what would help.
 */

import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { InvalidArgumentError, type Command } from 'commander'
import { UsageError } from '../../base/errors.ts'
import { inventedGroup, type GroupPeer, type Plan } from '../../durability/group.ts'
import { whatIf, type WhatIfReport, type WhatIfRequest } from '../../durability/what-if.ts'
import { YEAR_DAYS } from '../../durability/world.ts'
import { codeFor, type Code } from '../../grid/code.ts'
import type { KnownFriend, KnownGroup } from '../../node/client.ts'
import { parseDuration } from '../../repair/duration.ts'
import { VaultNotFoundError } from '../../store/keyring.ts'
import { makeCommand, outputOf, type CommonOptions, type Context } from '../context.ts'
import { codeOption, collect, countOption, sizeOption } from '../options.ts'
import { PlayedLine } from '../played-line.ts'
import { friendName } from '../reports/friends.ts'
import { whatIfChart } from '../reports/what-if-chart.ts'
import { whatIfLines, whatIfRecords, type Told } from '../reports/what-if.ts'
import { writeSecretFile } from '../secret-file.ts'
import { withClient } from '../with-client.ts'

const PEERS_MAX = 100
const YEARS_MAX = 50
const RUNS = { min: 100, most: 2_000, max: 1_000_000 } as const

/** So many years of one peer are played in a second or two. */
const PEER_YEARS = 100_000

const MONTH_DAYS = YEAR_DAYS / 12
const LIFETIME_DAYS = 3 * YEAR_DAYS
const REPLACED_DAYS = 90
const SIZE = 100_000_000_000
const SEED = 1

/** The end of a peer id that is enough to name it. */
const SUFFIX_MIN = 4

interface WhatIfOptions extends CommonOptions {
  readonly lose: readonly string[]
  readonly years: number
  readonly peers?: number
  readonly nas?: number
  readonly code?: Code
  readonly lifetime: number
  readonly replaced: number
  readonly size?: number
  readonly runs?: number
  readonly seed: number
  readonly svg?: string
}

/** Whom it is about. */
interface Subject {
  readonly group: readonly GroupPeer[]
  /** For each peer what it may be called in --lose. */
  readonly ids: readonly string[]
  readonly code: Code
  readonly isCodeGiven: boolean
  readonly size: number
  /** Who has which share of some packs, by index; absent where that is to be drawn. */
  readonly placed?: Plan['placed']
  readonly isInvented: boolean
  /** Who does not count, in words. */
  readonly left: readonly string[]
}

export function whatIfCommand(context: Context): Command {
  return makeCommand('what-if', {
    summary: 'say how your backup would fare over years, and what would help most',
    details:
      'Plays years of your friends, thousands of times: they leave, are away and come back, others come in\n' +
      'their place or nobody does, and what is lost is made again as backups do it. It takes the friends of\n' +
      'your grid, with their houses and how often they answered, and asks nobody. With --peers an invented\n' +
      'group; that needs no vault. The same options give the same answer.',
    examples: [
      'cairn what-if',
      'cairn what-if --lose Ann,Ben --years 5',
      'cairn what-if --peers 10 --nas 3 --code 3-of-8',
      'cairn what-if --peers 5 --replaced never --svg chart.svg',
    ],
  })
    .option(
      '--lose <peers>',
      'friends that are gone from the first day on, by name or id',
      list,
      [],
    )
    .option('--years <n>', 'how far to look', countOption(1, YEARS_MAX), 5)
    .option('--peers <n>', 'an invented group of so many friends', countOption(1, PEERS_MAX))
    .option(
      '--nas <n>',
      'so many of them have a machine that is always on',
      countOption(0, PEERS_MAX),
    )
    .option('--code <K-of-N>', 'another code than packs have now', orderedCode)
    .option(
      '--lifetime <time>',
      'how long a friend stays, on average: 3y, 18m',
      spanOption,
      LIFETIME_DAYS,
    )
    .option(
      '--replaced <time>',
      'until somebody comes for a friend given up: 90d, never',
      replacedOption,
      REPLACED_DAYS,
    )
    .option('--size <size>', 'of the backup; by default what was backed up, or 100GB', sizeOption)
    .option(
      '--runs <n>',
      'how often to play; more show rarer losses',
      countOption(RUNS.min, RUNS.max),
    )
    .option('--seed <n>', 'other luck', countOption(0, 2 ** 31 - 1), SEED)
    .option('--svg <file>', 'write a chart to a new file')
    .action(async (options: WhatIfOptions) => {
      const output = outputOf(context, options)
      const chart = options.svg === undefined ? undefined : chartPath(options.svg, context)
      const subject =
        options.peers === undefined && options.nas === undefined
          ? await knownSubject(context, options)
          : inventedSubject(options)
      const request = requestOf(subject, options)
      const report = await play(request, context, new PlayedLine(output, () => context.now()))
      const told: Told = { report, isInvented: subject.isInvented, left: subject.left }
      for (const record of whatIfRecords(told)) output.json(record)
      for (const line of whatIfLines(told)) output.data(line)
      if (chart === undefined) return
      writeSecretFile(chart, whatIfChart(report))
      output.say(`The chart is in ${chart}`)
    })
}

async function knownSubject(context: Context, options: WhatIfOptions): Promise<Subject> {
  try {
    return await withClient(context, options, async ({ client }) => {
      return subjectOf(await client.group(), options)
    })
  } catch (error) {
    if (!(error instanceof VaultNotFoundError)) throw error
    const hint = 'an invented group needs none: cairn what-if --peers 10 --nas 3'
    throw new VaultNotFoundError(`${error.message}; ${hint}`, { cause: error })
  }
}

function subjectOf({ friends, code, size, placed }: KnownGroup, options: WhatIfOptions): Subject {
  const counted = friends.filter(({ isCounted }) => isCounted)
  const left = friends.filter(({ isCounted }) => !isCounted)
  const own = codeFor(counted.length, { allowFew: true, others: left.length })
  // Packs of a larger grid keep their code, and new ones get another.
  const fitting = code !== undefined && code.total <= counted.length ? code : own
  const indexOf = new Map(counted.map(({ peer }, index) => [peer, index]))
  const isPlaced = placed.length > 0 && fitting === code && options.code === undefined
  return {
    group: counted.map((friend) => ({
      name: friendName(friend),
      kind: friend.kind,
      house: friend.domain,
      ...(friend.online === undefined ? {} : { online: friend.online }),
    })),
    ids: counted.map(({ peer }) => peer),
    code: options.code ?? fitting,
    isCodeGiven: options.code !== undefined,
    size: options.size ?? (size === 0 ? SIZE : size),
    isInvented: false,
    ...(isPlaced
      ? { placed: placed.map((pack) => pack.map((peer) => indexOf.get(peer!) ?? -1)) }
      : {}),
    left: left.map(leftWords),
  }
}

function leftWords(friend: KnownFriend): string {
  return `${friendName(friend)} (${friend.standing === 'gone' ? 'given up' : 'about to leave'})`
}

function inventedSubject(options: WhatIfOptions): Subject {
  const { peers, nas = 0, code, size = SIZE } = options
  if (peers === undefined) {
    throw new UsageError('--nas says how many of --peers are always on: give both')
  }
  if (nas > peers) throw new UsageError(`${nas} of ${peers} friends cannot be always on`)
  const group = inventedGroup(peers, nas)
  return {
    group,
    ids: group.map(({ name }) => name),
    code: code ?? codeFor(peers, { allowFew: true }),
    isCodeGiven: code !== undefined,
    size,
    isInvented: true,
    left: [],
  }
}

function requestOf(subject: Subject, options: WhatIfOptions): WhatIfRequest {
  const { group, code, size, placed } = subject
  const { years, lifetime, replaced, seed } = options
  const count = group.length
  if (code.total > count) {
    throw new UsageError(
      `${code.needed}-of-${code.total} takes ${code.total} friends, and the group has ${count}`,
    )
  }
  const lost = lostOf(subject, options.lose)
  if (lost.length === count) {
    throw new UsageError('With everybody lost nothing is left: lose fewer than all')
  }
  const plan: Plan = {
    group,
    code,
    years,
    lifetimeDays: lifetime,
    replacedDays: replaced,
    size,
    ...(placed === undefined ? {} : { placed }),
    seed,
  }
  const affordable = Math.round(PEER_YEARS / (count * years))
  const runs = options.runs ?? Math.min(RUNS.most, Math.max(RUNS.min, affordable))
  const changeRuns = Math.ceil(runs / 2)
  return { plan, isCodeGiven: subject.isCodeGiven, lost, runs, changeRuns }
}

/** @returns the indexes of those named, ascending */
function lostOf({ group, ids }: Subject, names: readonly string[]): number[] {
  const lost = names.map((name) => {
    const isMeant = (index: number) => {
      const id = ids[index] ?? ''
      const isNamed = group[index]?.name.toLowerCase() === name.toLowerCase()
      return isNamed || id === name || (name.length >= SUFFIX_MIN && id.endsWith(name))
    }
    const found = group.flatMap((_, index) => (isMeant(index) ? [index] : []))
    const [only] = found
    if (only !== undefined && found.length === 1) return only
    const all = group
      .map((peer) => peer.name)
      .toSorted((a, b) => (a < b ? -1 : 1))
      .join(', ')
    throw new UsageError(
      found.length === 0
        ? `No friend is called ${name}; there are ${all}`
        : `${found.length} friends are called ${name}: name the one by its id, as \`cairn peer list --json\` has it`,
    )
  })
  return [...new Set(lost)].toSorted((a, b) => a - b)
}

/** Others have their turn now and then, so that the person can stop it. */
async function play(
  request: WhatIfRequest,
  { signal }: Context,
  line: PlayedLine,
): Promise<WhatIfReport> {
  const game = whatIf(request)
  try {
    for (;;) {
      const { done, value } = game.next()
      if (done === true) return value
      line.update(value)
      await nextTurn()
      signal.throwIfAborted()
    }
  } finally {
    line.stop()
  }
}

/** @throws {UsageError} before anything is played */
function chartPath(file: string, { workingFolder }: Context): string {
  const path = resolve(workingFolder, file)
  if (existsSync(path)) throw new UsageError(`${path} exists, and nothing is written over`)
  return path
}

function list(text: string, previous: readonly string[]): string[] {
  const names = text.split(',').map((name) => name.trim())
  if (names.some((name) => name === '')) {
    throw new InvalidArgumentError('Expected names with commas between them, for instance Ann,Ben.')
  }
  return names.reduce((all, name) => collect(name, all), [...previous])
}

function orderedCode(text: string): Code {
  const [needed = 0, total = 0] = (/^(\d{1,3})-of-(\d{1,3})$/.exec(text) ?? []).slice(1).map(Number)
  if (needed > total) {
    throw new InvalidArgumentError(`A pack of ${total} shares cannot take ${needed} of them.`)
  }
  return codeOption(text)
}

/** @returns days */
function spanOption(text: string): number {
  const { years = 0, months = 0, days = 0, hours = 0 } = parseDuration(text) ?? {}
  const span = years * YEAR_DAYS + months * MONTH_DAYS + days + hours / 24
  if (span >= 1 && span <= 1_000 * YEAR_DAYS) return span
  throw new InvalidArgumentError('Expected a time from 1d to 1000y, for instance 3y, 18m or 90d.')
}

function replacedOption(text: string): number {
  return text === 'never' ? Infinity : spanOption(text)
}
