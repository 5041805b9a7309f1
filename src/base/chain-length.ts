/** Deltas between a newest version and its original, above which the repair worker shortens a chain (design §3). */
export const CHAIN_LENGTH_MAX = 16

/** A backup stores an original where a chain is this long: the worker did not get to it for months. */
export const CHAIN_LENGTH_LIMIT = 128
