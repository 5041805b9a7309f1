/** SimNetwork: one program's Network over the simulated internet. */

import { reasonOf } from '../src/base/abort.ts'
import { PeerUnreachableError, ProtocolNotServedError } from '../src/base/errors.ts'
import type { ByteStream, Network, PeerId } from '../src/ports/network.ts'
import { NOT_SERVED, type Connection, type Internet, type Station } from './internet.ts'
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

export class SimNetwork implements Network, Station {
  readonly self: PeerId
  readonly host: string
  readonly life: Life
  readonly #internet: Internet
  readonly #random: SimRandom
  readonly #address: string | undefined
  readonly #handlers = new Map<string, (stream: ByteStream) => Promise<void>>()
  readonly #connections = new Map<PeerId, Connection[]>()
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
    return this.#address === undefined ? [] : [`${this.#address}/p2p/${this.self}`]
  }

  async dial(
    peer: PeerId,
    protocol: string,
    addresses: readonly string[],
    signal: AbortSignal,
  ): Promise<ByteStream> {
    return await this.#unlessAborted(signal, this.#dial(peer, protocol, addresses, signal))
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

  async close(): Promise<void> {
    await this.life.pass(0)
    this.#isClosed = true
    this.#internet.leave(this)
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
  }

  async #dial(
    peer: PeerId,
    protocol: string,
    addresses: readonly string[],
    signal: AbortSignal,
  ): Promise<ByteStream> {
    const known = this.#connections.get(peer)?.[0]
    if (known !== undefined) return await this.#open(known, protocol)

    const failures: string[] = []
    for (const address of addresses) {
      signal.throwIfAborted()
      const answer = await this.#connect(peer, address)
      // Somebody may have connected while we were waiting, or the caller may have gone.
      if (signal.aborted) break
      if (typeof answer !== 'string') return await this.#open(answer, protocol)
      failures.push(answer)
    }
    signal.throwIfAborted()
    const why = failures.length === 0 ? 'no address is known' : failures.join('; ')
    throw new PeerUnreachableError(`${peer}: ${why}`)
  }

  /** @returns the connection, or why there is none */
  async #connect(peer: PeerId, address: string): Promise<Connection | string> {
    if (this.#isClosed) return 'this side is closed'
    const [place = '', named] = address.split('/p2p/')
    if (named !== undefined && named !== peer) return `${address}: names somebody else`
    const station = this.#internet.stationAt(place)
    if (station === undefined || !this.#internet.canTalk(this.host, station.host)) {
      await this.life.pass(this.#random.between(DIAL_MS.min, DIAL_MS.max))
      return `${address}: nobody answers`
    }
    // One round trip for TCP, one and a half to prove who we are.
    await this.life.pass(5 * this.#internet.travelMs(this.host, station.host, 0))
    if (station.life.isOver || !this.#internet.canTalk(this.host, station.host)) {
      return `${address}: nobody answers`
    }
    if (station.self !== peer || station.self === this.self) return `${address}: is somebody else`
    const isAdmitted = station.admits(this.self)
    this.#internet.note(this.host, 'net.connect', { to: station.host, isAdmitted })
    if (!isAdmitted) return `${address}: hung up on us`
    return this.#connections.get(peer)?.[0] ?? this.#internet.connect(this, station)
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

  /** The loser is left to run out; a stream that comes too late is reset. */
  #unlessAborted(signal: AbortSignal, dial: Promise<ByteStream>): Promise<ByteStream> {
    return new Promise((resolve, reject) => {
      const onAbort = (): void => {
        if (this.life.isOver) return
        reject(reasonOf(signal))
        dial.then(
          (stream) => stream.reset(),
          () => undefined,
        )
      }
      if (signal.aborted) return onAbort()
      signal.addEventListener('abort', onAbort, { once: true })
      dial
        .then(resolve, reject)
        .finally(() => signal.removeEventListener('abort', onAbort))
        .catch(() => undefined)
    })
  }
}
