/**
 * A libp2p node set up for a grid of friends: which protocols, and every limit with its reason.
 *
 * Few peers, each known by its key; many streams, long-lived connections over slow and uneven uplinks.
 */

import { privateKeyFromRaw } from '@libp2p/crypto/keys'
import type {
  ComponentLogger,
  Connection,
  Libp2p,
  PrivateKey,
  StreamHandler,
  StreamHandlerOptions,
  Upgrader,
} from '@libp2p/interface'
import type { MulticastDNSComponents } from '@libp2p/mdns'
import { yamux } from '@libp2p/yamux'
import type { Multiaddr } from '@multiformats/multiaddr'
import { createLibp2p } from 'libp2p'

import { concat } from '../../protocol/bytes.ts'
import { signingKeyFromSeed } from '../../protocol/signing.ts'
import { assert } from '../base/assert.ts'
import type { PeerId } from '../ports/network.ts'
import { leanNoise } from './libp2p-noise.ts'
import { corkedTcp, OpenSockets } from './libp2p-tcp.ts'

/** Open streams of one protocol on one connection; more are reset. Above any client's own width. */
export const STREAMS_MAX = 128

/** Open streams of any protocol, and those that still negotiate one; more are reset by the muxer. */
const MUXER_STREAMS_MAX = 2 * STREAMS_MAX

/** Connections in all: a large grid of friends and their devices several times over. */
const CONNECTIONS_MAX = 512

/**
 * New connections per second from one host. Libp2p's own 5 starves a grid behind one address: a home
 * network, a relay, loopback. Strangers still fall at the gate, and each peer has a limit of its own.
 */
const INBOUND_PER_HOST_AND_SECOND_MAX = 1000

/** Connections that have not yet proven who they are; each has `PROOF_MS_MAX` to do so. */
const INBOUND_PENDING_MAX = 256

/**
 * To prove who one is, and to agree on the protocol of a stream. Four round trips of a line whose other
 * end is sending all it can: 5 s each. Libp2p's own is 10 s.
 */
const PROOF_MS_MAX = 20_000

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
  /** Whether to pass on connections between members who cannot reach each other; not if not said. */
  readonly isRelay?: boolean
  /** Whether to ask the router for a way in; not if not said. */
  readonly isMapping?: boolean
  /** Whether to look for members in the local network, and be found there where we listen; so if not said. */
  readonly isNearby?: boolean
}

interface DialOptions {
  readonly signal: AbortSignal
  /** Told of each step by its name, as `upgrader:encrypt-outbound-connection`. */
  readonly onProgress: (step: { readonly type: string }) => void
}

/** Parts of libp2p that its own modules are given, and ours beside them. */
export interface NodeParts {
  readonly upgrader: Upgrader
  readonly logger: ComponentLogger
  readonly registrar: {
    handle(protocol: string, handler: StreamHandler, options: StreamHandlerOptions): Promise<void>
  }
  readonly transportManager: {
    dial(address: Multiaddr, options: DialOptions): Promise<Connection>
  }
  readonly addressManager: MulticastDNSComponents['addressManager']
}

export interface Node {
  readonly libp2p: Libp2p
  readonly parts: NodeParts
  readonly sockets: OpenSockets
}

/**
 * Make a node that does not listen yet.
 *
 * @param isDenied - asked of each newcomer once its identity is proven, before it gets a stream
 */
export async function makeNode(
  options: NetworkOptions,
  isDenied: (peer: PeerId) => boolean,
): Promise<Node> {
  const made: { parts?: NodeParts } = {}
  const sockets = new OpenSockets()
  const libp2p = await createLibp2p({
    start: false,
    privateKey: privateKeyOf(options.seed),
    addresses: { listen: [...options.listen] },
    transports: [corkedTcp(sockets)],
    connectionEncrypters: [leanNoise()],
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
      inboundUpgradeTimeout: PROOF_MS_MAX,
      inboundStreamProtocolNegotiationTimeout: PROOF_MS_MAX,
      outboundStreamProtocolNegotiationTimeout: PROOF_MS_MAX,
    },
    connectionMonitor: {
      pingInterval: PING_INTERVAL_MS,
      pingTimeout: { minTimeout: PING_MS_MIN, maxTimeout: PING_MS_MAX },
    },
    services: {
      // No service: the way in which libp2p hands its parts to modules of others.
      parts: ({ upgrader, logger, registrar, transportManager, addressManager }) => {
        made.parts = { upgrader, logger, registrar, transportManager, addressManager }
        return {}
      },
    },
  })
  const { parts } = made
  assert(parts !== undefined, 'libp2p makes its services at once')
  return { libp2p, parts, sockets }
}

/** Libp2p would derive the public key in JavaScript, which takes 25 ms of processor time at a start. */
function privateKeyOf(seed: Uint8Array): PrivateKey {
  const { publicKey } = signingKeyFromSeed(seed)
  return privateKeyFromRaw(concat(seed, publicKey))
}

export function toPeerId(peer: { toString(): string }): PeerId {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- libp2p's text form is the brand's meaning
  return peer.toString() as PeerId
}
