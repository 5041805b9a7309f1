/** What `npm run sim` may be told, and what of it means nothing together. */

import { Command, InvalidArgumentError, Option } from 'commander'
import { CANARIES } from './canary-list.ts'
import { PEERS_MAX, PEERS_MIN } from './plan-draw.ts'
import type { Plan } from './plan.ts'

export interface MainOptions {
  readonly seed?: number
  readonly seeds?: number
  readonly minutes?: number
  readonly plans?: true
  readonly classic?: true
  readonly histories?: true
  readonly hostile?: true
  /** Names of some; true for all. */
  readonly canaries?: true | readonly string[]
  readonly peers?: number
  readonly days?: number
  readonly budget?: Plan['budget']
  readonly plan?: string
  readonly print?: true
  /** On, where absent. */
  readonly shrink?: 'on' | 'off'
  readonly sessions?: number
  readonly json?: true
}

type Name = keyof MainOptions

const STORIES = ['plans', 'classic', 'histories', 'hostile', 'canaries'] as const

export type StoryKind = (typeof STORIES)[number]

const SEED = 42

/** Hostile sessions of each seed, where nobody says how many. */
export const SESSIONS = 100

/** Friends that a story has names for, where it is fewer than plans have. */
const NAMED: Partial<Record<StoryKind, number>> = { classic: 9, histories: 6 }

const PLANS_ONLY: readonly Name[] = ['budget', 'plan', 'print', 'shrink']

/** What says nothing to a kind of story. */
const FOREIGN: Readonly<Record<StoryKind, readonly Name[]>> = {
  plans: ['sessions'],
  classic: [...PLANS_ONLY, 'sessions'],
  histories: [...PLANS_ONLY, 'sessions'],
  hostile: [...PLANS_ONLY, 'peers', 'days'],
  canaries: ['seed', 'seeds', 'minutes', 'peers', 'days', ...PLANS_ONLY, 'sessions', 'json'],
}

/** What says nothing beside another option. */
const APART: readonly (readonly [Name, readonly Name[]])[] = [
  ['plan', ['seed', 'seeds', 'minutes', 'peers', 'days', 'budget']],
  ['print', ['seeds', 'minutes', 'shrink', 'json']],
  ['minutes', ['seeds']],
]

/** @returns the kind of story that is asked for; plans, where none is */
export function storyOf(options: MainOptions): StoryKind {
  return STORIES.find((name) => options[name] !== undefined) ?? 'plans'
}

/** @returns why these options mean nothing together; undefined where they do */
export function misuseOf(options: MainOptions): string | undefined {
  const has = (name: Name): boolean => options[name] !== undefined
  const [story = 'plans', other] = STORIES.filter(has)
  if (other !== undefined) return `--${story} and --${other} are two kinds of story`
  const foreign = FOREIGN[story].find(has)
  if (foreign !== undefined) return `--${story} takes no --${foreign}`
  for (const [name, others] of APART) {
    const apart = has(name) ? others.find(has) : undefined
    if (apart !== undefined) return `--${name} takes no --${apart}`
  }
  const { peers = 0, canaries } = options
  const peersMax = NAMED[story] ?? PEERS_MAX
  if (peers > peersMax) return `--${story} takes ${peersMax} --peers at most`
  const names = CANARIES.map(({ name }) => name)
  const unknown = canaries === true ? undefined : canaries?.find((name) => !names.includes(name))
  return unknown && `no canary is called ${unknown}; there are ${names.join(', ')}`
}

/** @returns the seed to begin with, where none is given: one that nobody has played yet, if time is the bound */
export function firstSeed({ seed, minutes }: Pick<MainOptions, 'seed' | 'minutes'>): number {
  return seed ?? (minutes === undefined ? SEED : Date.now())
}

