/**
 * Circuit: connections through a friend, as libp2p's circuit relay has it.
 *
 * The friend joins two streams and sees noise's ciphertext only; who is at the other end is proven as on
 * any connection, so a relay that leads elsewhere is found out. This is the side of whoever dials and of
 * whoever is dialled; the friend's is libp2p-relay.ts. Why our own: docs/adr/0045-reach.md
 */

import type { Connection, Stream, Upgrader } from '@libp2p/interface'
import { AbstractMultiaddrConnection } from '@libp2p/utils'
import { multiaddr } from '@multiformats/multiaddr'
import type { Multiaddr } from '@multiformats/multiaddr'

import { PeerUnreachableError } from '../base/errors.ts'
import type { PeerId } from '../ports/network.ts'
import {
  CircuitTalk,
  HOP,
  HOP_PROTOCOL,
  STATUS,
  statusWords,
  STOP,
  STOP_PROTOCOL,
  type CircuitMessage,
  type RelayLimit,
} from './libp2p-circuit-messages.ts'
import { toPeerId, type NodeParts } from './libp2p-node.ts'

/** Connections that one relay may bring us, or that we hold through it. */
export const RELAYED_MAX = 128

/** A relay and whoever is behind it have this long to agree on a connection, ms. */
const AGREE_MS_MAX = 15_000

/** What is known of one connection through a relay. */
interface Passage {
  readonly relay: PeerId
  readonly limit: RelayLimit
  readonly carried: { bytes: number }
}

export class Circuit {
  readonly #parts: NodeParts
  readonly #passages = new WeakMap<Connection, Passage>()

  constructor(parts: NodeParts) {
    this.#parts = parts
  }

  /**
   * Connect to a peer through a relay that we are connected to.
   *
   * @throws {PeerUnreachableError} the relay says no
   */
  async dial(relay: Connection, peer: PeerId, signal: AbortSignal): Promise<Connection> {
    const options = { signal, maxOutboundStreams: RELAYED_MAX }
    const stream = await relay.newStream(HOP_PROTOCOL, options)
    try {
      const answer = await ask(stream, { type: HOP.connect, peer }, signal)
      if (answer.status !== STATUS.ok) throw refused(relay, answer.status)
      const raw = new RelayedConnection(stream, relay.remoteAddr, peer)
      const connection = await this.#upgrader().upgradeOutbound(raw, {
        signal,
        ...limitsFor(answer.limit),
      })
      this.#remember(connection, relay, raw, answer.limit)
      return connection
    } catch (error) {
      stream.abort(error instanceof Error ? error : new Error(String(error)))
      throw error
    }
  }

  /**
   * Ask a relay to lead others to us, for as long as we stay connected to it.
   *
   * @throws {PeerUnreachableError} the relay says no
   */
  async reserve(relay: Connection, signal: AbortSignal): Promise<void> {
    const stream = await relay.newStream(HOP_PROTOCOL, { signal, maxOutboundStreams: RELAYED_MAX })
    const answer = await ask(stream, { type: HOP.reserve }, signal)
    await stream.close({ signal })
    if (answer.status !== STATUS.ok) throw refused(relay, answer.status)
  }

  /**
   * Let relays bring us connections.
   *
   * @param isAdmitted - asked about the relay, and about whom it brings
   */
  async answer(isAdmitted: (peer: PeerId) => boolean): Promise<void> {
    const { registrar } = this.#parts
    const handler = (stream: Stream, relay: Connection) => this.#answer(stream, relay, isAdmitted)
    const options = { maxInboundStreams: RELAYED_MAX, maxOutboundStreams: RELAYED_MAX }
    await registrar.handle(STOP_PROTOCOL, handler, { ...options, force: true })
  }

  /** @returns in words why a connection may have ended: its relay's limit is used up */
  explain(connection: Connection): string | undefined {
    const passage = this.#passages.get(connection)
    if (passage === undefined) return undefined
    const { relay, limit, carried } = passage
    if (limit.bytes === undefined || carried.bytes < limit.bytes) return `came through ${relay}`
    return `the relay ${relay} passes on only ${limit.bytes} bytes per connection`
  }

  async #answer(
    stream: Stream,
    relay: Connection,
    isAdmitted: (peer: PeerId) => boolean,
  ): Promise<void> {
    const signal = AbortSignal.timeout(AGREE_MS_MAX)
    try {
      const talk = new CircuitTalk(stream, STOP_PROTOCOL)
      const { type, peer, limit } = await talk.hear(signal)
      const status = answerTo(type, peer, isAdmitted(toPeerId(relay.remotePeer)), isAdmitted)
      await talk.say({ type: STOP.status, status }, signal)
      if (status !== STATUS.ok || peer === undefined) return await stream.close({ signal })
      talk.end()
      const raw = new RelayedConnection(stream, relay.remoteAddr, peer)
      await this.#upgrader().upgradeInbound(raw, { signal, ...limitsFor(limit) })
    } catch (error) {
      stream.abort(error instanceof Error ? error : new Error(String(error)))
    }
  }

  #remember(
    connection: Connection,
    relay: Connection,
    raw: RelayedConnection,
    limit: RelayLimit = {},
  ): void {
    const { carried } = raw
    this.#passages.set(connection, { relay: toPeerId(relay.remotePeer), limit, carried })
  }

  #upgrader(): Upgrader {
    return this.#parts.upgrader
  }
}

