/**
 * Peer session: typed questions to one peer.
 *
 * Keeps a few streams and says one thing at a time on each. Every wait has a limit; a stream that
 * missed one, or said something odd, is never used again. All requests may be repeated without harm,
 * so one that fails on a stream kept from before is tried once more on a new one.
 *
 * A peer that could not be reached is left alone for a while, so that a dead friend costs one time
 * limit and not one for every pack.
 */

import { FormatError } from '../../protocol/errors.ts'
import type { VaultId } from '../../protocol/ids.ts'
import { vaultIdToBytes } from '../../protocol/ids.ts'
import { packIdToBytes, type PackId } from '../../protocol/manifest.ts'
import {
  decodeResponse,
  encodeRequest,
  PACKS_MAX,
  PROTOCOL,
  type Request,
  type Response,
  type ResponseOf,
} from '../../protocol/messages.ts'
import { withDeadline, type PaceLimits } from '../base/deadline.ts'
import {
  PeerRefusedError,
  PeerTimeoutError,
  PeerUnreachableError,
  StreamResetError,
} from '../base/errors.ts'
import { assert } from '../base/assert.ts'
import { Semaphore } from '../base/semaphore.ts'
import type { Clock } from '../ports/clock.ts'
import type { Network, PeerId } from '../ports/network.ts'
import { MessageStream } from './message-stream.ts'

/** Exchanges with one peer at a time: enough to fill a line, few enough for a small box. */
export const STREAMS_MAX = 4

/** Reaching a peer, all its addresses together. */
export const DIAL_MS_MAX = 15_000

/** Silence in answer to a small question. */
export const ANSWER_MS_MAX = 30_000

/** Silence after a whole share was sent: the peer syncs it, on a slow disk perhaps. */
export const STORE_MS_MAX = 60_000

/** Bodies move at this pace on average, bytes per second, once the grace time has passed. */
export const BODY_RATE_MIN = 4096
export const BODY_GRACE_MS = 30_000

/** An unused stream older than this is not trusted to be open: peers close theirs after a minute. */
const STREAM_KEPT_MS = 45_000

/** How long an unreachable peer is left alone: doubles from the least to the most. */
const AWAY_MS_MIN = 5_000
const AWAY_MS_MAX = 300_000

const ANSWER: PaceLimits = { idleMs: ANSWER_MS_MAX }
const STORE: PaceLimits = { idleMs: STORE_MS_MAX }
const BODY: PaceLimits = { idleMs: ANSWER_MS_MAX, rateMin: BODY_RATE_MIN, graceMs: BODY_GRACE_MS }

export interface PeerSessionParts {
  readonly network: Network
  readonly clock: Clock
  /** The newest addresses known of the peer. */
  readonly addresses: () => readonly string[]
}

/** A share to be stored. */
export interface SharePut {
  readonly vault: VaultId
  readonly manifest: Uint8Array
  readonly shareNumber: number
  readonly piece: Uint8Array
}

/** Leaves of a share, not yet verified. */
export interface LeavesAnswer {
  readonly proof: readonly Uint8Array[]
  readonly bytes: Uint8Array
}

interface KeptStream {
  readonly stream: MessageStream
  readonly usedAt: number
}

export class PeerSession {
  readonly peer: PeerId
  readonly #parts: PeerSessionParts
  readonly #places = new Semaphore(STREAMS_MAX)
  #kept: KeptStream[] = []
  #busy = 0
  /** Until when, in monotonic ms, the peer is taken to be away, and why. */
  #away: { readonly until: number; readonly delay: number; readonly cause: unknown } | undefined

  constructor(peer: PeerId, parts: PeerSessionParts) {
    this.peer = peer
    this.#parts = parts
  }

  /** Exchanges under way or waiting. */
  get load(): number {
    return this.#busy
  }

  /** Whether the peer was found unreachable a moment ago. */
  get isAway(): boolean {
    return this.#away !== undefined && this.#parts.clock.monotonic() < this.#away.until
  }

