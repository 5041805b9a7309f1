/**
 * Plan: a story that is told before it happens, as a list of what the person does and what goes wrong.
 *
 * It is a JSON document. Whoever plays it (plan-play.ts) does what the list says, in its order, and draws
 * nothing but the chance below the events: latencies, bytes, keys. So a plan can be printed, played again, made
 * smaller (shrink.ts) and kept (sim/regressions). An event that makes no sense any more, since what it is about
 * was taken out of the plan, does nothing.
 *
 * Times count from the morning of a day; people's computers are awake for AWAKE_MS of it.
 */

import { z } from 'zod'
import { PEER_KINDS } from './peer-kinds.ts'

export const PLAN_VERSION = 1

const MINUTE_MS = 60_000

/** An owner has 30 days by the friends' clocks, which may each be off by a little. */
export const THEFT_DAYS_MAX = 26

/** What of a day computers are awake, ms; nights are skipped. */
export const AWAKE_MS = 20 * MINUTE_MS

const count = z.int().min(0)
const name = z.string().regex(/^[a-z][a-z0-9-]*$/)
const names = z.array(name).min(1)
const link = z.tuple([name, name])
/** Of what a rhythm, a pick or a person at work draws. */
const seed = count
/** 0 ≤ x < 1: of what there is then, the one at this place. */
const pick = z.number().min(0).lt(1)

const line = z.strictObject({
  latencyMs: z.number().min(0),
  upload: z.int().min(1),
  download: z.int().min(1),
})

/** `open`: others can dial it; `walled`: it only dials out, and friends lead others to it. */
const way = z.enum(['open', 'walled'])

const clock = z.strictObject({ offsetMs: z.int(), ratePpm: z.int().min(-100_000).max(100_000) })

const peer = z.strictObject({
  name,
  kind: z.enum(Object.keys(PEER_KINDS) as [string, ...string[]]),
  line,
  way,
  clock,
  /** What is lost together: peers of one home, as everybody is told. */
  domain: z.string(),
  /** What it allows friends whom it leads to each other. */
  relay: z.strictObject({ places: count, bytes: count, ms: count }).optional(),
  /** It is no founder: an event of the plan lets it join. */
  isLate: z.literal(true).optional(),
})

const laptop = z.strictObject({ line, way, clock, fileTimeStepNs: z.int().min(1) })

/** What becomes of databases when the power goes; commits fall back to a picture taken so long before. */
const databases = z.enum(['kept', 'losesCommits', 'losesAll', 'damaged'])

const when = { day: z.int().min(1), ms: count }
const who = name
const forMs = count

const policy = z.strictObject({
  last: z.int().optional(),
  daily: z.int().optional(),
  weekly: z.int().optional(),
  monthly: z.int().optional(),
  withinDays: z.int().min(1).optional(),
})

/** What a backup leaves out; sim/left-out.ts says what that means. */
const leftOut = z.strictObject({
  /** Names that end so. */
  endings: z.array(z.string().min(1)),
  /** Folders of that name, whatever its case, with all in them. */
  folders: z.array(z.string().min(1)),
  /** Larger files, bytes. */
  sizeMax: count.optional(),
})

