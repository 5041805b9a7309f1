/**
 * Keys: everything a vault needs, from one root secret.
 *
 *     root ─┬─ vault key      certifies devices and repairers; its public half names the vault
 *           ├─ recovery key   the libp2p identity with which nothing but words comes back
 *           ├─ prune key      releases shares
 *           └─ read secret ─┬─ content, padding, cut, head and local keys
 *                           └─ ledger key   where the ciphertext lies; opens nothing else
 *
 * Arrows go one way. The ledger key hangs below the read secret, so who may read may also find, while
 * who may find cannot read. The root is not stored after `init`.
 *
 * Format: docs/formats/keys.md
 */

import { FormatError } from './errors.ts'
import { hkdf } from './hash.ts'
import { signingKeyFromSeed, type SigningKey } from './signing.ts'

export { parsePeerId, peerIdOf, publicKeyOf, type PeerId } from './peer-id.ts'
export { sign, signingKeyFromSeed, verify, type SigningKey } from './signing.ts'
export {
  issueCertificate,
  openCertificate,
  type CertificateRole,
  type DeviceCertificate,
} from './certificate.ts'

/** Bytes in a root secret: 256 bits, 24 words. */
export const ROOT_SIZE = 32

/** Everything that follows from the root secret. */
export interface VaultKeys {
  /** Ed25519; the vault id is its public half. */
  readonly vaultKey: SigningKey
  /** Ed25519; a libp2p identity, admitted to the grid beside the devices. */
  readonly recoveryKey: SigningKey
  /** Ed25519; signs releases of shares. */
  readonly pruneKey: SigningKey
  /** 32 bytes; see `deriveReadKeys`. */
  readonly readSecret: Uint8Array
  /** 32 bytes; follows from `readSecret` too. */
  readonly ledgerKey: Uint8Array
}

/** Everything that follows from the read secret; each 32 bytes. */
export interface ReadKeys {
  /** Derives the keys of objects and runs. */
  readonly contentSecret: Uint8Array
  /** Keys the padding of packs. */
  readonly padKey: Uint8Array
  /** Keys where pages and chunks are cut. */
  readonly cutKey: Uint8Array
  /** Seals the head's reference to the root. */
  readonly headKey: Uint8Array
  /** Keys the ids that stand for paths and digests in local state. */
  readonly localKey: Uint8Array
  /** Seals the ledger and the head's pointer to it. */
  readonly ledgerKey: Uint8Array
}

/**
 * @param root - the 32 bytes behind the 24 words
 * @throws {FormatError} for any other length
 */
export function deriveVaultKeys(root: Uint8Array): VaultKeys {
  checkSecret(root)
  const readSecret = hkdf(root, 'cairn/1/read-secret')
  return {
    vaultKey: signingKeyFromSeed(hkdf(root, 'cairn/1/ed25519/vault')),
    recoveryKey: signingKeyFromSeed(hkdf(root, 'cairn/1/ed25519/recovery')),
    pruneKey: signingKeyFromSeed(hkdf(root, 'cairn/1/ed25519/prune')),
    readSecret,
    ledgerKey: deriveReadKeys(readSecret).ledgerKey,
  }
}

/**
 * @param readSecret - 32 bytes
 * @throws {FormatError} for any other length
 */
export function deriveReadKeys(readSecret: Uint8Array): ReadKeys {
  checkSecret(readSecret)
  return {
    contentSecret: hkdf(readSecret, 'cairn/1/content-secret'),
    padKey: hkdf(readSecret, 'cairn/1/pad-key'),
    cutKey: hkdf(readSecret, 'cairn/1/cut-key'),
    headKey: hkdf(readSecret, 'cairn/1/head-key'),
    localKey: hkdf(readSecret, 'cairn/1/local-key'),
    ledgerKey: hkdf(readSecret, 'cairn/1/ledger-key'),
  }
}

function checkSecret(secret: Uint8Array): void {
  if (secret.length !== ROOT_SIZE)
    throw new FormatError(`a secret is 32 bytes, not ${secret.length}`)
}
