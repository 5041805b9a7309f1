/**
 * Chain bounds: what the newest version of a file may cost to restore (design §3).
 */

export { CHAIN_LENGTH_LIMIT, CHAIN_LENGTH_MAX } from '../base/chain-length.ts'

/** Beyond twice its own size, this many bytes more may be fetched for a newest version. */
export const CHAIN_SIZE_SLACK = 64 * 1024

/** @returns the most bytes to fetch for a newest version of this size */
export function fetchSizeMax(size: number): number {
  return 2 * size + CHAIN_SIZE_SLACK
}
