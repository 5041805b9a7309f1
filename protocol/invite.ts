/**
 * Invites: what a new friend needs to come in, as a file of text.
 *
 * An invite carries the secret of an identity that the grid already admitted for a short time. Its
 * holder dials any of the peers as that identity and admits its own. Whoever reads the file can do so
 * too, until it ends or is removed: it is handed over like a key.
 *
 * Format: docs/formats/invite.md
 */

import { z } from 'zod'
import { bytesField, check, decodeCbor, encodeCbor, integer, text } from './cbor.ts'
import { FormatError } from './errors.ts'
import { ADDRESS_SIZE_MAX, ADDRESSES_MAX, TIME_MAX } from './limits.ts'
import { peerIdOf, publicKeyOf, type PeerId } from './peer-id.ts'
import { STATEMENT_SIZE_MAX } from './roster-statement.ts'
import { gridIdFromBytes, gridIdToBytes, Roster, STATEMENTS_MAX, type GridId } from './roster.ts'
import { signingKeyFromSeed } from './signing.ts'
import { CapTooWeakError, decodeTypedText, encodeTypedText } from './typed-text.ts'

/** Peers an invite can name. */
export const INVITE_PEERS_MAX = 64

/** Bytes of an invite before it becomes text, at most. */
export const INVITE_SIZE_MAX = 2 ** 20

export interface Invite {
  readonly grid: GridId
  /** The grid's roster when the invite was written; among it the invite's own admission. */
  readonly statements: readonly Uint8Array[]
  /** Peers to try, the best first. */
  readonly addresses: readonly { readonly peer: PeerId; readonly multiaddrs: readonly string[] }[]
  /** 32 bytes: the Ed25519 seed of the invite's identity. */
  readonly secret: Uint8Array
  /** Milliseconds since 1970. */
  readonly expiresAt: number
}

const schema = z.strictObject({
  grid: bytesField(32, 32),
  statements: z.array(bytesField(1, STATEMENT_SIZE_MAX)).min(1).max(STATEMENTS_MAX),
  addresses: z
    .array(z.tuple([bytesField(32, 32), z.array(text(ADDRESS_SIZE_MAX)).max(ADDRESSES_MAX)]))
    .max(INVITE_PEERS_MAX),
  secret: bytesField(32, 32),
  expiresAt: integer(0, TIME_MAX),
})

/**
 * @returns one line of text that starts with `cairn:invite:`; secret
 * @throws {FormatError} for values out of range, or if `statements` do not admit the invite
 */
export function encodeInvite(invite: Invite): string {
  const body = check(
    {
      grid: gridIdToBytes(invite.grid),
      statements: invite.statements,
      addresses: invite.addresses.map(({ peer, multiaddrs }) => [publicKeyOf(peer), multiaddrs]),
      secret: invite.secret,
      expiresAt: invite.expiresAt,
    },
    schema,
    'invite',
  )
  checkAdmission(invite)
  const payload = encodeCbor(body)
  if (payload.length > INVITE_SIZE_MAX) throw new FormatError('invite: too many bytes')
  return encodeTypedText('invite', payload)
}

/**
 * Whether the invite has ended is left to the reader's clock and to the peers'.
 *
 * @throws {BadChecksumError} for a text that was changed
 * @throws {CapTooWeakError} for a capability in place of an invite
 * @throws {FormatError} for other text, or if its statements do not admit it
 */
export function decodeInvite(inviteText: string): Invite {
  const { type, payload } = decodeTypedText(inviteText)
  if (type !== 'invite') throw new CapTooWeakError(type, 'invite')
  const body = decodeCbor(payload, schema, { format: 'invite', sizeMax: INVITE_SIZE_MAX })
  const invite: Invite = {
    grid: gridIdFromBytes(body.grid),
    statements: body.statements,
    addresses: body.addresses.map(([key, multiaddrs]) => ({ peer: peerIdOf(key), multiaddrs })),
    secret: body.secret,
    expiresAt: body.expiresAt,
  }
  checkAdmission(invite)
  return invite
}

/** @returns the identity with which the invite's holder dials */
export function inviteIdentity(invite: Pick<Invite, 'secret'>): PeerId {
  return peerIdOf(signingKeyFromSeed(invite.secret).publicKey)
}

function checkAdmission(invite: Invite): void {
  const roster = new Roster(invite.grid)
  for (const statement of invite.statements) roster.add(statement)
  // At time 0 nothing has ended yet: this asks whether the invite was ever good.
  if (!roster.isAdmitted(inviteIdentity(invite), 0)) {
    throw new FormatError('invite: its statements do not admit it to the grid')
  }
}
