/**
 * Repair grants: a repair key's word that a certain peer may look after a vault's shares for a while.
 *
 * A helper shows it with what it asks of other peers: to renew the vault's lease, to adopt packs of a
 * published head, to take shares that match their manifests. It names the peer that may show it, so
 * whoever sees it on the way gains nothing, and it ends, so one that was left somewhere is worth nothing soon.
 *
 * Format: docs/formats/repair-grant.md
 */

import { z } from 'zod'
import { bytesField, check, decodeCbor, encodeCbor, integer } from './cbor.ts'
import { CERTIFICATE_SIZE_MAX, openCertificate } from './certificate.ts'
import { FormatError } from './errors.ts'
import { deviceIdFromBytes, deviceIdToBytes, type VaultId } from './ids.ts'
import { TIME_MAX } from './limits.ts'
import { peerIdOf, publicKeyOf, type PeerId } from './peer-id.ts'
import { checkSignature, signDocument, splitDocument } from './signed.ts'
import type { SigningKey } from './signing.ts'

/** Bytes in a whole grant, at most. */
export const REPAIR_GRANT_SIZE_MAX = 1024

/** How long a grant may last: a helper signs a new one in no time. */
export const REPAIR_GRANT_MS_MAX = 31 * 24 * 3600_000

const KIND = { magic: 'cairnrg1', sizeMax: REPAIR_GRANT_SIZE_MAX }

/** A grant before it is signed. */
export interface RepairGrant {
  readonly vault: VaultId
  /** The repair key's certificate. */
  readonly certificate: Uint8Array
  /** Who may show it. */
  readonly peer: PeerId
  /** Milliseconds since 1970, by the signer's clock. */
  readonly issuedAt: number
  /** After `issuedAt`, by `REPAIR_GRANT_MS_MAX` at most. */
  readonly expiresAt: number
}

/** A grant whose certificate and signature hold. */
export interface OpenedRepairGrant extends RepairGrant {
  /** Of the certificate. */
  readonly epoch: number
}

const schema = z.strictObject({
  certificate: bytesField(1, CERTIFICATE_SIZE_MAX),
  peer: bytesField(32, 32),
  issuedAt: integer(0, TIME_MAX),
  expiresAt: integer(0, TIME_MAX),
})

/**
 * @param grant - vault must be that of its certificate
 * @returns the document's bytes, the same for the same grant
 * @throws {FormatError} for values out of range, or a key that the certificate does not name
 */
export function signRepairGrant(grant: RepairGrant, repairKey: SigningKey): Uint8Array {
  const certificate = openCertificate(grant.certificate, grant.vault)
  if (certificate.device !== deviceIdFromBytes(repairKey.publicKey)) {
    throw new FormatError('repair grant: the certificate is for another key')
  }
  const body = {
    certificate: grant.certificate,
    peer: publicKeyOf(grant.peer),
    issuedAt: grant.issuedAt,
    expiresAt: grant.expiresAt,
  }
  const bytes = signDocument(KIND, encodeCbor(check(body, schema, 'repair grant')), repairKey)
  openRepairGrant(bytes) // what others act upon is read back first
  return bytes
}

/**
 * Check everything that can be checked without a clock and without knowing heads.
 *
 * @throws {WrongSignerError} unless the vault certified the repair key and that key signed this
 * @throws {FormatError} for other bytes, values out of range, or a key that may not repair
 */
export function openRepairGrant(bytes: Uint8Array): OpenedRepairGrant {
  const document = splitDocument(KIND, bytes)
  const body = decodeCbor(document.body, schema, {
    format: 'repair grant',
    sizeMax: REPAIR_GRANT_SIZE_MAX,
  })
  const certificate = openCertificate(body.certificate)
  if (certificate.role !== 'repair') {
    throw new FormatError(`repair grant: signed by a key of role ${certificate.role}`)
  }
  const { issuedAt, expiresAt } = body
  if (expiresAt <= issuedAt || expiresAt - issuedAt > REPAIR_GRANT_MS_MAX) {
    throw new FormatError('repair grant: lasts for longer than any may, or for no time')
  }
  checkSignature(KIND, document, deviceIdToBytes(certificate.device))
  return {
    vault: certificate.vault,
    certificate: body.certificate,
    peer: peerIdOf(body.peer),
    issuedAt,
    expiresAt,
    epoch: certificate.epoch,
  }
}
