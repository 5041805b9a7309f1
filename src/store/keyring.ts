/**
 * The keyring: what this device keeps of the vault's keys.
 *
 * Not the root secret: the 24 words are the only copy of that, so a thief of this machine can read
 * and publish until the device is revoked, but can neither make devices nor recover elsewhere.
 *
 * The file is `keys/keyring` below the home, readable by its owner only.
 */

import { z } from 'zod'
import { bytesField, decodeCbor, encodeCbor } from '../../protocol/cbor.ts'
import { vaultIdFromBytes, vaultIdToBytes, type VaultId } from '../../protocol/ids.ts'
import {
  openCertificate,
  signingKeyFromSeed,
  type DeviceCertificate,
  type SigningKey,
} from '../../protocol/keys.ts'
import { DiskError, UsageError } from '../base/errors.ts'
import type { Disk } from '../ports/disk.ts'
import type { PeerId } from '../ports/network.ts'
import { readWhole, StateDamagedError, writeWhole } from './whole-file.ts'

const PATH = 'keys/keyring'
const KEYRING_SIZE_MAX = 4_096

export interface Keyring {
  readonly vault: VaultId
  /** Signs heads, and is this device's identity on the network. */
  readonly device: SigningKey
  readonly certificate: Uint8Array
  readonly readSecret: Uint8Array
  readonly ledgerKey: Uint8Array
  /** Absent where its owner keeps it off this computer: it follows from the words. */
  readonly pruneKey?: SigningKey
  /** Lets the prune key release for this vault; absent in keyrings of Cairns that released nothing. */
  readonly pruneCertificate?: Uint8Array
  /** What a helper is given; absent in keyrings of Cairns that had no helpers. */
  readonly repair?: CertifiedKey
  /** The identity that the 24 words can take on; admitted to the grid beside the device. */
  readonly recovery: PeerId
}

/** A key, and the vault's certificate for it. */
export interface CertifiedKey {
  readonly key: SigningKey
  readonly certificate: Uint8Array
}

/** There is no vault in this home. */
export class VaultNotFoundError extends UsageError {
  override readonly name = 'VaultNotFoundError'
}

/** There is a vault in this home already; nothing was changed. */
export class VaultExistsError extends UsageError {
  override readonly name = 'VaultExistsError'
}

/** The keyring cannot be read; nothing was written over it. */
export class KeyringDamagedError extends DiskError {
  override readonly name = 'KeyringDamagedError'
}

const schema = z.strictObject({
  version: z.literal(1),
  vault: bytesField(32, 32),
  device: bytesField(32, 32),
  certificate: bytesField(1, 1_024),
  readSecret: bytesField(32, 32),
  ledgerKey: bytesField(32, 32),
  pruneKey: bytesField(32, 32).optional(),
  pruneCertificate: bytesField(1, 1_024).optional(),
  repair: z.strictObject({ key: bytesField(32, 32), certificate: bytesField(1, 1_024) }).optional(),
  recovery: z.string().max(128),
})

/** @throws {VaultExistsError} */
export async function createKeyring(disk: Disk, keyring: Keyring): Promise<void> {
  await assertNoKeyring(disk)
  await replaceKeyring(disk, keyring)
}

/** Write over the keyring that is there, whole or not at all. */
export async function replaceKeyring(disk: Disk, keyring: Keyring): Promise<void> {
  const { pruneKey, repair } = keyring
  const bytes = encodeCbor({
    version: 1,
    vault: vaultIdToBytes(keyring.vault),
    device: keyring.device.seed,
    certificate: keyring.certificate,
    readSecret: keyring.readSecret,
    ledgerKey: keyring.ledgerKey,
    ...(pruneKey === undefined ? {} : { pruneKey: pruneKey.seed }),
    ...certificateField(keyring.pruneCertificate),
    ...(repair === undefined
      ? {}
      : { repair: { key: repair.key.seed, certificate: repair.certificate } }),
    recovery: keyring.recovery,
  })
  await writeWhole(disk, PATH, bytes)
}

/** @throws {VaultExistsError} */
export async function assertNoKeyring(disk: Disk): Promise<void> {
  const names = await disk.list('keys')
  if (!names.includes('keyring')) return
  throw new VaultExistsError('This home already holds a vault; set CAIRN_HOME to use another home')
}

/**
 * @throws {VaultNotFoundError}
 * @throws {KeyringDamagedError}
 */
export async function readKeyring(disk: Disk): Promise<Keyring> {
  const bytes = await readKeyringBytes(disk)
  if (bytes === undefined) {
    throw new VaultNotFoundError(
      'There is no vault here: make one with "cairn init", or bring one back with "cairn recover"',
    )
  }
  const stored = decodeCbor(bytes, schema, { format: 'keyring', sizeMax: KEYRING_SIZE_MAX })
  return {
    vault: vaultIdFromBytes(stored.vault),
    device: signingKeyFromSeed(stored.device),
    certificate: stored.certificate,
    readSecret: stored.readSecret,
    ledgerKey: stored.ledgerKey,
    ...(stored.pruneKey === undefined ? {} : { pruneKey: signingKeyFromSeed(stored.pruneKey) }),
    ...certificateField(stored.pruneCertificate),
    ...(stored.repair === undefined
      ? {}
      : {
          repair: {
            key: signingKeyFromSeed(stored.repair.key),
            certificate: stored.repair.certificate,
          },
        }),
    recovery: stored.recovery as PeerId,
  }
}

function certificateField(pruneCertificate: Uint8Array | undefined): {
  pruneCertificate?: Uint8Array
} {
  return pruneCertificate === undefined ? {} : { pruneCertificate }
}

export function certificateOf(keyring: Keyring): DeviceCertificate {
  return openCertificate(keyring.certificate, keyring.vault)
}

async function readKeyringBytes(disk: Disk): Promise<Uint8Array | undefined> {
  try {
    return await readWhole(disk, PATH)
  } catch (error) {
    if (!(error instanceof StateDamagedError)) throw error
    throw new KeyringDamagedError(
      'The keyring of this home is damaged: move it aside and use "cairn recover" with the 24 words',
      { cause: error },
    )
  }
}