/** @returns what to type for this story: its kind, and then the other options as they are */
export function commandOf(options: Omit<MainOptions, 'canaries'>): string {
  const story = STORIES.filter((name) => name in options)
  const others = Object.keys(options).filter(
    (name) => !(STORIES as readonly string[]).includes(name),
  )
  const parts = [...story, ...others].flatMap((name) => {
    const value = options[name as keyof typeof options]
    if (value === undefined || name === 'json') return []
    return value === true ? [`--${name}`] : [`--${name} ${value}`]
  })
  return ['npm run sim --', ...parts].join(' ')
}

/**
 * Read the command line; a mistake ends the process with a word on it.
 *
 * @param words - what was typed; absent: what this process was started with
 */
export function readOptions(words?: readonly string[], program = commandLine()): MainOptions {
  if (words === undefined) program.parse()
  else program.parse(words, { from: 'user' })
  const options = program.opts<MainOptions>()
  const misuse = misuseOf(options)
  if (misuse !== undefined) program.error(`error: ${misuse}`)
  return options
}

/** The options, each by itself. */
export function commandLine(): Command {
  return new Command('sim')
    .description(
      'Play a grid of friends in virtual time: faults first, then calm. Draws a plan from each seed and plays ' +
        'it, unless another kind of story is asked for: docs/simulation.md',
    )
    .option(
      '--seed <number>',
      `the seed to play, or the first one (default: ${SEED}; with --minutes a fresh one)`,
      integer(0),
    )
    .option('--seeds <count>', 'how many seeds, one after another (default: 1)', integer(1))
    .option(
      '--minutes <count>',
      'one seed after another until so many minutes are over',
      integer(1),
    )
    .option('--plans', 'plans: everything at once, from a list that is drawn first; the default')
    .option('--classic', 'some days of one vault, drawn as they go; 5 to 9 friends')
    .option('--histories', 'a year of one vault: rebuilds, forgets and gc; 5 or 6 friends')
    .option('--hostile', 'members who mean harm, while somebody backs up and restores; 7 friends')
    .option('--canaries [names...]', 'known bugs, put in one by one: seeds must find each of them')
    .option(
      '--peers <count>',
      'friends; drawn from the seed if absent; not with --hostile',
      integer(PEERS_MIN, PEERS_MAX),
    )
    .option(
      '--days <count>',
      'days of trouble; drawn from the seed if absent; not with --hostile',
      integer(1),
    )
    .addOption(
      new Option('--budget <which>', 'what plans destroy, against what is promised').choices([
        'within',
        'beyond',
      ]),
    )
    .option('--plan <file>', 'play the plan in this file')
    .option('--print', 'print the plan, and do not play it')
    .addOption(
      new Option(
        '--shrink <whether>',
        'make plans that break a promise smaller, and keep them (default: on)',
      ).choices(['on', 'off']),
    )
    .option(
      '--sessions <count>',
      `sessions of each seed with --hostile (default: ${SESSIONS})`,
      integer(1),
    )
    .option('--json', 'one JSON line for each seed, in place of the story')
    .addHelpText('after', EXPLANATION)
}

const EXPLANATION = `
A run prints its seed, the commit, its digest, and the command that plays it again; a single plan also prints all
that was drawn. When a promise breaks, the exit code is 1. A plan that broke one is made smaller and kept in
sim/found; a story of another kind is played again by its seed. Of 50 plans one is played twice. After 20 plans
and more a batch also fails if it never walked a rare path that its plans allow.

  npm run sim -- --seed 7                      one plan, told line by line
  npm run sim -- --seed 1 --seeds 200          a batch
  npm run sim -- --minutes 60                  fresh seeds for an hour
  npm run -s sim -- --seed 7 --print > plan.json
                                               the plan itself
  npm run sim -- --plan plan.json              play it, as it is or as you changed it`

function integer(min: number, max = Number.MAX_SAFE_INTEGER): (text: string) => number {
  return (text) => {
    const value = Number(text)
    if (Number.isSafeInteger(value) && value >= min && value <= max) return value
    throw new InvalidArgumentError(`a whole number from ${min}${max < 1e9 ? ` to ${max}` : ''}`)
  }
}