const EVENTS = [
  // What the person does.
  z.strictObject({ ...when, type: z.literal('edit'), seed, count }),
  z.strictObject({ ...when, type: z.literal('folder'), seed, how: z.enum(['rename', 'remove']) }),
  z.strictObject({
    ...when,
    type: z.literal('backup'),
    isBusy: z.boolean(),
    /** Which folder; the home where absent. */
    folder: seed.optional(),
    lengthMax: z.int().min(1),
    budget: count,
    /** A partial snapshot so often, ms, while it runs. */
    checkpointMs: z.int().min(1).optional(),
    leftOut: leftOut.optional(),
    /** `cairn scan`, and then `cairn upload`. */
    isInTwo: z.literal(true).optional(),
    /** Every file is read. */
    isHashCheck: z.literal(true).optional(),
  }),
  /** `cairn watch`, for a while in which the person works. */
  z.strictObject({
    ...when,
    type: z.literal('watch'),
    forMs,
    /** How long nothing may change before what did is backed up. */
    quietMs: count,
    seed,
    count: z.int().min(1),
  }),
  z.strictObject({ ...when, type: z.literal('restore'), pick }),
  z.strictObject({ ...when, type: z.literal('forget'), policy }),
  z.strictObject({ ...when, type: z.literal('pin'), pick, isPinned: z.boolean() }),
  z.strictObject({ ...when, type: z.literal('gc'), isCancel: z.boolean() }),
  z.strictObject({ ...when, type: z.literal('rebuild'), lengthMax: z.int().min(1), budget: count }),
  z.strictObject({
    ...when,
    type: z.literal('repair'),
    isPatient: z.boolean(),
    budget: count.optional(),
  }),
  z.strictObject({ ...when, type: z.literal('check'), isThorough: z.boolean() }),
  z.strictObject({ ...when, type: z.literal('audit'), count: z.int().min(1) }),
  /** A friend is given the repair cap, and looks after the vault from then on. */
  z.strictObject({ ...when, type: z.literal('help'), who }),
  z.strictObject({ ...when, type: z.literal('vacation'), days: z.int().min(1) }),
  z.strictObject({
    ...when,
    type: z.literal('recover'),
    /** With the invite, or with the address of a friend. */
    door: z.union([z.literal('invite'), pick]),
    /** The power goes at these disk steps of one try after another. */
    cuts: z.array(count),
  }),
  /** The laptop is stolen with its keys; its owner recovers from the words so many days later. */
  z.strictObject({ ...when, type: z.literal('thief'), days: z.int().min(0).max(THEFT_DAYS_MAX) }),
  z.strictObject({ ...when, type: z.literal('image'), how: z.enum(['take', 'return']) }),
  // What goes wrong.
  z.strictObject({ ...when, type: z.literal('lid'), who, forMs }),
  z.strictObject({
    ...when,
    type: z.literal('crash'),
    who,
    how: z.enum(['kill', 'power']),
    downMs: count,
    databases,
    /** How old the picture is that commits fall back to, ms. */
    staleMs: count,
  }),
  z.strictObject({
    ...when,
    type: z.literal('cut'),
    who,
    /** Disk steps from now on, until the power goes. */
    after: count,
    /** Only fsyncs count as steps, so that what is cut off is just about to be kept. */
    isAtSync: z.literal(true).optional(),
    downMs: count,
    databases,
  }),
  z.strictObject({ ...when, type: z.literal('away'), who, days: z.int().min(1) }),
  z.strictObject({ ...when, type: z.literal('full'), who, room: count, forMs }),
  z.strictObject({ ...when, type: z.literal('rot'), who, seed }),
  z.strictObject({ ...when, type: z.literal('readError'), who, after: count, forMs }),
  z.strictObject({ ...when, type: z.literal('syncError'), who, after: count, forMs }),
  z.strictObject({ ...when, type: z.literal('clock'), who, byMs: z.int(), forMs }),
  z.strictObject({ ...when, type: z.literal('split'), who: names, forMs }),
  z.strictObject({ ...when, type: z.literal('oneWay'), from: name, to: name, forMs }),
  z.strictObject({ ...when, type: z.literal('partial'), links: z.array(link).min(1), forMs }),
  z.strictObject({ ...when, type: z.literal('stall'), link, forMs }),
  z.strictObject({ ...when, type: z.literal('reset'), link }),
  z.strictObject({ ...when, type: z.literal('slow'), who, rate: z.int().min(1), forMs }),
  z.strictObject({
    ...when,
    type: z.literal('swizzle'),
    /** Cut off one by one, and let back in one by one in the other order. */
    cut: names,
    heal: names,
    stepMs: count,
    holdMs: count,
  }),
  z.strictObject({
    ...when,
    type: z.literal('sever'),
    /** Cut off all at once, once so many more pieces of what the laptop says have arrived anywhere. */
    friends: names,
    after: count,
    /** Counted from when the next head of the laptop is durable there; at 0 before any of it is sent. */
    isAtHead: z.literal(true).optional(),
    forMs,
  }),
  z.strictObject({ ...when, type: z.literal('move'), who }),
  z.strictObject({ ...when, type: z.literal('lose'), who }),
  z.strictObject({ ...when, type: z.literal('join'), who }),
] as const

