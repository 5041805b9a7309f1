/**
 * Locating packs: who holds which shares of them, by asking everybody.
 *
 * What peers answer is the location; there is no list to trust. A manifest proves itself, since its
 * hash is the pack's name, so it is asked of one holder only, and of the next if that one fails.
 */

import { FormatError } from '../../protocol/errors.ts'
import { decodeManifest, packId, type Manifest, type PackId } from '../../protocol/manifest.ts'
import { PACKS_MAX } from '../../protocol/messages.ts'
import type { PeerId } from '../ports/network.ts'
import { askAll, troubleAtPeer, type Answers } from './ask-all.ts'
import type { PeerSession } from './peer-session.ts'

/** Manifests asked for at a time: as many of the largest as one message has room for. */
const MANIFESTS_MAX = 100

export interface PackLocation {
  readonly id: PackId
  readonly manifest: Manifest
  readonly manifestBytes: Uint8Array
  /** Share number → peers that say they hold it. */
  readonly holders: ReadonlyMap<number, readonly PeerId[]>
}

/** Pack → peer → the share numbers it says it holds. */
type Holdings = Map<PackId, Map<PeerId, readonly number[]>>

/**
 * @param known - manifests known already; new ones are added
 * @param onAnswers - told who answered
 * @returns locations of those packs of which anybody holds anything
 * @throws only the signal's reason
 */
export async function locatePacks(
  sessions: readonly PeerSession[],
  packs: readonly PackId[],
  known: Map<PackId, Uint8Array>,
  signal: AbortSignal,
  onAnswers: (answers: Answers<void>) => void = () => undefined,
): Promise<Map<PackId, PackLocation>> {
  const holdings: Holdings = new Map()
  const answers = await askAll(
    sessions,
    async (session, within) => {
      for (const some of batches(packs, PACKS_MAX)) {
        const { shares } = await session.have(some, { manifests: false }, within)
        for (const [index, pack] of some.entries()) {
          const numbers = shares[index] ?? []
          if (numbers.length === 0) continue
          const peers = holdings.get(pack) ?? new Map<PeerId, readonly number[]>()
          holdings.set(pack, peers.set(session.peer, numbers))
        }
      }
    },
    signal,
  )
  onAnswers(answers)
  await learnManifests(sessions, holdings, known, signal)
  return new Map(
    packs.flatMap((pack) => {
      const location = locationOf(pack, holdings, known)
      return location === undefined ? [] : [[pack, location] as const]
    }),
  )
}

async function learnManifests(
  sessions: readonly PeerSession[],
  holdings: Holdings,
  known: Map<PackId, Uint8Array>,
  signal: AbortSignal,
): Promise<void> {
  for (const session of sessions) {
    const unknown = [...holdings]
      .filter(([pack, peers]) => !known.has(pack) && peers.has(session.peer))
      .map(([pack]) => pack)
    try {
      for (const some of batches(unknown, MANIFESTS_MAX)) {
        const { manifests } = await session.have(some, { manifests: true }, signal)
        for (const [index, pack] of some.entries()) {
          const manifest = manifests[index]
          if (manifest === null || manifest === undefined) continue
          if (packId(manifest) !== pack) throw new FormatError(`${pack}: another pack's manifest`)
          known.set(pack, manifest)
        }
      }
    } catch (error) {
      troubleAtPeer(error, signal)
    }
  }
}

function locationOf(
  id: PackId,
  holdings: Holdings,
  known: ReadonlyMap<PackId, Uint8Array>,
): PackLocation | undefined {
  const manifestBytes = known.get(id)
  if (manifestBytes === undefined) return undefined
  const manifest = decodeManifest(manifestBytes)
  const holders = new Map<number, PeerId[]>()
  for (const [peer, shares] of holdings.get(id) ?? []) {
    for (const share of new Set(shares)) {
      if (share < manifest.total) holders.set(share, [...(holders.get(share) ?? []), peer])
    }
  }
  return { id, manifest, manifestBytes, holders }
}

function* batches<T>(items: readonly T[], sizeMax: number): Generator<T[]> {
  for (let from = 0; from < items.length; from += sizeMax) yield items.slice(from, from + sizeMax)
}
