/**
 * Shares at peers: single shares, each at one named peer, for those who check and repair.
 *
 * Whoever reads a file asks for bytes of a pack and does not care who gives them. Here it is the peer
 * that is looked at; nothing is rebuilt, and nobody else is asked in its place.
 */

import type { VaultId } from '../../protocol/ids.ts'
import type { PackId } from '../../protocol/manifest.ts'
import { assert } from '../base/assert.ts'
import type { Refusal } from '../base/peer-record.ts'
import type { PeerId } from '../ports/network.ts'
import { askAll, troubleAtPeer } from './ask-all.ts'
import type { PackLocation } from './locate-packs.ts'
import { adoptPacks } from './peer-exchanges.ts'
import type { PeerSession, SharePut } from './peer-session.ts'
import { refusalOf } from './place-pack.ts'
import { readRun, type Run } from './read-pack.ts'
import { askManifests, surveyPacks, type FoundManifest, type Survey } from './survey.ts'

export interface PeerSessions {
  /** Every storage peer. */
  readonly all: () => readonly PeerSession[]
  readonly of: (peer: PeerId) => PeerSession
  /** A repair grant, where we are none of the vault's devices. */
  readonly repair: () => Uint8Array | undefined
  /** Told who answered a survey. */
  readonly onSurvey?: (survey: Survey) => void
  /** Told of every share that a peer took (`undefined`), and of every other outcome. */
  readonly onPut?: (peer: PeerId, refusal: Refusal | undefined) => void
}

export class SharesAtPeers {
  readonly #sessions: PeerSessions

  constructor(sessions: PeerSessions) {
    this.#sessions = sessions
  }

  /**
   * Ask every peer which shares of these packs it holds, those that were away a moment ago as well.
   *
   * @param onAnswer - told of every message that was answered, with the packs in it
   */
  async survey(
    packs: readonly PackId[],
    signal: AbortSignal,
    onAnswer?: (packs: number) => void,
  ): Promise<Survey> {
    const sessions = this.#sessions.all()
    for (const session of sessions) session.forgive()
    const survey = await surveyPacks(sessions, packs, signal, onAnswer)
    // Asked about nothing, nobody said anything.
    if (packs.length > 0) this.#sessions.onSurvey?.(survey)
    return survey
  }

  /** Try the peer again at the next question, however it was a moment ago. */
  forgive(peer: PeerId): void {
    this.#sessions.of(peer).forgive()
  }

  /**
   * Ask one peer what it holds of packs, with their manifests.
   *
   * @returns nothing for packs of which it holds nothing
   * @throws {PeerError}
   * @throws {FormatError}
   */
  async manifests(
    peer: PeerId,
    packs: readonly PackId[],
    signal: AbortSignal,
  ): Promise<Map<PackId, FoundManifest>> {
    const found = new Map<PackId, FoundManifest>()
    const onFound = (pack: PackId, of: FoundManifest) => found.set(pack, of)
    await askManifests(this.#sessions.of(peer), packs, onFound, signal)
    return found
  }

  /**
   * Ask one peer whether it holds any of these packs, as a survey does: without their manifests.
   *
   * @returns false too where it does not answer
   */
  async claims(peer: PeerId, packs: readonly PackId[], signal: AbortSignal): Promise<boolean> {
    const { holdings } = await surveyPacks([this.#sessions.of(peer)], packs, signal)
    return holdings.size > 0
  }

  /**
   * Read leaves of one share, up to 1 MiB, in the same message as any read.
   *
   * @returns verified bytes
   * @throws {PeerError}
   * @throws {FormatError} other bytes than the manifest's
   */
  async read(
    peer: PeerId,
    location: Pick<PackLocation, 'id' | 'manifest'>,
    { shareNumber, run }: { readonly shareNumber: number; readonly run: Run },
    signal: AbortSignal,
  ): Promise<Uint8Array> {
    return await readRun(this.#sessions.of(peer), location, shareNumber, run, signal)
  }

  /** As a helper: renew the vault's lease at every peer, those that were away a moment ago as well. */
  async renew(signal: AbortSignal): Promise<Pick<Survey, 'answered' | 'failures'>> {
    const grant = this.#sessions.repair()
    assert(grant !== undefined, 'only a helper renews in words')
    const sessions = this.#sessions.all()
    for (const session of sessions) session.forgive()
    const { answers, failures } = await askAll(
      sessions,
      (session, within) => session.renew(grant, within),
      signal,
    )
    return { answered: answers.map(({ peer }) => peer), failures }
  }

  /**
   * Tell peers that head `sequence` needs packs, each those that it holds shares of.
   *
   * @returns peers that could not be told
   */
  async adopt(
    packs: ReadonlyMap<PeerId, readonly PackId[]>,
    { vault, sequence }: { readonly vault: VaultId; readonly sequence: number },
    signal: AbortSignal,
  ): Promise<readonly PeerId[]> {
    const adoption = { vault, sequence, repair: this.#sessions.repair() }
    const { failures } = await askAll(
      this.#sessions.all().filter(({ peer }) => packs.has(peer)),
      (session, within) => adoptPacks(session, packs.get(session.peer) ?? [], adoption, within),
      signal,
    )
    return failures.map(({ peer }) => peer)
  }

  /**
   * @param onSent - told of every byte of the piece that went out
   * @throws {PeerError}
   */
  async put(
    peer: PeerId,
    share: SharePut,
    signal: AbortSignal,
    onSent?: (size: number) => void,
  ): Promise<'stored' | 'held'> {
    const { of, onPut, repair } = this.#sessions
    try {
      const outcome = await of(peer).put({ ...share, repair: repair() }, signal, onSent)
      onPut?.(peer, undefined)
      return outcome
    } catch (error) {
      onPut?.(peer, refusalOf(troubleAtPeer(error, signal)))
      throw error
    }
  }
}
