/**
 * Roster statements: one person's signed word about who is in a grid.
 *
 * Opening a statement shows that its issuer said it, not that the issuer had the right to: that is
 * the roster's question (roster.ts).
 *
 * Format: docs/formats/roster.md
 */

import { z } from 'zod'
import { equal, fromHex, toHex } from './bytes.ts'
import { bytesField, check, count, decodeCbor, encodeCbor, integer, text } from './cbor.ts'
import { FormatError } from './errors.ts'
import { vaultIdFromBytes, vaultIdToBytes, type VaultId } from './ids.ts'
import { ADDRESS_SIZE_MAX, ADDRESSES_MAX, TIME_MAX } from './limits.ts'
import { peerIdOf, publicKeyOf, type PeerId } from './peer-id.ts'
import { checkSignature, signDocument, splitDocument } from './signed.ts'
import type { SigningKey } from './signing.ts'

/** Bytes in a whole statement, at most: 16 addresses of 256 bytes and the rest. */
export const STATEMENT_SIZE_MAX = 6144

/** The longest that somebody can say to be away, ms: who is gone for longer says so again. */
export const AWAY_MS_MAX = 90 * 86_400_000

/** Bytes of a name or a failure domain in UTF-8. */
export const NAME_SIZE_MAX = 64

const KIND = { magic: 'cairnro1', sizeMax: STATEMENT_SIZE_MAX }

/** A grid: its founder's public key, 64 lower-case hex digits. */
export type GridId = string & { readonly brand: 'GridId' }

/** What a member is admitted as. */
export type Role = 'peer' | 'device' | 'recovery' | 'invite'

export interface Statement {
  readonly version: 1
  readonly grid: GridId
  readonly type: 'admit' | 'addresses' | 'presence' | 'remove'
  /** Whom it is about. */
  readonly subject: PeerId
  /** Of an admission, always. */
  readonly role?: Role
  /**
   * Of a device or recovery identity, always: whose shares its bytes count against. Of a peer, where it is
   * known: the vault of whoever lends it.
   */
  readonly vault?: VaultId
  /** Bytes that the vault may keep at each peer. */
  readonly quota?: number
  /** What people call the subject. */
  readonly name?: string
  /** What fails together with the subject: a house, a provider. */
  readonly domain?: string
  /** Multiaddrs, the best first. */
  readonly addresses?: readonly string[]
  /** Of presence: milliseconds since 1970 until when nobody need miss the subject; absent if it is there. */
  readonly awayUntil?: number
  /** Of presence: the subject is about to leave for good, and takes nothing new. */
  readonly isLeaving?: true
  /** Who signs. */
  readonly issuer: PeerId
  /** Milliseconds since 1970, by the issuer's clock. */
  readonly issuedAt: number
  /** Milliseconds since 1970; an admission without it does not end by itself. */
  readonly expiresAt?: number
}

const key = bytesField(32, 32)

const common = {
  version: z.literal(1),
  grid: key,
  subject: key,
  issuer: key,
  issuedAt: integer(0, TIME_MAX),
}

const schema = z.discriminatedUnion('type', [
  z.strictObject({
    ...common,
    type: z.literal('admit'),
    role: z.enum(['peer', 'device', 'recovery', 'invite']),
    vault: key.transform(vaultIdFromBytes).exactOptional(),
    quota: count(Number.MAX_SAFE_INTEGER).exactOptional(),
    name: text(NAME_SIZE_MAX).exactOptional(),
    domain: text(NAME_SIZE_MAX).exactOptional(),
    addresses: z.array(text(ADDRESS_SIZE_MAX)).max(ADDRESSES_MAX).exactOptional(),
    expiresAt: integer(0, TIME_MAX).exactOptional(),
  }),
  z.strictObject({
    ...common,
    type: z.literal('addresses'),
    addresses: z.array(text(ADDRESS_SIZE_MAX)).max(ADDRESSES_MAX),
  }),
  z.strictObject({
    ...common,
    type: z.literal('presence'),
    awayUntil: integer(0, TIME_MAX).exactOptional(),
    isLeaving: z.literal(true).exactOptional(),
  }),
  z.strictObject({ ...common, type: z.literal('remove') }),
])

type Body = z.output<typeof schema>

/**
 * @param signer - the issuer's key
 * @returns the statement's bytes, the same for the same statement
 * @throws {FormatError} for fields that its type does not have, lacks, or out of range
 */
export function signStatement(statement: Statement, signer: SigningKey): Uint8Array {
  if (statement.issuer !== peerIdOf(signer.publicKey)) {
    throw new FormatError('roster: the key belongs to another peer')
  }
  const body = {
    ...statement,
    grid: gridIdToBytes(statement.grid),
    subject: publicKeyOf(statement.subject),
    issuer: publicKeyOf(statement.issuer),
    ...(statement.vault === undefined ? {} : { vault: vaultIdToBytes(statement.vault) }),
  }
  checkBody(body)
  return signDocument(KIND, encodeCbor(body), signer)
}

/**
 * @throws {WrongSignerError} unless the issuer it names signed it
 * @throws {FormatError} for other bytes or values out of range
 */
export function openStatement(bytes: Uint8Array): Statement {
  const document = splitDocument(KIND, bytes)
  const body = decodeCbor(document.body, z.unknown().transform(checkBody), {
    format: 'roster',
    sizeMax: STATEMENT_SIZE_MAX,
  })
  checkSignature(KIND, document, body.issuer)
  return {
    ...body,
    grid: gridIdFromBytes(body.grid),
    subject: peerIdOf(body.subject),
    issuer: peerIdOf(body.issuer),
  }
}

/** Is it what a member says of itself, where only the newest word of each kind has any use? */
export function isOwnNews({ type }: Pick<Statement, 'type'>): boolean {
  return type === 'addresses' || type === 'presence'
}

/** @throws {FormatError} unless there are 32 bytes */
export function gridIdFromBytes(founder: Uint8Array): GridId {
  const grid = toHex(founder)
  if (!isGridId(grid)) throw new FormatError('a grid id is 32 bytes')
  return grid
}

/** @throws {FormatError} unless the text is a grid id */
export function gridIdToBytes(grid: GridId): Uint8Array {
  const founder = fromHex(grid)
  if (founder.length !== 32) throw new FormatError('a grid id is 32 bytes')
  return founder
}

/** Is this the text of a grid id? */
export function isGridId(id: string): id is GridId {
  return /^[0-9a-f]{64}$/.test(id)
}

function checkBody(value: unknown): Body {
  const body = check(value, schema, 'roster')
  if (isOwnNews(body) && !equal(body.issuer, body.subject)) {
    throw new FormatError(`roster: ${body.type} is announced by its owner`)
  }
  if (body.type === 'presence') checkAway(body)
  if (body.type !== 'admit') return body
  const isOfVault = body.role === 'device' || body.role === 'recovery'
  if (isOfVault && body.vault === undefined) {
    throw new FormatError('roster: devices and recovery identities name a vault')
  }
  if (body.role === 'invite' && body.vault !== undefined) {
    throw new FormatError('roster: an invite names no vault')
  }
  if (body.role === 'invite' && body.expiresAt === undefined) {
    throw new FormatError('roster: an invite has an end')
  }
  return body
}

function checkAway({ issuedAt, awayUntil = issuedAt }: Extract<Body, { type: 'presence' }>): void {
  if (awayUntil < issuedAt || awayUntil - issuedAt > AWAY_MS_MAX) {
    throw new FormatError('roster: nobody is away for more than 90 days in one word')
  }
}
