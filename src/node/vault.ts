/**
 * Making a vault: 24 words, and the keys that this device keeps of them.
 */

import { encodeCap } from '../../protocol/cap.ts'
import { vaultIdFromBytes, deviceIdFromBytes } from '../../protocol/ids.ts'
import {
  ROOT_SIZE,
  deriveVaultKeys,
  issueCertificate,
  peerIdOf,
  signingKeyFromSeed,
  type CertificateRole,
  type SigningKey,
  type VaultKeys,
} from '../../protocol/keys.ts'
import { SEED_SIZE } from '../../protocol/signing.ts'
import { rootToWords } from '../../protocol/words.ts'
import { assertEntropy } from '../base/entropy.ts'
import { UsageError } from '../base/errors.ts'
import type { Clock } from '../ports/clock.ts'
import type { Disk } from '../ports/disk.ts'
import type { Random } from '../ports/random.ts'
import { assertNoKeyring, createKeyring, type Keyring } from '../store/keyring.ts'

/** This home was made by a Cairn that had no helpers: it has no repair key to give away. */
export class RepairKeyMissingError extends UsageError {
  override readonly name = 'RepairKeyMissingError'
}

/** What a device that was just made has. */
export type NewKeyring = Keyring & Required<Pick<Keyring, 'pruneKey' | 'pruneCertificate'>>

interface VaultPorts {
  readonly clock: Clock
  readonly random: Random
  readonly disk: Disk
}

/**
 * @param keepWords - gives the words to the person, before anything rests on them
 * @throws {VaultExistsError}
 * @throws {EntropyError}
 */
export async function createVault(
  { clock, random, disk }: VaultPorts,
  keepWords: (words: readonly string[]) => Promise<void> = async () => undefined,
): Promise<{ words: string[] }> {
  assertEntropy(random)
  await assertNoKeyring(disk)
  const root = random.bytes(ROOT_SIZE)
  const words = rootToWords(root)
  await keepWords(words)
  await createKeyring(disk, newDevice(deriveVaultKeys(root), 1, { clock, random }))
  return { words }
}

/**
 * A keyring for a new device of the vault, certified by the vault key.
 *
 * @param epoch - 1 for the first device; one more than that of the device it takes over from
 */
export function newDevice(
  keys: VaultKeys,
  epoch: number,
  { clock, random }: Pick<VaultPorts, 'clock' | 'random'>,
): NewKeyring {
  const vault = vaultIdFromBytes(keys.vaultKey.publicKey)
  const device = signingKeyFromSeed(random.bytes(SEED_SIZE))
  // A key of its own for each device: whoever helped an earlier one has no part in it (ADR 46).
  const repair = signingKeyFromSeed(random.bytes(SEED_SIZE))
  const issuedAt = Math.max(0, clock.now())
  const certify = (key: SigningKey, role: CertificateRole) =>
    issueCertificate(keys.vaultKey, {
      role,
      device: deviceIdFromBytes(key.publicKey),
      epoch,
      issuedAt,
    })
  return {
    vault,
    device,
    certificate: certify(device, 'device'),
    readSecret: keys.readSecret,
    ledgerKey: keys.ledgerKey,
    pruneKey: keys.pruneKey,
    pruneCertificate: certify(keys.pruneKey, 'prune'),
    repair: { key: repair, certificate: certify(repair, 'repair') },
    recovery: peerIdOf(keys.recoveryKey.publicKey),
  }
}

/**
 * What lets a friend's peer look after this vault: it finds the ciphertext, renews it, and makes lost
 * shares again. No content key follows from it.
 *
 * @returns one line of text; secret
 * @throws {RepairKeyMissingError}
 */
export function repairCapOf({ vault, ledgerKey, repair }: Keyring): string {
  if (repair === undefined) {
    throw new RepairKeyMissingError(
      'This home was made by a Cairn that had no helpers, and has no key for one. Run "cairn recover" ' +
        'with the 24 words into a new home (CAIRN_HOME=…), go on from there, and make the cap there',
    )
  }
  const { key, certificate } = repair
  return encodeCap({ type: 'repair', vault, ledgerKey, repairSeed: key.seed, certificate })
}