  /** Try the peer again at the next question, however it was a moment ago. */
  forgive(): void {
    if (this.#away !== undefined) this.#away = { ...this.#away, until: 0 }
  }

  async status(signal: AbortSignal): Promise<ResponseOf<'status'>> {
    return await this.#ask({ type: 'status' }, 'status', signal)
  }

  /**
   * Store a share. The piece leaves only once the peer said that it wants it.
   *
   * @param onSent - told of every byte of the piece that went out
   * @throws {PeerRefusedError} 'full', 'quota' …
   */
  async put(
    put: SharePut,
    signal: AbortSignal,
    onSent: (size: number) => void = () => undefined,
  ): Promise<'stored' | 'held'> {
    const { manifest, shareNumber, piece } = put
    const vault = vaultIdToBytes(put.vault)
    const bodySize = piece.length
    const request = { type: 'put', vault, manifest, shareNumber, bodySize } as const
    return await this.#exchange(request, signal, async (stream, response) => {
      if (response.type === 'held') return 'held'
      expectType(response, 'go')
      const answer = await this.#sendPiece(stream, piece, signal, onSent)
      return answer.type === 'held' ? 'held' : expectType(answer, 'stored').type
    })
  }

  /**
   * Which shares of these packs the peer holds.
   *
   * @param packs - at most {@link PACKS_MAX}
   */
  async have(
    packs: readonly PackId[],
    options: { readonly manifests: boolean },
    signal: AbortSignal,
  ): Promise<ResponseOf<'have'>> {
    assert(packs.length <= PACKS_MAX, 'callers cut their questions')
    const names = packs.map(packIdToBytes)
    const request = { type: 'have', packs: names, ...options } as const
    const response = await this.#ask(request, 'have', signal)
    if (response.shares.length !== packs.length) {
      throw new FormatError('response, field shares: not one for every pack')
    }
    return response
  }

  /** Read leaves; whether they are what was asked for is the caller's to verify. */
  async read(
    range: {
      readonly pack: PackId
      readonly shareNumber: number
      readonly first: number
      readonly count: number
      /** Bytes these leaves have. */
      readonly size: number
    },
    signal: AbortSignal,
  ): Promise<LeavesAnswer> {
    const { shareNumber, first, count, size } = range
    const pack = packIdToBytes(range.pack)
    const request = { type: 'read', pack, shareNumber, first, count } as const
    return await this.#exchange(request, signal, async (stream, response) => {
      const { proof, bodySize } = expectType(response, 'leaves')
      if (bodySize !== size) throw new FormatError(`response, field bodySize: not ${size}`)
      const bytes = new Uint8Array(size)
      await stream.within(BODY, signal, async () => {
        let filled = 0
        for await (const part of stream.receiveBody(size)) {
          bytes.set(part, filled)
          filled += part.length
        }
      })
      return { proof, bytes }
    })
  }

  /** @returns how many shares of the packs the peer holds */
  async adopt(
    vault: VaultId,
    packs: readonly PackId[],
    sequence: number,
    signal: AbortSignal,
  ): Promise<number> {
    const names = packs.map(packIdToBytes)
    const request = { type: 'adopt', vault: vaultIdToBytes(vault), packs: names, head: sequence }
    return (await this.#ask({ ...request, type: 'adopt' }, 'adopted', signal)).count
  }

  /** @returns the peer's receipt, not yet verified */
  async publish(head: Uint8Array, signal: AbortSignal): Promise<Uint8Array> {
    return (await this.#ask({ type: 'publish', head }, 'receipt', signal)).receipt
  }

  async heads(
    vault: VaultId,
    options: { readonly all: boolean },
    signal: AbortSignal,
  ): Promise<ResponseOf<'heads'>['heads']> {
    const request = { type: 'heads', vault: vaultIdToBytes(vault), ...options } as const
    return (await this.#ask(request, 'heads', signal)).heads
  }

  /** Give statements, get those of the peer. */
  async roster(
    statements: readonly Uint8Array[],
    signal: AbortSignal,
  ): Promise<readonly Uint8Array[]> {
    return (await this.#ask({ type: 'roster', statements }, 'roster', signal)).statements
  }

  /** Break all streams. */
  close(): void {
    for (const { stream } of this.#kept.splice(0)) stream.reset()
  }

  async #ask<Type extends Response['type']>(
    request: Request,
    type: Type,
    signal: AbortSignal,
  ): Promise<ResponseOf<Type>> {
    return await this.#exchange(request, signal, (_, response) =>
      Promise.resolve(expectType(response, type)),
    )
  }

  /** One whole exchange: the request, its first response, and what `rest` makes of it. */
  async #exchange<T>(
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
    return await stream.within(ANSWER, signal, async () => {
      await stream.send(payload)
      return await receiveResponse(stream)
    })
  }

  /** Send a piece, but stop as soon as the peer refuses: then it does not want the rest. */
  async #sendPiece(
    stream: MessageStream,
    piece: Uint8Array,
    signal: AbortSignal,
    onSent: (size: number) => void,
  ): Promise<Response> {
    let answer: Response | undefined
    const answered = receiveResponse(stream).then((response) => (answer = response))
    const isWanted = () => answer?.type !== 'error'
    const send = async () => {
      for await (const size of stream.sendBody(piece, isWanted)) onSent(size)
    }
    await stream.within(BODY, signal, async () => {
      const sent = send()
      for (const either of [sent, answered]) either.catch(() => undefined)
      // A refusal that came before the stream broke says more than the broken stream.
      await Promise.race([sent.catch(() => answered), answered])
      // Whatever else is said early: the whole body goes out, or the stream is of no more use.
      if (isWanted()) await sent
    })
    const last = await stream.within(STORE, signal, () => answered)
    if (last.type !== 'error') return last
    throw new PeerRefusedError(last.code, `${this.peer}: ${last.message}`)
  }

  async #dial(signal: AbortSignal): Promise<MessageStream> {
    const { network, clock, addresses } = this.#parts
    if (this.isAway) {
      const options = { cause: this.#away?.cause }
      throw new PeerUnreachableError(`${this.peer}: not reached a moment ago`, options)
    }
    try {
      const stream = await withDeadline(
        clock,
        DIAL_MS_MAX,
        signal,
        (within) => network.dial(this.peer, PROTOCOL, addresses(), within),
        () => new PeerUnreachableError(`${this.peer}: not reached within ${DIAL_MS_MAX} ms`),
      )
      this.#away = undefined
      return new MessageStream(stream, clock)
    } catch (error) {
      if (!signal.aborted) this.#missed(error)
      throw error
    }
  }

  #missed(cause: unknown): void {
    const delay = Math.min(AWAY_MS_MAX, Math.max(AWAY_MS_MIN, 2 * (this.#away?.delay ?? 0)))
    this.#away = { until: this.#parts.clock.monotonic() + delay, delay, cause }
  }

  #takeKept(): MessageStream | undefined {
    const oldest = this.#parts.clock.monotonic() - STREAM_KEPT_MS
    const kept = this.#kept.pop()
    if (kept === undefined || kept.usedAt >= oldest) return kept?.stream
    kept.stream.reset()
    this.close()
    return undefined
  }

  #keep(stream: MessageStream): void {
    this.#kept.push({ stream, usedAt: this.#parts.clock.monotonic() })
  }
}

async function receiveResponse(stream: MessageStream): Promise<Response> {
  const payload = await stream.receive()
  if (payload === undefined) throw new StreamResetError('the peer ended the stream, no answer')
  return decodeResponse(payload)
}

function expectType<Type extends Response['type']>(
  response: Response,
  type: Type,
): ResponseOf<Type> {
  if (!isOfType(response, type)) {
    throw new FormatError(`response of type ${response.type}, where ${type} belongs`)
  }
  return response
}

function isOfType<Type extends Response['type']>(
  response: Response,
  type: Type,
): response is ResponseOf<Type> {
  return response.type === type
}
