/**
 * Peer session: typed questions to one peer, each with its limits of time.
 */

import { FormatError } from '../../protocol/errors.ts'
import { vaultIdToBytes, type VaultId } from '../../protocol/ids.ts'
import { packIdToBytes, type PackId } from '../../protocol/manifest.ts'
import { publicKeyOf } from '../../protocol/peer-id.ts'
import {
  PACKS_MAX,
  type Request,
  type RequestOf,
  type Response,
  type ResponseOf,
} from '../../protocol/messages.ts'
import { assert } from '../base/assert.ts'
import type { PaceLimits } from '../base/deadline.ts'
import { PeerRefusedError } from '../base/errors.ts'
import type { PeerId } from '../ports/network.ts'
import { BodyLane } from './body-lane.ts'
import type { MessageStream } from './message-stream.ts'
import {
  ANSWER_MS_MAX,
  PeerStreams,
  receiveResponse,
  STREAMS_MAX,
  type PeerStreamsParts,
} from './peer-streams.ts'

/** Silence after a whole share was sent: the peer syncs it, on a slow disk perhaps. */
export const STORE_MS_MAX = 60_000

/** Bodies move at this pace on average, bytes per second, once the grace time has passed. */
export const BODY_RATE_MIN = 4096
export const BODY_GRACE_MS = 30_000

/** Where one body goes so fast, each of several keeps the pace with a factor of two. */
const RATE_WIDE = 2 * STREAMS_MAX * BODY_RATE_MIN

/** Silence while a body is sent: at that pace one written piece takes 32 s. The peer waits as long. */
const SEND_MS_MAX = 60_000

const STORE: PaceLimits = { idleMs: STORE_MS_MAX }
const PACE = { rateMin: BODY_RATE_MIN, graceMs: BODY_GRACE_MS }
const SEND: PaceLimits = { ...PACE, idleMs: SEND_MS_MAX }
const RECEIVE: PaceLimits = { ...PACE, idleMs: ANSWER_MS_MAX }

/** A share to be stored. */
export interface SharePut {
  readonly vault: VaultId
  readonly manifest: Uint8Array
  readonly shareNumber: number
  readonly piece: Uint8Array
  /** It belongs to a head that drops things: peers take a little of that beyond every limit. */
  readonly isTidying?: boolean
  /** What lets us ask in place of the vault's device: a repair grant. */
  readonly repair?: Uint8Array | undefined
}

/** Leaves of a share, not yet verified. */
export interface LeavesAnswer {
  readonly proof: readonly Uint8Array[]
  readonly bytes: Uint8Array
}

export class PeerSession {
  readonly peer: PeerId
  readonly #streams: PeerStreams
  /** Bodies that go there, and that come from there. */
  readonly #out: BodyLane
  readonly #in: BodyLane

  constructor(peer: PeerId, parts: PeerStreamsParts) {
    this.peer = peer
    this.#out = new BodyLane(parts.clock, RATE_WIDE, STREAMS_MAX)
    this.#in = new BodyLane(parts.clock, RATE_WIDE, STREAMS_MAX)
    this.#streams = new PeerStreams(peer, parts)
  }

  /** Exchanges under way or waiting. */
  get load(): number {
    return this.#streams.load + this.#out.waiting + this.#in.waiting
  }

  /** Whether the peer was found unreachable a moment ago. */
  get isAway(): boolean {
    return this.#streams.isAway
  }

