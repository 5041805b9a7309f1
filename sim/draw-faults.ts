/** What goes wrong in a plan: how often, with whom, and mostly while the person waits for something. */

import { codeFor, safeCount } from '../src/grid/code.ts'
import type { Rate } from './draw-deeds.ts'
import { AWAKE_MS, type Deed, type EventOf, type Fault, type Plan, type PlanPeer } from './plan.ts'
import { LAPTOP } from './plan-stage.ts'
import type { SimRandom } from './random.ts'

const SECOND_MS = 1000
const MINUTE_MS = 60 * SECOND_MS
const DAY_MS = 24 * 60 * MINUTE_MS

interface FaultParts {
  readonly plan: Plan
  readonly deeds: readonly Deed[]
  /** Friends whom what destroys may hit. */
  readonly victims: readonly string[]
}

interface Moment {
  readonly day: number
  readonly ms: number
}

/** What one fault is drawn from. */
interface Chance extends FaultParts {
  readonly random: SimRandom
  readonly when: Moment
  readonly peers: readonly string[]
  /** The laptop, half of the time. */
  readonly anybody: string
  /** Somebody whom what destroys may hit. */
  readonly hurt: string | undefined
  readonly forMs: number
}

interface Row {
  readonly rate: Rate
  readonly draw: (chance: Chance) => Fault | undefined
}

