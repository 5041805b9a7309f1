/**
 * Grid: packs and heads over peers, as a client or a helper sees them.
 *
 * It asks, places and reads; what to do about answers is the caller's. One peer's trouble never ends
 * a question to all: it is told in `failures`.
 */

import type { VaultId } from '../../protocol/ids.ts'
import type { PackId } from '../../protocol/manifest.ts'
import { SEEN_MAX } from '../../protocol/messages.ts'
import { orAbort } from '../base/abort.ts'
import { withDeadline } from '../base/deadline.ts'
import type { EncodedPack } from '../codec/encode-pack.ts'
import type { PeerId } from '../ports/network.ts'
import { askAll, lookOf, type Answers, type PeerFailure } from './ask-all.ts'
import { checkHeads, checkReceipt } from './check-heads.ts'
import { codeFor, type Code } from './code.ts'
import type {
  GridParts,
  HeadAnswer,
  PeerStatus,
  PublishResult,
  ReleaseAnswer,
} from './grid-types.ts'
import { KnownPacks } from './known-packs.ts'
import { locatePacks, type PackLocation } from './locate-packs.ts'
import { adoptPacks, NOTHING_RELEASED, releaseAll } from './peer-exchanges.ts'
import { PeerSession } from './peer-session.ts'
import type { Candidate } from './place-order.ts'
import { placePack, putsOf, type Placement, type PlaceParts } from './place-pack.ts'
import { PackReader, type Keep, type Segment } from './read-pack.ts'
import type { RosterBook } from './roster-book.ts'
import { exchangeRosters, type Exchanged } from './roster-exchange.ts'
import { SharesAtPeers } from './shares-at-peers.ts'
import { isCounted, mayTakeShares, type Standing } from './standing.ts'
import type { Survey } from './survey.ts'

export type * from './grid-types.ts'
export type { PeerFailure } from './ask-all.ts'
export type { PackLocation } from './locate-packs.ts'
export type { Placement } from './place-pack.ts'
export type { Survey } from './survey.ts'
export { NotEnoughSharesError } from './read-pack.ts'

/** How often others are asked where a peer is that was not reached, ms. */
const RELEARN_EVERY_MS = 30_000

/** Who waits for that could ask another peer instead. */
const RELEARN_MS_MAX = 5_000

export class Grid {
  readonly #parts: GridParts
  readonly #sessions = new Map<PeerId, PeerSession>()
  readonly #known = new KnownPacks()
  readonly #reader: PackReader
  /** Single shares at single peers, for those who check and repair. */
  readonly shares: SharesAtPeers
  #relearntAt = -Infinity
  #relearning: Promise<void> | undefined
  #asked: PeerId | undefined

