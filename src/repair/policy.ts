/**
 * Rebuild policy: which chains are too long, and what a rebuild must make of them.
 *
 * All bounds hold for the newest version of a file: old ones may hang on longer chains.
 */

import { LOSS_RATIO_MAX, SHARE_LOSS } from '../grid/loss.ts'
import { CHAIN_LENGTH_MAX } from '../history/chain-bounds.ts'

export interface RebuildPolicy {
  /** Whether backups rebuild by themselves, when they are done. */
  readonly isAutomatic: boolean
  /** Deltas between the newest version and its original, at most. */
  readonly lengthMax: number
  /** A rebuilt newest version is fetched with at most this many times its original's bytes. */
  readonly fetchRatioMax: number
  /** The newest version's loss probability, at most this many times that of its original alone. */
  readonly lossRatioMax: number
  /** Probability that a share is lost, where it is not measured. */
  readonly shareLoss: number
  /** Bytes up and down that an automatic rebuild may take, each time. */
  readonly budget: number
}

export const REBUILD_POLICY: RebuildPolicy = {
  isAutomatic: true,
  lengthMax: CHAIN_LENGTH_MAX,
  fetchRatioMax: 1.05,
  lossRatioMax: LOSS_RATIO_MAX,
  shareLoss: SHARE_LOSS,
  budget: 500_000_000,
}