const event = z.discriminatedUnion('type', EVENTS)

const rates = z.record(z.string(), z.number().min(0))

const planSchema = z.strictObject({
  version: z.literal(PLAN_VERSION),
  /** Why it is kept, in one line. */
  why: z.string().optional(),
  /** For the chance below the events. */
  seed: count,
  days: z.int().min(1),
  /** Whether what is destroyed stays within what a safe pack can miss. */
  budget: z.enum(['within', 'beyond']),
  options: z.strictObject({
    /** A few files that live for long, or anything that a person does with files. */
    files: z.enum(['diary', 'person']),
    /** Between two edits of a person at work, on average, ms. */
    pauseMs: z.int().min(1),
    /** How often in a day, by what was drawn; what is not here is switched off. */
    habits: rates,
    faults: rates,
  }),
  laptop,
  peers: z.array(peer).min(3),
  events: z.array(event),
})

export type Plan = z.infer<typeof planSchema>
export type PlanPeer = z.infer<typeof peer>
export type PlanEvent = z.infer<typeof event>
export type EventType = PlanEvent['type']
export type EventOf<Type extends EventType> = Extract<PlanEvent, { readonly type: Type }>
export type Policy = z.infer<typeof policy>
export type LeftOut = z.infer<typeof leftOut>

/** @throws {z.ZodError} it is no plan */
export function readPlan(text: string): Plan {
  return planSchema.parse(JSON.parse(text))
}

/** One line for each peer and each event, so that plans can be read and compared. */
export function writePlan(plan: Plan): string {
  const { version, why, seed: drawn, days, budget, options, laptop: own, peers, events } = plan
  const head = { version, ...(why === undefined ? {} : { why }), seed: drawn, days, budget }
  const lines = Object.entries({ ...head, options, laptop: own }).map(
    ([key, value]) => `  ${JSON.stringify(key)}: ${JSON.stringify(value)},`,
  )
  const list = (rows: readonly unknown[]): string =>
    rows.length === 0
      ? '[]'
      : `[\n${rows.map((row) => `    ${JSON.stringify(row)}`).join(',\n')}\n  ]`
  return `{\n${lines.join('\n')}\n  "peers": ${list(peers)},\n  "events": ${list(events)}\n}\n`
}

/** In the order in which they come about; those of one moment as they are listed. */
export function inOrder(events: readonly PlanEvent[]): PlanEvent[] {
  return events.toSorted((a, b) => a.day - b.day || a.ms - b.ms)
}

/** What the person does, one after another; all else strikes when its time has come. */
const DEEDS = [
  'edit',
  'folder',
  'backup',
  'watch',
  'restore',
  'forget',
  'pin',
  'gc',
  'rebuild',
  'repair',
  'check',
  'audit',
  'help',
  'vacation',
  'recover',
  'image',
  'thief',
] as const

export type Deed = EventOf<(typeof DEEDS)[number]>
export type Fault = Exclude<PlanEvent, Deed>

export function isDeed(one: PlanEvent): one is Deed {
  return (DEEDS as readonly string[]).includes(one.type)
}

/** @returns every machine that an event is about */
export function namesIn(one: PlanEvent): readonly string[] {
  if ('link' in one) return one.link
  if ('links' in one) return one.links.flat()
  if ('from' in one) return [one.from, one.to]
  if ('cut' in one) return one.cut
  if ('friends' in one) return one.friends
  if (!('who' in one)) return []
  return typeof one.who === 'string' ? [one.who] : one.who
}