  constructor(parts: GridParts) {
    this.#parts = parts
    this.shares = new SharesAtPeers({
      all: () => this.#storage(),
      of: (peer) => this.#session(peer),
      repair: () => parts.repair?.(),
      onSurvey: (survey) => this.#look(survey),
      onPut: (peer, refusal) => this.#parts.onPuts?.(new Map([[peer, refusal]])),
    })
    this.#reader = new PackReader({
      clock: parts.clock,
      log: parts.log,
      session: (peer) => this.#session(peer),
      onWrong: (share) => parts.onWrong?.(share),
      locateAgain: (location, signal) => this.#locateAgain(location, signal),
    })
  }

  get roster(): RosterBook {
    return this.#parts.roster
  }

  /**
   * The code for a new pack in this grid: for as many peers as are neither given up nor leaving.
   *
   * @throws {TooFewPeersError}
   */
  code(options: { readonly allowFew?: boolean } = {}): Code {
    const { length } = this.counted()
    const others = this.#parts.roster.candidates().length - length
    return codeFor(length, { ...options, others })
  }

  standing(peer: PeerId): Standing {
    return this.#parts.standings?.(peer) ?? 'here'
  }

  /** Storage peers whose shares count: those that are neither given up nor leaving. */
  counted(): Candidate[] {
    const { roster } = this.#parts
    return roster.candidates().filter(({ peer }) => isCounted(this.standing(peer)))
  }

  /**
   * Give every share of a pack a peer, of those that may take any.
   *
   * @param held - shares placed before, as an earlier `Placement` told
   * @param options.isTidying - the pack belongs to a head that drops things
   * @param options.onSent - told of the size of each portion of a piece that went out
   * @returns once every peer that was asked answered or failed
   */
  async place(
    pack: EncodedPack,
    vault: VaultId,
    held: ReadonlyMap<number, PeerId>,
    signal: AbortSignal,
    options: Pick<PlaceParts, 'isTidying' | 'onSent'> = {},
  ): Promise<Placement> {
    const all = this.#parts.roster.candidates()
    const standings = new Map(all.map(({ peer }) => [peer, this.standing(peer)]))
    const isTaker = ({ peer }: { readonly peer: PeerId }) =>
      mayTakeShares(standings.get(peer) ?? 'here')
    const candidates = all.filter(isTaker)
    const passedOver = [...standings]
      .map(([peer, standing]) => ({ peer, standing }))
      .filter((one) => !isTaker(one))
    const session = (peer: PeerId) => this.#session(peer)
    const repair = this.#parts.repair?.()
    const parts = { candidates, counted: this.counted(), passedOver, session, repair, ...options }
    const placement = await placePack(parts, pack, vault, held, signal)
    const puts = putsOf(placement, held)
    if (puts.size > 0) this.#parts.onPuts?.(puts)
    const holders = new Map([...placement.holders].map(([share, peer]) => [share, [peer]]))
    const { id, manifest, manifestBytes } = pack
    this.#known.remember({ id, manifest, manifestBytes, holders })
    return placement
  }

  /** Ask every peer what it holds of these packs. Packs of which nobody holds anything are absent. */
  async have(packs: readonly PackId[], signal: AbortSignal): Promise<Map<PackId, PackLocation>> {
    if (packs.length === 0) return new Map()
    const onSurvey = (survey: Survey) => this.#look(survey)
    const found = await locatePacks(this.#storage(), packs, this.#known.manifests, signal, onSurvey)
    for (const location of found.values()) this.#known.remember(location)
    return found
  }

  /** As `have`, but asks only about packs whose holders are not known from before. */
  async locate(packs: readonly PackId[], signal: AbortSignal): Promise<Map<PackId, PackLocation>> {
    const unknown = packs.filter((pack) => !this.#known.isReadable(pack))
    if (unknown.length > 0) await this.have(unknown, signal)
    const located = packs.map((pack) => [pack, this.#known.get(pack)] as const)
    return new Map(located.flatMap(([pack, found]) => (found === undefined ? [] : [[pack, found]])))
  }

  /**
   * Read from a pack, padding included.
   *
   * @returns `length` bytes, verified against the manifest
   * @throws {NotEnoughSharesError}
   */
  async read(
    location: PackLocation,
    offset: number,
    length: number,
    signal: AbortSignal,
  ): Promise<Uint8Array> {
    const newest = this.#known.get(location.id) ?? location
    return await this.#reader.read(newest, { offset, length }, signal)
  }

  /**
   * Read one run of a data share's leaves.
   *
   * @param keep - what is known of the pack's runs already: see {@link PackReader.readRun}
   * @throws {NotEnoughSharesError}
   */
  async readRun(
    location: PackLocation,
    run: Pick<Segment, 'shareNumber' | 'run'>,
    keep: Keep,
    signal: AbortSignal,
  ): Promise<Uint8Array> {
    const newest = this.#known.get(location.id) ?? location
    return await this.#reader.readRun(newest, run, keep, signal)
  }

  /**
   * Give a head to every peer. Receipts are verified.
   *
   * @param to - to these only
   */
  async publish(
    head: Uint8Array,
    signal: AbortSignal,
    to?: readonly PeerId[],
  ): Promise<PublishResult> {
    const isAsked = (peer: PeerId) => to === undefined || to.includes(peer)
    const sessions = this.#storage().filter(({ peer }) => isAsked(peer))
    const give = async (session: PeerSession, within: AbortSignal) => {
      const receipt = await session.publish(head, within)
      checkReceipt(receipt, session.peer, head)
      return receipt
    }
    const { answers, failures } = await this.#ask(sessions, give, signal)
    return { receipts: answers.map(({ peer, answer }) => ({ peer, receipt: answer })), failures }
  }

  /** Ask every peer for the heads of a vault: the newest of each device, or all that are kept. */
  async heads(
    vault: VaultId,
    signal: AbortSignal,
    options: { readonly all: boolean } = { all: false },
  ): Promise<{ answers: readonly HeadAnswer[]; failures: readonly PeerFailure[] }> {
    const { answers, failures } = await this.askEverybody(async (session, within) => {
      const heads = await session.heads(vault, options, within)
      checkHeads(heads, session.peer, vault)
      return heads
    }, signal)
    return { answers: answers.map(({ peer, answer }) => ({ peer, heads: answer })), failures }
  }

  /**
   * Tell every peer that head `sequence` needs these packs.
   *
   * @param options.isAll - and that nothing which came to it so far is needed but what was adopted, now
   *   or before
   */
  async adopt(
    packs: readonly PackId[],
    sequence: number,
    vault: VaultId,
    signal: AbortSignal,
    options: { readonly isAll: boolean } = { isAll: false },
  ): Promise<{ readonly failures: readonly PeerFailure[] }> {
    if (packs.length === 0) return { failures: [] }
    const adoption = { vault, sequence, repair: this.#parts.repair?.(), ...options }
    const { failures } = await this.askEverybody(
      (session, within) => adoptPacks(session, packs, adoption, within),
      signal,
    )
    return { failures }
  }

  /**
   * Give signed releases or cancels to every peer. What is sent again changes nothing.
   *
   * @returns what each peer says of all documents together; one that refused a document is a failure,
   *   though it may have taken those before it
   */
  async release(
    documents: readonly Uint8Array[],
    signal: AbortSignal,
  ): Promise<{
    readonly answers: readonly ReleaseAnswer[]
    readonly failures: readonly PeerFailure[]
  }> {
    if (documents.length === 0) {
      const answers = this.#storage().map(({ peer }) => ({ peer, ...NOTHING_RELEASED }))
      return { answers, failures: [] }
    }
    const { answers, failures } = await this.askEverybody(
      (session, within) => releaseAll(session, documents, within),
      signal,
    )
    return { answers: answers.map(({ peer, answer }) => ({ peer, ...answer })), failures }
  }

  /**
   * Exchange roster statements with every peer, and with those that are learnt of on the way.
   *
   * @returns how many statements were new to us
   */
  async syncRoster(signal: AbortSignal): Promise<Exchanged> {
    const { roster } = this.#parts
    const sessions = () => this.#storage()
    const onRound = (round: Omit<Exchanged, 'news'>) => this.#look(round)
    return await exchangeRosters({ roster, sessions, onRound }, signal)
  }

  /**
   * Ask a peer to dial us.
   *
   * @returns the first of our addresses at which it reached us; `undefined` if none led to us
   */
  async dialBack(
    peer: PeerId,
    addresses: readonly string[],
    signal: AbortSignal,
  ): Promise<string | undefined> {
    const session = this.#session(peer)
    session.forgive()
    return await session.dialBack(addresses, signal)
  }

  /**
   * Ask every storage peer how it is; in the order of the roster.
   *
   * @param options.isQuick - without trying again who was away a moment ago
   */
  async status(
    signal: AbortSignal,
    { isQuick = false }: { readonly isQuick?: boolean } = {},
  ): Promise<PeerStatus[]> {
    const question = (session: PeerSession, within: AbortSignal) => session.status(within)
    const { answers, failures } = isQuick
      ? await this.askPresent(question, signal)
      : await this.askEverybody(question, signal)
    return this.#storage().map(({ peer }) => {
      const status = answers.find((answer) => answer.peer === peer)?.answer
      const error = failures.find((failure) => failure.peer === peer)?.error
      return {
        peer,
        ...(status === undefined ? {} : { status }),
        ...(error === undefined ? {} : { error }),
      }
    })
  }

  /**
   * Ask those who are there when they last heard these peers.
   *
   * @returns for each that answered, how long ago it heard each of them, ms; `undefined` if it did not
   */
  async seen(
    peers: readonly PeerId[],
    signal: AbortSignal,
  ): Promise<readonly { peer: PeerId; ages: readonly (number | undefined)[] }[]> {
    const { self } = this.#parts.network
    const here = this.#storage().filter(({ peer, isAway }) => !isAway && peer !== self)
    const some = peers.slice(0, SEEN_MAX)
    const { answers } = await askAll(here, (session, within) => session.seen(some, within), signal)
    return answers.map(({ peer, answer }) => ({ peer, ages: answer }))
  }

  /** @returns sessions with these peers, to ask what only few ask */
  sessions(peers: readonly PeerId[]): PeerSession[] {
    return peers.map((peer) => this.#session(peer))
  }

  /** Break all streams to peers. The network itself stays open. */
  close(): void {
    for (const session of this.#sessions.values()) session.close()
  }

  /** Ask all storage peers, those that were away a moment ago as well. */
  async askEverybody<T>(
    ask: (session: PeerSession, signal: AbortSignal) => Promise<T>,
    signal: AbortSignal,
  ): Promise<Answers<T>> {
    return await this.#ask(this.#storage(), ask, signal)
  }

  async #ask<T>(
    sessions: readonly PeerSession[],
    question: (session: PeerSession, signal: AbortSignal) => Promise<T>,
    signal: AbortSignal,
  ): Promise<Answers<T>> {
    for (const session of sessions) session.forgive()
    const { answers, failures } = await askAll(sessions, question, signal)
    this.#look({ answered: answers.map(({ peer }) => peer), failures })
    return { answers, failures }
  }

  #look({ answered, failures }: Pick<Survey, 'answered' | 'failures'>): void {
    const { network, onLook } = this.#parts
    // That we hear ourselves does not say that we are online.
    const others = answered.filter((peer) => peer !== network.self)
    onLook?.(lookOf(others, failures))
  }

  /** Ask all storage peers; those that were away a moment ago are not waited for again. */
  async askPresent<T>(
    ask: (session: PeerSession, signal: AbortSignal) => Promise<T>,
    signal: AbortSignal,
  ): Promise<Answers<T>> {
    return await askAll(this.#storage(), ask, signal)
  }

  async #locateAgain(location: PackLocation, signal: AbortSignal): Promise<PackLocation> {
    for (const session of this.#storage()) session.forgive()
    const found = await this.have([location.id], signal)
    return found.get(location.id) ?? location
  }

  #storage(): PeerSession[] {
    const { network, roster, hasSelf } = this.#parts
    const peers = roster.storagePeers().map(({ peer }) => peer)
    return peers
      .filter((peer) => hasSelf === true || peer !== network.self)
      .map((peer) => this.#session(peer))
  }

  /** Ask a peer that is there where one is that is not: it may have moved. Who asks meanwhile waits along. */
  async #relearn(peer: PeerId, signal: AbortSignal): Promise<void> {
    const now = this.#parts.clock.monotonic()
    // Whoever is asked may be away as well, and must not wait for itself.
    if (peer === this.#asked) return
    if (this.#relearning === undefined) {
      if (now - this.#relearntAt < RELEARN_EVERY_MS) return
      this.#relearntAt = now
      this.#relearning = this.#askWhere(peer, signal).finally(() => (this.#relearning = undefined))
    }
    // Whoever began it may stop, which is nothing to the others.
    await orAbort(
      this.#relearning.catch(() => undefined),
      signal,
    )
  }

  async #askWhere(peer: PeerId, signal: AbortSignal): Promise<void> {
    const { roster, clock } = this.#parts
    const others = this.#storage().filter((one) => one.peer !== peer && !one.isAway)
    const [first] = others.toSorted((a, b) => a.load - b.load)
    if (first === undefined) return
    this.#asked = first.peer
    try {
      await withDeadline(clock, RELEARN_MS_MAX, signal, async (within) => {
        await roster.merge(await first.roster([], within))
      })
    } finally {
      this.#asked = undefined
    }
  }

  #session(peer: PeerId): PeerSession {
    const { network, clock, roster } = this.#parts
    const addresses = () => roster.addresses(peer)
    const relearn = (signal: AbortSignal) => this.#relearn(peer, signal)
    const parts = { network, clock, addresses, relearn }
    const session = this.#sessions.get(peer) ?? new PeerSession(peer, parts)
    this.#sessions.set(peer, session)
    return session
  }
}
