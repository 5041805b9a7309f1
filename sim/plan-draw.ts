/**
 * Draw a plan from a seed, swarm style: each seed switches each habit and each kind of fault on or off and
 * draws its rate, so that every plan is strange in its own way, and few are strange in all ways at once.
 *
 * Source: Groce et al., "Swarm Testing" (ISSTA 2012); TigerBeetle's VOPR draws its options the same way.
 */

import { deedEvents, HABITS, type Rate } from './draw-deeds.ts'
import { faultEvents, FAULTS } from './draw-faults.ts'
import { margin } from './plan-budget.ts'
import { FALSE_KINDS } from './false-kinds.ts'
import { PEER_KINDS } from './peer-kinds.ts'
import { inOrder, PLAN_VERSION, type Plan, type PlanPeer } from './plan.ts'
import { SimRandom } from './random.ts'

const NAMES = 'ann bea cem dora emil fay gus hana ivo jun kai lena'.split(' ')

export const PEERS_MIN = 5
export const PEERS_MAX = 10

/** Of all plans, those that destroy more than can be missed. */
const BEYOND = 0.12

/** Of all plans, those with friends who are not what they seem. */
const FALSE = 0.6

export interface Overrides {
  readonly peers?: number | undefined
  readonly days?: number | undefined
  readonly budget?: Plan['budget'] | undefined
}

export function drawPlan(seed: number, overrides: Overrides = {}): Plan {
  const random = new SimRandom(seed).fork('plan')
  const budget = random.fork('budget').chance(BEYOND) ? 'beyond' : 'within'
  const drawn = random.fork('size')
  const count = drawn.between(PEERS_MIN, PEERS_MAX)
  const days = drawn.between(4, drawn.pick([12, 25, 50]))
  const habits = drawRates(random.fork('habits'), HABITS)
  const faults = drawRates(random.fork('faults'), FAULTS, random.fork('storm').pick([1, 2, 4]))
  const options: Plan['options'] = {
    files: random.fork('files').chance(0.5) ? 'diary' : 'person',
    pauseMs: random.fork('pause').between(50, 2000),
    habits,
    faults,
  }
  const peers = drawPeers(random, overrides.peers ?? count, faults['join'] ?? 0)
  const plan: Plan = {
    version: PLAN_VERSION,
    seed,
    days: overrides.days ?? days,
    budget: overrides.budget ?? budget,
    options,
    laptop: drawLaptop(random.fork('laptop')),
    peers,
    events: [],
  }
  const deeds = deedEvents(plan, random.fork('deeds'))
  const victims = drawVictims(plan, random.fork('victims'))
  const bad = faultEvents({ plan, deeds, victims }, random.fork('bad'))
  const people = drawFalse(plan, victims, random.fork('false'))
  return { ...plan, peers: people, events: inOrder([...deeds, ...bad]) }
}

/** Each is switched on or off, and where it is on, how often in a day. */
function drawRates(
  random: SimRandom,
  table: Readonly<Record<string, { readonly rate: Rate }>>,
  times = 1,
): Record<string, number> {
  const rates: Record<string, number> = {}
  for (const [name, { rate }] of Object.entries(table)) {
    const { on, from, to } = rate
    const own = random.fork(name)
    if (!own.chance(on)) continue
    rates[name] = Number((times * (from + (to - from) * own.unit())).toFixed(3))
  }
  return rates
}

/** Friends whom what destroys may hit: whole homes, as many as a safe pack can miss. */
function drawVictims(plan: Plan, random: SimRandom): readonly string[] {
  if (plan.budget === 'beyond') return plan.peers.map(({ name }) => name)
  const domains = random.shuffle([...new Set(plan.peers.map(({ domain }) => domain))])
  const hit = domains.slice(0, margin(plan))
  return plan.peers.flatMap(({ name, domain }) => (hit.includes(domain) ? [name] : []))
}

/** Some of those whom what destroys may hit are not what they seem; never the founder, who leads others in. */
function drawFalse(plan: Plan, victims: readonly string[], random: SimRandom): PlanPeer[] {
  const hasAny = random.chance(FALSE)
  return plan.peers.map((peer, index) => {
    const own = random.fork(peer.name)
    const isFalse = hasAny && index > 0 && victims.includes(peer.name) && own.chance(0.8)
    if (!isFalse || peer.isLate === true) return peer
    const kind = own.pick(Object.keys(FALSE_KINDS))
    return { ...peer, kind, clock: PEER_KINDS[kind]?.clock?.(own) ?? peer.clock }
  })
}

function drawPeers(random: SimRandom, count: number, joinRate: number): PlanPeer[] {
  const late = joinRate > 0 ? 2 : 0
  const draw = random.fork('peers')
  const isWalled = draw.chance(0.4)
  const hasRelays = draw.chance(0.5)
  // One home may have two or three of them.
  const sharing = count >= 7 && draw.chance(0.4) ? draw.between(1, 2) : 0
  const kinds = Object.fromEntries(
    Object.entries(PEER_KINDS).flatMap(([kind, { weight }]) =>
      weight === 0 ? [] : [[kind, draw.chance(0.5) ? weight : 0]],
    ),
  )
  const peers = NAMES.slice(0, count).map((name, index): PlanPeer => {
    const own = random.fork(`peer ${name}`)
    // The founder and two others can always be dialled, and most are always on.
    const isSteady = index < 3
    const hasKinds = Object.values(kinds).some((weight) => weight > 0)
    const kind = isSteady || !hasKinds || own.chance(0.3) ? 'nas' : own.weighted(kinds)
    return {
      name,
      kind,
      line: PEER_KINDS[kind]?.line ?? drawLine(own),
      way: !isSteady && isWalled && own.chance(0.4) ? 'walled' : 'open',
      clock: drawClock(own),
      domain: index > 0 && index <= sharing ? `home of ${NAMES[0]}` : `home of ${name}`,
      ...(hasRelays
        ? {
            relay: {
              places: own.between(1, 8),
              bytes: 6_000_000,
              ms: own.between(20, 200) * 60_000,
            },
          }
        : {}),
    }
  })
  for (let index = 0; index < late; index++) {
    const name = `late-${index + 1}`
    const own = random.fork(`peer ${name}`)
    peers.push({
      name,
      kind: 'nas',
      line: drawLine(own),
      way: 'open',
      clock: drawClock(own),
      domain: `home of ${name}`,
      isLate: true,
    })
  }
  return peers
}

function drawLaptop(random: SimRandom): Plan['laptop'] {
  return {
    line: drawLine(random),
    way: random.chance(0.5) ? 'open' : 'walled',
    clock: drawClock(random),
    fileTimeStepNs: random.pick([1, 1000, 4_000_000, 1_000_000_000, 2_000_000_000]),
  }
}

function drawLine(random: SimRandom): PlanPeer['line'] {
  return {
    latencyMs: random.between(1, 60),
    upload: random.between(500_000, 10_000_000),
    download: random.between(2_000_000, 20_000_000),
  }
}

/** Off by minutes at most, and mostly by parts of a second each day. */
function drawClock(random: SimRandom): PlanPeer['clock'] {
  const drift = random.chance(0.1) ? 5000 : 50
  return { offsetMs: random.between(-300_000, 300_000), ratePpm: random.between(-drift, drift) }
}
