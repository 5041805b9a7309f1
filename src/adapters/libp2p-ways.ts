/**
 * Ways: how a node reaches others and is reached. Directly, in the local network, through a router that
 * was asked, or through a friend.
 *
 * A direct connection is preferred whenever there is one: while a peer is reached through a relay, direct
 * ways are tried again now and then, and new streams take them. What only those need who are dialled
 * (relay, router, mDNS) is loaded only there.
 */

import { networkInterfaces } from 'node:os'

import type { Connection } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'

import { PeerUnreachableError } from '../base/errors.ts'
import type { PeerId } from '../ports/network.ts'
import { targetsOf, type Targets } from './libp2p-addresses.ts'
import { Circuit } from './libp2p-circuit.ts'
import { Dialer } from './libp2p-dialer.ts'
import type { Lan } from './libp2p-lan.ts'
import { toPeerId, type NetworkOptions, type Node } from './libp2p-node.ts'
import type { RouterMapping } from './router-mapping.ts'

/** How often a direct way is looked for while there is only a relayed one, ms. */
const DIRECT_AGAIN_MS = 60_000

/** How often the machine's own addresses are looked at, ms. */
const ADDRESSES_AGAIN_MS = 3_000

/** A relayed connection that nobody used for this long gives its place to others, ms. */
const RELAYED_IDLE_MS = 300_000

/**
 * A place at a relay is asked for again this often, ms: routers forget connections that are silent for a
 * minute or more, and of one whose other end has moved nobody tells us.
 */
const RENEW_MS = 20_000

/** A relay answers within this, ms, where the connection carries nothing else. */
const RENEW_MS_MAX = 8_000

interface Reservation {
  readonly connection: Connection
  readonly timer: NodeJS.Timeout
}

export interface WaysParts {
  readonly node: Node
  readonly options: NetworkOptions
  readonly isAdmitted: (peer: PeerId) => boolean
}

export class Ways {
  readonly #node: Node
  readonly #options: NetworkOptions
  readonly #isAdmitted: (peer: PeerId) => boolean
  readonly #circuit: Circuit
  readonly #dialer: Dialer
  readonly #reservations = new Map<PeerId, Reservation>()
  readonly #usedAt = new WeakMap<Connection, number>()
  readonly #triedAt = new Map<PeerId, number>()
  readonly #listeners = new Set<() => void>()
  #lan: Lan | undefined
  /** Whether others in the home can reach us. */
  #isHome = false
  #mapping: RouterMapping | undefined
  #idleTimer: NodeJS.Timeout | undefined
  #addressTimer: NodeJS.Timeout | undefined
  #addresses = ''
  #isClosed = false

