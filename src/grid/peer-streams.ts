/**
 * Peer streams: a few streams to one peer, each used for one exchange at a time.
 *
 * Every wait has a limit; a stream that missed one, or on which something odd was said, is never used
 * again. All requests may be repeated without harm, so one that fails on a stream kept from before is
 * tried once more on a new one.
 *
 * On a narrow line a question waits behind a body that goes to the same peer: while that moves, the peer is
 * neither silent nor out of reach.
 *
 * A peer that could not be reached is left alone for a while, so that a dead friend costs one time
 * limit and not one for every pack.
 */

import {
  decodeResponse,
  encodeRequest,
  PROTOCOL,
  type Request,
  type Response,
} from '../../protocol/messages.ts'
import { withDeadline, type PaceLimits } from '../base/deadline.ts'
import {
  PeerRefusedError,
  PeerTimeoutError,
  ProtocolNotServedError,
  PeerUnreachableError,
  StreamResetError,
} from '../base/errors.ts'
import { Semaphore } from '../base/semaphore.ts'
import type { Clock } from '../ports/clock.ts'
import type { Network, PeerId } from '../ports/network.ts'
import { MessageStream } from './message-stream.ts'
import { versionError } from './peer-versions.ts'

/** Exchanges with one peer at a time: enough to fill a line, few enough for a small box. */
export const STREAMS_MAX = 4

/** Reaching a peer, all its addresses together. */
export const DIAL_MS_MAX = 30_000

/** Silence in answer to a small question. */
export const ANSWER_MS_MAX = 30_000

/** An unused stream is ended after this: peers break theirs after a minute. */
const STREAM_KEPT_MS = 45_000

/** How long an unreachable peer is left alone: doubles from the least to the most. */
const AWAY_MS_MIN = 5_000
const AWAY_MS_MAX = 300_000

/** The longest wait behind other exchanges: a window of each at the slowest pace. */
const BEHIND_MS_MAX = 300_000

export interface PeerStreamsParts {
  readonly network: Network
  readonly clock: Clock
  /** The newest addresses known of the peer. */
  readonly addresses: () => readonly string[]
  /** Ask others where the peer is now; `addresses` tells of it then. */
  readonly relearn?: (signal: AbortSignal) => Promise<void>
}

interface KeptStream {
  readonly stream: MessageStream
  /** Keep it: its end is called off. */
  readonly keep: () => void
}

/** The peer was not reached. */
interface Away {
  /** It is left alone until then, monotonic ms, or until it is said to be somewhere else. */
  readonly until: number
  readonly addresses: string
  readonly delay: number
  readonly cause: unknown
}

export class PeerStreams {
  readonly peer: PeerId
  readonly #parts: PeerStreamsParts
  readonly #places = new Semaphore(STREAMS_MAX)
  readonly #kept: KeptStream[] = []
  /** When bytes came from the peer, or were taken by it, monotonic ms. */
  #movedAt = -Infinity
  #busy = 0
  #away: Away | undefined

  constructor(peer: PeerId, parts: PeerStreamsParts) {
    this.peer = peer
    this.#parts = parts
  }

  /** Exchanges under way or waiting. */
  get load(): number {
    return this.#busy
  }

  /** Whether the peer was found unreachable a moment ago. */
  get isAway(): boolean {
    if (this.#away === undefined || this.#parts.clock.monotonic() >= this.#away.until) return false
    return this.#away.addresses === this.#addresses()
  }

  /** Try the peer again at the next question, however it was a moment ago. */
  forgive(): void {
    if (this.#away !== undefined) this.#away = { ...this.#away, until: 0 }
  }

  /** Break all streams that are not in use. */
  close(): void {
    for (const { stream, keep } of this.#kept.splice(0)) {
      keep()
      stream.reset()
    }
  }

  /**
   * One whole exchange: the request, its first response, and what `rest` makes of it.
   *
   * @throws {PeerRefusedError} if the first response is an error
   */
  async exchange<T>(
    request: Request,
    signal: AbortSignal,
    rest: (stream: MessageStream, response: Response) => Promise<T>,
  ): Promise<T> {
    this.#busy += 1
    try {
      return await this.#places.run(async () => {
        const [stream, response] = await this.#begin(encodeRequest(request), signal)
        let isClean = false
        try {
          if (response.type === 'error') {
            isClean = true
            throw new PeerRefusedError(response.code, `${this.peer}: ${response.message}`)
          }
          const result = await rest(stream, response)
          isClean = true
          return result
        } finally {
          if (isClean) this.#keep(stream)
          else stream.reset()
        }
      }, signal)
    } catch (error) {
      if (error instanceof PeerTimeoutError) this.#missed(error)
      throw error
    } finally {
      this.#busy -= 1
    }
  }

