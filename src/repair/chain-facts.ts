/**
 * Chain facts: how long the way to a version is, what it costs to go, and how likely it is there.
 *
 * A pack is lost when more than n − k of its shares are. With shares lost independently, each with the
 * same probability p,
 *
 *     P(pack) = Σ C(n, i) pⁱ (1 − p)ⁿ⁻ⁱ  for i from n − k + 1 to n
 *
 * and a version is lost when any pack it rests on is: P(version) = 1 − Π (1 − P(pack)).
 */

/** Of the newest version of a file. */
export interface ChainFacts {
  /** Deltas between the version and its original. */
  readonly length: number
  /** Bytes of the version. */
  readonly size: number
  /** Sealed bytes to fetch for it. */
  readonly fetchSize: number
  /** Sealed bytes of all versions of the history together. */
  readonly storedSize: number
  /** Probability that it cannot be restored. */
  readonly loss: number
  /** The same for its original alone. */
  readonly lossOfOriginal: number
  /** The probability of a share's loss that was reckoned with, and whether it was measured. */
  readonly shareLoss: number
  readonly isMeasured: boolean
}

/** Shares in all, and how many of them bring a pack back. */
export interface PackCode {
  readonly needed: number
  readonly total: number
}

/** @returns the probability that fewer than `needed` of `total` shares are left */
export function packLoss({ needed, total }: PackCode, shareLoss: number): number {
  let loss = 0
  for (let lost = total - needed + 1; lost <= total; lost += 1) {
    loss += choose(total, lost) * shareLoss ** lost * (1 - shareLoss) ** (total - lost)
  }
  return loss
}

/** @returns the probability that at least one of these packs is lost; each is given once */
export function anyLoss(packs: readonly PackCode[], shareLoss: number): number {
  // Summed as logarithms: 1 − (1 − 10⁻¹⁸) would be 0.
  const log = packs.reduce((sum, pack) => sum + Math.log1p(-packLoss(pack, shareLoss)), 0)
  return -Math.expm1(log)
}

function choose(n: number, k: number): number {
  let product = 1
  for (let index = 1; index <= k; index += 1) product = (product * (n - k + index)) / index
  return product
}
