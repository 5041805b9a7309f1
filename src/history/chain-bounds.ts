/**
 * Chain bounds: what the newest version of a file may cost to restore (design §3).
 */

/** Deltas between a newest version and its original, above which the repair worker shortens a chain. */
export const CHAIN_LENGTH_MAX = 16

/** A backup stores an original where a chain is this long: the worker did not get to it for months. */
export const CHAIN_LENGTH_LIMIT = 128

/** Beyond twice its own size, this many bytes more may be fetched for a newest version. */
export const CHAIN_SIZE_SLACK = 64 * 1024

/** @returns the most bytes to fetch for a newest version of this size */
export function fetchSizeMax(size: number): number {
  return 2 * size + CHAIN_SIZE_SLACK
}
