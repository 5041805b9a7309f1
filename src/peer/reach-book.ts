/**
 * Reach book: what a peer knows of its own connections, and who may ask it to dial back.
 *
 * Members ask for it to find out who can reach whom. Nothing in it is a secret among them: the roster has
 * everybody's addresses.
 */

import { LINK_AGE_MAX, LINKS_MAX, RELAYS_MAX } from '../../protocol/message-limits.ts'
import type { ResponseOf } from '../../protocol/messages.ts'
import { publicKeyOf } from '../../protocol/peer-id.ts'
import { linkSignals } from '../base/abort.ts'
import { withDeadline } from '../base/deadline.ts'
import { PeerTimeoutError } from '../base/errors.ts'
import { relayIn } from '../grid/relayed.ts'
import type { Clock } from '../ports/clock.ts'
import type { Link, Network, PeerId } from '../ports/network.ts'

/** All addresses of one member are tried within this, ms; it waits as long as for any small question. */
const DIAL_BACK_MS_MAX = 12_000

/** A member is dialled back this often at most, ms: it asks when it starts and when it moved. */
const DIAL_BACK_EVERY_MS = 2_000

/** Members dialled back at a time. */
const DIAL_BACKS_MAX = 4

export type Verdict = ResponseOf<'reach'>['verdict']

interface Seen {
  readonly link: Link
  /** Monotonic ms. */
  readonly at: number
}

export class ReachBook {
  readonly #network: Network
  readonly #clock: Clock
  readonly #seen = new Map<PeerId, Seen>()
  readonly #dialledAt = new Map<PeerId, number>()
  #dialBacks = 0
  verdict: Verdict = 'unknown'

  constructor(parts: { readonly network: Network; readonly clock: Clock }) {
    this.#network = parts.network
    this.#clock = parts.clock
  }

  /** Note who is connected now. */
  look(): void {
    const at = this.#clock.monotonic()
    // The best way last, so that it stays: a relayed connection may be left beside a direct one.
    const links = this.#network.links().toSorted((a, b) => rank(a) - rank(b))
    for (const link of links) {
      this.#seen.delete(link.peer)
      this.#seen.set(link.peer, { link, at })
    }
    for (const [peer, seen] of this.#seen) {
      const isOld = at - seen.at > LINK_AGE_MAX * 1000
      if (isOld || this.#seen.size > LINKS_MAX) this.#seen.delete(peer)
    }
  }

  /** What to tell a member. */
  tell(isMember: (peer: PeerId) => boolean): ResponseOf<'reach'> {
    this.look()
    const now = this.#clock.monotonic()
    const links = [...this.#seen]
      .filter(([peer]) => isMember(peer))
      .map(([peer, { link, at }]) => ({
        peer: publicKeyOf(peer),
        way: link.way,
        ...(link.relay === undefined ? {} : { relay: publicKeyOf(link.relay) }),
        inbound: link.isInbound,
        age: Math.floor((now - at) / 1000),
      }))
    const relays = this.#network.addresses().flatMap((address) => relayIn(address) ?? [])
    return {
      type: 'reach',
      verdict: this.verdict,
      relays: relays.slice(0, RELAYS_MAX).map(publicKeyOf),
      links,
    }
  }

  /**
   * Dial a member at addresses it names, to see whether they lead to it.
   *
   * Whoever comes from outside is dialled outside only: nobody may have our home's machines knocked at.
   *
   * @returns the address that did, if one did; `busy` if it asks too often, or too many do
   */
  async dialBack(
    peer: PeerId,
    addresses: readonly string[],
    signal: AbortSignal,
  ): Promise<{ readonly address?: string } | 'busy'> {
    const now = this.#clock.monotonic()
    const last = this.#dialledAt.get(peer) ?? -Infinity
    if (now - last < DIAL_BACK_EVERY_MS || this.#dialBacks >= DIAL_BACKS_MAX) return 'busy'
    this.#dialledAt.set(peer, now)
    const isNear = this.#network.links().some((link) => link.peer === peer && link.way === 'local')
    const places = addresses.filter((address) => isNear || !isHome(address))
    this.#dialBacks += 1
    const link = linkSignals(signal)
    try {
      const address = await withDeadline(
        this.#clock,
        DIAL_BACK_MS_MAX,
        link.signal,
        (within) => this.#network.probe(peer, places, within),
        () => new PeerTimeoutError(`${peer}: not reached in time`),
      )
      return address === undefined ? {} : { address }
    } catch (error) {
      if (!(error instanceof PeerTimeoutError)) throw error
      return {}
    } finally {
      link.release()
      this.#dialBacks -= 1
    }
  }
}

/** IPv4 that means something in one home or machine only, or is no one peer's. */
const HOME4 =
  /^(0|127|10|192\.168|169\.254|172\.(1[6-9]|2\d|3[01])|100\.(6[4-9]|[7-9]\d|1[01]\d|12[0-7])|22[4-9]|2[3-5]\d)\./

/** As systems read it in one way only: without zeros in front. */
const PLAIN4 = /^(0|[1-9]\d{0,2})(\.(0|[1-9]\d{0,2})){3}$/

/** IPv6 of everybody's internet, which has one way to begin; 2002 may lead to any IPv4. */
const OUTSIDE6 = /^(?!2002:)[23][\da-f]{3}:/i

/** Whether only machines of the same home, or the same machine, can mean anything by this address. */
export function isHome(address: string): boolean {
  const [, family, host = ''] = address.split('/')
  if (family === 'ip4') return !PLAIN4.test(host) || HOME4.test(host)
  if (family === 'ip6') return !OUTSIDE6.test(host)
  return family === 'ip6zone'
}

function rank({ way }: Link): number {
  return way === 'relay' ? 0 : 1
}
