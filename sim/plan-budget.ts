/**
 * The fault budget of a plan: what it destroys for good, and how much of that a safe pack can miss.
 */

import { codeFor, safeCount } from '../src/grid/code.ts'
import { PEER_KINDS } from './peer-kinds.ts'
import type { Plan, PlanEvent } from './plan.ts'

/** @returns failure domains whose shares may go, whatever the number of friends is by then */
export function margin({ peers }: Pick<Plan, 'peers'>): number {
  const founders = peers.filter(({ isLate }) => isLate !== true).length
  const margins: number[] = []
  for (let count = founders; count <= peers.length; count++) {
    const code = codeFor(count)
    margins.push(safeCount(code) - code.needed)
  }
  return Math.min(...margins)
}

/**
 * @returns the friend whose shares, or the memory of them, an event may take before their time: by a disk
 *   that forgets, by a clock that runs ahead, by going for good
 */
export function destroys(event: PlanEvent): string | undefined {
  switch (event.type) {
    case 'lose':
    case 'rot':
    case 'clock':
      return event.who
    case 'crash':
    case 'cut':
      return event.databases === 'kept' ? undefined : event.who
    default:
      return undefined
  }
}

/** Whether files go that were synced: a crash takes databases at most. */
export function takesFiles({ type }: PlanEvent): boolean {
  return type === 'lose' || type === 'rot' || type === 'clock'
}

/** Whether a plan that claims to stay within what is promised does so. */
export function isFair(plan: Plan): boolean {
  const { budget, peers, events } = plan
  if (budget === 'beyond') return true
  const domains = new Map(peers.map(({ name, domain }) => [name, domain]))
  const liars = peers.filter(({ kind }) => PEER_KINDS[kind]?.isFalse === true)
  const names = [...events.map(destroys), ...liars.map(({ name }) => name)]
  const hit = new Set(names.flatMap((name) => domains.get(name ?? '') ?? []))
  return hit.size <= margin(plan)
}