  /** Try the peer again at the next question, however it was a moment ago. */
  forgive(): void {
    this.#streams.forgive()
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
    const fields = { type: 'put', vault, manifest, shareNumber, bodySize } as const
    const tidying = put.isTidying === true ? { isTidying: true as const } : {}
    const request = { ...fields, ...tidying, ...grantField(put.repair) }
    const send = async () =>
      await this.#streams.exchange(request, signal, async (stream, response) => {
        if (response.type === 'held') return 'held'
        expectType(response, 'go')
        const answer = await this.#sendPiece(stream, piece, signal, onSent)
        return answer.type === 'held' ? 'held' : expectType(answer, 'stored').type
      })
    const sentBy = (answer: 'stored' | 'held') => (answer === 'stored' ? bodySize : 0)
    return await this.#out.run(bodySize, send, sentBy, signal)
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

  /**
   * Read leaves; whether they are what was asked for is the caller's to verify.
   *
   * @param onMoved - told whenever something of the answer came
   */
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
    onMoved: () => void = () => undefined,
  ): Promise<LeavesAnswer> {
    const { shareNumber, first, count, size } = range
    const pack = packIdToBytes(range.pack)
    const request = { type: 'read', pack, shareNumber, first, count } as const
    const receive = async () =>
      await this.#streams.exchange(request, signal, async (stream, response) => {
        const { proof, bodySize } = expectType(response, 'leaves')
        onMoved()
        if (bodySize !== size) throw new FormatError(`response, field bodySize: not ${size}`)
        const bytes = new Uint8Array(size)
        await stream.within(RECEIVE, signal, async () => {
          let filled = 0
          for await (const part of stream.receiveBody(size)) {
            bytes.set(part, filled)
            filled += part.length
            onMoved()
          }
        })
        return { proof, bytes }
      })
    return await this.#in.run(size, receive, ({ bytes }) => bytes.length, signal)
  }

  /**
   * @param repair - a grant, where we are none of the vault's devices
   * @returns how many shares of the packs the peer holds
   */
  async adopt(
    vault: VaultId,
    packs: readonly PackId[],
    sequence: number,
    signal: AbortSignal,
    repair?: Uint8Array,
  ): Promise<number> {
    const names = packs.map(packIdToBytes)
    const fields = { vault: vaultIdToBytes(vault), packs: names, head: sequence }
    const request = { type: 'adopt', ...fields, ...grantField(repair) } as const
    return (await this.#ask(request, 'adopted', signal)).count
  }

  /** Renew the lease of the vault that a repair grant is for. */
  async renew(repair: Uint8Array, signal: AbortSignal): Promise<void> {
    await this.#ask({ type: 'renew', repair }, 'renewed', signal)
  }

  /**
   * Nothing that came so far is needed but what was adopted.
   *
   * @returns how many shares no head adopted
   */
  async forgo(vault: VaultId, sequence: number, signal: AbortSignal): Promise<number> {
    const request = { type: 'forgo', vault: vaultIdToBytes(vault), head: sequence } as const
    return (await this.#ask(request, 'forgone', signal)).count
  }

  /** @returns what the peer says it did with a release or a cancel */
  async release(document: Uint8Array, signal: AbortSignal): Promise<ResponseOf<'released'>> {
    return await this.#ask({ type: 'release', document }, 'released', signal)
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

  /** @returns the peer's account for the vault, not yet verified */
  async account(vault: VaultId, signal: AbortSignal): Promise<Uint8Array> {
    const request = { type: 'account', vault: vaultIdToBytes(vault) } as const
    return (await this.#ask(request, 'account', signal)).account
  }

  /**
   * Give credits, get those that the peer has besides.
   *
   * @param known - names of those that need not be told; null if none are wanted
   */
  async credits(
    credits: readonly Uint8Array[],
    known: readonly Uint8Array[] | null,
    signal: AbortSignal,
  ): Promise<readonly Uint8Array[]> {
    return (await this.#ask({ type: 'credits', credits, known }, 'credits', signal)).credits
  }

  /** @returns what the peer holds for whom; only its owner is told */
  async holdings(signal: AbortSignal): Promise<ResponseOf<'holdings'>['vaults']> {
    return (await this.#ask({ type: 'holdings' }, 'holdings', signal)).vaults
  }

  /** @returns for each of these peers: milliseconds since this one heard it, `undefined` if it did not */
  async seen(
    peers: readonly PeerId[],
    signal: AbortSignal,
  ): Promise<readonly (number | undefined)[]> {
    const request = { type: 'seen', peers: peers.map(publicKeyOf) } as const
    const { ages } = await this.#ask(request, 'seen', signal)
    if (ages.length !== peers.length) {
      throw new FormatError('response, field ages: not one for every peer')
    }
    return ages.map((age) => age ?? undefined)
  }

  /** @returns what the peer knows of its own connections */
  async reach(signal: AbortSignal): Promise<ResponseOf<'reach'>> {
    return await this.#ask({ type: 'reach' }, 'reach', signal)
  }

  /** @returns the first of our addresses at which the peer reached us; `undefined` if none led to us */
  async dialBack(addresses: readonly string[], signal: AbortSignal): Promise<string | undefined> {
    return (await this.#ask({ type: 'dial-back', addresses }, 'dialled', signal)).address
  }

  /** Tell statements. @returns how many were new to the peer, and the digest of its roster */
  async news(statements: readonly Uint8Array[], signal: AbortSignal): Promise<ResponseOf<'heard'>> {
    return await this.#ask({ type: 'news', statements }, 'heard', signal)
  }

  /** Ask to come in, with an invite code. */
  async join(
    request: Omit<RequestOf<'join'>, 'type'>,
    signal: AbortSignal,
  ): Promise<ResponseOf<'joining'>> {
    return await this.#ask({ type: 'join', ...request }, 'joining', signal)
  }

  /** Break all streams that are not in use. */
  close(): void {
    this.#streams.close()
  }

  async #ask<Type extends Response['type']>(
    request: Request,
    type: Type,
    signal: AbortSignal,
  ): Promise<ResponseOf<Type>> {
    return await this.#streams.exchange(request, signal, (_, response) =>
      Promise.resolve(expectType(response, type)),
    )
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
    await stream.within(SEND, signal, async () => {
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
}

function grantField(repair: Uint8Array | undefined): { repair?: Uint8Array } {
  return repair === undefined ? {} : { repair }
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