/** A stream to a relay, as the raw connection to whoever is behind it. */
export class RelayedConnection extends AbstractMultiaddrConnection {
  readonly carried = { bytes: 0 }
  readonly #stream: Stream

  constructor(stream: Stream, relay: Multiaddr, peer: PeerId) {
    const remoteAddr = multiaddr(`${relay.toString()}/p2p-circuit/p2p/${peer}`)
    super({ remoteAddr, direction: stream.direction, log: stream.log.newScope('relayed') })
    this.#stream = stream
    stream.addEventListener('drain', () => this.safeDispatchEvent('drain'))
    stream.addEventListener('close', ({ error }) => this.onTransportClosed(error))
    stream.addEventListener('remoteCloseWrite', () => {
      this.onRemoteCloseWrite()
      this.close().catch((error: unknown) => this.abort(toError(error)))
    })
    // Last, as it sets waiting bytes flowing.
    stream.addEventListener('message', ({ data }) => {
      this.carried.bytes += data.byteLength
      this.onData(data)
    })
  }

  sendData(data: Parameters<Stream['send']>[0]): { sentBytes: number; canSendMore: boolean } {
    const sentBytes = data.byteLength
    this.carried.bytes += sentBytes
    return { sentBytes, canSendMore: this.#stream.send(data) }
  }

  async sendClose(options?: { signal?: AbortSignal }): Promise<void> {
    await this.#stream.close(options)
  }

  sendReset(): void {
    this.#stream.abort(new Error('reset'))
  }

  sendPause(): void {
    this.#stream.pause()
  }

  sendResume(): void {
    this.#stream.resume()
  }
}

async function ask(
  stream: Stream,
  question: CircuitMessage,
  signal: AbortSignal,
): Promise<CircuitMessage> {
  const talk = new CircuitTalk(stream, HOP_PROTOCOL)
  await talk.say(question, signal)
  const answer = await talk.hear(signal)
  talk.end()
  return answer
}

/** @returns the status to answer a relay with that brings somebody */
function answerTo(
  type: number,
  peer: PeerId | undefined,
  isRelayAdmitted: boolean,
  isAdmitted: (peer: PeerId) => boolean,
): number {
  if (type !== STOP.connect) return STATUS.unexpectedMessage
  if (peer === undefined) return STATUS.malformedMessage
  return isRelayAdmitted && isAdmitted(peer) ? STATUS.ok : STATUS.permissionDenied
}

function refused(relay: Connection, status: number | undefined): PeerUnreachableError {
  const who = toPeerId(relay.remotePeer)
  return new PeerUnreachableError(`the relay ${who} does not help: ${statusWords(status)}`)
}

/** As libp2p marks a connection that a relay will cut; without a mark it is like any other. */
function limitsFor(limit: RelayLimit | undefined): {
  limits?: { bytes?: bigint; seconds?: number }
} {
  const { bytes, seconds } = limit ?? {}
  if (bytes === undefined && seconds === undefined) return {}
  return {
    limits: {
      ...(bytes === undefined ? {} : { bytes: BigInt(bytes) }),
      ...(seconds === undefined ? {} : { seconds }),
    },
  }
}

function toError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error))
}
