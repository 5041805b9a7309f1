/**
 * Peer exchanges: what takes several requests to one peer, and is one thing to whoever asks.
 */

import type { VaultId } from '../../protocol/ids.ts'
import type { PackId } from '../../protocol/manifest.ts'
import { PACKS_MAX } from '../../protocol/messages.ts'
import { PeerRefusedError } from '../base/errors.ts'
import type { PeerSession } from './peer-session.ts'
import { batches } from './survey.ts'

/** What a peer did with releases or cancels. */
export interface ReleaseSum {
  /** Of the shares that the documents are about: how many are in release now, and bytes of theirs. */
  readonly count: number
  readonly bytes: number
  /** How many of them a later head had spoken for, so that nothing changed. */
  readonly refused: number
}

export const NOTHING_RELEASED: ReleaseSum = { count: 0, bytes: 0, refused: 0 }

/** Whose packs a head needs. */
export interface Adoption {
  readonly vault: VaultId
  readonly sequence: number
  /** A repair grant, where we are none of the vault's devices. */
  readonly repair?: Uint8Array | undefined
  /** Whether nothing else is needed of what came to the peer so far, but what was adopted before. */
  readonly isAll?: boolean
}

export async function adoptPacks(
  session: PeerSession,
  packs: readonly PackId[],
  { vault, sequence, repair, isAll = false }: Adoption,
  signal: AbortSignal,
): Promise<void> {
  for (const some of batches(packs, PACKS_MAX)) {
    await session.adopt(vault, some, sequence, signal, repair)
  }
  if (isAll) await forgo(session, vault, sequence, signal)
}

/** @returns what the peer says of all documents together */
export async function releaseAll(
  session: PeerSession,
  documents: readonly Uint8Array[],
  signal: AbortSignal,
): Promise<ReleaseSum> {
  let sum = NOTHING_RELEASED
  for (const document of documents) {
    const { count, bytes, refused } = await session.release(document, signal)
    sum = {
      count: sum.count + count,
      bytes: sum.bytes + bytes,
      refused: sum.refused + refused,
    }
  }
  return sum
}

/** A peer that does not take the word, or does not know it, keeps more than it need. */
async function forgo(
  session: PeerSession,
  vault: VaultId,
  sequence: number,
  signal: AbortSignal,
): Promise<void> {
  try {
    await session.forgo(vault, sequence, signal)
  } catch (error) {
    if (!(error instanceof PeerRefusedError)) throw error
  }
}
