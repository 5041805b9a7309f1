/**
 * Loss: how likely it is that a pack cannot be read any more.
 *
 * A pack is lost when more than n − k of its shares are. With shares lost independently, each with the
 * same probability p,
 *
 *     P(pack) = Σ C(n, i) pⁱ (1 − p)ⁿ⁻ⁱ  for i from n − k + 1 to n
 *
 * and what rests on several packs is lost when any of them is: 1 − Π (1 − P(pack)).
 */

import { CHAIN_LENGTH_MAX } from '../base/chain-length.ts'
import type { Code } from './code.ts'

/** Probability that a share is lost before repair makes it again, where nothing was measured. */
export const SHARE_LOSS = 0.05

/** How much likelier a version with its deltas may be lost than its original alone. */
export const LOSS_RATIO_MAX = 1.1

/** @returns the probability that fewer than `needed` of `total` shares are left */
export function packLoss({ needed, total }: Code, shareLoss: number): number {
  let loss = 0
  for (let lost = total - needed + 1; lost <= total; lost += 1) {
    loss += choose(total, lost) * shareLoss ** lost * (1 - shareLoss) ** (total - lost)
  }
  return loss
}

/** @returns the probability that at least one of these packs is lost; each is given once */
export function anyLoss(packs: readonly Code[], shareLoss: number): number {
  // Summed as logarithms: 1 − (1 − 10⁻¹⁸) would be 0.
  const log = packs.reduce((sum, pack) => sum + Math.log1p(-packLoss(pack, shareLoss)), 0)
  return -Math.expm1(log)
}

/**
 * The code for packs of deltas. Whatever rests on a chain rests on each of its packs, so deltas, which
 * are small, are coded stronger: with a whole chain of them in packs of their own a version is lost at
 * most 1.1 times as often as its original, where the number of shares allows it.
 *
 * @param code - of originals
 */
export function deltaCode(code: Code): Code {
  const bound = (LOSS_RATIO_MAX - 1) * packLoss(code, SHARE_LOSS)
  for (let { needed } = code; needed > 1; needed -= 1) {
    const weaker = { ...code, needed }
    if (CHAIN_LENGTH_MAX * packLoss(weaker, SHARE_LOSS) <= bound) return weaker
  }
  return { ...code, needed: 1 }
}

/**
 * How many deltas, each in a pack of its own, keep the bound on loss.
 *
 * @param code - of originals
 * @param ratioMax - how much likelier a version may be lost than its original alone
 * @returns `Infinity` where not even one delta does: then no chain can, and the bound is no measure
 */
export function deltasWithin(code: Code, ratioMax: number, shareLoss: number): number {
  const original = packLoss(code, shareLoss)
  const count = Math.floor(((ratioMax - 1) * original) / packLoss(deltaCode(code), shareLoss))
  return count >= 1 ? count : Infinity
}

function choose(n: number, k: number): number {
  let product = 1
  for (let index = 1; index <= k; index += 1) product = (product * (n - k + index)) / index
  return product
}
