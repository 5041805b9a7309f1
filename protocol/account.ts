/**
 * Accounts and credits: what one peer holds for one vault, said by both sides.
 *
 * An account is the peer's signed word: so much it holds, so many byte-days it held over the last month. A
 * credit is that account with the word of a device of the vault, who knows what it stored there and what
 * audits showed. Neither side can make a credit alone, and a device never vouches for more than the
 * peer itself claims.
 *
 * Format: docs/formats/account.md
 */

import { z } from 'zod'
import { bytesField, check, count, decodeCbor, encodeCbor, integer } from './cbor.ts'
import { CERTIFICATE_SIZE_MAX, openCertificate } from './certificate.ts'
import { FormatError } from './errors.ts'
import { sha256 } from './hash.ts'
import {
  deviceIdFromBytes,
  deviceIdToBytes,
  vaultIdFromBytes,
  vaultIdToBytes,
  type DeviceId,
  type VaultId,
} from './ids.ts'
import { TIME_MAX } from './limits.ts'
import { peerIdOf, publicKeyOf, type PeerId } from './peer-id.ts'
import { checkSignature, signDocument, splitDocument } from './signed.ts'
import type { SigningKey } from './signing.ts'

/** Bytes in a whole account, at most. */
export const ACCOUNT_SIZE_MAX = 512

/** Bytes in a whole credit, at most: an account, a certificate, and some more. */
export const CREDIT_SIZE_MAX = 1280

/** Bytes that name a credit where lists of them are compared. */
export const CREDIT_NAME_SIZE = 16

const DAY_MS = 86_400_000
const ACCOUNT_KIND = { magic: 'cairnar1', sizeMax: ACCOUNT_SIZE_MAX }
const CREDIT_KIND = { magic: 'cairncr1', sizeMax: CREDIT_SIZE_MAX }

/** What a peer says that it holds for a vault. */
export interface Account {
  readonly vault: VaultId
  /** Who signs. */
  readonly peer: PeerId
  /** Bytes of share files at `until`, without those in release. */
  readonly bytesHeld: number
  /** What it held from `since` to `until`: bytes times days. */
  readonly byteDays: number
  /** Milliseconds since 1970, by the peer's clock. */
  readonly since: number
  readonly until: number
  /** Bytes that the peer lends in all. */
  readonly capacity: number
}

/** What a device of the vault believes of it. */
export interface Credit {
  /** As the peer signed it. */
  readonly account: Uint8Array
  /** The device's. */
  readonly certificate: Uint8Array
  /** Bytes that the peer held on average, as far as the device knows; at most what the account says. */
  readonly bytes: number
  /** Audits of the peer by this device: all that passed, and those that failed in the last 30 days. */
  readonly passed: number
  readonly failed: number
  /** Milliseconds since 1970, by the device's clock. */
  readonly issuedAt: number
}

/** A credit whose signatures hold. */
export interface OpenedCredit extends Omit<Credit, 'account'> {
  readonly account: Account
  /** Who signed it, certified by the account's vault. */
  readonly device: DeviceId
}

const byteCount = count(Number.MAX_SAFE_INTEGER)

const accountSchema = z.strictObject({
  vault: bytesField(32, 32),
  peer: bytesField(32, 32),
  bytesHeld: byteCount,
  byteDays: byteCount,
  since: integer(0, TIME_MAX),
  until: integer(0, TIME_MAX),
  capacity: byteCount,
})

const creditSchema = z.strictObject({
  account: bytesField(1, ACCOUNT_SIZE_MAX),
  certificate: bytesField(1, CERTIFICATE_SIZE_MAX),
  bytes: byteCount,
  passed: byteCount,
  failed: byteCount,
  issuedAt: integer(0, TIME_MAX),
})

/** @returns bytes held on average, rounded down; 0 for an account that has only begun */
export function averageOf({ byteDays, since, until }: Account): number {
  return until > since ? Math.floor(byteDays / ((until - since) / DAY_MS)) : 0
}

/**
 * @param peerKey - the key of the peer's libp2p identity
 * @throws {FormatError} for values out of range, or another peer's key
 */
export function signAccount(account: Account, peerKey: SigningKey): Uint8Array {
  if (account.peer !== peerIdOf(peerKey.publicKey)) {
    throw new FormatError('account: the key belongs to another peer')
  }
  const body = {
    ...account,
    vault: vaultIdToBytes(account.vault),
    peer: publicKeyOf(account.peer),
  }
  checkSpan(check(body, accountSchema, 'account'))
  return signDocument(ACCOUNT_KIND, encodeCbor(body), peerKey)
}

/**
 * @throws {WrongSignerError} unless the peer it names signed it
 * @throws {FormatError} for other bytes or values out of range
 */
export function openAccount(bytes: Uint8Array): Account {
  const document = splitDocument(ACCOUNT_KIND, bytes)
  const what = { format: 'account', sizeMax: ACCOUNT_SIZE_MAX }
  const body = decodeCbor(document.body, accountSchema, what)
  checkSpan(body)
  checkSignature(ACCOUNT_KIND, document, body.peer)
  return { ...body, vault: vaultIdFromBytes(body.vault), peer: peerIdOf(body.peer) }
}

/**
 * @returns the credit's bytes, the same for the same credit
 * @throws {FormatError} for values out of range, more bytes than the account says, or a key that the
 *   certificate does not name
 */
export function signCredit(credit: Credit, deviceKey: SigningKey): Uint8Array {
  const certificate = openCertificate(credit.certificate)
  if (certificate.device !== deviceIdFromBytes(deviceKey.publicKey)) {
    throw new FormatError('credit: the certificate is for another key')
  }
  const { account, bytes, passed, failed, issuedAt } = credit
  const body = { account, certificate: credit.certificate, bytes, passed, failed, issuedAt }
  const signed = signDocument(
    CREDIT_KIND,
    encodeCbor(check(body, creditSchema, 'credit')),
    deviceKey,
  )
  openCredit(signed) // what others rely on is read back first
  return signed
}

/**
 * Check everything that can be checked without knowing who is in the grid.
 *
 * @throws {WrongSignerError} unless peer, vault and device each signed their part
 * @throws {FormatError} for other bytes, values out of range, another vault's certificate, or more bytes
 *   than the account says
 */
export function openCredit(bytes: Uint8Array): OpenedCredit {
  const document = splitDocument(CREDIT_KIND, bytes)
  const what = { format: 'credit', sizeMax: CREDIT_SIZE_MAX }
  const body = decodeCbor(document.body, creditSchema, what)
  const account = openAccount(body.account)
  const { role, device } = openCertificate(body.certificate, account.vault)
  if (role !== 'device') throw new FormatError(`credit: signed by a key of role ${role}`)
  if (body.bytes > averageOf(account)) {
    throw new FormatError('credit, field bytes: more than the peer itself claims')
  }
  checkSignature(CREDIT_KIND, document, deviceIdToBytes(device))
  return { ...body, account, device }
}

/** @returns what names the credit in a list of those that are known */
export function creditName(bytes: Uint8Array): Uint8Array {
  return sha256(bytes).slice(0, CREDIT_NAME_SIZE)
}

function checkSpan({ since, until }: { since: number; until: number }): void {
  if (since > until) throw new FormatError('account, field since: after its end')
}
