/**
 * Grid: packs and heads over peers, as a client or a helper sees them.
 *
 * It asks, places and reads; what to do about answers is the caller's. One peer's trouble never ends
 * a question to all: it is told in `failures`.
 */

import { equal } from '../../protocol/bytes.ts'
import { FormatError } from '../../protocol/errors.ts'
import { openHead, openReceipt } from '../../protocol/head.ts'
import type { VaultId } from '../../protocol/ids.ts'
import type { PackId } from '../../protocol/manifest.ts'
import { PACKS_MAX, type ResponseOf } from '../../protocol/messages.ts'
import { orAbort } from '../base/abort.ts'
import { withDeadline } from '../base/deadline.ts'
import type { EncodedPack } from '../codec/encode-pack.ts'
import type { Clock } from '../ports/clock.ts'
import type { Log } from '../ports/log.ts'
import type { Network, PeerId } from '../ports/network.ts'
import { askAll, type Answers, type PeerFailure } from './ask-all.ts'
import { codeFor, type Code } from './code.ts'
import { locatePacks, type PackLocation } from './locate-packs.ts'
import { PeerSession } from './peer-session.ts'
import { placePack, type Placement } from './place-pack.ts'
import { PackReader, type Keep, type Segment } from './read-pack.ts'
import type { RosterBook } from './roster-book.ts'

export type { PeerFailure } from './ask-all.ts'
export type { PackLocation } from './locate-packs.ts'
export type { Placement } from './place-pack.ts'
export { NotEnoughSharesError } from './read-pack.ts'

/** Locations kept in memory: about a kilobyte each. */
const LOCATIONS_MAX = 8192

/** How often others are asked where a peer is that was not reached, ms. */
const RELEARN_EVERY_MS = 30_000

/** Who waits for that could ask another peer instead. */
const RELEARN_MS_MAX = 5_000

export interface GridParts {
  readonly network: Network
  readonly clock: Clock
  readonly log: Log
  readonly roster: RosterBook
}

export interface PublishResult {
  readonly receipts: readonly { readonly peer: PeerId; readonly receipt: Uint8Array }[]
  readonly failures: readonly PeerFailure[]
}

export interface HeadAnswer {
  readonly peer: PeerId
  /** Verified, of the vault asked for; newest first. */
  readonly heads: readonly { readonly head: Uint8Array; readonly receipt: Uint8Array }[]
}

export interface ReleaseAnswer {
  readonly peer: PeerId
  /** Of the shares that the documents are about: how many are in release now, and bytes of theirs. */
  readonly count: number
  readonly bytes: number
  /** How many of them a later head had spoken for, so that nothing changed. */
  readonly refused: number
}

export interface PeerStatus {
  readonly peer: PeerId
  readonly status?: ResponseOf<'status'>
  readonly error?: PeerFailure['error']
}

export class Grid {
  readonly #parts: GridParts
  readonly #sessions = new Map<PeerId, PeerSession>()
  readonly #manifests = new Map<PackId, Uint8Array>()
  readonly #locations = new Map<PackId, PackLocation>()
  readonly #reader: PackReader
  #relearntAt = -Infinity
  #relearning: Promise<void> | undefined
  #asked: PeerId | undefined

