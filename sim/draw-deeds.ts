/** What the person of a plan does: how often, and when in the day. */

import { ENDINGS, WORDS } from './person.ts'
import {
  AWAKE_MS,
  THEFT_DAYS_MAX,
  type Deed,
  type LeftOut,
  type Plan,
  type Policy,
} from './plan.ts'
import type { SimRandom } from './random.ts'

const MINUTE_MS = 60_000

/** Chance that something is switched on, and how often in a day it comes about then, at least and at most. */
export interface Rate {
  readonly on: number
  readonly from: number
  readonly to: number
}

interface Chance {
  readonly when: { readonly day: number; readonly ms: number }
  readonly habits: Plan['options']['habits']
  readonly random: SimRandom
}

interface Habit {
  readonly rate: Rate
  /** Absent where it is about the backups of others. */
  readonly draw?: (chance: Chance) => Deed
  /** Has chance of its own: plans that do not have it are as they were before there was any. */
  readonly isApart?: boolean
}

export const HABITS: Readonly<Record<string, Habit>> = {
  edit: {
    rate: { on: 1, from: 0.5, to: 2 },
    draw: ({ when, random }) => {
      return { ...when, type: 'edit', seed: random.u32(), count: random.between(1, 8) }
    },
  },
  backup: { rate: { on: 1, from: 0.3, to: 1.2 }, draw: drawBackup },
  /** Parts of all backups. */
  busy: { rate: { on: 0.5, from: 0.1, to: 0.6 } },
  partial: { rate: { on: 0.3, from: 0.1, to: 0.4 } },
  checkpoints: { rate: { on: 0.4, from: 0.1, to: 0.6 } },
  leavingOut: { rate: { on: 0.3, from: 0.1, to: 0.4 } },
  inTwo: { rate: { on: 0.3, from: 0.1, to: 0.5 } },
  hashCheck: { rate: { on: 0.2, from: 0.05, to: 0.2 } },
  folder: {
    rate: { on: 0.5, from: 0.05, to: 0.3 },
    draw: ({ when, random }) => {
      return { ...when, type: 'folder', seed: random.u32(), how: random.pick(['rename', 'remove']) }
    },
  },
  restore: {
    rate: { on: 0.8, from: 0.05, to: 0.3 },
    draw: ({ when, random }) => ({ ...when, type: 'restore', pick: drawPick(random) }),
  },
  forget: {
    rate: { on: 0.7, from: 0.02, to: 0.2 },
    draw: ({ when, random }) => ({ ...when, type: 'forget', policy: drawPolicy(random) }),
  },
  pin: {
    rate: { on: 0.3, from: 0.02, to: 0.1 },
    draw: ({ when, random }) => {
      return { ...when, type: 'pin', pick: drawPick(random), isPinned: random.chance(0.5) }
    },
  },
  gc: {
    rate: { on: 0.7, from: 0.03, to: 0.2 },
    draw: ({ when }) => ({ ...when, type: 'gc', isCancel: false }),
  },
  cancel: {
    rate: { on: 0.3, from: 0.01, to: 0.05 },
    draw: ({ when }) => ({ ...when, type: 'gc', isCancel: true }),
  },
  rebuild: {
    rate: { on: 0.4, from: 0.02, to: 0.1 },
    draw: ({ when, random }) => {
      const lengthMax = random.between(1, 8)
      return { ...when, type: 'rebuild', lengthMax, budget: drawBudget(random) }
    },
  },
  repair: {
    rate: { on: 0.6, from: 0.03, to: 0.2 },
    draw: ({ when, random }) => {
      const budget = random.chance(0.3) ? { budget: 100_000 } : {}
      return { ...when, type: 'repair', isPatient: random.chance(0.5), ...budget }
    },
  },
  check: {
    rate: { on: 0.6, from: 0.03, to: 0.15 },
    draw: ({ when, random }) => ({ ...when, type: 'check', isThorough: random.chance(0.4) }),
  },
  audit: {
    rate: { on: 0.4, from: 0.02, to: 0.1 },
    draw: ({ when, random }) => ({ ...when, type: 'audit', count: random.between(1, 20) }),
  },
  vacation: {
    rate: { on: 0.3, from: 0.01, to: 0.05 },
    draw: ({ when, random }) => ({ ...when, type: 'vacation', days: random.between(2, 14) }),
  },
  recover: {
    rate: { on: 0.4, from: 0.01, to: 0.06 },
    draw: ({ when, random }) => {
      const door = random.chance(0.5) ? 'invite' : drawPick(random)
      const cuts = range(random.below(3)).map(() => random.below(200))
      return { ...when, type: 'recover', door, cuts }
    },
  },
  thief: {
    rate: { on: 0.2, from: 0.005, to: 0.04 },
    draw: ({ when, random }) => ({
      ...when,
      type: 'thief',
      days: random.between(0, THEFT_DAYS_MAX),
    }),
  },
  image: {
    rate: { on: 0.4, from: 0.04, to: 0.15 },
    draw: ({ when, random }) => {
      return { ...when, type: 'image', how: random.chance(0.6) ? 'take' : 'return' }
    },
  },
  /** Friends who become helpers, in the whole plan. */
  help: { rate: { on: 0.35, from: 1, to: 2.99 } },
  watch: {
    rate: { on: 0.3, from: 0.05, to: 0.4 },
    draw: ({ when, random }) => {
      const forMs = random.between(10_000, 4 * MINUTE_MS)
      const quietMs = random.pick([100, 500, 2_000, 15_000])
      const edits = { seed: random.u32(), count: random.between(1, 30) }
      return { ...when, type: 'watch', forMs, quietMs, ...edits }
    },
    isApart: true,
  },
}

