/**
 * Libp2pNetwork: the Network over libp2p, with TCP, noise and yamux.
 *
 * The one place that knows libp2p. Its errors become ours at this door: a dial fails as
 * PeerUnreachableError, a stream as StreamResetError.
 */

import { noise } from '@chainsafe/libp2p-noise'
import { generateKeyPairFromSeed } from '@libp2p/crypto/keys'
import type { Connection, Libp2p, Listener, Stream } from '@libp2p/interface'
import { peerIdFromString } from '@libp2p/peer-id'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { multiaddr } from '@multiformats/multiaddr'
import type { Multiaddr } from '@multiformats/multiaddr'
import { createLibp2p } from 'libp2p'

import { linkSignals, orAbort } from '../base/abort.ts'
import { PeerUnreachableError, UsageError } from '../base/errors.ts'
import type { ByteStream, Network, PeerId } from '../ports/network.ts'
import { Libp2pStream } from './libp2p-stream.ts'

/** A dial gives up after this long, ms: a few addresses that swallow packets, and one that answers. */
const DIAL_MS_MAX = 30_000

/** An address that does not answer gives way to the next one after this long, ms. */
const ADDRESS_DIAL_MS_MAX = 8_000

/** Open streams of one protocol on one connection; more are reset. Above any client's own width. */
const STREAMS_MAX = 128

/** Open streams of any protocol, and those that still negotiate one; more are reset by the muxer. */
const MUXER_STREAMS_MAX = 2 * STREAMS_MAX

/** Connections one peer may hold at once; a newer one replaces its oldest, which is likely dead. */
const CONNECTIONS_PER_PEER_MAX = 8

/** Connections in all: a large grid of friends and their devices several times over. */
const CONNECTIONS_MAX = 512

/**
 * New connections per second from one host. Libp2p's own 5 starves a grid behind one address: a home
 * network, a relay, loopback. Strangers still fall at the gate; each peer has its own limit above.
 */
const INBOUND_PER_HOST_AND_SECOND_MAX = 1000

/** Connections that have not yet proven who they are; each has ten seconds to do so. */
const INBOUND_PENDING_MAX = 256

/**
 * Most bytes of a stream on their way to us. At 100 ms of round trip this carries 20 MB/s, and a peer
 * that opens every stream it may can make us hold no more than STREAMS_MAX times this.
 */
const STREAM_WINDOW_MAX = 2 * 1024 * 1024

/** Never reached while the window holds; libp2p's 4 MiB beside its 16 MiB windows resets slow readers. */
const READ_BUFFER_MAX = 2 * STREAM_WINDOW_MAX

/**
 * A silent connection is asked for a sign of life this often, and cut when none comes in time, ms. The
 * time is long, since the question queues behind what a slow uplink still has to send.
 */
const PING_INTERVAL_MS = 30_000
const PING_MS_MIN = 60_000
const PING_MS_MAX = 120_000

export interface NetworkOptions {
  /** 32 bytes: the Ed25519 seed of our identity. */
  readonly seed: Uint8Array
  /** Multiaddrs to listen at, as `/ip4/0.0.0.0/tcp/4001`; none for a node that only dials. */
  readonly listen: readonly string[]
  /** Multiaddrs that lead here though we do not listen at them, as a router's forwarded port. */
  readonly announce?: readonly string[]
}

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
    const usable = listening.filter((address) => !isLinkLocal(address))
    const ordered = [...this.#announce, ...usable.toSorted((a, b) => distance(a) - distance(b))]
    return [...new Set(ordered.map((address) => withPeer(address, this.self)))]
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
    const known = this.#connectionsOf(peer).find(({ status }) => status === 'open')
    const streamOptions = { signal, maxOutboundStreams: STREAMS_MAX }
    if (known !== undefined) {
      try {
        return await known.newStream(protocol, streamOptions)
      } catch (error) {
        if (signal.aborted || !isGone(known, error)) throw error
        known.abort(new Error('replaced: the other side has left it'))
      }
    }
    const targets = addresses.flatMap((address) => targetOf(address, peer))
    if (targets.length === 0) throw new PeerUnreachableError(`${peer}: no address to try`)
    const connection = await this.#node.dial(targets, { signal })
    return connection.newStream(protocol, streamOptions)
  }

  #adopt(peer: PeerId, stream: Stream): ByteStream {
    const ours = new Libp2pStream(peer, stream)
    this.#streams.add(ours)
    ours.onceClosed(() => this.#streams.delete(ours))
    return ours
  }
}

async function makeNode(
  options: NetworkOptions,
  isDenied: (peer: PeerId) => boolean,
): Promise<Libp2p> {
  return createLibp2p({
    start: false,
    privateKey: await generateKeyPairFromSeed('Ed25519', options.seed),
    addresses: { listen: [...options.listen] },
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [
      yamux({
        maxInboundStreams: MUXER_STREAMS_MAX,
        maxOutboundStreams: MUXER_STREAMS_MAX,
        // Many may come before libp2p listens for the first; beyond this the connection is cut.
        maxEarlyStreams: MUXER_STREAMS_MAX,
        streamOptions: {
          maxStreamWindowSize: STREAM_WINDOW_MAX,
          maxReadBufferLength: READ_BUFFER_MAX,
        },
      }),
    ],
    connectionGater: {
      denyInboundEncryptedConnection: (peer) => isDenied(toPeerId(peer)),
    },
    connectionManager: {
      maxConnections: CONNECTIONS_MAX,
      inboundConnectionThreshold: INBOUND_PER_HOST_AND_SECOND_MAX,
      maxIncomingPendingConnections: INBOUND_PENDING_MAX,
      addressDialTimeout: ADDRESS_DIAL_MS_MAX,
      // In the order given: best first.
      addressSorter: () => 0,
    },
    connectionMonitor: {
      pingInterval: PING_INTERVAL_MS,
      pingTimeout: { minTimeout: PING_MS_MIN, maxTimeout: PING_MS_MAX },
    },
  })
}

/**
 * Whether a connection turned out dead only now, so that a new one is worth a try. The other side may
 * have closed its muxer and not yet the socket under it; then the connection still counts as open.
 */
function isGone(connection: Connection, error: unknown): boolean {
  if (connection.status !== 'open') return true
  return error instanceof Error && /^(ConnectionClosed|MuxerClosed)Error$/.test(error.name)
}

/** @returns the address with the peer's name at its end; none if it is malformed or somebody else's */
function targetOf(address: string, peer: PeerId): Multiaddr[] {
  try {
    const target = multiaddr(address)
    const named = target.getComponents().findLast(({ name }) => name === 'p2p')?.value
    if (named === undefined) return [target.encapsulate(`/p2p/${peer}`)]
    return peerIdFromString(named).toString() === peer ? [target] : []
  } catch {
    return []
  }
}

function withPeer(address: string, peer: PeerId): string {
  return address.includes('/p2p/') ? address : `${address}/p2p/${peer}`
}

/** Link-local addresses need a zone, which a multiaddr of another machine cannot know. */
function isLinkLocal(address: string): boolean {
  return /^\/ip6\/fe[89ab]/i.test(address)
}

/** Addresses of this machine only come after all others. */
function distance(address: string): number {
  return /^\/(ip4\/127\.|ip6\/::1\/)/.test(address) ? 1 : 0
}

function toPeerId(peer: { toString(): string }): PeerId {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- libp2p's text form is the brand's meaning
  return peer.toString() as PeerId
}

function messageOf(error: unknown): string {
  if (error instanceof AggregateError) return error.errors.map(messageOf).join('; ')
  return error instanceof Error ? error.message : String(error)
}

function ignore(): void {}
