/** Checks: what is looked at in every plan, besides restores and the witness: secrecy, keeping and cost. */

import { Cost } from './cost.ts'
import type { Friend } from './grid.ts'
import { Keeping } from './keeping.ts'
import type { Plan, PlanEvent } from './plan.ts'
import { Secrecy, type Canaries } from './secrecy.ts'
import type { World } from './world.ts'

/** Events that leave wrong bytes on the disk of the one that they hit. */
const SPOILING: readonly PlanEvent['type'][] = ['rot', 'syncError']

export interface CheckParts {
  readonly world: World
  readonly plan: Plan
  readonly canaries: Canaries
  /** The machine that the owner's client runs on. */
  readonly host: () => string
  /** That friends hold shares of. */
  readonly packs: () => number
  /** Whether the time of an event of the plan has come. */
  readonly isDue: (event: PlanEvent) => boolean
  /** Told of each backup that was held against the bound of its cost. */
  readonly onBound: () => void
  readonly quotaOf: (vault: string) => number | undefined
  readonly capacityOf: (friend: Friend) => number
  /** Whether a friend's kind spoils what it keeps. */
  readonly isSpoiling: (name: string) => boolean
}

export class Checks {
  readonly secrecy: Secrecy
  readonly keeping: Keeping
  readonly cost: Cost

  constructor(parts: CheckParts) {
    const { world, plan, canaries, host, packs, quotaOf, capacityOf, isSpoiling } = parts
    const { isDue, onBound } = parts
    const friends = new Set(plan.peers.map(({ name }) => name))
    this.secrecy = new Secrecy(world, canaries, (name) => !friends.has(name))
    this.cost = new Cost(world, { friends: () => plan.peers.length, host, packs, onBound })
    const spoiling = plan.events.filter(({ type }) => SPOILING.includes(type))
    const isSpoilt = (name: string) =>
      spoiling.some((event) => 'who' in event && event.who === name && isDue(event))
    this.keeping = new Keeping({
      quotaOf,
      capacityOf,
      isSpoilt: ({ name }) => isSpoilt(name) || isSpoiling(name),
    })
  }

  /** @throws {StoryError} */
  look(friends: Iterable<Friend>): void {
    this.secrecy.check()
    this.keeping.look(friends)
  }

  /** @throws {StoryError} */
  lookAtAll(friends: Iterable<Friend>): void {
    this.look(friends)
    this.secrecy.checkDisks()
  }
}
