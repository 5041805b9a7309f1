/** SimNetwork: one program's Network over the simulated internet. */

import { reasonOf } from '../src/base/abort.ts'
import { PeerUnreachableError, ProtocolNotServedError } from '../src/base/errors.ts'
import type { ByteStream, Link, Network, PeerId } from '../src/ports/network.ts'
import { NOT_SERVED, type Connection } from './connection.ts'
import type { Internet, Station } from './internet.ts'
import type { Life } from './life.ts'
import type { SimRandom } from './random.ts'
import type { StreamEnd } from './stream.ts'

export interface SimNetworkParts {
  readonly internet: Internet
  readonly host: string
  readonly self: PeerId
  readonly life: Life
  readonly random: SimRandom
  /** Multiaddr without `/p2p/…` where others reach this program; nobody can, where it is absent. */
  readonly address?: string | undefined
}

/** How long nobody answers before a dial gives an address up, ms. */
const DIAL_MS = { min: 4_000, max: 10_000 } as const

/** The other side's gate is closed to us. */
const HUNG_UP = 'hung up on us'

export class SimNetwork implements Network, Station {
  readonly self: PeerId
  readonly host: string
  readonly life: Life
  readonly #internet: Internet
  readonly #random: SimRandom
  #address: string | undefined
  readonly #handlers = new Map<string, (stream: ByteStream) => Promise<void>>()
  readonly #connections = new Map<PeerId, Connection[]>()
  /** Friends who lead others to us, and over which connection. */
  readonly #relays = new Map<PeerId, Connection>()
  /** Whom we lead others to. */
  readonly #places = new Map<PeerId, Station>()
  readonly #onChange = new Set<() => void>()
  #isAdmitted: (peer: PeerId) => boolean = () => false
  #isClosed = false

