/**
 * Joining with an invite code: what the newcomer wishes, the proof that it has the code, and six words
 * that both sides see.
 *
 * The proof is made from the code's secret over the very wish, so whoever carries the request can change
 * nothing in it. The words follow from everything that both sides know; where somebody else got hold of
 * the code first, the inviter sees other words than the friend does.
 *
 * Format: docs/formats/join.md
 */

import { timingSafeEqual } from 'node:crypto'
import { z } from 'zod'
import { equal } from './bytes.ts'
import { bytesField, check, decodeCbor, encodeCbor, text } from './cbor.ts'
import { CERTIFICATE_SIZE_MAX, openCertificate } from './certificate.ts'
import { FormatError } from './errors.ts'
import { hkdf, hmac, taggedHash } from './hash.ts'
import { deviceIdFromBytes, vaultIdFromBytes, vaultIdToBytes, type VaultId } from './ids.ts'
import type { InviteCode } from './invite-code.ts'
import { ADDRESS_SIZE_MAX, ADDRESSES_MAX } from './limits.ts'
import { PROOF_SIZE, WISH_SIZE_MAX } from './message-limits.ts'
import { peerIdOf, publicKeyOf, type PeerId } from './peer-id.ts'
import { gridIdToBytes, NAME_SIZE_MAX } from './roster-statement.ts'
import { bitsToWords } from './words.ts'

/** Words that both sides compare: 66 bits, and a breath to read them out. */
export const CONFIRM_WORD_COUNT = 6

/** Somebody who wants to lend disk. */
export interface PeerWish {
  readonly as: 'peer'
  readonly peer: PeerId
  /** The vault of whoever lends it. */
  readonly vault?: VaultId
  readonly name?: string
  readonly domain?: string
  readonly addresses: readonly string[]
}

/** Somebody who wants to back up: a device, and beside it the vault's recovery identity. */
export interface DeviceWish {
  readonly as: 'device'
  readonly device: PeerId
  readonly recovery: PeerId
  readonly vault: VaultId
  /** The vault's certificate for the device: nobody comes in as another's vault. */
  readonly certificate: Uint8Array
  readonly name?: string
}

export type Wish = PeerWish | DeviceWish

/** What both sides know of an invite. */
export type SharedInvite = Pick<InviteCode, 'grid' | 'inviter' | 'id' | 'secret'>

const identity = bytesField(32, 32).transform(peerIdOf)
const vault = bytesField(32, 32).transform(vaultIdFromBytes)
const name = text(NAME_SIZE_MAX).exactOptional()

const schema = z.discriminatedUnion('as', [
  z.strictObject({
    as: z.literal('peer'),
    peer: identity,
    vault: vault.exactOptional(),
    name,
    domain: text(NAME_SIZE_MAX).exactOptional(),
    addresses: z.array(text(ADDRESS_SIZE_MAX)).max(ADDRESSES_MAX).readonly(),
  }),
  z.strictObject({
    as: z.literal('device'),
    device: identity,
    recovery: identity,
    vault,
    certificate: bytesField(1, CERTIFICATE_SIZE_MAX),
    name,
  }),
])

/** @throws {FormatError} for values out of range, or a certificate that is not the device's */
export function encodeWish(wish: Wish): Uint8Array {
  const keys =
    wish.as === 'peer'
      ? { peer: publicKeyOf(wish.peer) }
      : { device: publicKeyOf(wish.device), recovery: publicKeyOf(wish.recovery) }
  const lender = wish.vault === undefined ? {} : { vault: vaultIdToBytes(wish.vault) }
  const body = { ...wish, ...keys, ...lender }
  check(body, schema, 'wish')
  checkCertificate(wish)
  return encodeCbor(body)
}

/** @throws {FormatError} also for a certificate that is not the device's */
export function decodeWish(bytes: Uint8Array): Wish {
  const wish: Wish = decodeCbor(bytes, schema, { format: 'wish', sizeMax: WISH_SIZE_MAX })
  checkCertificate(wish)
  return wish
}

/** @returns everybody whom the wish would admit */
export function subjectsOf(wish: Wish): readonly PeerId[] {
  return wish.as === 'peer' ? [wish.peer] : [wish.device, wish.recovery]
}

/** Would both wishes admit the same? A name or an address may have changed meanwhile. */
export function isSameWish(a: Wish, b: Wish): boolean {
  return equal(subjectBytes(a), subjectBytes(b))
}

/**
 * @param wish - as it is sent
 * @returns 32 bytes that only a holder of the code can make
 */
export function joinProof(invite: SharedInvite, wish: Uint8Array): Uint8Array {
  const proofKey = hkdf(invite.secret, 'cairn/1/join-proof')
  return hmac(proofKey, taggedHash('cairn/join/proof', ...namesOf(invite), wish))
}

/** In constant time. */
export function isJoinProof(invite: SharedInvite, wish: Uint8Array, proof: Uint8Array): boolean {
  return proof.length === PROOF_SIZE && timingSafeEqual(joinProof(invite, wish), proof)
}

/** @returns the six words that both sides see if they mean the same invite and the same newcomers */
export function joinWords(invite: SharedInvite, wish: Wish): string[] {
  const bits = taggedHash('cairn/join/words', ...namesOf(invite), invite.secret, subjectBytes(wish))
  return bitsToWords(bits, CONFIRM_WORD_COUNT)
}

function checkCertificate(wish: Wish): void {
  if (wish.as === 'peer') return
  const { role, device } = openCertificate(wish.certificate, wish.vault)
  if (role !== 'device' || device !== deviceIdFromBytes(publicKeyOf(wish.device))) {
    throw new FormatError('wish: the certificate is for another key')
  }
}

function namesOf({ grid, inviter, id }: SharedInvite): Uint8Array[] {
  return [gridIdToBytes(grid), publicKeyOf(inviter), id]
}

function subjectBytes(wish: Wish): Uint8Array {
  const lender = wish.vault === undefined ? null : vaultIdToBytes(wish.vault)
  return encodeCbor([wish.as, ...subjectsOf(wish).map(publicKeyOf), lender])
}