  constructor({ node, options, isAdmitted }: WaysParts) {
    this.#node = node
    this.#options = options
    this.#isAdmitted = isAdmitted
    this.#circuit = new Circuit(node.parts)
    this.#dialer = new Dialer({
      ...node.parts,
      nearby: async (peer, signal) => (await this.#nearby(peer, signal)) ?? [],
      through: (relay, known, peer, signal) => this.#through(relay, known, peer, signal),
    })
  }

  /** @param listening - multiaddrs that we listen at */
  async start(listening: readonly string[]): Promise<void> {
    this.#addressTimer = setInterval(() => this.#look(), ADDRESSES_AGAIN_MS)
    this.#addressTimer.unref()
    if (listening.length === 0) return
    this.#isHome = !listening.every(isLoopback)
    if (this.#options.isRelay === true) {
      const { Relay } = await import('./libp2p-relay.ts')
      await new Relay({ ...this.#node.parts, isAdmitted: this.#isAdmitted }).start()
    }
    const port = listening.filter((address) => !isLoopback(address)).flatMap(portOf)[0]
    if (this.#options.isMapping === true && port !== undefined) {
      const { RouterMapping: Mapping } = await import('./router-mapping.ts')
      this.#mapping = new Mapping(port, () => this.#tellChange())
      this.#mapping.start()
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true
    this.#dialer.close()
    clearInterval(this.#idleTimer)
    clearInterval(this.#addressTimer)
    for (const relay of this.#reservations.keys()) this.unreserve(relay)
    await Promise.all([this.#lan?.stop(), this.#mapping?.stop()])
  }

  /** Connections that are open, direct ones first. */
  connectionsOf(peer: PeerId): Connection[] {
    const all = this.#node.libp2p.getConnections()
    const ours = all.filter(({ remotePeer }) => toPeerId(remotePeer) === peer)
    return ours.toSorted((a, b) => Number(b.direct) - Number(a.direct))
  }

  /** The connection was chosen for a stream: see whether there is a better one. */
  used(connection: Connection, addresses: readonly string[]): void {
    this.#usedAt.set(connection, Date.now())
    const peer = toPeerId(connection.remotePeer)
    if (connection.direct) return this.#dropIdle(peer, 0)
    this.#watchIdle()
    const { direct } = this.#targets(addresses, peer)
    const now = Date.now()
    if (direct.length === 0 || now - (this.#triedAt.get(peer) ?? 0) < DIRECT_AGAIN_MS) return
    this.#triedAt.set(peer, now)
    this.#dialer
      .direct(direct, AbortSignal.timeout(DIRECT_AGAIN_MS))
      .then(() => this.#dropIdle(peer, 0))
      .catch(() => undefined)
  }

  /** @throws {PeerUnreachableError} */
  async connect(
    peer: PeerId,
    addresses: readonly string[],
    signal: AbortSignal,
  ): Promise<Connection> {
    return await this.#dialer.connect(peer, this.#targets(addresses, peer), signal)
  }

  async probe(
    peer: PeerId,
    addresses: readonly string[],
    signal: AbortSignal,
  ): Promise<string | undefined> {
    try {
      const connection = await this.#dialer.direct(targetsOf(addresses, peer).direct, signal)
      const { remoteAddr } = connection
      await connection.close({ signal })
      return remoteAddr.toString()
    } catch {
      signal.throwIfAborted()
      return undefined
    }
  }

  /** @throws {PeerUnreachableError} */
  async reserve(relay: PeerId, addresses: readonly string[], signal: AbortSignal): Promise<void> {
    const { direct } = targetsOf(addresses, relay)
    const connection = await this.#directTo(relay, direct, signal)
    await this.#circuit.answer(this.#isAdmitted)
    await this.#reserveOn(relay, connection, signal)
    connection.addEventListener('close', () => this.#forget(relay, connection), { once: true })
  }

  unreserve(relay: PeerId): void {
    clearInterval(this.#reservations.get(relay)?.timer)
    if (this.#reservations.delete(relay)) this.#tellChange()
  }

  /** Call `listener` whenever others may reach us elsewhere. @returns ends that */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** Friends who lead others to us. */
  relays(): PeerId[] {
    return [...this.#reservations.keys()]
  }

  /** Addresses that the router leads to us. */
  mapped(): readonly string[] {
    return this.#mapping?.addresses() ?? []
  }

  async discover(grid: string, isMember: (peer: PeerId) => boolean): Promise<void> {
    if (this.#options.isNearby === false) return
    const { Lan: LocalNetwork } = await import('./libp2p-lan.ts')
    if (this.#isClosed || this.#lan !== undefined) return
    const isHeard = this.#isHome
    this.#lan = new LocalNetwork(this.#node.parts, { grid, isHeard, isMember })
    // Who only dials asks when it needs to.
    if (isHeard) await this.#lan.start()
  }

  /** @returns what to say of a stream that broke on this connection; nothing for a direct one */
  explain(connection: Connection): string | undefined {
    return this.#circuit.explain(connection)
  }

  #targets(addresses: readonly string[], peer: PeerId): Targets {
    const { direct, ...rest } = targetsOf(addresses, peer)
    const heard = this.#lan?.addressesOf(peer) ?? []
    const all = new Map([...heard, ...direct].map((address) => [address.toString(), address]))
    return { ...rest, direct: [...all.values()] }
  }

  async #nearby(peer: PeerId, signal: AbortSignal): Promise<readonly Multiaddr[] | undefined> {
    return await this.#lan?.find(peer, signal)
  }

  async #through(
    relay: PeerId,
    known: readonly Multiaddr[],
    peer: PeerId,
    signal: AbortSignal,
  ): Promise<Connection> {
    if (relay === toPeerId(this.#node.libp2p.peerId)) {
      throw new PeerUnreachableError(`${peer}: is led to by us, and is not connected`)
    }
    const connection = await this.#directTo(relay, known, signal)
    return await this.#circuit.dial(connection, peer, signal)
  }

  async #directTo(
    peer: PeerId,
    direct: readonly Multiaddr[],
    signal: AbortSignal,
  ): Promise<Connection> {
    const open = this.connectionsOf(peer).find((one) => one.direct && one.status === 'open')
    if (open !== undefined) return open
    const heard = this.#lan?.addressesOf(peer) ?? []
    const targets = { direct: [...heard, ...direct], mayBeNear: false, relays: new Map() }
    return await this.#dialer.connect(peer, targets, signal)
  }

  async #reserveOn(relay: PeerId, connection: Connection, signal: AbortSignal): Promise<void> {
    await this.#circuit.reserve(connection, signal)
    if (this.#isClosed || connection.status !== 'open') return
    this.unreserve(relay)
    const timer = setInterval(() => void this.#renew(relay, connection), RENEW_MS)
    timer.unref()
    this.#reservations.set(relay, { connection, timer })
    this.#tellChange()
  }

  /** A connection that carries something shows by itself whether it is alive. */
  async #renew(relay: PeerId, connection: Connection): Promise<void> {
    if (connection.streams.length > 0) return
    try {
      await this.#circuit.reserve(connection, AbortSignal.timeout(RENEW_MS_MAX))
    } catch {
      this.#forget(relay, connection)
      connection.abort(new Error('the relay does not answer'))
    }
  }

  /** The system tells nobody that the machine has moved; it is asked. */
  #look(): void {
    const infos = Object.values(networkInterfaces()).flatMap((one) => one ?? [])
    const addresses = new Set(infos.map(({ address }) => address))
    const known = [...addresses].join(' ')
    if (known === this.#addresses) return
    this.#addresses = known
    this.#node.sockets.endStale(addresses)
    this.#tellChange()
  }

  #tellChange(): void {
    for (const tell of this.#listeners) tell()
  }

  #forget(relay: PeerId, connection: Connection): void {
    if (this.#reservations.get(relay)?.connection === connection) this.unreserve(relay)
  }

  #watchIdle(): void {
    this.#idleTimer ??= setInterval(() => {
      for (const peer of new Set(this.#node.libp2p.getPeers().map(toPeerId))) {
        this.#dropIdle(peer, RELAYED_IDLE_MS)
      }
    }, RELAYED_IDLE_MS / 5)
    this.#idleTimer.unref()
  }

  /** Close relayed connections that we made and that nothing goes over, since so long. */
  #dropIdle(peer: PeerId, idleMs: number): void {
    for (const connection of this.connectionsOf(peer)) {
      const isIdle = connection.streams.length === 0
      const usedAt = this.#usedAt.get(connection)
      if (connection.direct || !isIdle || usedAt === undefined) continue
      if (Date.now() - usedAt >= idleMs) void connection.close().catch(() => undefined)
    }
  }
}

function isLoopback(address: string): boolean {
  return /^\/(ip4\/127\.|ip6\/::1\/)/.test(address)
}

/** @returns the TCP port that an IPv4 multiaddr names */
function portOf(address: string): number[] {
  const port = /^\/ip4\/[\d.]+\/tcp\/(\d+)/.exec(address)?.[1]
  return port === undefined ? [] : [Number(port)]
}
