/**
 * Spreader: sees to it that what one peer knows of the grid, all soon know.
 *
 * Three ways, each for what the others miss:
 *
 * - what a peer says itself goes to every peer at once;
 * - what it hears and did not know it passes on after a moment, to one peer after another in random
 *   order, until a few of them knew it already; a word costs each peer a handful of small messages;
 * - now and then it exchanges the whole roster with everybody, as at start: sooner while somebody was
 *   missed.
 *
 * Times: docs/peer.md, "Roster and gossip"
 */

import { toHex } from '../../protocol/bytes.ts'
import type { SigningKey } from '../../protocol/keys.ts'
import { fitting, STATEMENTS_MAX } from '../../protocol/messages.ts'
import { openStatement, signStatement, type GridId, type Statement } from '../../protocol/roster.ts'
import type { VaultId } from '../../protocol/ids.ts'
import { linkSignals, orAbort, type LinkedAbort } from '../base/abort.ts'
import { withDeadline } from '../base/deadline.ts'
import { CairnError } from '../base/errors.ts'
import { delayMs, type RetryPlan } from '../base/retry.ts'
import { shuffled } from '../base/shuffle.ts'
import { Grid, type GridParts } from '../grid/grid.ts'
import type { RosterBook } from '../grid/roster-book.ts'
import { tellPeers } from '../grid/tell.ts'
import type { Clock } from '../ports/clock.ts'
import type { Log } from '../ports/log.ts'
import type { Network, PeerId } from '../ports/network.ts'
import type { Random } from '../ports/random.ts'

/** While somebody was not reached: after a minute, then less and less often. */
const GOSSIP: RetryPlan = { triesMax: Infinity, delayMsMin: 60_000, delayMsMax: 3_600_000 }

/** News wait so long for more before they are passed on, ms: half of it to all of it, by chance. */
const PASS_ON: RetryPlan = { triesMax: Infinity, delayMsMin: 2_000, delayMsMax: 2_000 }

/** Telling everybody ends after this, ms: who has not answered by then is not there. */
const SAY_MS_MAX = 10_000

/** Once so many peers knew the news already, most do: passing on ends. */
const KNEW_ENOUGH = 3

export interface SpreaderParts {
  readonly network: Network
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  readonly roster: RosterBook
  /** Told of who answered whenever everybody was asked. */
  readonly onLook?: NonNullable<GridParts['onLook']>
}

export interface SpreaderOptions {
  /** The peer's own; signs what it says of itself. */
  readonly key: SigningKey
  readonly grid: GridId
  readonly domain?: string
  readonly vault?: VaultId
}

/** Whom a word reached. */
export interface Told {
  readonly told: readonly PeerId[]
  readonly missed: readonly PeerId[]
}

export class Spreader {
  readonly #parts: SpreaderParts
  readonly #options: SpreaderOptions
  readonly #grid: Grid
  /** Heard, and not passed on yet. */
  readonly #news: Uint8Array[] = []
  /** Hex of statements that everybody is told by ourselves. */
  readonly #own = new Set<string>()
  #heard = Promise.withResolvers<void>()
  #rest: LinkedAbort | undefined

