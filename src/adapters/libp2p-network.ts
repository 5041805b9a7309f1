/**
 * Libp2pNetwork: the Network over libp2p, with TCP, noise and yamux.
 *
 * Only this module and its `libp2p-` neighbours know libp2p. Its errors become ours at this door: a
 * dial fails as PeerUnreachableError, a stream as StreamResetError.
 */

import type { Connection, Libp2p, Listener, Stream } from '@libp2p/interface'
import { multiaddr } from '@multiformats/multiaddr'

import { linkSignals, orAbort } from '../base/abort.ts'
import { PeerUnreachableError, ProtocolNotServedError, UsageError } from '../base/errors.ts'
import type { ByteStream, Link, Network, PeerId } from '../ports/network.ts'
import { publicAddresses, wayTo } from './libp2p-addresses.ts'
import { makeNode, STREAMS_MAX, toPeerId } from './libp2p-node.ts'
import type { NetworkOptions, Node } from './libp2p-node.ts'
import { Libp2pStream } from './libp2p-stream.ts'
import { Ways } from './libp2p-ways.ts'

export type { NetworkOptions } from './libp2p-node.ts'

/** A dial gives up after this long, ms: a few addresses that swallow packets, and one that answers. */
const DIAL_MS_MAX = 30_000

/**
 * On a connection with nothing else under way a new stream is answered within this, ms, or the other
 * side is gone: a laptop that slept wakes up with connections that nobody holds any more.
 */
const IDLE_STREAM_MS_MAX = 8_000

/** Of one protocol and connection; a relay's limits are no reason not to try. */
const LIMITS = {
  maxInboundStreams: STREAMS_MAX,
  maxOutboundStreams: STREAMS_MAX,
  runOnLimitedConnection: true,
} as const

/** What libp2p calls a connection that is closed at one of its levels. */
const GONE: ReadonlySet<string> = new Set(['ConnectionClosedError', 'MuxerClosedError'])

/** What libp2p calls it that the other side knows no such protocol. */
const NOT_SERVED = 'UnsupportedProtocolError'

/** What it calls a stream that did not open in time. */
const LATE: ReadonlySet<string> = new Set(['AbortError', 'TimeoutError'])

/** Connections one peer may hold at once; a newer one replaces its oldest, which is likely dead. */
const CONNECTIONS_PER_PEER_MAX = 8

/**
 * Make a network and start listening.
 *
 * @throws {UsageError} an address is malformed, or cannot be listened at
 */
export async function createNetwork(options: NetworkOptions): Promise<Network> {
  return Libp2pNetwork.start(options)
}

class Libp2pNetwork implements Network {
  readonly self: PeerId
  readonly #node: Libp2p
  readonly #ways: Ways
  readonly #announce: readonly string[]
  readonly #listeners = new Set<Listener>()
  readonly #streams = new Set<Libp2pStream>()
  #isAdmitted: (peer: PeerId) => boolean = () => false
  #isClosed = false

  static async start(options: NetworkOptions): Promise<Libp2pNetwork> {
    const gate: { isDenied: (peer: PeerId) => boolean } = { isDenied: () => true }
    try {
      const node = await makeNode(options, (peer) => gate.isDenied(peer))
      const network = new Libp2pNetwork(node, options)
      gate.isDenied = (peer) => !network.#admit(peer)
      await node.libp2p.start()
      await network.#ways.start(network.#listening())
      return network
    } catch (error) {
      const where = options.listen.join(', ')
      throw new UsageError(`cannot listen at ${where}: ${messageOf(error)}`, { cause: error })
    }
  }

