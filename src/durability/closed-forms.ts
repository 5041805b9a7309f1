/**
 * Closed forms: what can be computed about losses and repair without a simulation, where lifetimes and
 * repairs are exponential and nothing happens to several friends at once.
 *
 * With λ = 1 / lifetime of a share and μ = 1 / time of a repair, detection included, a pack with i living
 * shares loses one at the rate iλ. With `threshold` or fewer a job runs that brings it back to n at the rate μ. It is lost
 * with k − 1. Such numbers are upper bounds of what independence gives: 10²⁰ years mean that
 * independent losses are not what to worry about.
 *
 * Sources: renewal theory; docs/adr/0080-durability-engine.md has the derivations in a line each
 */

import type { Code } from '../grid/code.ts'

export interface BulkRepair {
  /** Jobs begin with so many living shares, or fewer. */
  readonly threshold: number
  /** Mean lifetime of a share and mean time of a job, in one unit. */
  readonly lifetime: number
  readonly repair: number
}

/** What becomes of one pack in the long run. */
export interface BulkFigures {
  /** Mean time until a whole pack is lost, in that unit. */
  readonly mttdl: number
  /** Jobs per unit of time, and shares that they make. */
  readonly jobRate: number
  readonly shareRate: number
  /** The part of its time, while it is not lost, that it has i living shares: index 0 … n. */
  readonly occupancy: Float64Array
}

/** MTTDL = E[cycle] / q, where q is the probability that a cycle, from n shares to n again, ends in loss. */
export function bulkRepair({ needed, total }: Code, options: BulkRepair): BulkFigures {
  const lambda = 1 / options.lifetime
  const mu = 1 / options.repair
  const time = new Float64Array(total + 1)
  for (let i = total; i > options.threshold; i -= 1) time[i] = 1 / (i * lambda)
  let reach = 1
  let jobs = 0
  let made = 0
  for (let i = Math.min(options.threshold, total); i >= needed; i -= 1) {
    const rate = i * lambda + mu
    time[i] = reach / rate
    jobs += (reach * mu) / rate
    made += ((reach * mu) / rate) * (total - i)
    reach *= (i * lambda) / rate
  }
  const cycle = time.reduce((sum, each) => sum + each, 0)
  return {
    mttdl: cycle / reach,
    jobRate: jobs / cycle,
    shareRate: made / cycle,
    occupancy: time.map((each) => each / cycle),
  }
}

/** Bytes moved for a byte of pack and unit of time: by a stranger, who reads k shares first, and by the owner. */
export function repairTraffic(
  { needed }: Code,
  { jobRate, shareRate }: Pick<BulkFigures, 'jobRate' | 'shareRate'>,
): { readonly thirdParty: number; readonly owner: number } {
  return { thirdParty: jobRate + shareRate / needed, owner: shareRate / needed }
}

/**
 * The probability that a whole pack is lost within a time, exactly: the chain's states weighed by a Poisson
 * distribution (uniformisation).
 */
export function lossWithin({ needed, total }: Code, options: BulkRepair, time: number): number {
  const lambda = 1 / options.lifetime
  const mu = 1 / options.repair
  const states = total - needed + 2
  const rate = total * lambda + mu
  let at = new Float64Array(states)
  at[0] = 1
  let [weight, covered, lost] = [Math.exp(-rate * time), 0, 0]
  for (let jump = 1; covered < 1 - 1e-14 && jump < 100_000; jump += 1) {
    lost += weight * at[states - 1]!
    covered += weight
    weight *= (rate * time) / jump
    const next = new Float64Array(states)
    next[states - 1] = at[states - 1]!
    for (let state = 0; state < states - 1; state += 1) {
      const i = total - state
      const down = (i * lambda) / rate
      const up = i <= options.threshold ? mu / rate : 0
      next[state + 1]! += at[state]! * down
      next[0]! += at[state]! * up
      next[state]! += at[state]! * (1 - down - up)
    }
    at = next
  }
  return lost
}

/**
 * @param offline - told apart where `online` is so near to 1 that the rest has no digits left
 * @returns P[fewer than k of n], each there with probability `online`
 */
export function unavailability(
  { needed, total }: Code,
  online: number,
  offline: number = 1 - online,
): number {
  const all = (p: number) => Array.from({ length: total }, () => p)
  return below({ online: all(online), offline: all(offline) }, needed)
}

/** @returns P[fewer than `needed`], each there with a probability of its own */
export function poissonBinomialBelow(online: readonly number[], needed: number): number {
  return below({ online, offline: online.map((p) => 1 - p) }, needed)
}

/** @returns P[fewer than k of n holders are alive and were seen on one of so many days] */
export function notRestorableWithin(
  code: Code,
  { seenADay, alive, days }: { seenADay: number; alive: number; days: number },
): number {
  const missed = (1 - seenADay) ** days
  return unavailability(code, alive * (1 - missed), 1 - alive + alive * missed)
}

/** All terms are positive, so the smallest results keep their digits. */
function below(
  { online, offline }: { online: readonly number[]; offline: readonly number[] },
  needed: number,
): number {
  const chance = new Float64Array(needed)
  chance[0] = 1
  for (const [peer, p] of online.entries()) {
    const q = offline[peer] ?? 0
    for (let count = needed - 1; count > 0; count -= 1) {
      chance[count] = chance[count]! * q + chance[count - 1]! * p
    }
    chance[0] *= q
  }
  return chance.reduce((sum, each) => sum + each, 0)
}

/** Γ(x) for x > 0, to 15 digits (Lanczos, g = 7, n = 9). */
export function gamma(x: number): number {
  if (x < 0.5) return Math.PI / (Math.sin(Math.PI * x) * gamma(1 - x))
  const z = x - 1
  const sum = LANCZOS.reduce(
    (all, factor, index) => all + (index === 0 ? factor : factor / (z + index)),
    0,
  )
  const t = z + 7.5
  return Math.sqrt(2 * Math.PI) * t ** (z + 0.5) * Math.exp(-t) * sum
}

const LANCZOS = [
  0.99999999999980993, 676.5203681218851, -1259.1392167224028, 771.32342877765313,
  -176.61502916214059, 12.507343278686905, -0.13857109526572012, 9.9843695780195716e-6,
  1.5056327351493116e-7,
]
