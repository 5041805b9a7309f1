/** Repair caps and grants of made-up vaults, for stories about helpers and about thieves of caps. */

import type { RepairCap } from '../../protocol/cap.ts'
import { deviceIdFromBytes, vaultIdFromBytes } from '../../protocol/ids.ts'
import {
  issueCertificate,
  signingKeyFromSeed,
  type CertificateRole,
  type PeerId,
  type SigningKey,
  type VaultKeys,
} from '../../protocol/keys.ts'
import { signRepairGrant } from '../../protocol/repair-grant.ts'
import { seedOf } from './test-grid.ts'

const DAY_MS = 86_400_000

/** The repair key that a vault's device of this epoch made. */
export function repairKeyOf(epoch = 1): SigningKey {
  return signingKeyFromSeed(seedOf(`a repair key of epoch ${epoch}`))
}

export function repairCapOf(keys: VaultKeys, epoch = 1): RepairCap {
  const key = repairKeyOf(epoch)
  return {
    type: 'repair',
    vault: vaultIdFromBytes(keys.vaultKey.publicKey),
    ledgerKey: keys.ledgerKey,
    repairSeed: key.seed,
    certificate: certify(keys, key, 'repair', epoch),
  }
}

export interface GrantOptions {
  readonly keys: VaultKeys
  /** Who may show it. */
  readonly peer: PeerId
  readonly epoch?: number
  readonly issuedAt: number
  readonly expiresAt?: number
}

export function grantFor({ keys, peer, epoch = 1, issuedAt, expiresAt }: GrantOptions): Uint8Array {
  const { vault, certificate } = repairCapOf(keys, epoch)
  const end = expiresAt ?? issuedAt + DAY_MS
  return signRepairGrant({ vault, certificate, peer, issuedAt, expiresAt: end }, repairKeyOf(epoch))
}

export function certify(
  keys: VaultKeys,
  key: SigningKey,
  role: CertificateRole,
  epoch = 1,
): Uint8Array {
  const device = deviceIdFromBytes(key.publicKey)
  return issueCertificate(keys.vaultKey, { device, epoch, issuedAt: 1, role })
}
