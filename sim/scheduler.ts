/**
 * Virtual time: a heap of events, ordered by (time, order of scheduling).
 *
 * Time stands still while code runs and jumps to the next event when nothing is left to run. After
 * each event all microtasks are let run out, so what happens next depends on nothing but the events.
 */

import { ForeignWaitError, LivelockError, StuckError } from './errors.ts'

/** An event that may still be called off. */
export interface Scheduled {
  cancel(): void
}

interface Event {
  readonly at: number
  readonly order: number
  /** None any more: it was called off, or has happened. */
  action: (() => void) | undefined
}

/** Fewer events that were called off are left where they are. */
const OFF_MIN = 256

/** Limits of one run, so that a run that goes in circles ends with a name. */
export interface RunLimits {
  readonly eventsMax?: number
  /** Virtual milliseconds. */
  readonly durationMax?: number
}

/** Kept from before a run, in which nobody may use it. */
const realSetImmediate = setImmediate

const EVENTS_MAX = 50_000_000
const YEAR_MS = 365 * 24 * 3600_000

/** Microtask rounds without an event after which a run is taken to be waiting for the real world. */
const QUIET_ROUNDS = 16

/** Turns of the real event loop given to foreign work, only to tell the two errors apart. */
const FOREIGN_TURNS = 64

export class SimScheduler {
  #heap: Event[] = []
  /** Events in the heap that were called off. */
  #off = 0
  #elapsed = 0
  #order = 0
  #count = 0
  #isRunning = false
  #startedAt: number

  /** @param startsAt - the virtual wall time of the beginning, ms since 1970 */
  constructor(startsAt = Date.UTC(2026, 0, 1)) {
    this.#startedAt = startsAt
  }

  /** Virtual time, ms since 1970: the true time, which a machine's clock may miss. */
  get now(): number {
    return this.#startedAt + this.#elapsed
  }

  /** Virtual ms since the beginning. */
  get elapsed(): number {
    return this.#elapsed
  }

  /** Events that have happened. */
  get count(): number {
    return this.#count
  }

  /** Have `action` happen after `ms`. Equal times happen in the order they were asked for. */
  after(ms: number, action: () => void): Scheduled {
    const event: Event = { at: this.#elapsed + Math.max(0, ms), order: this.#order++, action }
    push(this.#heap, event)
    return { cancel: () => this.#cancel(event) }
  }

  #cancel(event: Event): void {
    if (event.action === undefined) return
    event.action = undefined
    this.#off++
    // Time limits are called off all the time, long before they are due.
    if (this.#off < OFF_MIN || 2 * this.#off < this.#heap.length) return
    const left = this.#heap.filter(({ action }) => action !== undefined)
    // Sorted, an array is a heap.
    this.#heap = left.toSorted((a, b) => a.at - b.at || a.order - b.order)
    this.#off = 0
  }

  sleep(ms: number): Promise<void> {
    return new Promise((resolve) => this.after(ms, resolve))
  }

  /**
   * Let all computers sleep for `ms`: wall clocks go on, nothing happens, and whoever waits for some time
   * waits on afterwards.
   */
  skip(ms: number): void {
    this.#startedAt += ms
  }

  /**
   * Run `main` to its end in virtual time; events after its end are left in the heap.
   *
   * @throws {StuckError} `main` waits and nothing can happen any more
   * @throws {ForeignWaitError} `main` waits for something outside virtual time
   * @throws {LivelockError} a limit was passed
   */
  async run<T>(main: () => Promise<T>, limits: RunLimits = {}): Promise<T> {
    if (this.#isRunning) throw new Error('a run is under way')
    this.#isRunning = true
    const eventsMax = this.#count + (limits.eventsMax ?? EVENTS_MAX)
    const endsAt = this.#elapsed + (limits.durationMax ?? 100 * YEAR_MS)
    const outcome: { isKnown: boolean; value?: T; error?: unknown } = { isKnown: false }

    try {
      main().then(
        (value) => Object.assign(outcome, { isKnown: true, value }),
        (error: unknown) => Object.assign(outcome, { isKnown: true, error }),
      )
      for (;;) {
        await settle()
        if (outcome.isKnown) break
        if (this.#step()) {
          if (this.#count > eventsMax) throw new LivelockError(`more than ${eventsMax} events`)
          if (this.#elapsed > endsAt) throw new LivelockError('the time of the run is over')
          continue
        }
        for (let round = 0; round < QUIET_ROUNDS && !this.#hasEvents; round++) await settle()
        if (!outcome.isKnown && !this.#hasEvents) await explainStandstill(() => outcome.isKnown)
      }
    } finally {
      this.#isRunning = false
    }

    if ('error' in outcome) throw outcome.error
    return outcome.value as T
  }

  get #hasEvents(): boolean {
    return this.#heap.length > this.#off
  }

  /** @returns whether an event happened */
  #step(): boolean {
    for (;;) {
      const event = pop(this.#heap)
      if (event === undefined) return false
      const { action } = event
      if (action === undefined) {
        this.#off--
        continue
      }
      event.action = undefined
      this.#elapsed = event.at
      this.#count++
      action()
      return true
    }
  }
}

/** Resolves once the microtask queue has run empty: Node runs ticks only then. */
function settle(): Promise<void> {
  return new Promise((resolve) => process.nextTick(resolve))
}

/** Say which error a standstill is, by giving the real world a moment. */
async function explainStandstill(isOver: () => boolean): Promise<void> {
  for (let turn = 0; turn < FOREIGN_TURNS; turn++) {
    await realTurn()
    if (isOver()) {
      throw new ForeignWaitError('the run waited for something outside virtual time')
    }
  }
  throw new StuckError('the run waits and no event is left')
}

function realTurn(): Promise<void> {
  return new Promise((resolve) => realSetImmediate(resolve))
}

function isBefore(a: Event, b: Event): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order)
}

function push(heap: Event[], event: Event): void {
  let index = heap.length
  heap.push(event)
  while (index > 0) {
    const parent = (index - 1) >> 1
    const above = heap[parent]!
    if (!isBefore(event, above)) break
    heap[index] = above
    index = parent
  }
  heap[index] = event
}

function pop(heap: Event[]): Event | undefined {
  const top = heap[0]
  const last = heap.pop()
  if (top === undefined || last === undefined || heap.length === 0) return top
  let index = 0
  for (;;) {
    let child = 2 * index + 1
    if (child >= heap.length) break
    const right = heap[child + 1]
    if (right !== undefined && isBefore(right, heap[child]!)) child++
    const below = heap[child]!
    if (!isBefore(below, last)) break
    heap[index] = below
    index = child
  }
  heap[index] = last
  return top
}
