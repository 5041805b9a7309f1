/** Limits that several signed formats share. */

/** Milliseconds since 1970 of the last moment that a date can hold. */
export const TIME_MAX = 8_640_000_000_000_000

/** The highest sequence. Version ids are sequence × 1024 + ordinal and must stay safe integers. */
export const SEQUENCE_MAX = 2 ** 43 - 1

/** Bytes in a head's id: the SHA-256 of the whole head. */
export const HEAD_ID_SIZE = 32

/** Multiaddrs of one peer, at most. */
export const ADDRESSES_MAX = 16

/** Bytes of one multiaddr in UTF-8, at most. */
export const ADDRESS_SIZE_MAX = 256