export const FAULTS: Readonly<Record<Fault['type'], Row>> = {
  crash: { rate: { on: 0.6, from: 0.05, to: 0.6 }, draw: drawCrash },
  cut: {
    rate: { on: 0.6, from: 0.05, to: 0.6 },
    draw: (chance) => {
      const { day, ms, who, downMs, databases } = drawCrash(chance)
      const { random } = chance
      const times = { downMs, databases }
      if (random.chance(0.5)) {
        const after = random.below(who === LAPTOP ? 12 : 5)
        return { day, ms, type: 'cut', who, after, isAtSync: true, ...times }
      }
      const after = random.below(who === LAPTOP ? 200 : 60)
      return { day, ms, type: 'cut', who, after, ...times }
    },
  },
  lid: {
    rate: { on: 0.4, from: 0.05, to: 0.4 },
    draw: ({ when, anybody, forMs }) => ({ ...when, type: 'lid', who: anybody, forMs }),
  },
  away: {
    rate: { on: 0.4, from: 0.02, to: 0.15 },
    draw: ({ when, peers, random }) => {
      const days = random.between(1, 9)
      return { ...when, type: 'away', who: random.pick(peers), days }
    },
  },
  full: {
    rate: { on: 0.3, from: 0.02, to: 0.2 },
    draw: ({ when, anybody, forMs, random }) => {
      const room = random.below(100_000)
      return { ...when, type: 'full', who: anybody, room, forMs }
    },
  },
  rot: {
    rate: { on: 0.4, from: 0.02, to: 0.2 },
    draw: ({ when, hurt, random }) => hurting(hurt, { ...when, type: 'rot', seed: random.u32() }),
  },
  readError: {
    rate: { on: 0.3, from: 0.02, to: 0.2 },
    draw: ({ when, anybody, forMs, random }) => {
      const after = random.below(6)
      return { ...when, type: 'readError', who: anybody, after, forMs }
    },
  },
  syncError: {
    rate: { on: 0.3, from: 0.02, to: 0.2 },
    draw: ({ when, anybody, forMs, random }) => {
      const after = random.below(10)
      return { ...when, type: 'syncError', who: anybody, after, forMs }
    },
  },
  clock: {
    rate: { on: 0.3, from: 0.02, to: 0.15 },
    draw: ({ when, hurt, forMs, random }) =>
      hurting(hurt, { ...when, type: 'clock', byMs: drawJump(random), forMs: 3 * forMs }),
  },
  split: {
    rate: { on: 0.5, from: 0.05, to: 0.4 },
    draw: ({ when, peers, forMs, random }) => {
      const side = random.shuffle([LAPTOP, ...peers]).slice(0, random.between(1, peers.length - 1))
      return { ...when, type: 'split', who: side, forMs }
    },
  },
  oneWay: {
    rate: { on: 0.3, from: 0.03, to: 0.2 },
    draw: ({ when, peers, forMs, random }) => {
      const [from, to] = drawLink(peers, random)
      return { ...when, type: 'oneWay', from, to, forMs }
    },
  },
  partial: {
    rate: { on: 0.4, from: 0.03, to: 0.3 },
    draw: ({ when, peers, forMs, random }) => {
      const links = Array.from({ length: random.between(1, 6) }, () => drawLink(peers, random))
      return { ...when, type: 'partial', links, forMs }
    },
  },
  stall: {
    rate: { on: 0.4, from: 0.03, to: 0.4 },
    draw: ({ when, peers, random }) => {
      const forMs = random.between(1, 20) * SECOND_MS
      return { ...when, type: 'stall', link: drawLink(peers, random), forMs }
    },
  },
  reset: {
    rate: { on: 0.5, from: 0.1, to: 1 },
    draw: ({ when, peers, random }) => ({ ...when, type: 'reset', link: drawLink(peers, random) }),
  },
  slow: {
    rate: { on: 0.3, from: 0.02, to: 0.15 },
    draw: ({ when, anybody, forMs, random }) => {
      const rate = random.between(2000, 40_000)
      return { ...when, type: 'slow', who: anybody, rate, forMs }
    },
  },
  swizzle: {
    rate: { on: 0.3, from: 0.02, to: 0.15 },
    draw: ({ when, peers, random }) => {
      const cut = random.shuffle(peers).slice(0, random.between(2, peers.length))
      const times = { stepMs: random.between(200, 20_000), holdMs: random.between(0, 60_000) }
      return { ...when, type: 'swizzle', cut, heal: random.shuffle(cut), ...times }
    },
  },
  sever: {
    rate: { on: 0.6, from: 0.2, to: 1.5 },
    draw: ({ when, plan, peers, forMs, random }) => {
      const left = random.chance(0.5)
        ? drawJustEnough(plan, random)
        : random.shuffle(peers).slice(0, random.below(peers.length))
      const friends = random.shuffle(peers.filter((name) => !left.includes(name)))
      // Most runs are a few hundred pieces; each order of size is as likely.
      const after = Math.floor(Math.exp(random.unit() * Math.log(1500)))
      const fault = { ...when, type: 'sever', friends, forMs } as const
      return random.chance(0.3)
        ? { ...fault, after: random.chance(0.7) ? 0 : random.below(5), isAtHead: true }
        : { ...fault, after }
    },
  },
  move: {
    rate: { on: 0.3, from: 0.02, to: 0.1 },
    draw: ({ when, peers, random }) => ({ ...when, type: 'move', who: random.pick(peers) }),
  },
  lose: {
    rate: { on: 0.3, from: 0.02, to: 0.1 },
    draw: ({ when, victims, random }) =>
      victims.length === 0 ? undefined : { ...when, type: 'lose', who: random.pick(victims) },
  },
  join: {
    rate: { on: 0.3, from: 0.02, to: 0.1 },
    draw: ({ when, plan, random }) => {
      const late = plan.peers.filter(({ isLate }) => isLate === true)
      return late.length === 0 ? undefined : { ...when, type: 'join', who: random.pick(late).name }
    },
  },
}

export function faultEvents(parts: FaultParts, random: SimRandom): Fault[] {
  const events: Fault[] = []
  for (const [name, { draw }] of Object.entries(FAULTS)) {
    const rate = parts.plan.options.faults[name] ?? 0
    for (let day = 1; day <= parts.plan.days; day++) {
      const own = random.fork(`${name} ${day}`)
      const count = Math.floor(rate) + (own.chance(rate % 1) ? 1 : 0)
      for (let index = 0; index < count; index++) {
        const event = draw(drawChance(parts, day, own))
        if (event !== undefined) events.push(event)
      }
    }
  }
  return events
}

