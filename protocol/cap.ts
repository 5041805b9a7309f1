/**
 * Caps: what somebody may do with a vault, as text that can be handed over.
 *
 * - `cairn:read:`   the read secret: sees everything, and finds it (the ledger key follows from it)
 * - `cairn:repair:` the ledger key and a certified repair key: finds ciphertext, renews it and makes
 *                   lost shares again; no content key follows from it
 * - `cairn:verify:` the names of packs: asks for blocks and checks them
 *
 * Format: docs/formats/caps.md
 */

import { z } from 'zod'
import { bytesField, check, decodeCbor, encodeCbor } from './cbor.ts'
import { CERTIFICATE_SIZE_MAX, openCertificate } from './certificate.ts'
import { FormatError } from './errors.ts'
import { deviceIdFromBytes, vaultIdFromBytes, vaultIdToBytes, type VaultId } from './ids.ts'
import { deriveReadKeys } from './keys.ts'
import { PACK_ID_SIZE, packIdFromBytes, packIdToBytes, type PackId } from './manifest.ts'
import { signingKeyFromSeed } from './signing.ts'
import { CapTooWeakError, decodeTypedText, encodeTypedText } from './typed-text.ts'

export { BadChecksumError, CapTooWeakError } from './typed-text.ts'

/** Packs one verify cap can name. */
export const VERIFY_PACKS_MAX = 16_384

const CAP_SIZE_MAX = 2 ** 20

export interface ReadCap {
  readonly type: 'read'
  readonly vault: VaultId
  /** 32 bytes. */
  readonly readSecret: Uint8Array
}

export interface RepairCap {
  readonly type: 'repair'
  readonly vault: VaultId
  /** 32 bytes. */
  readonly ledgerKey: Uint8Array
  /** 32 bytes: the Ed25519 seed of the repair key. */
  readonly repairSeed: Uint8Array
  /** The vault's certificate for the repair key. */
  readonly certificate: Uint8Array
}

export interface VerifyCap {
  readonly type: 'verify'
  readonly packs: readonly PackId[]
}

export type Cap = ReadCap | RepairCap | VerifyCap

const secret = bytesField(32, 32)

const readSchema = z.strictObject({ vault: secret, readSecret: secret })
const repairSchema = z.strictObject({
  vault: secret,
  ledgerKey: secret,
  repairSeed: secret,
  certificate: bytesField(1, CERTIFICATE_SIZE_MAX),
})
const verifySchema = z.array(bytesField(PACK_ID_SIZE, PACK_ID_SIZE)).min(1).max(VERIFY_PACKS_MAX)

/**
 * @returns one line of text; that of a read or repair cap is secret
 * @throws {FormatError} for values out of range, or a certificate that is not the repair key's
 */
export function encodeCap(cap: Cap): string {
  return encodeTypedText(cap.type, encodeCbor(capToCbor(cap)))
}

/**
 * @throws {BadChecksumError} for a text that was changed
 * @throws {CapTooWeakError} for an invite
 * @throws {FormatError} for other text; never shows it
 */
export function decodeCap(text: string): Cap {
  const { type, payload } = decodeTypedText(text)
  const what = { format: `${type} cap`, sizeMax: CAP_SIZE_MAX }
  if (type === 'read') return readCap(decodeCbor(payload, readSchema, what))
  if (type === 'repair') return repairCap(decodeCbor(payload, repairSchema, what))
  if (type === 'verify') {
    return { type, packs: decodeCbor(payload, verifySchema, what).map(packIdFromBytes) }
  }
  throw new CapTooWeakError(type, 'read')
}

/**
 * Decode a cap where only one type will do.
 *
 * @throws {CapTooWeakError} for a cap of another type; a read cap in place of a repair cap too, since
 *   it has no certified key
 */
export function requireCap<Type extends Cap['type']>(
  text: string,
  type: Type,
): Extract<Cap, { type: Type }> {
  const cap = decodeCap(text)
  if (!isOfType(cap, type)) throw new CapTooWeakError(cap.type, type)
  return cap
}

/** @returns the key that opens the vault's ledger, which a reader and a repairer both have */
export function ledgerKeyOf(cap: ReadCap | RepairCap): Uint8Array {
  return cap.type === 'repair' ? cap.ledgerKey : deriveReadKeys(cap.readSecret).ledgerKey
}

function isOfType<Type extends Cap['type']>(
  cap: Cap,
  type: Type,
): cap is Extract<Cap, { type: Type }> {
  return cap.type === type
}

function capToCbor(cap: Cap): unknown {
  if (cap.type === 'verify') return check(cap.packs.map(packIdToBytes), verifySchema, 'verify cap')
  const vault = vaultIdToBytes(cap.vault)
  if (cap.type === 'read') {
    return check({ vault, readSecret: cap.readSecret }, readSchema, 'read cap')
  }
  const { ledgerKey, repairSeed, certificate } = cap
  const body = check({ vault, ledgerKey, repairSeed, certificate }, repairSchema, 'repair cap')
  repairCap(body) // what is handed over for good is read back first
  return body
}

function readCap(body: z.output<typeof readSchema>): ReadCap {
  return { type: 'read', vault: vaultIdFromBytes(body.vault), readSecret: body.readSecret }
}

function repairCap(body: z.output<typeof repairSchema>): RepairCap {
  const vault = vaultIdFromBytes(body.vault)
  const certificate = openCertificate(body.certificate, vault)
  const key = deviceIdFromBytes(signingKeyFromSeed(body.repairSeed).publicKey)
  if (certificate.role !== 'repair' || certificate.device !== key) {
    throw new FormatError('repair cap: the certificate is for another key')
  }
  const { ledgerKey, repairSeed } = body
  return { type: 'repair', vault, ledgerKey, repairSeed, certificate: body.certificate }
}
