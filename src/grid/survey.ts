/**
 * Survey: what everybody says they hold, of any number of packs, and who did not answer.
 *
 * It asks for numbers of shares only: 1,024 packs in a message of 39 KB, so that a hundred thousand shares
 * are a hundred questions.
 */

import { FormatError } from '../../protocol/errors.ts'
import { packId, type PackId } from '../../protocol/manifest.ts'
import { PACKS_MAX } from '../../protocol/messages.ts'
import type { PeerId } from '../ports/network.ts'
import { askAll, type PeerFailure } from './ask-all.ts'
import type { PeerSession } from './peer-session.ts'

/** Manifests asked for at a time: as many of the largest as one message has room for. */
export const MANIFESTS_MAX = 100

/** Pack → peer → numbers of the shares it says it holds; nothing for packs of which it holds none. */
export type Holdings = ReadonlyMap<PackId, ReadonlyMap<PeerId, readonly number[]>>

/** What one peer holds of a pack. */
export interface FoundManifest {
  readonly shares: readonly number[]
  readonly manifest: Uint8Array
}

export interface Survey {
  /** Those of peers that broke off included. */
  readonly holdings: Holdings
  /** Peers that answered every question. */
  readonly answered: readonly PeerId[]
  readonly failures: readonly PeerFailure[]
}

/**
 * @param onAnswer - told of every message that was answered, with the packs in it
 * @throws only the signal's reason
 */
export async function surveyPacks(
  sessions: readonly PeerSession[],
  packs: readonly PackId[],
  signal: AbortSignal,
  onAnswer: (packs: number) => void = () => undefined,
): Promise<Survey> {
  const holdings = new Map<PackId, Map<PeerId, readonly number[]>>()
  const { answers, failures } = await askAll(
    sessions,
    async (session, within) => {
      for (const some of batches(packs, PACKS_MAX)) {
        const { shares } = await session.have(some, { manifests: false }, within)
        for (const [index, pack] of some.entries()) {
          const numbers = shares[index] ?? []
          if (numbers.length === 0) continue
          const peers = holdings.get(pack) ?? new Map<PeerId, readonly number[]>()
          holdings.set(pack, peers.set(session.peer, [...new Set(numbers)]))
        }
        onAnswer(some.length)
      }
    },
    signal,
  )
  return { holdings, answered: answers.map(({ peer }) => peer), failures }
}

/**
 * Ask one peer for its shares of packs and their manifests, which prove themselves.
 *
 * @param onFound - told of each pack of which it holds anything
 * @throws {PeerError}
 * @throws {FormatError} a manifest of another pack
 */
export async function askManifests(
  session: PeerSession,
  packs: readonly PackId[],
  onFound: (pack: PackId, found: FoundManifest) => void,
  signal: AbortSignal,
): Promise<void> {
  for (const some of batches(packs, MANIFESTS_MAX)) {
    const { shares, manifests } = await session.have(some, { manifests: true }, signal)
    for (const [index, pack] of some.entries()) {
      const manifest = manifests[index]
      if (manifest === null || manifest === undefined) continue
      if (packId(manifest) !== pack) throw new FormatError(`${pack}: another pack's manifest`)
      onFound(pack, { shares: [...new Set(shares[index])], manifest })
    }
  }
}

export function* batches<T>(items: readonly T[], sizeMax: number): Generator<T[]> {
  for (let from = 0; from < items.length; from += sizeMax) yield items.slice(from, from + sizeMax)
}
