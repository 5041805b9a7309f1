/**
 * Heads: the one small thing that changes. A head names the newest root and ledger of a vault, is
 * signed by a device, and is kept by every peer.
 *
 * Publishing a head is the commit point: everything it names was safe before. What it names is sealed,
 * so a peer can check the signature, the order and the size, and learns nothing more.
 *
 * Format: docs/formats/head.md
 */

import { z } from 'zod'
import { ByteWriter, concat, equal } from './bytes.ts'
import { bytesField, check, decodeCbor, encodeCbor, integer } from './cbor.ts'
import { CERTIFICATE_SIZE_MAX, openCertificate } from './certificate.ts'
import { FormatError } from './errors.ts'
import { sha256 } from './hash.ts'
import {
  deviceIdFromBytes,
  deviceIdToBytes,
  vaultIdToBytes,
  type DeviceId,
  type VaultId,
} from './ids.ts'
import { decodeLedgerPointer, encodeLedgerPointer, type LedgerPointer } from './ledger-pointer.ts'
import { HEAD_ID_SIZE, SEQUENCE_MAX, TIME_MAX } from './limits.ts'
import { decodeReference, encodeReference, type Reference } from './reference.ts'
import { fieldNonce, openField, sealField, type FieldKey } from './sealed-field.ts'
import { checkSignature, signDocument, splitDocument } from './signed.ts'
import type { SigningKey } from './signing.ts'

export { HEAD_ID_SIZE, SEQUENCE_MAX } from './limits.ts'
export { openReceipt, signReceipt, type Receipt } from './receipt.ts'
export { openField, sealField } from './sealed-field.ts'

/** Bytes in a whole head, at most. */
export const HEAD_SIZE_MAX = 2048

/** Bytes in a sealed field of a head, at most. */
export const HEAD_FIELD_SIZE_MAX = 512

/**
 * How far a head may be ahead of the one before, so that a stolen device cannot burn the whole range
 * at once; and yet a peer that was away for years takes the next head.
 */
export const SEQUENCE_JUMP_MAX = 1000

const KIND = { magic: 'cairnhd1', sizeMax: HEAD_SIZE_MAX }

/** A head before it is signed. */
export interface Head {
  readonly vault: VaultId
  /** The signing device's certificate. */
  readonly certificate: Uint8Array
  readonly device: DeviceId
  /** 1 for a vault's first head. */
  readonly sequence: number
  /** Id of the head before this one; null for a first head. */
  readonly previous: Uint8Array | null
  /** Reference to the root, sealed under the head key: see `sealRoot`. */
  readonly root: Uint8Array
  /** Pointer to the newest ledger segment, sealed under the ledger key: see `sealLedger`. */
  readonly ledger: Uint8Array
  /** Milliseconds since 1970, by the device's clock. */
  readonly writtenAt: number
}

/** A head whose certificate and signature hold. */
export interface OpenedHead extends Head {
  /** 32 bytes. */
  readonly id: Uint8Array
  /** Of the certificate. */
  readonly epoch: number
}

const schema = z.strictObject({
  certificate: bytesField(1, CERTIFICATE_SIZE_MAX),
  sequence: integer(1, SEQUENCE_MAX),
  previous: bytesField(HEAD_ID_SIZE, HEAD_ID_SIZE).nullable(),
  root: bytesField(1, HEAD_FIELD_SIZE_MAX),
  ledger: bytesField(1, HEAD_FIELD_SIZE_MAX),
  writtenAt: integer(0, TIME_MAX),
})

/**
 * @param head - vault and device must be those of its certificate
 * @returns the head's bytes: the same for the same head, so a retry sends it again identical
 * @throws {FormatError} for values out of range, or a key that the certificate does not name
 */
export function signHead(head: Head, deviceKey: SigningKey): Uint8Array {
  const device = deviceIdFromBytes(deviceKey.publicKey)
  const certificate = openCertificate(head.certificate, head.vault)
  if (head.device !== device || certificate.device !== device) {
    throw new FormatError('head: the certificate is for another key')
  }
  const body = {
    certificate: head.certificate,
    sequence: head.sequence,
    previous: head.previous,
    root: head.root,
    ledger: head.ledger,
    writtenAt: head.writtenAt,
  }
  const bytes = signDocument(KIND, encodeCbor(check(body, schema, 'head')), deviceKey)
  openHead(bytes) // what is published for good is read back first
  return bytes
}

/**
 * Check everything that can be checked without a secret.
 *
 * @throws {WrongSignerError} unless the vault certified the device and the device signed this head
 * @throws {FormatError} for other bytes or values out of range
 */
