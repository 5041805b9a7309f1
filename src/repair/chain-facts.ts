/** Chain facts: how long the way to a version is, what it costs to go, and how likely it is there. */

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
