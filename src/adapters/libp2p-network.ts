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
import type { ByteStream, Network, PeerId } from '../ports/network.ts'
import { publicAddresses, targetOf } from './libp2p-addresses.ts'
import { makeNode, STREAMS_MAX, toPeerId } from './libp2p-node.ts'
import type { NetworkOptions } from './libp2p-node.ts'
import { Libp2pStream } from './libp2p-stream.ts'

export type { NetworkOptions } from './libp2p-node.ts'

/** A dial gives up after this long, ms: a few addresses that swallow packets, and one that answers. */
const DIAL_MS_MAX = 30_000

/**
 * On a connection with nothing else under way a new stream is answered within this, ms, or the other
 * side is gone: a laptop that slept wakes up with connections that nobody holds any more.
 */
const IDLE_STREAM_MS_MAX = 8_000

/** What libp2p calls a connection that is closed at one of its levels. */
const GONE: ReadonlySet<string> = new Set(['ConnectionClosedError', 'MuxerClosedError'])

/** What libp2p calls it that the other side knows no such protocol. */
const NOT_SERVED = 'UnsupportedProtocolError'

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
  readonly #announce: readonly string[]
  readonly #listeners = new Set<Listener>()
  readonly #streams = new Set<Libp2pStream>()
  #isAdmitted: (peer: PeerId) => boolean = () => false
  #isClosed = false

  static async start(options: NetworkOptions): Promise<Libp2pNetwork> {
    const gate: { isDenied: (peer: PeerId) => boolean } = { isDenied: () => true }
    try {
      const node = await makeNode(options, (peer) => gate.isDenied(peer))
      const network = new Libp2pNetwork(node, options.announce ?? [])
      gate.isDenied = (peer) => !network.#admit(peer)
      await node.start()
      return network
    } catch (error) {
      const where = options.listen.join(', ')
      throw new UsageError(`cannot listen at ${where}: ${messageOf(error)}`, { cause: error })
    }
  }

  private constructor(node: Libp2p, announce: readonly string[]) {
    this.#node = node
    this.self = toPeerId(node.peerId)
    this.#announce = announce.map((address) => multiaddr(address).toString())
    node.addEventListener('transport:listening', ({ detail }) => this.#listeners.add(detail))
    node.addEventListener('transport:close', ({ detail }) => this.#listeners.delete(detail))
  }

  addresses(): readonly string[] {
    // Libp2p's own list leaves out public addresses that nobody has verified for it.
    const listening = [...this.#listeners].flatMap((listener) => listener.getAddrs().map(String))
    return publicAddresses(this.self, { announce: this.#announce, listening })
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
        .then((stream) => limit.signal.aborted && stream.abort(new Error('abandoned')))
        .catch(ignore)
      return this.#adopt(peer, await orAbort(opened, limit.signal))
    } catch (error) {
      signal.throwIfAborted()
      if (error instanceof PeerUnreachableError) throw error
      if (error instanceof Error && error.name === NOT_SERVED) {
        throw new ProtocolNotServedError(`${peer}: does not serve ${protocol}`, { cause: error })
      }
      throw new PeerUnreachableError(`${peer}: ${messageOf(error)}`, { cause: error })
    } finally {
      limit.release()
    }
  }

  async serve(protocol: string, handler: (stream: ByteStream) => Promise<void>): Promise<void> {
    const answer = async (stream: Stream, connection: Connection): Promise<void> => {
      const peer = toPeerId(connection.remotePeer)
      // A connection that we dialled has not been at the gate, and the gate may have changed its mind.
      if (!this.#isAdmitted(peer)) return stream.abort(new Error('not admitted'))
      const ours = this.#adopt(peer, stream)
      try {
        await handler(ours)
      } catch {
        ours.reset()
      }
    }
    const limits = { maxInboundStreams: STREAMS_MAX, maxOutboundStreams: STREAMS_MAX }
    await this.#node.handle(protocol, answer, { ...limits, force: true })
  }

  gate(isAdmitted: (peer: PeerId) => boolean): void {
    this.#isAdmitted = isAdmitted
  }

  async hangUp(peer: PeerId): Promise<void> {
    for (const stream of this.#streams) if (stream.remote === peer) stream.reset()
    for (const connection of this.#connectionsOf(peer)) connection.abort(new Error('hung up'))
  }

  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    // First of all: libp2p would end the open streams as if their writers had finished.
    for (const stream of this.#streams) stream.reset()
    await this.#node.stop()
  }

  /** Asked at the gate, when a newcomer has proven who it is and has no stream yet. */
  #admit(peer: PeerId): boolean {
    if (this.#isClosed || !this.#isAdmitted(peer)) return false
    const connections = this.#connectionsOf(peer)
    if (connections.length >= CONNECTIONS_PER_PEER_MAX) {
      const byAge = connections.toSorted((a, b) => a.timeline.open - b.timeline.open)
      byAge[0]?.abort(new Error('replaced by a newer connection'))
    }
    return true
  }

  #connectionsOf(peer: PeerId): Connection[] {
    return this.#node.getConnections().filter(({ remotePeer }) => toPeerId(remotePeer) === peer)
  }

  async #open(
    peer: PeerId,
    protocol: string,
    addresses: readonly string[],
    signal: AbortSignal,
  ): Promise<Stream> {
    const limits = { maxOutboundStreams: STREAMS_MAX }
    const known = this.#connectionsOf(peer).find(({ status }) => status === 'open')
    if (known !== undefined) {
      const stream = await openOn(known, protocol, { signal, ...limits })
      if (stream !== undefined) return stream
      known.abort(new Error('replaced: the other side has left it'))
    }
    const targets = addresses.flatMap((address) => targetOf(address, peer))
    if (targets.length === 0) throw new PeerUnreachableError(`${peer}: no address to try`)
    const connection = await this.#node.dial(targets, { signal })
    return connection.newStream(protocol, { signal, ...limits })
  }

  #adopt(peer: PeerId, stream: Stream): ByteStream {
    const ours = new Libp2pStream(peer, stream)
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
  options: { signal: AbortSignal; maxOutboundStreams: number },
): Promise<Stream | undefined> {
  // A busy connection may let a new stream wait behind what it still has to send.
  const isIdle = connection.streams.length === 0
  const patience = isIdle ? AbortSignal.timeout(IDLE_STREAM_MS_MAX) : undefined
  const limit = linkSignals(options.signal, patience)
  try {
    return await connection.newStream(protocol, { ...options, signal: limit.signal })
  } catch (error) {
    if (options.signal.aborted) throw error
    if (limit.signal.aborted || connection.status !== 'open') return undefined
    // The other side may have closed its muxer and not yet the socket under it.
    if (error instanceof Error && GONE.has(error.name)) return undefined
    throw error
  } finally {
    limit.release()
  }
}

function messageOf(error: unknown): string {
  if (error instanceof AggregateError) return error.errors.map(messageOf).join('; ')
  const text = error instanceof Error ? error.message : String(error)
  // Libp2p puts a whole stack trace into the message; the system's word is in one line of it.
  return /listen E[A-Z]+: .*/.exec(text)?.[0] ?? text.trim()
}

function ignore(): void {}