  private constructor(node: Node, options: NetworkOptions) {
    const { libp2p } = node
    this.#node = libp2p
    this.self = toPeerId(libp2p.peerId)
    this.#announce = (options.announce ?? []).map((address) => multiaddr(address).toString())
    const isAdmitted = (peer: PeerId) => !this.#isClosed && this.#isAdmitted(peer)
    this.#ways = new Ways({ node, options, isAdmitted })
    libp2p.addEventListener('transport:listening', ({ detail }) => this.#listeners.add(detail))
    libp2p.addEventListener('transport:close', ({ detail }) => this.#listeners.delete(detail))
  }

  addresses(): readonly string[] {
    const announce = [...this.#announce, ...this.#ways.mapped()]
    const relays = this.#ways.relays()
    return publicAddresses(this.self, { announce, listening: this.#listening(), relays })
  }

  async changed(known: readonly string[], signal: AbortSignal): Promise<void> {
    while (this.addresses().join(' ') === known.join(' ')) {
      const changed = Promise.withResolvers<void>()
      const unlisten = this.#ways.onChange(changed.resolve)
      try {
        await orAbort(changed.promise, signal)
      } finally {
        unlisten()
      }
    }
  }

  links(): readonly Link[] {
    return this.#node.getConnections().map(({ remotePeer, remoteAddr, direction }) => {
      const address = remoteAddr.toString()
      const isInbound = direction === 'inbound'
      return { peer: toPeerId(remotePeer), ...wayTo(address), isInbound, address }
    })
  }

  async probe(
    peer: PeerId,
    addresses: readonly string[],
    signal: AbortSignal,
  ): Promise<string | undefined> {
    return await this.#ways.probe(peer, addresses, signal)
  }

  async reserve(relay: PeerId, addresses: readonly string[], signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    const limit = linkSignals(signal, AbortSignal.timeout(DIAL_MS_MAX))
    try {
      await this.#ways.reserve(relay, addresses, limit.signal)
    } catch (error) {
      throw toUnreachable(relay, error, signal)
    } finally {
      limit.release()
    }
  }

  unreserve(relay: PeerId): void {
    this.#ways.unreserve(relay)
  }

  discover(grid: string, isMember: (peer: PeerId) => boolean): void {
    // A machine without multicast is like a home without friends.
    this.#ways.discover(grid, isMember).catch(ignore)
  }

  async dial(
    peer: PeerId,
    protocol: string,
    addresses: readonly string[],
    signal: AbortSignal,
  ): Promise<ByteStream> {
    signal.throwIfAborted()
    const limit = linkSignals(signal, AbortSignal.timeout(DIAL_MS_MAX))
    try {
      const opened = this.#open(peer, protocol, addresses, limit.signal)
      // A stream that opens after the caller left would be nobody's.
      opened
        .then(({ stream }) => limit.signal.aborted && stream.abort(new Error('abandoned')))
        .catch(ignore)
      const { stream, connection } = await orAbort(opened, limit.signal)
      return this.#adopt(stream, connection)
    } catch (error) {
      if (error instanceof Error && error.name === NOT_SERVED) {
        throw new ProtocolNotServedError(`${peer}: does not serve ${protocol}`, { cause: error })
      }
      throw toUnreachable(peer, error, signal)
    } finally {
      limit.release()
    }
  }

  async serve(protocol: string, handler: (stream: ByteStream) => Promise<void>): Promise<void> {
    const answer = async (stream: Stream, connection: Connection): Promise<void> => {
      // A connection that we dialled has not been at the gate, and the gate may have changed its mind.
      const isAdmitted = this.#isAdmitted(toPeerId(connection.remotePeer))
      if (!isAdmitted) return stream.abort(new Error('not admitted'))
      const ours = this.#adopt(stream, connection)
      try {
        await handler(ours)
      } catch {
        ours.reset()
      }
    }
    await this.#node.handle(protocol, answer, { ...LIMITS, force: true })
  }

  gate(isAdmitted: (peer: PeerId) => boolean): void {
    this.#isAdmitted = isAdmitted
  }

  async hangUp(peer: PeerId): Promise<void> {
    for (const stream of this.#streams) if (stream.remote === peer) stream.reset()
    this.#ways.unreserve(peer)
    for (const connection of this.#ways.connectionsOf(peer)) connection.abort(new Error('hung up'))
  }

  #listening(): string[] {
    // Libp2p's own list leaves out public addresses that nobody has verified for it.
    return [...this.#listeners].flatMap((listener) => listener.getAddrs().map(String))
  }

  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    // First of all: libp2p would end the open streams as if their writers had finished.
    for (const stream of this.#streams) stream.reset()
    await this.#ways.close()
    await this.#node.stop()
  }

  /** Asked at the gate, when a newcomer has proven who it is and has no stream yet. */
  #admit(peer: PeerId): boolean {
    if (this.#isClosed || !this.#isAdmitted(peer)) return false
    const connections = this.#ways.connectionsOf(peer)
    if (connections.length >= CONNECTIONS_PER_PEER_MAX) {
      const byAge = connections.toSorted((a, b) => a.timeline.open - b.timeline.open)
      byAge[0]?.abort(new Error('replaced by a newer connection'))
    }
    return true
  }

  async #open(
    peer: PeerId,
    protocol: string,
    addresses: readonly string[],
    signal: AbortSignal,
  ): Promise<{ stream: Stream; connection: Connection }> {
    if (this.#isClosed) throw new PeerUnreachableError(`${peer}: this side is closed`)
    const known = this.#ways.connectionsOf(peer).find(({ status }) => status === 'open')
    if (known !== undefined) {
      const stream = await openOn(known, protocol, signal)
      this.#ways.used(known, addresses)
      if (stream !== undefined) return { stream, connection: known }
      known.abort(new Error('replaced: the other side has left it'))
    }
    const connection = await this.#ways.connect(peer, addresses, signal)
    const stream = await openOnNew(peer, connection, protocol, signal)
    this.#ways.used(connection, addresses)
    return { stream, connection }
  }

  #adopt(stream: Stream, connection: Connection): ByteStream {
    const explain = () => this.#ways.explain(connection)
    const ours = new Libp2pStream(toPeerId(connection.remotePeer), stream, explain)
    this.#streams.add(ours)
    ours.onceClosed(() => this.#streams.delete(ours))
    return ours
  }
}

/**
 * Open a stream on a connection that we have.
 *
 * @returns `undefined` if the connection turns out dead only now, so that a new one is worth a try
 */
async function openOn(
  connection: Connection,
  protocol: string,
  signal: AbortSignal,
): Promise<Stream | undefined> {
  // A busy connection may let a new stream wait behind what it still has to send.
  const isIdle = connection.streams.length === 0
  const patience = isIdle ? AbortSignal.timeout(IDLE_STREAM_MS_MAX) : undefined
  const limit = linkSignals(signal, patience)
  try {
    return await connection.newStream(protocol, { ...LIMITS, signal: limit.signal })
  } catch (error) {
    if (signal.aborted) throw error
    if (limit.signal.aborted || connection.status !== 'open') return undefined
    // The other side may have closed its muxer and not yet the socket under it.
    if (error instanceof Error && GONE.has(error.name)) return undefined
    throw error
  } finally {
    limit.release()
  }
}

/**
 * Open the first stream on a connection that was just made.
 *
 * @throws {PeerUnreachableError} the other side hung up, which its gate does without a word once it knows us
 */
async function openOnNew(
  peer: PeerId,
  connection: Connection,
  protocol: string,
  signal: AbortSignal,
): Promise<Stream> {
  try {
    return await connection.newStream(protocol, { ...LIMITS, signal })
  } catch (error) {
    const name = error instanceof Error ? error.name : ''
    if (signal.aborted || name === NOT_SERVED || LATE.has(name)) throw error
    // On the way through a relay the line may have been cut by others.
    const options = { cause: error, isTurnedAway: connection.direct }
    throw new PeerUnreachableError(`${peer}: hung up on us`, options)
  }
}

/** @throws the signal's reason instead, once it aborted */
function toUnreachable(peer: PeerId, error: unknown, signal: AbortSignal): PeerUnreachableError {
  signal.throwIfAborted()
  if (error instanceof PeerUnreachableError) return error
  return new PeerUnreachableError(`${peer}: ${messageOf(error)}`, { cause: error })
}

function messageOf(error: unknown): string {
  if (error instanceof AggregateError) return error.errors.map(messageOf).join('; ')
  const text = error instanceof Error ? error.message : String(error)
  // Libp2p puts a whole stack trace into the message; the system's word is in one line of it.
  return /listen E[A-Z]+: .*/.exec(text)?.[0] ?? text.trim()
}

function ignore(): void {}
