/** Keys and papers of made-up people, always the same. */

import { deviceIdFromBytes, vaultIdFromBytes, type VaultId } from '../../protocol/ids.ts'
import {
  deriveVaultKeys,
  issueCertificate,
  peerIdOf,
  signingKeyFromSeed,
  type PeerId,
  type SigningKey,
  type VaultKeys,
} from '../../protocol/keys.ts'
import {
  gridIdFromBytes,
  signStatement,
  type GridId,
  type Statement,
} from '../../protocol/roster.ts'

export const DAY = 86_400_000

/** 17 November 2026, a good day to begin. */
export const START = 1_794_873_600_000

export interface Person {
  readonly key: SigningKey
  readonly peer: PeerId
}

/** @param number - 0–255; the same number, the same person */
export function person(number: number): Person {
  const key = signingKeyFromSeed(new Uint8Array(32).fill(number))
  return { key, peer: peerIdOf(key.publicKey) }
}

export interface VaultPapers {
  readonly keys: VaultKeys
  readonly vault: VaultId
  readonly recovery: Person
  readonly device: Person
  /** Of `device`. */
  readonly certificate: Uint8Array
}

/** @param number - 0–255; the same number, the same vault */
export function vaultPapers(number: number): VaultPapers {
  const keys = deriveVaultKeys(new Uint8Array(32).fill(number))
  const device = person(number)
  return {
    keys,
    vault: vaultIdFromBytes(keys.vaultKey.publicKey),
    recovery: { key: keys.recoveryKey, peer: peerIdOf(keys.recoveryKey.publicKey) },
    device,
    certificate: issueCertificate(keys.vaultKey, {
      device: deviceIdFromBytes(device.key.publicKey),
      epoch: 1,
      issuedAt: START,
    }),
  }
}

export const founder = person(200)
export const grid: GridId = gridIdFromBytes(founder.key.publicKey)

type Saying = Pick<Statement, 'type' | 'issuedAt'> & Partial<Statement>

/** A statement by `issuer` about `subject` in the grid above. */
export function says(issuer: Person, subject: Person, saying: Saying): Uint8Array {
  const parties = { subject: subject.peer, issuer: issuer.peer }
  return signStatement({ version: 1, grid, ...parties, ...saying }, issuer.key)
}
