/**
 * Limits of messages, each with its reason. What messages carry brings limits of its own.
 *
 * Format: docs/formats/messages.md
 */

import { LEAF_SIZES } from './manifest.ts'

export { ACCOUNT_SIZE_MAX, CREDIT_NAME_SIZE, CREDIT_SIZE_MAX } from './account.ts'
export { HEAD_SIZE_MAX } from './head.ts'
export { RECEIPT_SIZE_MAX } from './receipt.ts'
export { RELEASE_SIZE_MAX } from './release.ts'
export { REPAIR_GRANT_SIZE_MAX } from './repair-grant.ts'
export { STATEMENT_SIZE_MAX } from './roster-statement.ts'
export { STATEMENTS_MAX } from './roster.ts'

/** The protocol's name on the network; the number changes with anything old peers would misread. */
export const PROTOCOL = '/cairn/1'

/** Most bytes of a body in one frame: small enough to share a connection with other streams. */
export const BODY_FRAME_SIZE_MAX = 256 * 1024

/** Most bytes of leaves in one read: what a peer holds in memory to answer. */
export const READ_SIZE_MAX = 1024 * 1024

/** Most leaves in one read. */
export const READ_COUNT_MAX = READ_SIZE_MAX / LEAF_SIZES[0]

/** Most packs in one request: 16 GiB of packs at their target size. */
export const PACKS_MAX = 1024

/** Most peers in one question: as many as a roster has statements for. */
export const SEEN_MAX = 1024

/** Most heads in one response; the newest come first, as many as fit. */
export const HEADS_MAX = 1024

/** Helpers that a peer tells a vault's owner of: those heard last. */
export const HELPERS_MAX = 16
/** Credits in one answer; the next exchange brings the rest. */
export const CREDITS_MAX = 1024

/** Credits told in one request: each has three signatures to be checked, and a client has one for each peer. */
export const CREDITS_TOLD_MAX = 64

/** Credits that an asker can say it has: as many as a peer keeps. */
export const CREDITS_KNOWN_MAX = 4096

/** Vaults in one answer about holdings; those with the most bytes come first. */
export const HOLDINGS_MAX = 1024

/** Bytes that the lists of one message may take together, which leaves room for the rest of it. */
export const LIST_SIZE_MAX = 1024 * 1024

/** Bytes that an item may cost beyond its content: lengths, keys, a short list beside it. */
export const LIST_ITEM_OVERHEAD = 32

/** Multiaddrs of one peer, and bytes of each, as a roster statement has them. */
export const ADDRESSES_MAX = 16
export const ADDRESS_SIZE_MAX = 256

/** Most connections that a peer tells of: more than a large grid's peers and devices. */
export const LINKS_MAX = 1024

/** Seconds after which a peer speaks of a connection no more: 30 days. */
export const LINK_AGE_MAX = 30 * 86_400

/** Most friends that a peer names who lead others to it. */
export const RELAYS_MAX = 8

/** Bytes of an error's text, as sent: a sentence or two. */
export const ERROR_TEXT_SIZE_MAX = 512

/** Bytes of a newcomer's wish: 16 addresses of 256 bytes and the rest. */
export const WISH_SIZE_MAX = 6144

/** Bytes of a newcomer's proof that it has the invite code. */
export const PROOF_SIZE = 32

/** How it stands with a newcomer who came with an invite code. */
export const JOIN_STATES = ['waiting', 'admitted', 'refused', 'burnt', 'used', 'expired'] as const

export type JoinState = (typeof JOIN_STATES)[number]

/** Why a peer says no. */
export const ERROR_CODES = [
  'bad-request',
  'unknown-type',
  'not-found',
  'full',
  'quota',
  'immutable',
  'stale-head',
  'unknown-head',
  'jump',
  'fork',
  'bad-signature',
  'not-admitted',
  'busy',
  'internal',
] as const

export type ErrorCode = (typeof ERROR_CODES)[number]