  constructor(parts: GridParts) {
    this.#parts = parts
    this.#reader = new PackReader({
      log: parts.log,
      session: (peer) => this.#session(peer),
      locateAgain: (location, signal) => this.#locateAgain(location, signal),
    })
  }

  get roster(): RosterBook {
    return this.#parts.roster
  }

  /**
   * The code for a new pack in this grid.
   *
   * @throws {TooFewPeersError}
   */
  code(options: { readonly allowFew?: boolean } = {}): Code {
    return codeFor(this.#parts.roster.candidates().length, options)
  }

  /**
   * Give every share of a pack a peer.
   *
   * @param held - shares placed before, as an earlier `Placement` told
   * @returns once every peer that was asked answered or failed
   */
  async place(
    pack: EncodedPack,
    vault: VaultId,
    held: ReadonlyMap<number, PeerId>,
    signal: AbortSignal,
  ): Promise<Placement> {
    const { roster } = this.#parts
    const candidates = roster.candidates()
    const session = (peer: PeerId) => this.#session(peer)
    const placement = await placePack({ candidates, session }, pack, vault, held, signal)
    const holders = new Map([...placement.holders].map(([share, peer]) => [share, [peer]]))
    const { id, manifest, manifestBytes } = pack
    this.#remember({ id, manifest, manifestBytes, holders })
    return placement
  }

  /** Ask every peer what it holds of these packs. Packs of which nobody holds anything are absent. */
  async have(packs: readonly PackId[], signal: AbortSignal): Promise<Map<PackId, PackLocation>> {
    const found = await locatePacks(this.#storage(), packs, this.#manifests, signal)
    for (const location of found.values()) this.#remember(location)
    return found
  }

  /** As `have`, but asks only about packs whose holders are not known from before. */
  async locate(packs: readonly PackId[], signal: AbortSignal): Promise<Map<PackId, PackLocation>> {
    const unknown = packs.filter((pack) => !this.#isLocated(pack))
    if (unknown.length > 0) await this.have(unknown, signal)
    const located = packs.map((pack) => [pack, this.#locations.get(pack)] as const)
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
    const newest = this.#locations.get(location.id) ?? location
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
    const newest = this.#locations.get(location.id) ?? location
    return await this.#reader.readRun(newest, run, keep, signal)
  }

  /** Give a head to every peer. Receipts are verified. */
  async publish(head: Uint8Array, signal: AbortSignal): Promise<PublishResult> {
    const { vault, sequence, id } = openHead(head)
    const { answers, failures } = await this.#askEverybody(async (session, within) => {
      const receipt = await session.publish(head, within)
      const said = openReceipt(receipt)
      const isForHead =
        said.peer === session.peer &&
        said.vault === vault &&
        said.sequence === sequence &&
        equal(said.headId, id)
      if (!isForHead) throw new FormatError(`${session.peer}: a receipt for something else`)
      return receipt
    }, signal)
    return { receipts: answers.map(({ peer, answer }) => ({ peer, receipt: answer })), failures }
  }

  /** Ask every peer for the heads of a vault: the newest of each device, or all that are kept. */
  async heads(
    vault: VaultId,
    signal: AbortSignal,
    options: { readonly all: boolean } = { all: false },
  ): Promise<{ answers: readonly HeadAnswer[]; failures: readonly PeerFailure[] }> {
    const { answers, failures } = await this.#askEverybody(async (session, within) => {
      const heads = await session.heads(vault, options, within)
      for (const { head, receipt } of heads) {
        const [opened, said] = [openHead(head), openReceipt(receipt)]
        const isGood =
          opened.vault === vault && said.peer === session.peer && equal(said.headId, opened.id)
        if (!isGood) throw new FormatError(`${session.peer}: a head or receipt of something else`)
      }
      return heads
    }, signal)
    return { answers: answers.map(({ peer, answer }) => ({ peer, heads: answer })), failures }
  }

  /** Tell every peer that head `sequence` needs these packs. */
  async adopt(
    packs: readonly PackId[],
    sequence: number,
    vault: VaultId,
    signal: AbortSignal,
  ): Promise<{ readonly failures: readonly PeerFailure[] }> {
    const { failures } = await this.#askEverybody(async (session, within) => {
      for (let from = 0; from < packs.length; from += PACKS_MAX) {
        await session.adopt(vault, packs.slice(from, from + PACKS_MAX), sequence, within)
      }
    }, signal)
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
    const { answers, failures } = await this.#askEverybody(async (session, within) => {
      const sum = { count: 0, bytes: 0, refused: 0 }
      for (const document of documents) {
        const { count, bytes, refused } = await session.release(document, within)
        sum.count += count
        sum.bytes += bytes
        sum.refused += refused
      }
      return sum
    }, signal)
    return { answers: answers.map(({ peer, answer }) => ({ peer, ...answer })), failures }
  }

  /**
   * Exchange roster statements with every peer, and with those that are learnt of on the way.
   *
   * @returns how many statements were new to us
   */
  async syncRoster(
    signal: AbortSignal,
  ): Promise<{ news: number; answered: readonly PeerId[]; failures: readonly PeerFailure[] }> {
    const { roster } = this.#parts
    const asked = new Set<PeerId>()
    const [answered, failures]: [PeerId[], PeerFailure[]] = [[], []]
    let news = 0
    for (;;) {
      const sessions = this.#storage().filter(({ peer }) => !asked.has(peer))
      if (sessions.length === 0) return { news, answered, failures }
      for (const session of sessions) asked.add(session.peer)
      const round = await askAll(
        sessions,
        async (session, within) => {
          session.forgive()
          // Most know the same.
          const { digest } = await session.news([], within)
          if (equal(digest, roster.digest())) return
          // What a peer lacks is known only once it told what it has.
          const told = await session.roster([], within)
          news += await roster.merge(told)
          const lacking = roster.statementsBeside(told)
          if (lacking.length > 0) await session.roster(lacking, within)
        },
        signal,
      )
      answered.push(...round.answers.map(({ peer }) => peer))
      failures.push(...round.failures)
    }
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

  /** Ask every storage peer something, those that were away a moment ago as well. */
  async ask<T>(
    question: (session: PeerSession, signal: AbortSignal) => Promise<T>,
    signal: AbortSignal,
  ): Promise<Answers<T>> {
    return await this.#askEverybody(question, signal)
  }

  /** Ask every storage peer how it is; in the order of the roster. */
  async status(signal: AbortSignal): Promise<PeerStatus[]> {
    const { answers, failures } = await this.#askEverybody(
      (session, within) => session.status(within),
      signal,
    )
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

  /** @returns sessions with these peers, to ask what only few ask */
  sessions(peers: readonly PeerId[]): PeerSession[] {
    return peers.map((peer) => this.#session(peer))
  }

  /** Break all streams to peers. The network itself stays open. */
  close(): void {
    for (const session of this.#sessions.values()) session.close()
  }

  /** Ask all storage peers, those that were away a moment ago as well. */
  async #askEverybody<T>(
    ask: (session: PeerSession, signal: AbortSignal) => Promise<T>,
    signal: AbortSignal,
  ) {
    const sessions = this.#storage()
    for (const session of sessions) session.forgive()
    return await askAll(sessions, ask, signal)
  }

  async #locateAgain(location: PackLocation, signal: AbortSignal): Promise<PackLocation> {
    for (const session of this.#storage()) session.forgive()
    const found = await this.have([location.id], signal)
    return found.get(location.id) ?? location
  }

  #storage(): PeerSession[] {
    const peers = this.#parts.roster.storagePeers().map(({ peer }) => peer)
    return peers
      .filter((peer) => peer !== this.#parts.network.self)
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

  #isLocated(pack: PackId): boolean {
    const location = this.#locations.get(pack)
    return location !== undefined && location.holders.size >= location.manifest.needed
  }

  #remember(location: PackLocation): void {
    for (const map of [this.#locations, this.#manifests]) map.delete(location.id)
    this.#locations.set(location.id, location)
    this.#manifests.set(location.id, location.manifestBytes)
    for (const map of [this.#locations, this.#manifests]) {
      const [oldest] = map.size > LOCATIONS_MAX ? map.keys() : []
      if (oldest !== undefined) map.delete(oldest)
    }
  }
}
