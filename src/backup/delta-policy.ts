/**
 * Delta policy: when a version is stored as a delta, and in which blocks a file is signed.
 *
 * The newest version must stay cheap to restore, so its chain is bounded in length and in the bytes
 * it takes to fetch (design §3).
 */

/** Deltas between a newest version and its original. */
export const CHAIN_LENGTH_MAX = 16

/** Beyond twice its own size, this many bytes more may be fetched for a newest version. */
const CHAIN_SIZE_SLACK = 64 * 1024

/** A delta above this part of the file saves too little for what a chain costs. */
const DELTA_PART_MAX = 0.5

/** Below this a new original in a run costs about what a delta would. */
const SIGNED_SIZE_MIN = 4 * 1024

/** From here on a signature is made at the first backup; smaller files wait for their first change. */
const SIGNED_AT_ONCE_SIZE_MIN = 32 * 1024

interface Chain {
  readonly chainLength: number
  readonly chainSize: number
}

/** @returns whether a delta (of `deltaSize` bytes, if known) may go on top of this chain */
export function mayBeDelta(
  chain: Chain,
  size: number,
  { deltaSize = 0 }: { deltaSize?: number } = {},
): boolean {
  if (chain.chainLength >= CHAIN_LENGTH_MAX) return false
  return chain.chainSize + deltaSize <= 2 * size + CHAIN_SIZE_SLACK
}

/** @returns whether a delta is clearly smaller than the file itself */
export function isDeltaWorth(deltaSize: number, size: number): boolean {
  return deltaSize <= size * DELTA_PART_MAX
}

/** Blocks in a signature: a delta holds some 70 bytes of memory for each. */
const BLOCKS_MAX = 1_000_000

/**
 * 4 KiB blocks fit databases and disk images (measured); small files take smaller blocks, and those
 * above 4 GB larger ones, so that memory stays flat.
 *
 * @param isHot - the file has changed before
 * @returns bytes in a block, or null where no signature is made
 */
export function blockSizeFor(size: number, { isHot }: { isHot: boolean }): number | null {
  if (size < SIGNED_SIZE_MIN) return null
  if (size < SIGNED_AT_ONCE_SIZE_MIN) return isHot ? 512 : null
  if (size < 1024 ** 2) return 1_024
  let blockSize = 4_096
  while (size / blockSize > BLOCKS_MAX) blockSize *= 2
  return blockSize
}
