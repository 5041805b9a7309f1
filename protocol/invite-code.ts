/**
 * Invite codes: what one friend hands another so that they can come in, once.
 *
 * A code says where to dial, who must answer there, and a secret that works a single time. It is short
 * enough for a QR code. The holder dials as an identity that follows from the invite's id, which the
 * inviter's gate lets through to one question only; the secret never travels (join.ts).
 *
 * Format: docs/formats/invite-code.md
 */

import { z } from 'zod'
import { bytesField, check, decodeCbor, encodeCbor, integer, text } from './cbor.ts'
import { hkdf } from './hash.ts'
import { ADDRESS_SIZE_MAX, TIME_MAX } from './limits.ts'
import { peerIdOf, publicKeyOf, type PeerId } from './peer-id.ts'
import { gridIdFromBytes, gridIdToBytes, type GridId } from './roster-statement.ts'
import { signingKeyFromSeed, type SigningKey } from './signing.ts'
import { CapTooWeakError, decodeTypedText, encodeTypedText } from './typed-text.ts'

/** Bytes of an invite's id. */
export const INVITE_ID_SIZE = 16

/** Bytes of an invite's secret: one guess burns it, so these are plenty. */
export const INVITE_SECRET_SIZE = 16

/** Addresses of the inviter in one code: more would make the QR code too large to scan. */
export const CODE_ADDRESSES_MAX = 4

const CODE_SIZE_MAX = 2048

export interface InviteCode {
  readonly grid: GridId
  /** Who must answer, and whom the holder trusts to tell the grid. */
  readonly inviter: PeerId
  /** 16 bytes; not secret. */
  readonly id: Uint8Array
  /** 16 bytes. */
  readonly secret: Uint8Array
  /** Milliseconds since 1970; the inviter's clock decides. */
  readonly expiresAt: number
  /** Multiaddrs of the inviter without its identity, the best first. */
  readonly addresses: readonly string[]
}

// An array and not a map: the names of fields would make the QR code larger by a quarter.
const schema = z.tuple([
  bytesField(32, 32),
  bytesField(32, 32).nullable(),
  bytesField(INVITE_ID_SIZE, INVITE_ID_SIZE),
  bytesField(INVITE_SECRET_SIZE, INVITE_SECRET_SIZE),
  integer(0, TIME_MAX),
  z.array(text(ADDRESS_SIZE_MAX)).min(1).max(CODE_ADDRESSES_MAX),
])

/**
 * @returns one line of text that starts with `cairn:join:`; secret
 * @throws {FormatError} for values out of range
 */
export function encodeInviteCode(code: InviteCode): string {
  const founder = gridIdToBytes(code.grid)
  const isFounder = peerIdOf(founder) === code.inviter
  const inviter = isFounder ? null : publicKeyOf(code.inviter)
  const body = [founder, inviter, code.id, code.secret, code.expiresAt, code.addresses]
  return encodeTypedText('join', encodeCbor(check(body, schema, 'invite code')))
}

/**
 * Whether it has ended is left to clocks.
 *
 * @throws {BadChecksumError} for a text that was changed
 * @throws {CapTooWeakError} for a capability, or an open invite, in its place
 * @throws {FormatError} for other text
 */
export function decodeInviteCode(codeText: string): InviteCode {
  const { type, payload } = decodeTypedText(codeText)
  if (type !== 'join') throw new CapTooWeakError(type, 'join')
  const what = { format: 'invite code', sizeMax: CODE_SIZE_MAX }
  const [grid, inviter, id, secret, expiresAt, addresses] = decodeCbor(payload, schema, what)
  return {
    grid: gridIdFromBytes(grid),
    inviter: peerIdOf(inviter ?? grid),
    id,
    secret,
    expiresAt,
    addresses,
  }
}

/** @returns the identity with which the code's holder dials; it follows from the id alone */
export function codeIdentity(id: Uint8Array): SigningKey {
  return signingKeyFromSeed(hkdf(id, 'cairn/1/ed25519/invite-code'))
}