  /** Send the request on a kept stream, or if that turns out to be closed, or there is none, a new one. */
  async #begin(payload: Uint8Array, signal: AbortSignal): Promise<[MessageStream, Response]> {
    const kept = this.#takeKept()
    if (kept !== undefined) {
      try {
        return [kept, await this.#firstAnswer(kept, payload, signal)]
      } catch (error) {
        kept.reset()
        if (!(error instanceof StreamResetError)) throw error
      }
    }
    const stream = await this.#dial(signal)
    try {
      return [stream, await this.#firstAnswer(stream, payload, signal)]
    } catch (error) {
      stream.reset()
      throw error
    }
  }

  async #firstAnswer(
    stream: MessageStream,
    payload: Uint8Array,
    signal: AbortSignal,
  ): Promise<Response> {
    return await stream.within(this.#patience(ANSWER_MS_MAX), signal, async () => {
      await stream.send(payload)
      return await receiveResponse(stream)
    })
  }

  async #dial(signal: AbortSignal): Promise<MessageStream> {
    if (this.isAway) {
      const cause = this.#away?.cause
      const isTurnedAway = cause instanceof PeerUnreachableError && cause.isTurnedAway
      const why = isTurnedAway ? 'hung up on us' : 'not reached'
      const options = { cause, isTurnedAway }
      throw new PeerUnreachableError(`${this.peer}: ${why} a moment ago`, options)
    }
    const tried = this.#addresses()
    try {
      return await this.#dialOnce(signal)
    } catch (error) {
      const why = await this.#whyNot(error, signal)
      // Who answered and speaks otherwise is nowhere else.
      if (why !== error) throw why
      await this.#parts.relearn?.(signal)
      if (this.#addresses() === tried) throw why
    }
    try {
      return await this.#dialOnce(signal)
    } catch (error) {
      throw await this.#whyNot(error, signal)
    }
  }

  /** The peer is left alone for a while; @returns the error that says most of why. */
  async #whyNot(error: unknown, signal: AbortSignal): Promise<unknown> {
    if (signal.aborted) throw error
    const isOther = error instanceof ProtocolNotServedError
    const why = isOther ? await versionError(this.peer, this.#parts, signal, error) : error
    this.#missed(why)
    return why
  }

  async #dialOnce(signal: AbortSignal): Promise<MessageStream> {
    const { network, clock, addresses } = this.#parts
    const stream = await withDeadline(
      clock,
      this.#patience(DIAL_MS_MAX),
      signal,
      (within) => network.dial(this.peer, PROTOCOL, addresses(), within),
      () => new PeerUnreachableError(`${this.peer}: not reached within ${DIAL_MS_MAX} ms`),
    )
    this.#away = undefined
    return new MessageStream(stream, clock, () => {
      this.#movedAt = clock.monotonic()
    })
  }

  #patience(idleMs: number): PaceLimits {
    return { idleMs, totalMs: BEHIND_MS_MAX, movedAt: () => this.#movedAt }
  }

  #missed(cause: unknown): void {
    const delay = Math.min(AWAY_MS_MAX, Math.max(AWAY_MS_MIN, 2 * (this.#away?.delay ?? 0)))
    const until = this.#parts.clock.monotonic() + delay
    this.#away = { until, addresses: this.#addresses(), delay, cause }
  }

  #addresses(): string {
    return this.#parts.addresses().join(' ')
  }

  #takeKept(): MessageStream | undefined {
    const kept = this.#kept.pop()
    kept?.keep()
    return kept?.stream
  }

  #keep(stream: MessageStream): void {
    const keep = this.#parts.clock.after(STREAM_KEPT_MS, () => this.#letGo(kept))
    const kept: KeptStream = { stream, keep }
    this.#kept.push(kept)
  }

  #letGo(kept: KeptStream): void {
    this.#kept.splice(this.#kept.indexOf(kept), 1)
    kept.stream.end().catch(() => kept.stream.reset())
  }
}

/** @throws {StreamResetError} if the peer ends the stream instead */
export async function receiveResponse(stream: MessageStream): Promise<Response> {
  const payload = await stream.receive()
  if (payload === undefined) throw new StreamResetError('the peer ended the stream, no answer')
  return decodeResponse(payload)
}
