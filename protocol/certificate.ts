/**
 * Certificates: the vault key's word that another key may act for the vault.
 *
 * A device key signs heads; a prune key signs releases of shares; a repair key renews leases and brings
 * shares back. None can do what another does. A laptop that lost its state gets a new key with a higher epoch.
 *
 * Format: docs/formats/keys.md, "certificates"
 */

import { z } from 'zod'
import { bytesField, check, decodeCbor, encodeCbor, integer } from './cbor.ts'
import { FormatError } from './errors.ts'
import {
  deviceIdFromBytes,
  deviceIdToBytes,
  vaultIdFromBytes,
  type DeviceId,
  type VaultId,
} from './ids.ts'
import { TIME_MAX } from './limits.ts'
import { checkSignature, signDocument, splitDocument } from './signed.ts'
import type { SigningKey } from './signing.ts'

/** Bytes in a whole certificate, at most. */
export const CERTIFICATE_SIZE_MAX = 512

/** The highest epoch: far more than anybody loses laptops. */
export const EPOCH_MAX = 0xffff_ffff

const KIND = { magic: 'cairnct1', sizeMax: CERTIFICATE_SIZE_MAX }

export type CertificateRole = 'device' | 'repair' | 'prune'

export interface DeviceCertificate {
  readonly vault: VaultId
  /** The certified public key. */
  readonly device: DeviceId
  readonly role: CertificateRole
  /** 1 for a vault's first device; a later device has a higher one. */
  readonly epoch: number
  /** Milliseconds since 1970, by the issuer's clock. */
  readonly issuedAt: number
}

const schema = z.strictObject({
  vault: bytesField(32, 32),
  key: bytesField(32, 32),
  role: z.enum(['device', 'repair', 'prune']),
  epoch: integer(1, EPOCH_MAX),
  issuedAt: integer(0, TIME_MAX),
})

/**
 * @param subject - whom the vault certifies; `role` is 'device' where not given
 * @returns the certificate's bytes
 * @throws {FormatError} for values out of range
 */
export function issueCertificate(
  vaultKey: SigningKey,
  subject: { device: DeviceId; epoch: number; issuedAt: number; role?: CertificateRole },
): Uint8Array {
  const body = {
    vault: vaultKey.publicKey,
    key: deviceIdToBytes(subject.device),
    role: subject.role ?? 'device',
    epoch: subject.epoch,
    issuedAt: subject.issuedAt,
  }
  return signDocument(KIND, encodeCbor(check(body, schema, 'certificate')), vaultKey)
}

/**
 * @param vault - the vault that must have issued it; any, where not given
 * @throws {WrongSignerError} unless the vault it names signed it
 * @throws {FormatError} for other bytes, or another vault's certificate
 */
export function openCertificate(bytes: Uint8Array, vault?: VaultId): DeviceCertificate {
  const document = splitDocument(KIND, bytes)
  const body = decodeCbor(document.body, schema, {
    format: 'certificate',
    sizeMax: CERTIFICATE_SIZE_MAX,
  })
  if (vault !== undefined && vaultIdFromBytes(body.vault) !== vault) {
    throw new FormatError('certificate: issued by another vault')
  }
  checkSignature(KIND, document, body.vault)
  return {
    vault: vaultIdFromBytes(body.vault),
    device: deviceIdFromBytes(body.key),
    role: body.role,
    epoch: body.epoch,
    issuedAt: body.issuedAt,
  }
}
