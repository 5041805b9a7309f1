/**
 * Roster book: the roster in use. Who is there, where, and what fails together; what is learnt is
 * written down before anybody is told of it.
 */

import { toHex } from '../../protocol/bytes.ts'
import type { VaultId } from '../../protocol/ids.ts'
import type { GridId } from '../../protocol/roster.ts'
import { Roster, type Member } from '../../protocol/roster.ts'
import {
  escapeControls,
  fitting,
  STATEMENT_SIZE_MAX,
  STATEMENTS_MAX,
} from '../../protocol/messages.ts'
import { Mutex } from '../base/mutex.ts'
import type { Clock } from '../ports/clock.ts'
import type { PeerId } from '../ports/network.ts'
import type { Candidate } from './place-order.ts'
import { withRelays } from './relayed.ts'

export interface RosterBookParts {
  readonly grid: GridId
  readonly clock: Clock
  /** Statements known from before. */
  readonly statements: readonly Uint8Array[]
  /** Keeps all statements, durably, in place of those kept before. */
  readonly save: (statements: readonly Uint8Array[]) => Promise<void>
}

export class RosterBook {
  readonly #roster: Roster
  readonly #clock: Clock
  readonly #save: RosterBookParts['save']
  readonly #turns = new Mutex()
  #onNews: (statements: readonly Uint8Array[]) => void = () => undefined
  /** Learnt, but not saved yet: a save that failed is made up for by the next. */
  #isUnsaved = false

  constructor(parts: RosterBookParts) {
    this.#roster = new Roster(parts.grid)
    this.#clock = parts.clock
    this.#save = parts.save
    for (const statement of parts.statements) this.#roster.add(statement)
  }

  get grid(): GridId {
    return this.#roster.grid
  }

  /** Whose key names the grid. */
  get founder(): PeerId {
    return this.#roster.founder
  }

  /** @returns everybody, sorted by peer id */
  members(): Member[] {
    return this.#roster.members(this.#clock.now())
  }

  /** @returns members who lend disk, sorted by peer id */
  storagePeers(): Member[] {
    return this.members().filter(({ role }) => role === 'peer')
  }

  member(peer: PeerId): Member | undefined {
    return this.#roster.member(peer, this.#clock.now())
  }

  isAdmitted(peer: PeerId): boolean {
    return this.member(peer) !== undefined
  }

  /** @returns what people call the peer, for a sentence: on one line; its id, where nobody named it */
  nameOf(peer: PeerId): string {
    return escapeControls(this.member(peer)?.name ?? peer)
  }

  /** @returns multiaddrs, the best first; none for a stranger. Whoever leads to the peer is found, too. */
  addresses(peer: PeerId): readonly string[] {
    const addressesOf = (one: PeerId) => this.member(one)?.addresses ?? []
    return withRelays(addressesOf(peer), addressesOf)
  }

  /** @returns what fails together with the peer: itself alone, where nobody said more */
  domain(peer: PeerId): string {
    const domain = this.member(peer)?.domain
    return domain === undefined ? `peer ${peer}` : `domain ${domain}`
  }

  /** Whether a peer shares a home with a member: it is lent by the same vault, or stands where one of those does. */
  isAtHome(peer: PeerId, self: PeerId): boolean {
    const vault = this.member(self)?.vault
    const isOwn = (one: PeerId) =>
      one === self || (vault !== undefined && this.member(one)?.vault === vault)
    const own = this.storagePeers().filter((one) => isOwn(one.peer))
    return isOwn(peer) || own.some((one) => this.domain(one.peer) === this.domain(peer))
  }

  /**
   * Bytes that a vault may keep at each peer, as its devices were admitted.
   *
   * @returns undefined where nobody set a bound; 0 for a vault without a device here
   */
  quota(vault: VaultId): number | undefined {
    const devices = this.#roster
      .members(this.#clock.now())
      .filter((member) => member.role === 'device' && member.vault === vault)
    const quotas = devices.map(({ quota }) => quota ?? Infinity)
    const most = Math.max(0, ...quotas)
    return most === Infinity ? undefined : most
  }

  candidates(): Candidate[] {
    return this.storagePeers().map(({ peer }) => ({ peer, domain: this.domain(peer) }))
  }

  /** @returns 32 bytes: the same for the same statements */
  digest(): Uint8Array {
    return this.#roster.digest()
  }

  statements(): Uint8Array[] {
    return this.#roster.statements()
  }

  /**
   * What to tell somebody in one message.
   *
   * @param known - statements they are known to have
   */
  statementsBeside(known: readonly Uint8Array[]): Uint8Array[] {
    const names = new Set(known.map(toHex))
    const news = this.#roster
      .statements()
      .filter((bytes) => bytes.length <= STATEMENT_SIZE_MAX && !names.has(toHex(bytes)))
    return fitting(news, (bytes) => bytes.length).slice(0, STATEMENTS_MAX)
  }

  /** @returns those that are news, each once; which of them hold is not looked at */
  unknown(statements: readonly Uint8Array[]): Uint8Array[] {
    const each = new Map(statements.map((bytes) => [toHex(bytes), bytes]))
    return [...each.values()].filter((bytes) => !this.#roster.has(bytes))
  }

  /** The time to put into a new statement about a peer, so that it counts. */
  issueTime(subject: PeerId): number {
    return this.#roster.issueTime(subject, this.#clock.now())
  }

  /** The time to put into a member's own news, so that they take the place of those before. */
  newsTime(type: 'addresses' | 'presence', subject: PeerId): number {
    return this.#roster.newsTime(type, subject, this.#clock.now())
  }

  /** Be told of statements that were news and have effect, once they are saved. Only one is told. */
  onNews(tell: (statements: readonly Uint8Array[]) => void): void {
    this.#onNews = tell
  }

  /**
   * Take statements from anywhere. They count once they are saved.
   *
   * @returns how many were news
   * @throws {DiskError} if they cannot be saved; they are known all the same until the program ends
   */
  async merge(statements: readonly Uint8Array[]): Promise<number> {
    const news = statements.filter((bytes) => this.#roster.add(bytes))
    if (news.length > 0) this.#isUnsaved = true
    if (this.#isUnsaved) await this.#turns.run(() => this.#saveAll())
    // What has no effect is not passed on: nobody makes others carry strangers' words.
    const ofUse = news.filter((bytes) => this.#roster.isOfUse(bytes))
    if (ofUse.length > 0) this.#onNews(ofUse)
    return news.length
  }

  async #saveAll(): Promise<void> {
    if (!this.#isUnsaved) return
    this.#isUnsaved = false
    try {
      await this.#save(this.#roster.statements())
    } catch (error) {
      this.#isUnsaved = true
      throw error
    }
  }
}
