/**
 * Shrink: make a plan that breaks a promise smaller, as long as it goes on breaking it.
 *
 * Events are taken out by ddmin, friends one by one, days from the end and where nothing happens; what is left
 * is made plainer: good clocks and lines, friends who are always on, fewer edits.
 *
 * Source: Zeller and Hildebrandt, "Simplifying and isolating failure-inducing input" (IEEE TSE 2002).
 */

import { isFair } from './plan-budget.ts'
import { namesIn, type Plan, type PlanEvent, type PlanPeer } from './plan.ts'

/** Fewer friends make no grid. */
const PEERS_MIN = 3

export interface ShrinkOptions {
  /** Play a plan. @returns what it broke, if anything */
  readonly play: (plan: Plan) => Promise<Error | undefined>
  /** Runs, at most. */
  readonly runsMax: number
  /** Whether the time for it is over. */
  readonly isOver?: () => boolean
  /** Told of each smaller plan. */
  readonly onSmaller?: (plan: Plan) => void
}

export interface Shrunk {
  readonly plan: Plan
  readonly runs: number
}

/** @param error - what the plan broke; only plans that break the same count */
export async function shrink(plan: Plan, error: Error, options: ShrinkOptions): Promise<Shrunk> {
  const shrinker = new Shrinker(plan, signatureOf(error), options)
  await shrinker.run()
  return { plan: shrinker.plan, runs: shrinker.runs }
}

/** What stays the same when the same promise breaks in a smaller story: no numbers, names or paths. */
export function signatureOf({ name, message }: Error): string {
  const plain = message
    .replaceAll(/"[^"]*"|\/\S+/g, '…')
    .replaceAll(/\b(?=\w*\d)[\w-]+\b|\b\w{20,}\b/g, '#')
  return `${name}: ${plain}`
}

class Shrinker {
  plan: Plan
  runs = 0
  readonly #signature: string
  readonly #options: ShrinkOptions

  constructor(plan: Plan, signature: string, options: ShrinkOptions) {
    this.plan = plan
    this.#signature = signature
    this.#options = options
  }

  async run(): Promise<void> {
    for (let size = Infinity; size !== sizeOf(this.plan) && !this.#isOver;) {
      size = sizeOf(this.plan)
      await this.#halveDays()
      await this.#dropEvents()
      await this.#dropPeers()
      await this.#closeGaps()
      await this.#simplify()
    }
  }

  get #isOver(): boolean {
    return this.runs >= this.#options.runsMax || this.#options.isOver?.() === true
  }

  /** @returns whether this plan breaks the same promise; then it is the one to go on with */
  async #try(plan: Plan): Promise<boolean> {
    if (this.#isOver || !isFair(plan) || sizeOf(plan) === sizeOf(this.plan)) return false
    this.runs++
    const error = await this.#options.play(plan)
    if (error === undefined || signatureOf(error) !== this.#signature) return false
    this.plan = plan
    this.#options.onSmaller?.(plan)
    return true
  }

  async #halveDays(): Promise<void> {
    for (let cut = this.plan.days >> 1; cut >= 1; cut >>= 1) {
      const days = this.plan.days - cut
      const events = this.plan.events.filter(({ day }) => day <= days)
      while (await this.#try({ ...this.plan, days, events })) if (this.plan.days <= cut) break
    }
  }

  /** ddmin over the events: ever smaller pieces are left out. */
  async #dropEvents(): Promise<void> {
    for (let pieces = 2; this.plan.events.length > 0 && !this.#isOver;) {
      const { events } = this.plan
      const size = Math.ceil(events.length / pieces)
      let isSmaller = false
      for (let from = 0; from < this.plan.events.length;) {
        const left = this.plan.events.toSpliced(from, size)
        if (await this.#try({ ...this.plan, events: left })) isSmaller = true
        else from += size
      }
      if (size === 1 && !isSmaller) return
      pieces = Math.min(this.plan.events.length, isSmaller ? Math.max(2, pieces - 1) : 2 * pieces)
    }
  }

  async #dropPeers(): Promise<void> {
    for (const { name } of this.plan.peers.toReversed()) {
      if (this.plan.peers.length <= PEERS_MIN) return
      const peers = this.plan.peers.filter((one) => one.name !== name)
      const events = this.plan.events.filter((event) => !namesIn(event).includes(name))
      await this.#try({ ...this.plan, peers, events })
    }
  }

  /** Days on which nothing happens are left out. */
  async #closeGaps(): Promise<void> {
    const days = [...new Set(this.plan.events.map(({ day }) => day))].toSorted((a, b) => a - b)
    const events = this.plan.events.map((event) => ({ ...event, day: days.indexOf(event.day) + 1 }))
    const isDone = await this.#try({ ...this.plan, days: Math.max(1, days.length), events })
    if (isDone) return
    const last = Math.max(1, ...this.plan.events.map(({ day }) => day))
    await this.#try({ ...this.plan, days: last })
  }

  async #simplify(): Promise<void> {
    const { laptop, options, peers, events } = this.plan
    const clock = { offsetMs: 0, ratePpm: 0 }
    const line = { latencyMs: 10, upload: 4_000_000, download: 12_000_000 }
    const plain = { clock, line, way: 'open' } as const
    await this.#try({ ...this.plan, peers: peers.map((one) => ({ ...one, kind: 'nas' })) })
    await this.#try({ ...this.plan, peers: this.plan.peers.map(withoutRelay) })
    await this.#try({
      ...this.plan,
      peers: this.plan.peers.map((one) => ({ ...one, ...plain })),
      laptop: { ...laptop, ...plain, fileTimeStepNs: 1 },
    })
    await this.#try({ ...this.plan, options: { ...options, habits: {}, faults: {} } })
    await this.#try({ ...this.plan, events: events.map(plainer) })
    for (const [index, event] of this.plan.events.entries()) {
      await this.#try({ ...this.plan, events: this.plan.events.with(index, plainer(event)) })
    }
  }
}

/** The same event with less to it. */
function plainer(event: PlanEvent): PlanEvent {
  switch (event.type) {
    case 'edit':
    case 'watch':
      return { ...event, count: 1 }
    case 'backup': {
      const { type, day, ms, lengthMax } = event
      return { type, day, ms, lengthMax, isBusy: false, budget: 500_000_000 }
    }
    case 'crash':
    case 'cut':
      return { ...event, databases: 'kept' }
    case 'recover':
      return { ...event, door: 'invite', cuts: [] }
    default:
      return event
  }
}

function withoutRelay(peer: PlanPeer): PlanPeer {
  const { relay, ...rest } = peer
  return relay === undefined ? peer : rest
}

function sizeOf(plan: Plan): number {
  return JSON.stringify(plan).length
}
