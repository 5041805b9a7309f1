/**
 * Reach keeper: finds out whether others can dial this peer, and if they cannot, keeps friends who lead
 * them to it.
 *
 * The only proof is a friend who dials back. Whom no friend outside can dial keeps places at two friends
 * who can be dialled, and tells the grid so; a place that is lost is made up for elsewhere. The grid hears
 * of new addresses at once, so that who was in the middle of something finds the peer again.
 *
 * Why friends, and not libp2p's AutoNAT: docs/adr/0045-reach.md
 */

import { linkSignals } from '../base/abort.ts'
import { CairnError } from '../base/errors.ts'
import { delayMs, type RetryPlan } from '../base/retry.ts'
import { shuffled } from '../base/shuffle.ts'
import { isRelayed, relayIn } from '../grid/relayed.ts'
import type { RosterBook } from '../grid/roster-book.ts'
import { isHome, type ReachBook } from '../peer/reach-book.ts'
import type { Clock } from '../ports/clock.ts'
import type { Log } from '../ports/log.ts'
import type { Network, PeerId } from '../ports/network.ts'
import type { Random } from '../ports/random.ts'

/** Friends asked to dial back: one may sit in the same home, or be behind a wall of its own. */
const FRIENDS_ASKED = 3

/** Friends who lead others to us: when one is switched off the other is there. */
export const RELAYS_KEPT = 2

/** How long a verdict holds, ms: a router's rules change seldom, and a new address is seen at once. */
const OPEN_FOR_MS = 6 * 3_600_000

/** While others cannot dial us, or nobody could say; and for friends who did not take us. */
const AGAIN: RetryPlan = { triesMax: Infinity, delayMsMin: 15_000, delayMsMax: 1_800_000 }

/** While there is nobody to ask, a newcomer is noticed within this, ms. */
const ALONE_MS = 60_000

/** What changed is told after this, ms: routers, interfaces and places change several at a time. */
const SETTLE_MS = 1_000

/** Why a wait ends that another one has overtaken. One for all: to make an error costs more than the wait. */
const OVERTAKEN = new Error('waited long enough')

export interface ReachKeeperParts {
  readonly network: Network
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  readonly roster: RosterBook
  readonly book: ReachBook
  /** Ask a friend to dial us: see {@link Grid.dialBack}. */
  readonly dialBack: (
    peer: PeerId,
    addresses: readonly string[],
    signal: AbortSignal,
  ) => Promise<string | undefined>
  /** Tell the grid where we are. */
  readonly announce: (addresses: readonly string[], signal: AbortSignal) => Promise<void>
}

export interface ReachKeeperOptions {
  /** Whether friends may be asked to lead others to us. */
  readonly mayUseRelays: boolean
}

export class ReachKeeper {
  readonly #parts: ReachKeeperParts
  readonly #options: ReachKeeperOptions
  /** Friends who did not take us lately, and how often in a row. */
  readonly #refusals = new Map<PeerId, { count: number; until: number }>()
  /** Friends outside who could not dial us: those who lead others to us come from among them first. */
  #outside: readonly PeerId[] = []
  #told: readonly string[] = []

  constructor(parts: ReachKeeperParts, options: ReachKeeperOptions) {
    this.#parts = parts
    this.#options = options
  }

  /**
   * Run until the signal aborts.
   *
   * @throws the signal's reason, unchanged
   */
  async run(signal: AbortSignal): Promise<never> {
    const { network, clock, random, book } = this.#parts
    this.#told = network.addresses()
    let checked: { readonly direct: string; readonly dueAt: number } | undefined
    for (let tries = 1; ;) {
      const direct = this.#direct()
      const now = clock.monotonic()
      if (checked?.direct !== direct.join(' ') || now >= checked.dueAt) {
        const isMoved = checked?.direct !== direct.join(' ')
        const isAlone = await this.#check(direct, isMoved, signal)
        const isOpen = book.verdict === 'open'
        tries = isOpen || isMoved || isAlone ? 1 : tries + 1
        const delay = isOpen ? OPEN_FOR_MS : isAlone ? ALONE_MS : delayMs(random, AGAIN, tries)
        checked = { direct: direct.join(' '), dueAt: now + delay }
      }
      await this.#keepRelays(signal)
      await this.#tell(signal)
      await this.#wait(checked.dueAt - clock.monotonic(), signal)
    }
  }

