/**
 * The prune key, here or away.
 *
 * Whoever holds it and the device can ask peers to delete everything, a month later. Its owner may keep
 * it off this computer: then giving space back needs the 24 words, from which it follows.
 */

import { vaultIdFromBytes, type VaultId } from '../../protocol/ids.ts'
import { deriveVaultKeys, type SigningKey, type VaultKeys } from '../../protocol/keys.ts'
import { wordsToRoot } from '../../protocol/words.ts'
import { UsageError } from '../base/errors.ts'
import { replaceKeyring } from '../store/keyring.ts'
import type { VaultSession } from './vault-session.ts'

/** This home has no certificate for its prune key: it was made by an earlier Cairn. */
export class PruneKeyMissingError extends UsageError {
  override readonly name = 'PruneKeyMissingError'
}

/** The prune key is kept off this computer, and the words were not given. */
export class PruneKeyAwayError extends UsageError {
  override readonly name = 'PruneKeyAwayError'
}

/** What releases and cancels are signed with. */
export interface Pruner {
  readonly key: SigningKey
  readonly certificate: Uint8Array
}

/**
 * @throws {WrongWordsError}
 * @throws {UsageError} the words are of another vault
 */
export function keysFromWords(words: string, vault: VaultId): VaultKeys {
  const keys = deriveVaultKeys(wordsToRoot(words))
  if (vaultIdFromBytes(keys.vaultKey.publicKey) === vault) return keys
  throw new UsageError('These words are of another vault')
}

/**
 * @param words - needed where the key is away
 * @throws {PruneKeyMissingError}
 * @throws {PruneKeyAwayError}
 * @throws {WrongWordsError}
 */
export function prunerOf({ keyring }: VaultSession, words?: string): Pruner {
  const { pruneKey, pruneCertificate: certificate } = keyring
  if (certificate === undefined) {
    throw new PruneKeyMissingError(
      'This home cannot release anything: an earlier Cairn made it, without a certificate for its prune ' +
        'key. Bring the vault back into a new home with "cairn recover" and the 24 words, then run this there',
    )
  }
  if (words !== undefined) return { key: keysFromWords(words, keyring.vault).pruneKey, certificate }
  if (pruneKey !== undefined) return { key: pruneKey, certificate }
  throw new PruneKeyAwayError(
    'The prune key is kept off this computer: give the 24 words with --words-from FILE',
  )
}

/** @returns the pruner where one is here for everyday use */
export function prunerHere({ keyring }: VaultSession): Pruner | undefined {
  const { pruneKey: key, pruneCertificate: certificate } = keyring
  return key === undefined || certificate === undefined ? undefined : { key, certificate }
}

/**
 * Take the prune key off this computer, or bring it back.
 *
 * @param words - the vault's, in both directions: what cannot be brought back must not be taken away
 * @throws {WrongWordsError}
 * @throws {UsageError} the words are of another vault
 */
export async function movePruneKey(
  { keyring, ports }: VaultSession,
  { isHere, words }: { readonly isHere: boolean; readonly words: string },
): Promise<void> {
  const keys = keysFromWords(words, keyring.vault)
  const { pruneKey: _, ...others } = keyring
  await replaceKeyring(ports.disk, isHere ? { ...others, pruneKey: keys.pruneKey } : others)
}