function drawChance(parts: FaultParts, day: number, random: SimRandom): Chance {
  const { plan, victims } = parts
  const peers = plan.peers.map(({ name }) => name)
  const isOwn = random.chance(0.3) && plan.budget === 'within'
  const victim = victims.length === 0 ? undefined : random.pick(victims)
  return {
    ...parts,
    random,
    when: drawMoment(parts, day, random),
    peers,
    anybody: random.chance(0.5) ? LAPTOP : random.pick(peers),
    hurt: isOwn ? LAPTOP : victim,
    forMs: Math.ceil(random.exponential(4 * MINUTE_MS)),
  }
}

/** So many friends that a head is just safe with them, or just not; half of the time with all of one home. */
function drawJustEnough({ peers }: Plan, random: SimRandom): string[] {
  const founders = random.shuffle(peers.filter(({ isLate }) => isLate !== true))
  const count = safeCount(codeFor(founders.length)) - random.below(2)
  const isShared = ({ domain }: PlanPeer) =>
    founders.filter((one) => one.domain === domain).length > 1
  const first = random.chance(0.5) ? founders.filter(isShared) : []
  return [...new Set([...first, ...founders])].slice(0, count).map(({ name }) => name)
}

/** Mostly within some seconds of something that the person begins. */
function drawMoment({ deeds }: FaultParts, day: number, random: SimRandom): Moment {
  const today = deeds.filter((deed) => deed.day === day && deed.type !== 'edit')
  if (today.length === 0 || random.chance(0.25)) return { day, ms: random.below(AWAKE_MS) }
  const late = random.chance(0.3) ? 0 : random.exponential(6 * SECOND_MS)
  return { day, ms: Math.max(0, Math.floor(random.pick(today).ms - 1 + late)) }
}

function drawCrash({ plan, victims, when, anybody, random }: Chance): EventOf<'crash'> {
  const isOwn = anybody === LAPTOP
  const how = random.chance(0.7) ? 'power' : 'kill'
  const mayForget = isOwn ? plan.budget === 'within' : victims.includes(anybody)
  const databases = random.weighted({
    kept: 6,
    losesCommits: mayForget ? 3 : 0,
    losesAll: mayForget ? 1 : 0,
    damaged: mayForget && isOwn ? 1 : 0,
  })
  return {
    ...when,
    type: 'crash',
    who: anybody,
    how,
    downMs: Math.ceil(random.exponential(random.chance(0.5) ? 2 * SECOND_MS : 10 * MINUTE_MS)),
    databases: how === 'kill' ? 'kept' : databases,
    staleMs: random.below(10 * MINUTE_MS),
  }
}

/** @returns nothing where there is nobody whom it may hit */
function hurting(
  who: string | undefined,
  event: Omit<EventOf<'rot'>, 'who'> | Omit<EventOf<'clock'>, 'who'>,
): Fault | undefined {
  return who === undefined ? undefined : { ...event, who }
}

/** Small jumps of a clock that is set by a time server, and large ones of a dead battery. */
function drawJump(random: SimRandom): number {
  const sizes = [90 * SECOND_MS, 2 * 60 * MINUTE_MS, 3 * DAY_MS, 60 * DAY_MS, 365 * DAY_MS]
  const size = random.pick(sizes)
  return Math.round((random.chance(0.5) ? -1 : 1) * size * random.unit())
}

/** Mostly the laptop and a friend; else two friends. */
function drawLink(peers: readonly string[], random: SimRandom): [string, string] {
  const some = random.shuffle(peers)
  const [one = LAPTOP, other = LAPTOP] = random.chance(0.7) ? [LAPTOP, ...some] : some
  return random.chance(0.5) ? [one, other] : [other, one]
}
