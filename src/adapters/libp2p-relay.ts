/**
 * Relay: joins members who cannot reach each other, as libp2p's circuit relay has it.
 *
 * A member that cannot be dialled asks for a place (`reserve`); whoever wants to reach it asks to be joined
 * (`connect`), and from then on bytes pass both ways as fast as the slower side takes them, and no faster:
 * what waits here is bounded by the windows of the two streams. Limits and reasons: docs/peer.md
 */

import type { Connection, Stream, StreamMessageEvent } from '@libp2p/interface'

import type { PeerId } from '../ports/network.ts'
import { RELAYED_MAX } from './libp2p-circuit.ts'
import {
  CircuitTalk,
  HOP,
  HOP_PROTOCOL,
  STATUS,
  STOP,
  STOP_PROTOCOL,
} from './libp2p-circuit-messages.ts'
import { toPeerId, type NodeParts } from './libp2p-node.ts'

/** A place is asked for again before this is over, ms; it ends with its connection in any case. */
const RESERVATION_MS = 3_600_000

/** All that is said before bytes flow fits into this, ms. */
const AGREE_MS_MAX = 20_000

/** Connections passed on at a time: a large grid of friends behind one box; each may hold two windows. */
const PASSAGES_MAX = 256

/** Of them, those that one member asked for: to everybody in a large grid, from two machines. */
const PASSAGES_PER_PEER_MAX = 64

/** Bytes that may wait for the slower side before the faster one is held up. */
const WAITING_SIZE_MAX = 512 * 1024

export interface RelayParts extends NodeParts {
  readonly isAdmitted: (peer: PeerId) => boolean
}

export class Relay {
  readonly #parts: RelayParts
  /** Who has a place, and over which connection it is led to. */
  readonly #places = new Map<PeerId, Connection>()
  /** Who asked for the connections that are passed on, once for each. */
  readonly #askers: PeerId[] = []

  constructor(parts: RelayParts) {
    this.#parts = parts
  }

  async start(): Promise<void> {
    const options = { maxInboundStreams: RELAYED_MAX, maxOutboundStreams: RELAYED_MAX }
    const handler = (stream: Stream, connection: Connection) => this.#serve(stream, connection)
    await this.#parts.registrar.handle(HOP_PROTOCOL, handler, { ...options, force: true })
  }

