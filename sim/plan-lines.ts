/**
 * Lines of a plan: what goes wrong between computers. Each cut heals for itself, whatever else is cut.
 */

import type { Line } from './internet.ts'
import type { EventOf, Fault } from './plan.ts'
import { LAPTOP, type Stage } from './plan-stage.ts'

type Way = readonly [from: string, to: string]

interface Severing {
  readonly fault: EventOf<'sever'>
  left: number
  /** Whether pieces count by now. */
  isDue: boolean
}

/** What the laptop's disk does before a head is sent. */
const HEAD_IS_DURABLE = 'heads/pending.new heads/pending'

export class LineFaults {
  readonly #stage: Stage
  /** What slow lines were before. */
  readonly #lines = new Map<string, Line>()
  /** Cuts that wait for what the laptop says. */
  #severing: Severing[] = []

  constructor(stage: Stage) {
    this.#stage = stage
    stage.world.trace.listen(({ node, event, fields }) => {
      if (this.#severing.length === 0) return
      if (event === 'net.arrive' && fields['from'] === LAPTOP) this.#countDown()
      const isHead = event === 'disk.rename' && fields['path'] === HEAD_IS_DURABLE
      if (isHead && node === LAPTOP) this.#beginAtHead()
    })
  }

  /** @returns whether it is about a line */
  strike(fault: Fault): boolean {
    switch (fault.type) {
      case 'split':
        this.#cut(`split ${fault.who.join(' ')}`, this.#around(fault.who), fault.forMs)
        return true
      case 'oneWay':
        this.#cut(
          `nothing from ${fault.from} to ${fault.to}`,
          [[fault.from, fault.to]],
          fault.forMs,
        )
        return true
      case 'partial':
        this.#cut(
          `cut ${fault.links.map((link) => link.join('–')).join(' ')}`,
          fault.links.flatMap(both),
          fault.forMs,
        )
        return true
      case 'stall':
        this.#cut(`${fault.link.join('–')} stands still`, both(fault.link), fault.forMs)
        return true
      case 'swizzle':
        this.#swizzle(fault)
        return true
      case 'sever':
        this.#severing.push({ fault, left: fault.after, isDue: fault.isAtHead !== true })
        return true
      case 'reset':
        this.#reset(fault)
        return true
      case 'slow':
        this.#slowDown(fault)
        return true
      default:
        return false
    }
  }

  calmDown(): void {
    this.#severing = []
    for (const [name, line] of this.#lines) Object.assign(this.#line(name), line)
    this.#lines.clear()
  }

  /** Nothing passes between these machines and all others. @returns opens the ways again */
  shut(names: readonly string[]): () => void {
    return this.#block(this.#around(names))
  }

  #beginAtHead(): void {
    for (const one of this.#severing) one.isDue = true
    this.#sever(({ fault, left }) => fault.isAtHead === true && left === 0)
  }

  /** Between any two steps of a run, where cuts by the clock hardly ever strike. */
  #countDown(): void {
    this.#sever((one) => one.isDue && (one.left -= 1) < 0)
  }

  #sever(isNow: (one: Severing) => boolean): void {
    const due = this.#severing.filter(isNow)
    if (due.length === 0) return
    this.#severing = this.#severing.filter((one) => !due.includes(one))
    for (const { fault } of due) {
      const { friends, forMs } = fault
      if (this.#stage.run !== undefined) this.#stage.note('friends went away between two messages')
      this.#cut(`${friends.join(' ')} are cut off`, this.#around(friends), forMs)
    }
  }

  #cut(told: string, ways: readonly Way[], forMs: number): void {
    this.#stage.say(`${told} for ${Math.round(forMs / 1000)} s`)
    this.#openLater(this.#block(ways), forMs)
  }

  #openLater(open: () => void, forMs: number): void {
    const { run } = this.#stage
    this.#stage.later(forMs, () => {
      open()
      if (run !== undefined && this.#stage.run === run) {
        this.#stage.note('a partition healed in the middle of a run')
      }
    })
  }

  #block(ways: readonly Way[]): () => void {
    this.#stage.checks.cost.disturb()
    const { internet, machines } = this.#stage.world
    const known = ways.filter(([from, to]) => machines.has(from) && machines.has(to))
    for (const [from, to] of known) internet.block(from, to)
    return () => {
      for (const [from, to] of known) internet.unblock(from, to)
    }
  }

  /** One after another is cut off; then one after another comes back, in another order. */
  #swizzle({ cut, heal, stepMs, holdMs }: EventOf<'swizzle'>): void {
    this.#stage.say(`cut off ${cut.join(' ')} one by one, back come ${heal.join(' ')}`)
    const healsAt = cut.length * stepMs + holdMs
    cut.forEach((name, index) => {
      this.#stage.later(index * stepMs, () => {
        const forMs = healsAt + heal.indexOf(name) * stepMs - index * stepMs
        this.#openLater(this.shut([name]), forMs)
      })
    })
  }

  #reset({ link }: EventOf<'reset'>): void {
    const [a, b] = link
    this.#stage.checks.cost.disturb()
    this.#stage.say(`connections between ${a} and ${b} break`)
    if (this.#stage.run !== undefined) {
      this.#stage.note('a connection broke in the middle of a run')
    }
    this.#stage.world.internet.disturb(a, b)
  }

  #slowDown({ who, rate, forMs }: EventOf<'slow'>): void {
    if (!this.#stage.world.machines.has(who)) return
    const line = this.#line(who)
    if (!this.#lines.has(who)) this.#lines.set(who, { ...line })
    this.#stage.say(`the line of ${who} carries ${rate} bytes a second`)
    Object.assign(line, { upload: rate, download: rate })
    this.#stage.later(forMs, () => {
      Object.assign(line, this.#lines.get(who))
      this.#lines.delete(who)
    })
  }

  #around(names: readonly string[]): Way[] {
    const others = [...this.#stage.world.machines.keys()].filter((one) => !names.includes(one))
    return names.flatMap((one) => others.flatMap((other) => both([one, other])))
  }

  #line(name: string): Line {
    return this.#stage.world.internet.line(name)
  }
}

function both([a, b]: Way): Way[] {
  return [
    [a, b],
    [b, a],
  ]
}