  constructor(parts: SpreaderParts, options: SpreaderOptions) {
    this.#parts = parts
    this.#options = options
    this.#grid = new Grid(parts)
    parts.roster.onNews((statements) => this.#hear(statements))
  }

  get grid(): Grid {
    return this.#grid
  }

  /**
   * Tell everybody something now. It is kept first.
   *
   * @throws {DiskError} it could not be kept; nobody was told
   */
  async say(statements: readonly Uint8Array[], signal: AbortSignal): Promise<Told> {
    const { clock, log } = this.#parts
    // Whom it is about is not there yet, or not any more.
    const except = new Set(statements.map((bytes) => openStatement(bytes).subject))
    await this.#mergeOwn(statements)
    const peers = this.#otherPeers().filter((peer) => !except.has(peer))
    const told: PeerId[] = []
    const telling = withDeadline(clock, SAY_MS_MAX, signal, async (within) => {
      const sessions = this.#grid.sessions(peers)
      for (const session of sessions) session.forgive()
      await tellPeers(sessions, statements, within, (peer) => told.push(peer))
    })
    await telling.catch((error: unknown) => {
      if (signal.aborted || !(error instanceof CairnError)) throw error
    })
    const missed = peers.filter((peer) => !told.includes(peer))
    log.info('news told', { told: told.length, missed: missed.length })
    // Who was missed is asked again in a minute, and not in an hour.
    if (missed.length > 0) this.#rest?.abort(new Error('somebody was missed'))
    return { told, missed }
  }

  /**
   * Tell everybody where this peer is now. What cannot be kept or told is for the next gossip.
   *
   * @throws the signal's reason, unchanged
   */
  async sayWhere(addresses: readonly string[], signal: AbortSignal): Promise<void> {
    const { network, roster, log } = this.#parts
    const subject = network.self
    const issuedAt = roster.newsTime('addresses', subject)
    try {
      await this.say([this.sign({ type: 'addresses', subject, issuedAt, addresses })], signal)
    } catch (error) {
      if (signal.aborted || !(error instanceof CairnError)) throw error
      log.error('addresses not told', { error: error.name, why: error.message })
    }
  }

  /** Sign something that this peer says of itself, or of others. */
  sign(statement: Omit<Statement, 'version' | 'grid' | 'issuer'>): Uint8Array {
    const { key, grid } = this.#options
    return signStatement({ version: 1, grid, issuer: this.#parts.network.self, ...statement }, key)
  }

  /**
   * Pass on what is heard, until the signal aborts.
   *
   * @throws the signal's reason, unchanged
   */
  async passOn(signal: AbortSignal): Promise<never> {
    const { clock, random } = this.#parts
    for (;;) {
      await orAbort(this.#heard.promise, signal)
      await clock.sleep(delayMs(random, PASS_ON, 1), signal)
      this.#heard = Promise.withResolvers<void>()
      const news = fitting(this.#news.splice(0), (bytes) => bytes.length).slice(0, STATEMENTS_MAX)
      await this.#tellSome(news, signal)
    }
  }

  /**
   * Exchange the whole roster with everybody, now and then, until the signal aborts.
   *
   * @throws the signal's reason, unchanged
   */
  async gossip(signal: AbortSignal): Promise<never> {
    try {
      for (let misses = 0; ;) {
        const isComplete = await this.#gossipOnce(signal)
        misses = isComplete ? 0 : misses + 1
        const isWoken = await this.#sleep(misses === 0 ? Infinity : misses, signal)
        if (isWoken) misses = 0
      }
    } finally {
      this.#grid.close()
    }
  }

  /** @returns whether somebody was missed meanwhile: then only a minute passed */
  async #sleep(tries: number, signal: AbortSignal): Promise<boolean> {
    const { clock, random } = this.#parts
    const rest = linkSignals(signal)
    this.#rest = rest
    try {
      await clock.sleep(delayMs(random, GOSSIP, tries), rest.signal)
      return false
    } catch (error) {
      if (signal.aborted || !rest.signal.aborted) throw error
      await clock.sleep(delayMs(random, GOSSIP, 1), signal)
      return true
    } finally {
      rest.release()
      this.#rest = undefined
    }
  }

  /** As any merge, but what we tell everybody ourselves is not passed on beside. */
  async #mergeOwn(statements: readonly Uint8Array[]): Promise<void> {
    const names = statements.map(toHex)
    for (const name of names) this.#own.add(name)
    try {
      await this.#parts.roster.merge(statements)
    } finally {
      for (const name of names) this.#own.delete(name)
    }
  }

  #hear(statements: readonly Uint8Array[]): void {
    const foreign = statements.filter((bytes) => !this.#own.has(toHex(bytes)))
    if (foreign.length === 0) return
    this.#news.push(...foreign)
    this.#heard.resolve()
  }

  async #tellSome(news: readonly Uint8Array[], signal: AbortSignal): Promise<void> {
    let [told, knew] = [0, 0]
    for (const peer of shuffled(this.#parts.random, this.#otherPeers())) {
      const { answers } = await tellPeers(this.#grid.sessions([peer]), news, signal)
      told += answers.length
      knew += answers.filter(({ answer }) => answer === 0).length
      if (knew >= KNEW_ENOUGH) break
    }
    this.#parts.log.debug('news passed on', { news: news.length, told, knew })
  }

  /** @returns whether everybody was reached; trouble of any kind is for the next time */
  async #gossipOnce(signal: AbortSignal): Promise<boolean> {
    const { log } = this.#parts
    try {
      await this.#mergeOwn(this.#aboutSelf())
      const { news, answered, failures } = await this.#grid.syncRoster(signal)
      // Others may know what this peer said last and has forgotten since, and that may be wrong by now.
      const amends = this.#aboutSelf()
      if (amends.length > 0) await this.say(amends, signal)
      log.debug('gossip', { news, answered: answered.length, missed: failures.length })
      return failures.length === 0
    } catch (error) {
      if (signal.aborted || !(error instanceof CairnError)) throw error
      log.error('gossip failed', { error: error.name, why: error.message })
      return false
    }
  }

  /** What this peer has to say of itself, where the roster says otherwise: its addresses, its domain, its vault. */
  #aboutSelf(): Uint8Array[] {
    const { network, roster } = this.#parts
    const { domain, vault } = this.#options
    const subject = network.self
    const addresses = network.addresses()
    const member = roster.member(subject)
    const statements: Uint8Array[] = []
    if (addresses.join(' ') !== member?.addresses.join(' ')) {
      const issuedAt = roster.newsTime('addresses', subject)
      statements.push(this.sign({ type: 'addresses', subject, issuedAt, addresses }))
    }
    const isOther =
      (domain !== undefined && member?.domain !== domain) ||
      (vault !== undefined && member?.vault !== vault)
    if (isOther && member?.role === 'peer') {
      const lent = {
        ...(domain === undefined ? {} : { domain }),
        ...(vault === undefined ? {} : { vault }),
      }
      const issuedAt = roster.issueTime(subject)
      statements.push(this.sign({ type: 'admit', role: 'peer', subject, issuedAt, ...lent }))
    }
    return statements
  }

  #otherPeers(): PeerId[] {
    const { roster, network } = this.#parts
    return roster.storagePeers().flatMap(({ peer }) => (peer === network.self ? [] : [peer]))
  }
}