  /** @returns whom others reach through us */
  places(): PeerId[] {
    return [...this.#places.keys()]
  }

  async #serve(stream: Stream, connection: Connection): Promise<void> {
    const signal = AbortSignal.timeout(AGREE_MS_MAX)
    try {
      const talk = new CircuitTalk(stream, HOP_PROTOCOL)
      const { type, peer } = await talk.hear(signal)
      const say = (status: number, more = {}) =>
        talk.say({ type: HOP.status, status, ...more }, signal)
      if (type === HOP.reserve) {
        await say(...this.#reserve(connection))
        return await stream.close({ signal })
      }
      const target = type === HOP.connect ? this.#join(connection, peer) : STATUS.unexpectedMessage
      if (typeof target === 'number') {
        await say(target)
        return await stream.close({ signal })
      }
      await this.#connect({ stream, connection, target, talk, signal })
    } catch (error) {
      stream.abort(error instanceof Error ? error : new Error(String(error)))
    }
  }

  #reserve(connection: Connection): [status: number, more?: { expiresAt: number }] {
    const peer = toPeerId(connection.remotePeer)
    // Over another relay nobody is led anywhere: two in a row would be twice as slow and twice as frail.
    if (!connection.direct || !this.#parts.isAdmitted(peer)) return [STATUS.permissionDenied]
    const isNew = this.#places.get(peer) !== connection
    this.#places.set(peer, connection)
    if (isNew) {
      connection.addEventListener('close', () => {
        if (this.#places.get(peer) === connection) this.#places.delete(peer)
      })
    }
    return [STATUS.ok, { expiresAt: Math.ceil((Date.now() + RESERVATION_MS) / 1000) }]
  }

  /** @returns the connection to whom is asked for, or the status that says why not */
  #join(connection: Connection, peer: PeerId | undefined): Connection | number {
    if (peer === undefined) return STATUS.malformedMessage
    const { isAdmitted } = this.#parts
    const asker = toPeerId(connection.remotePeer)
    if (!connection.direct || !isAdmitted(asker) || !isAdmitted(peer)) {
      return STATUS.permissionDenied
    }
    const asked = this.#askers.filter((one) => one === asker).length
    if (this.#askers.length >= PASSAGES_MAX || asked >= PASSAGES_PER_PEER_MAX) {
      return STATUS.resourceLimit
    }
    const target = this.#places.get(peer)
    return target?.status === 'open' ? target : STATUS.noReservation
  }

  async #connect(passage: {
    readonly stream: Stream
    readonly connection: Connection
    readonly target: Connection
    readonly talk: CircuitTalk
    readonly signal: AbortSignal
  }): Promise<void> {
    const { stream, connection, target, talk, signal } = passage
    const asker = toPeerId(connection.remotePeer)
    this.#askers.push(asker)
    let onward: Stream | undefined
    try {
      onward = await this.#announce(target, asker, signal)
      const status = onward === undefined ? STATUS.connectionFailed : STATUS.ok
      await talk.say({ type: HOP.status, status }, signal)
      if (onward === undefined) return await stream.close({ signal })
      talk.end()
      await joined(stream, onward)
    } catch (error) {
      onward?.abort(error instanceof Error ? error : new Error(String(error)))
      throw error
    } finally {
      this.#askers.splice(this.#askers.indexOf(asker), 1)
    }
  }

  /** @returns a stream to the target that it agreed to, or `undefined` */
  async #announce(
    target: Connection,
    peer: PeerId,
    signal: AbortSignal,
  ): Promise<Stream | undefined> {
    const stream = await target
      .newStream(STOP_PROTOCOL, { signal, maxOutboundStreams: RELAYED_MAX })
      .catch(() => undefined)
    if (stream === undefined) return undefined
    try {
      const talk = new CircuitTalk(stream, STOP_PROTOCOL)
      await talk.say({ type: STOP.connect, peer }, signal)
      const { status } = await talk.hear(signal)
      talk.end()
      if (status === STATUS.ok) return stream
      stream.abort(new Error('refused'))
    } catch (error) {
      stream.abort(error instanceof Error ? error : new Error(String(error)))
    }
    return undefined
  }
}

/** Pass bytes both ways. @returns resolves when both directions are over, in whatever way */
async function joined(one: Stream, other: Stream): Promise<void> {
  const over = [ended(one), ended(other)]
  pass(one, other)
  pass(other, one)
  await Promise.all(over)
}

function ended(stream: Stream): Promise<void> {
  return new Promise((resolve) => {
    if (stream.status !== 'open' && stream.status !== 'closing') resolve()
    else stream.addEventListener('close', () => resolve(), { once: true })
  })
}

/** Pass one way: what arrives is sent on at once, and nothing is taken while too much waits. */
function pass(from: Stream, to: Stream): void {
  const resume = () => {
    const isLow = to.writeBufferLength < WAITING_SIZE_MAX
    if (isLow && from.readStatus === 'paused') from.resume()
  }
  const onMessage = ({ data }: StreamMessageEvent) => {
    try {
      const canSendMore = to.send(data)
      if (!canSendMore && to.writeBufferLength >= WAITING_SIZE_MAX) from.pause()
    } catch (error) {
      from.abort(error instanceof Error ? error : new Error(String(error)))
    }
  }
  to.addEventListener('drain', () => queueMicrotask(resume))
  to.addEventListener('idle', resume)
  const onEnd = () => {
    // What waits comes out now, since a closed stream gives nothing any more.
    if (from.readStatus === 'paused') from.resume()
    to.close().catch(() => undefined)
  }
  from.addEventListener('remoteCloseWrite', onEnd)
  from.addEventListener('close', ({ error }) => {
    if (error !== undefined) to.abort(error)
    else to.close().catch(() => undefined)
  })
  to.addEventListener('close', ({ error }) => {
    if (error !== undefined) from.abort(error)
  })
  // Last, as it sets waiting bytes flowing.
  from.addEventListener('message', onMessage)
  if (from.remoteWriteStatus === 'closed') queueMicrotask(onEnd)
}