  /** Where we are, but through nobody. */
  #direct(): readonly string[] {
    return this.#parts.network.addresses().filter((address) => !isRelayed(address))
  }

  /**
   * Ask friends to dial back.
   *
   * @param isMoved - what was found before was found elsewhere
   * @returns whether there is nobody to ask
   */
  async #check(direct: readonly string[], isMoved: boolean, signal: AbortSignal): Promise<boolean> {
    const { roster, random, book, log, network } = this.#parts
    const friends = roster.storagePeers().map(({ peer }) => peer)
    const others = shuffled(
      random,
      friends.filter((peer) => peer !== network.self),
    )
    const [outside, said]: [PeerId[], boolean[]] = [[], []]
    for (const peer of others) {
      if (said.length === FRIENDS_ASKED || direct.length === 0) break
      const isDialled = await this.#askOne(peer, direct, signal)
      if (isDialled !== undefined) said.push(isDialled)
      if (isDialled === false) outside.push(peer)
    }
    const before = book.verdict
    if (direct.length === 0 || outside.length > 0) book.verdict = 'closed'
    else if (said.length > 0) book.verdict = 'open'
    else if (isMoved) book.verdict = 'unknown'
    if (said.length > 0) this.#outside = outside
    if (book.verdict !== before) log.info('reach', { verdict: book.verdict, asked: said.length })
    return others.length === 0
  }

  /** @returns whether the friend could dial us; `undefined` if it was not reached or did not try */
  async #askOne(
    peer: PeerId,
    direct: readonly string[],
    signal: AbortSignal,
  ): Promise<boolean | undefined> {
    const { dialBack, log } = this.#parts
    try {
      return (await dialBack(peer, direct, signal)) !== undefined
    } catch (error) {
      if (signal.aborted || !(error instanceof CairnError)) throw error
      log.debug('not dialled back', { peer, error: error.name, why: error.message })
      return undefined
    }
  }

  async #keepRelays(signal: AbortSignal): Promise<void> {
    const { network, book } = this.#parts
    const kept = this.#relays()
    if (book.verdict === 'open') for (const relay of kept) network.unreserve(relay)
    if (book.verdict !== 'closed' || !this.#options.mayUseRelays) return
    let missing = RELAYS_KEPT - kept.size
    for (const relay of this.#candidates(kept)) {
      if (missing <= 0) break
      if (await this.#reserve(relay, signal)) missing -= 1
    }
  }

  #relays(): Set<PeerId> {
    const { network } = this.#parts
    const named = network.addresses().filter(isRelayed)
    return new Set(named.flatMap((address) => relayIn(address) ?? []))
  }

  /** @returns friends whom others can dial, those who are surely outside of our home first */
  #candidates(kept: ReadonlySet<PeerId>): PeerId[] {
    const { roster, network, random, clock } = this.#parts
    const now = clock.monotonic()
    const members = roster.storagePeers().filter(({ peer, addresses }) => {
      // Whom others lead to may be closed to few, and has an address outside then.
      const isOpen = addresses.some((one) => !isRelayed(one) && !isHome(one))
      const isNear = addresses.length > 0 && !addresses.some(isRelayed)
      const isWilling = now >= (this.#refusals.get(peer)?.until ?? 0)
      return peer !== network.self && (isOpen || isNear) && isWilling && !kept.has(peer)
    })
    const rank = ({ peer, addresses }: (typeof members)[number]): number =>
      (addresses.some(isRelayed) ? 0 : 4) +
      (this.#outside.includes(peer) ? 2 : 0) +
      (addresses.every(isHome) ? 0 : 1)
    return shuffled(random, members)
      .toSorted((a, b) => rank(b) - rank(a))
      .map(({ peer }) => peer)
  }

  async #reserve(relay: PeerId, signal: AbortSignal): Promise<boolean> {
    const { network, roster, clock, random, log } = this.#parts
    try {
      await network.reserve(
        relay,
        roster.addresses(relay).filter((one) => !isRelayed(one)),
        signal,
      )
      this.#refusals.delete(relay)
      log.info('a friend leads others to us', { relay })
      return true
    } catch (error) {
      if (signal.aborted || !(error instanceof CairnError)) throw error
      const count = (this.#refusals.get(relay)?.count ?? 0) + 1
      const until = clock.monotonic() + delayMs(random, AGAIN, count)
      this.#refusals.set(relay, { count, until })
      log.debug('no relay', { relay, error: error.name, why: error.message })
      return false
    }
  }

  async #tell(signal: AbortSignal): Promise<void> {
    const now = this.#parts.network.addresses()
    if (now.join(' ') === this.#told.join(' ')) return
    this.#told = now
    await this.#parts.announce(now, signal)
  }

  /** Until it is time to ask again, or our addresses change. */
  async #wait(ms: number, signal: AbortSignal): Promise<void> {
    const { network, clock, book } = this.#parts
    const isMissing = book.verdict === 'closed' && this.#relays().size < RELAYS_KEPT
    const patience = isMissing ? Math.min(ms, AGAIN.delayMsMin) : ms
    const either = linkSignals(signal)
    const woken = network.changed(this.#told, either.signal).then(() => true)
    const slept = clock.sleep(Math.max(0, patience), either.signal).then(() => false)
    for (const one of [woken, slept]) one.catch(() => undefined)
    try {
      if (await Promise.race([woken, slept])) await clock.sleep(SETTLE_MS, signal)
    } finally {
      either.abort(OVERTAKEN)
    }
  }
}
