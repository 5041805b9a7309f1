/**
 * Locating packs: who holds which shares of them, by asking everybody.
 *
 * What peers answer is the location; there is no list to trust. A manifest proves itself, since its
 * hash is the pack's name, so it is asked of one holder only, and of the next if that one fails.
 */

import { decodeManifest, type Manifest, type PackId } from '../../protocol/manifest.ts'
import type { PeerId } from '../ports/network.ts'
import { troubleAtPeer } from './ask-all.ts'
import type { PeerSession } from './peer-session.ts'
import {
  askManifests,
  surveyPacks,
  type FoundManifest,
  type Holdings,
  type Survey,
} from './survey.ts'

export interface PackLocation {
  readonly id: PackId
  readonly manifest: Manifest
  readonly manifestBytes: Uint8Array
  /** Share number → peers that say they hold it. */
  readonly holders: ReadonlyMap<number, readonly PeerId[]>
}

/**
 * @param known - manifests known already; new ones are added
 * @param onSurvey - told who answered
 * @returns locations of those packs of which anybody holds anything
 * @throws only the signal's reason
 */
export async function locatePacks(
  sessions: readonly PeerSession[],
  packs: readonly PackId[],
  known: Map<PackId, Uint8Array>,
  signal: AbortSignal,
  onSurvey: (survey: Survey) => void = () => undefined,
): Promise<Map<PackId, PackLocation>> {
  const survey = await surveyPacks(sessions, packs, signal)
  onSurvey(survey)
  const { holdings } = survey
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
      const onFound = (pack: PackId, { manifest }: FoundManifest) => known.set(pack, manifest)
      await askManifests(session, unknown, onFound, signal)
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
    for (const share of shares) {
      if (share < manifest.total) holders.set(share, [...(holders.get(share) ?? []), peer])
    }
  }
  return { id, manifest, manifestBytes, holders }
}