/** After these the client begins with a head that it finds. */
const TAKING_STATE: readonly string[] = ['recover', 'image', 'thief']

/** Moments of a day at which something may be begun. */
const SLOTS = 12
const SLOT_MS = AWAKE_MS / (SLOTS + 2)

export function deedEvents(plan: Plan, random: SimRandom): Deed[] {
  const deeds: Deed[] = []
  for (let day = 1; day <= plan.days; day++) {
    const own = random.fork(`day ${day}`)
    const draws = Object.entries(HABITS).flatMap(([name, { draw, isApart = false }]) =>
      draw === undefined ? [] : repeat(draw, drawCount(plan, name, isApart ? own.fork(name) : own)),
    )
    const today = own.shuffle(draws).slice(0, SLOTS)
    const slots = own.shuffle(range(SLOTS)).slice(0, today.length)
    slots.sort((a, b) => a - b)
    for (const [index, draw] of today.entries()) {
      const ms = Math.floor(((slots[index] ?? 0) + own.unit() * 0.5) * SLOT_MS)
      const { habits } = plan.options
      deeds.push(draw({ when: { day, ms }, habits, random: own.fork(`deed ${index}`) }))
    }
  }
  // Something is there from the first moment on.
  const first = { seed: random.u32(), count: random.between(5, 30) }
  const helping = helpEvents(plan, deeds, random.fork('help'))
  return [{ type: 'edit', day: 1, ms: 0, ...first }, ...deeds, ...helping]
}

/**
 * Mostly in the first days. A device that was replaced takes its caps with it: half of the time its helpers
 * are given that of the new one.
 */
function helpEvents(plan: Plan, deeds: readonly Deed[], random: SimRandom): Deed[] {
  const founders = plan.peers.filter(({ isLate }) => isLate !== true)
  const count = Math.floor(plan.options.habits['help'] ?? 0)
  const helpers = random.shuffle(founders).slice(0, count)
  const replaced = deeds.filter(({ type }) => type === 'recover' || type === 'thief')
  const again = replaced.flatMap(({ day }) => (random.chance(0.5) ? [day + 1] : []))
  return helpers.flatMap(({ name }): Deed[] => {
    const first = 1 + Math.floor(random.unit() ** 3 * plan.days)
    const days = [first, ...again.filter((day) => day > first && day <= plan.days)]
    return days.map((day) => ({ type: 'help', who: name, day, ms: random.below(AWAKE_MS) }))
  })
}

function drawCount(plan: Plan, habit: string, random: SimRandom): number {
  // Where heads may be lost there is no order of heads to come back to.
  const isLost = plan.budget === 'beyond' && TAKING_STATE.includes(habit)
  const rate = isLost ? 0 : (plan.options.habits[habit] ?? 0)
  return Math.floor(rate) + (random.chance(rate % 1) ? 1 : 0)
}

function drawBackup({ when, habits, random }: Chance): Deed {
  const isPartial = random.chance(habits['partial'] ?? 0)
  const isBusy = !isPartial && random.chance(habits['busy'] ?? 0)
  const folder = isPartial ? { folder: random.u32() } : {}
  const lengthMax = random.between(3, 16)
  const budget = drawBudget(random)
  const is = (habit: string): boolean => random.chance(habits[habit] ?? 0)
  return {
    ...when,
    type: 'backup',
    isBusy,
    ...folder,
    lengthMax,
    budget,
    ...(is('checkpoints') ? { checkpointMs: random.pick([1, 20, 500]) } : {}),
    ...(is('leavingOut') ? { leftOut: drawLeftOut(random, isBusy) } : {}),
    ...(is('inTwo') ? { isInTwo: true } : {}),
    ...(is('hashCheck') ? { isHashCheck: true } : {}),
  }
}

/** Of files that grow meanwhile nobody could say whether they were too large. */
function drawLeftOut(random: SimRandom, isBusy: boolean): LeftOut {
  const some = <T>(all: readonly T[]): T[] => all.filter(() => random.chance(0.4))
  return {
    endings: some(ENDINGS),
    folders: some(WORDS),
    ...(!isBusy && random.chance(0.5) ? { sizeMax: random.between(0, 50_000) } : {}),
  }
}

function drawBudget(random: SimRandom): number {
  return random.pick([500_000_000, 500_000_000, 150_000, 20_000])
}

function drawPolicy(random: SimRandom): Policy {
  const last = random.between(1, 8)
  return random.pick<Policy>([
    { last: last + 5 },
    { last: 1, daily: 7, weekly: 4, monthly: 6 },
    { last, withinDays: random.between(5, 60) },
    { last, weekly: -1 },
    { last },
  ])
}

/** The newest more often than others. */
function drawPick(random: SimRandom): number {
  const drawn = random.chance(0.4) ? 0.999 : random.unit()
  return Math.floor(drawn * 1000) / 1000
}

function repeat<T>(value: T, count: number): T[] {
  return range(count).map(() => value)
}

function range(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index)
}
