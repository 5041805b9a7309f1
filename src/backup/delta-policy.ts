/**
 * Delta policy: when a version is stored as a delta, and in which blocks a file is signed.
 *
 * The newest version must stay cheap to restore, so its chain is bounded in length and in the bytes
 * it takes to fetch (design §3).
 */

import { CHAIN_LENGTH_LIMIT, fetchSizeMax } from '../history/chain-bounds.ts'

/** A delta above this part of the file saves too little for what a chain costs. */
const DELTA_PART_MAX = 0.5

/** Below this a new original in a run costs about what a delta would. */
const SIGNED_SIZE_MIN = 1024

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
  if (chain.chainLength >= CHAIN_LENGTH_LIMIT) return false
  return chain.chainSize + deltaSize <= fetchSizeMax(size)
}

/** @returns whether a delta is clearly smaller than the file itself */
export function isDeltaWorth(deltaSize: number, size: number): boolean {
  return deltaSize <= size * DELTA_PART_MAX
}

/** Blocks in a signature: a delta holds some 70 bytes of memory for each. */
const BLOCKS_MAX = 1_000_000

/**
 * 4 KiB blocks fit databases and disk images (measured). Small files take smaller blocks, of which a
 * change of one line touches less: with signatures from 1 KiB on, the next release of a source tree
 * took 1.1 MiB, with signatures from 32 KiB on 1.5. Files above 4 GB take larger ones, so that memory
 * stays flat.
 *
 * @returns bytes in a block, or null where no signature is made
 */
export function blockSizeFor(size: number): number | null {
  if (size < SIGNED_SIZE_MIN) return null
  if (size < 8 * 1024) return 256
  if (size < 32 * 1024) return 512
  if (size < 1024 ** 2) return 1_024
  let blockSize = 4_096
  while (size / blockSize > BLOCKS_MAX) blockSize *= 2
  return blockSize
}