export function openHead(bytes: Uint8Array): OpenedHead {
  const document = splitDocument(KIND, bytes)
  const body = decodeCbor(document.body, schema, { format: 'head', sizeMax: HEAD_SIZE_MAX })
  const certificate = openCertificate(body.certificate)
  if (certificate.role !== 'device') {
    throw new FormatError(`head: signed by a key of role ${certificate.role}`)
  }
  if (body.sequence === 1 && body.previous !== null) {
    throw new FormatError('head: the first head has one before it')
  }
  checkSignature(KIND, document, deviceIdToBytes(certificate.device))
  return {
    ...body,
    vault: certificate.vault,
    device: certificate.device,
    epoch: certificate.epoch,
    id: sha256(bytes),
  }
}

/**
 * How `next` stands to the newest head known of the same vault.
 *
 * - 'next': newer, by 1 to `SEQUENCE_JUMP_MAX`
 * - 'same': byte for byte the known one
 * - 'stale': older, or by a device that one with a higher epoch has replaced
 * - 'jump': too far ahead
 * - 'fork': the same sequence with other content, or the direct successor of another head
 */
export function compareHeads(
  known: OpenedHead,
  next: OpenedHead,
): 'next' | 'same' | 'stale' | 'jump' | 'fork' {
  if (equal(next.id, known.id)) return 'same'
  const ahead = next.sequence - known.sequence
  if (ahead < 0 || next.epoch < known.epoch) return 'stale'
  if (ahead === 0) return 'fork'
  if (ahead > SEQUENCE_JUMP_MAX) return 'jump'
  const follows = next.previous !== null && equal(next.previous, known.id)
  return ahead === 1 && !follows ? 'fork' : 'next'
}

/** Where a sealed field of a head belongs, and 24 fresh random bytes. */
export interface HeadFieldPlace {
  readonly vault: VaultId
  readonly sequence: number
  readonly nonce: Uint8Array
}

/** The same where the nonce is still to be made. */
export type HeadFieldChance = Omit<HeadFieldPlace, 'nonce'> & {
  /** 24 bytes, as random as the machine can make them. */
  readonly chance: Uint8Array
}

/** As `sealRoot`, with a nonce that a repeating generator cannot make twice for two roots. */
export function sealRootSafely(
  root: Reference,
  headKey: Uint8Array,
  place: HeadFieldChance,
): Uint8Array {
  const where = { ...rootField(headKey, place), chance: place.chance }
  return sealRoot(root, headKey, { ...place, nonce: fieldNonce(encodeReference(root), where) })
}

/** As `sealLedger`, in the same way. */
export function sealLedgerSafely(
  ledger: LedgerPointer,
  ledgerKey: Uint8Array,
  place: HeadFieldChance,
): Uint8Array {
  const where = { ...ledgerField(ledgerKey, place), chance: place.chance }
  const nonce = fieldNonce(encodeLedgerPointer(ledger), where)
  return sealLedger(ledger, ledgerKey, { ...place, nonce })
}

/** @returns the field `root` of a head, sealed under `headKey` (32 bytes) */
export function sealRoot(root: Reference, headKey: Uint8Array, place: HeadFieldPlace): Uint8Array {
  return sealField(encodeReference(root), { ...rootField(headKey, place), nonce: place.nonce })
}

/** @throws {SealedFieldError} for another key or a field of another head */
export function openRoot(
  head: Pick<Head, 'vault' | 'sequence' | 'root'>,
  headKey: Uint8Array,
): Reference {
  return decodeReference(openField(head.root, rootField(headKey, head)))
}

/** @returns the field `ledger` of a head, sealed under `ledgerKey` (32 bytes) */
export function sealLedger(
  ledger: LedgerPointer,
  ledgerKey: Uint8Array,
  place: HeadFieldPlace,
): Uint8Array {
  const plain = encodeLedgerPointer(ledger)
  return sealField(plain, { ...ledgerField(ledgerKey, place), nonce: place.nonce })
}

/** @throws {SealedFieldError} for another key or a field of another head */
export function openLedger(
  head: Pick<Head, 'vault' | 'sequence' | 'ledger'>,
  ledgerKey: Uint8Array,
): LedgerPointer {
  return decodeLedgerPointer(openField(head.ledger, ledgerField(ledgerKey, head)))
}

type Place = Pick<Head, 'vault' | 'sequence'>

function rootField(key: Uint8Array, place: Place): FieldKey {
  return { key, tag: 'cairn/head/root', context: fieldContext(place) }
}

function ledgerField(key: Uint8Array, place: Place): FieldKey {
  return { key, tag: 'cairn/head/ledger', context: fieldContext(place) }
}

/** vault 32 ‖ sequence u64 */
function fieldContext({ vault, sequence }: Place): Uint8Array {
  return concat(vaultIdToBytes(vault), new ByteWriter().u64(sequence).finish())
}
