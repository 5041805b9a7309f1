/**
 * Local network: members of the grid in the same home find each other by mDNS, whatever the roster says.
 *
 * The service's name is a hash of the grid's, so nobody learns the grid from it. What is heard is believed of
 * members only, tried before other addresses, and told to nobody: it is wrong in every other home.
 */

import { createHash } from 'node:crypto'

import type { PeerDiscovery, PeerInfo, Startable } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'

import { orAbort } from '../base/abort.ts'
import type { PeerId } from '../ports/network.ts'
import { toPeerId, type NodeParts } from './libp2p-node.ts'

/** How often members ask who else is there, ms: a packet each. */
const QUERY_INTERVAL_MS = 30_000

/** What was heard is tried first for this long, ms: a home's addresses change with its router. */
const HEARD_MS_MAX = 600_000

/** A home answers within this, ms. */
const ANSWER_MS_MAX = 700

/** Members that are remembered: a large grid, all in one home. */
const HEARD_MAX = 256

interface Heard {
  readonly addresses: readonly Multiaddr[]
  readonly at: number
}

/** libp2p's mDNS, which says less of itself than it does. */
type Discovery = PeerDiscovery & Startable

export interface LanOptions {
  /** Of the grid: what all members know and nobody else need know. */
  readonly grid: string
  /** Whether others may find us; a program that only dials has nothing to tell. */
  readonly isHeard: boolean
  readonly isMember: (peer: PeerId) => boolean
}

export class Lan {
  readonly #parts: NodeParts
  readonly #options: LanOptions
  readonly #heard = new Map<PeerId, Heard>()
  #discovery: Promise<Discovery> | undefined
  #listeners: (() => void)[] = []

  constructor(parts: NodeParts, options: LanOptions) {
    this.#parts = parts
    this.#options = options
  }

  /** Ask who is there, now and then. A network that cannot carry it is like one where nobody is. */
  start(): Promise<unknown> {
    this.#discovery ??= this.#open()
    return this.#discovery
  }

  async stop(): Promise<void> {
    const discovery = await this.#discovery?.catch(() => undefined)
    this.#discovery = undefined
    await discovery?.stop()
  }

  /** @returns where the peer was heard of lately */
  addressesOf(peer: PeerId): readonly Multiaddr[] {
    const heard = this.#heard.get(peer)
    return heard === undefined || Date.now() - heard.at > HEARD_MS_MAX ? [] : heard.addresses
  }

  /** @returns where the peer is, if it answers in a moment */
  async find(peer: PeerId, signal: AbortSignal): Promise<readonly Multiaddr[]> {
    const end = performance.now() + ANSWER_MS_MAX
    await this.start()
    for (;;) {
      const known = this.addressesOf(peer)
      const rest = end - performance.now()
      if (known.length > 0 || rest <= 0) return known
      await orAbort(this.#news(rest), signal)
    }
  }

  async #open(): Promise<Discovery> {
    // Loaded only where it is used: it takes longer than most commands do.
    const { mdns } = await import('@libp2p/mdns')
    const { grid, isHeard } = this.#options
    const name = createHash('sha256').update(`cairn mdns ${grid}`).digest('hex').slice(0, 16)
    const found = mdns({
      serviceTag: `_cairn-${name}._udp.local`,
      interval: QUERY_INTERVAL_MS,
      broadcast: isHeard,
    })(this.#parts)
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- it is, and libp2p starts it by that
    const discovery = found as Discovery
    discovery.addEventListener('peer', ({ detail }) => this.#hear(detail))
    await discovery.start()
    return discovery
  }

  #hear({ id, multiaddrs }: PeerInfo): void {
    const peer = toPeerId(id)
    const isKnown = this.#heard.has(peer)
    if (!this.#options.isMember(peer) || (!isKnown && this.#heard.size >= HEARD_MAX)) return
    this.#heard.set(peer, {
      addresses: multiaddrs.map((address) => address.encapsulate(`/p2p/${peer}`)).slice(0, 16),
      at: Date.now(),
    })
    for (const wake of this.#listeners.splice(0)) wake()
  }

  #news(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        clearTimeout(timer)
        resolve()
      }
      const timer = setTimeout(wake, ms)
      this.#listeners.push(wake)
    })
  }
}