  constructor(parts: SimNetworkParts) {
    this.self = parts.self
    this.host = parts.host
    this.life = parts.life
    this.#internet = parts.internet
    this.#random = parts.random
    this.#address = parts.address
    if (this.#address !== undefined) this.#internet.listen(this.#address, this)
  }

  addresses(): readonly string[] {
    const direct = this.#address === undefined ? [] : [`${this.#address}/p2p/${this.self}`]
    const relayed = [...this.#relays.keys()].map(
      (one) => `/p2p/${one}/p2p-circuit/p2p/${this.self}`,
    )
    return [...direct, ...relayed]
  }

  async changed(known: readonly string[], signal: AbortSignal): Promise<void> {
    while (this.addresses().join(' ') === known.join(' ')) {
      const woken = Promise.withResolvers<void>()
      this.#onChange.add(woken.resolve)
      try {
        await this.#unlessAborted(signal, woken.promise, () => undefined)
      } finally {
        this.#onChange.delete(woken.resolve)
      }
    }
  }

  links(): readonly Link[] {
    return [...this.#connections].flatMap(([peer, connections]) =>
      connections.map((connection): Link => {
        const { via, sides } = connection
        const isInbound = sides[1] === this
        const way = via === undefined ? 'local' : 'relay'
        const address = connection.other(this).host
        return { peer, way, isInbound, address, ...(via === undefined ? {} : { relay: via.self }) }
      }),
    )
  }

  async probe(
    peer: PeerId,
    addresses: readonly string[],
    signal: AbortSignal,
  ): Promise<string | undefined> {
    for (const address of addresses) {
      signal.throwIfAborted()
      if (typeof (await this.#meet(peer, address)) !== 'string') return address
    }
    signal.throwIfAborted()
    return undefined
  }

  async reserve(relay: PeerId, addresses: readonly string[], signal: AbortSignal): Promise<void> {
    const connection = await this.#directTo(relay, addresses, signal)
    const station = connection.other(this)
    if (!station.lead(this)) throw new PeerUnreachableError(`${relay}: does not lead to us`)
    this.#relays.set(relay, connection)
    this.#tellChange()
  }

  unreserve(relay: PeerId): void {
    if (this.#relays.delete(relay)) this.#tellChange()
  }

  /** The machine is elsewhere now: what it was connected with it knows nothing of any more. */
  moveTo(address: string): void {
    if (this.#address === undefined || this.#isClosed) return
    this.#internet.leave(this, 'elsewhere')
    this.#address = address
    this.#internet.listen(address, this)
    this.#tellChange()
  }

  /** The simulated internet has no homes. */
  discover(): void {
    this.#tellChange()
  }

  async dial(
    peer: PeerId,
    protocol: string,
    addresses: readonly string[],
    signal: AbortSignal,
  ): Promise<ByteStream> {
    const dial = this.#dial(peer, protocol, addresses, signal)
    return await this.#unlessAborted(signal, dial, (stream) => stream.reset())
  }

  async serve(protocol: string, handler: (stream: ByteStream) => Promise<void>): Promise<void> {
    await this.life.pass(0)
    if (this.#handlers.has(protocol)) throw new Error(`${protocol} is served already`)
    this.#handlers.set(protocol, handler)
  }

  gate(isAdmitted: (peer: PeerId) => boolean): void {
    this.#isAdmitted = isAdmitted
  }

  async hangUp(peer: PeerId): Promise<void> {
    await this.life.pass(0)
    for (const connection of this.#connections.get(peer) ?? []) connection.close(this)
  }

  /** Nothing more comes of it. */
  get isOver(): boolean {
    return this.#isClosed || this.life.isOver
  }

  async close(): Promise<void> {
    await this.life.pass(0)
    this.#isClosed = true
    this.#internet.leave(this)
  }

  lead(station: Station): boolean {
    if (this.#address === undefined || !this.#isAdmitted(station.self)) return false
    for (const [peer, one] of this.#places) if (one.life.isOver) this.#places.delete(peer)
    const { places } = this.#internet.relayLimits(this.host)
    if (!this.#places.has(station.self) && this.#places.size >= places) return false
    this.#places.set(station.self, station)
    return true
  }

  behind(peer: PeerId): Station | undefined {
    const isConnected = (this.#connections.get(peer) ?? []).some(({ via }) => via === undefined)
    return isConnected ? this.#places.get(peer) : undefined
  }

  admits(peer: PeerId): boolean {
    return this.#isAdmitted(peer)
  }

  accept(protocol: string, stream: StreamEnd): boolean {
    const handler = this.#handlers.get(protocol)
    if (handler === undefined) return false
    handler(stream).catch(() => stream.reset())
    return true
  }

  connected(connection: Connection): void {
    const { self } = connection.other(this)
    this.#connections.set(self, [...(this.#connections.get(self) ?? []), connection])
  }

  disconnected(connection: Connection): void {
    const { self } = connection.other(this)
    const left = (this.#connections.get(self) ?? []).filter((one) => one !== connection)
    if (left.length === 0) this.#connections.delete(self)
    else this.#connections.set(self, left)
    if (this.#relays.get(self) === connection) this.unreserve(self)
  }

  async #dial(
    peer: PeerId,
    protocol: string,
    addresses: readonly string[],
    signal: AbortSignal,
  ): Promise<ByteStream> {
    const known = this.#connections.get(peer)?.[0]
    if (known !== undefined) return await this.#open(known, protocol)
    return await this.#open(await this.#reach(peer, addresses, signal), protocol)
  }

  async #directTo(
    peer: PeerId,
    addresses: readonly string[],
    signal: AbortSignal,
  ): Promise<Connection> {
    const known = this.#connections.get(peer)?.find(({ via }) => via === undefined)
    const direct = addresses.filter((address) => !address.includes('/p2p-circuit'))
    return known ?? (await this.#reach(peer, direct, signal))
  }

  async #reach(
    peer: PeerId,
    addresses: readonly string[],
    signal: AbortSignal,
  ): Promise<Connection> {
    const failures: string[] = []
    for (const address of addresses) {
      signal.throwIfAborted()
      const answer = await this.#connect(peer, address)
      // Somebody may have connected while we were waiting, or the caller may have gone.
      if (signal.aborted) break
      if (typeof answer !== 'string') return answer
      failures.push(answer)
    }
    signal.throwIfAborted()
    const why = failures.length === 0 ? 'no address is known' : failures.join('; ')
    const isTurnedAway = failures.some((failure) => failure.endsWith(HUNG_UP))
    throw new PeerUnreachableError(`${peer}: ${why}`, { isTurnedAway })
  }

  /** @returns the connection, or why there is none */
  async #connect(peer: PeerId, address: string): Promise<Connection | string> {
    const met = await this.#meet(peer, address)
    if (typeof met === 'string') return met
    const { station, via } = met
    return this.#connections.get(peer)?.[0] ?? this.#internet.connect(this, station, via)
  }

  /** @returns who is there, and through whom; or why nobody is */
  async #meet(
    peer: PeerId,
    address: string,
  ): Promise<{ readonly station: Station; readonly via?: Station } | string> {
    if (this.#isClosed) return 'this side is closed'
    const [before = '', behind] = address.split('/p2p-circuit')
    const [place = '', named] = before.split('/p2p/')
    if (behind !== undefined) return await this.#meetBehind(peer, place, address)
    if (named !== undefined && named !== peer) return `${address}: names somebody else`
    const station = this.#internet.stationAt(place)
    if (station === undefined || !this.#internet.canTalk(this.host, station.host)) {
      await this.life.pass(this.#random.between(DIAL_MS.min, DIAL_MS.max))
      return `${address}: nobody answers`
    }
    // One round trip for TCP, one and a half to prove who we are.
    await this.life.pass(5 * this.#internet.latencyMs(this.host, station.host))
    if (station.life.isOver || !this.#internet.canTalk(this.host, station.host)) {
      return `${address}: nobody answers`
    }
    if (station.self !== peer || station.self === this.self) return `${address}: is somebody else`
    const isAdmitted = station.admits(this.self)
    this.#internet.note(this.host, 'net.connect', { to: station.host, isAdmitted })
    return isAdmitted ? { station } : `${address}: ${HUNG_UP}`
  }

  async #meetBehind(
    peer: PeerId,
    place: string,
    address: string,
  ): Promise<{ readonly station: Station; readonly via: Station } | string> {
    const relay = this.#internet.stationAt(place)
    if (relay === undefined) return `${address}: nobody leads there`
    const met = await this.#connect(relay.self, place)
    if (typeof met === 'string') return met
    await this.life.pass(4 * this.#internet.latencyMs(this.host, relay.host))
    const station = relay.behind(peer)
    if (station === undefined || !this.#internet.canTalk(relay.host, station.host)) {
      return `${address}: is not connected to the relay`
    }
    const isAdmitted = station.admits(this.self) && relay.admits(this.self)
    this.#internet.note(this.host, 'net.connect', { to: station.host, isAdmitted, via: relay.host })
    return isAdmitted ? { station, via: relay } : `${address}: ${HUNG_UP}`
  }

  #tellChange(): void {
    for (const tell of this.#onChange) tell()
  }

  #open(connection: Connection, protocol: string): Promise<ByteStream> {
    const { self } = connection.other(this)
    return new Promise((resolve, reject) => {
      connection.open(this, protocol, (stream) => {
        if (this.life.isOver) return
        if (typeof stream !== 'string') resolve(stream)
        else if (stream === NOT_SERVED) reject(new ProtocolNotServedError(`${self}: ${stream}`))
        else reject(new PeerUnreachableError(`${self}: ${stream}`))
      })
    })
  }

  /** The loser is left to run out; what comes too late is dropped. */
  #unlessAborted<T>(signal: AbortSignal, work: Promise<T>, drop: (late: T) => void): Promise<T> {
    return new Promise((resolve, reject) => {
      const onAbort = (): void => {
        if (this.life.isOver) return
        reject(reasonOf(signal))
        work.then(drop, () => undefined)
      }
      if (signal.aborted) return onAbort()
      signal.addEventListener('abort', onAbort, { once: true })
      work
        .then(resolve, reject)
        .finally(() => signal.removeEventListener('abort', onAbort))
        .catch(() => undefined)
    })
  }
}
