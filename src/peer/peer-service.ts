/**
 * Peer service: answers the members of a grid from this peer's stores.
 *
 * Strangers are refused by the network's gate before any of this runs, and once more at each request,
 * since a member may be removed meanwhile. Guests, who come with an invite code, may ask to come in.
 * Every wait has a limit, and every member its part of streams, work and line, so a hostile one slows
 * nobody but itself.
 *
 * Limits, order of writes and answers: docs/peer.md
 */

import { FormatError } from '../../protocol/errors.ts'
import { vaultIdFromBytes, type VaultId } from '../../protocol/ids.ts'
import { LEAF_SIZES } from '../../protocol/manifest.ts'
import {
  decodeRequest,
  encodeResponse,
  PROTOCOL,
  READ_SIZE_MAX,
  UnknownMessageError,
  type Request,
  type RequestOf,
  type Response,
} from '../../protocol/messages.ts'
import type { Member } from '../../protocol/roster.ts'
import { shareLayout } from '../../protocol/share.ts'
import { VERSIONS_PROTOCOL } from '../../protocol/versions.ts'
import { linkSignals, orAbort } from '../base/abort.ts'
import { toDatabaseError } from '../base/database-error.ts'
import type { PaceLimits } from '../base/deadline.ts'
import { CairnError, DiskError, DiskFullError, StreamResetError } from '../base/errors.ts'
import { tellVersions } from '../grid/peer-versions.ts'
import { MessageStream } from '../grid/message-stream.ts'
import type { Log } from '../ports/log.ts'
import type { ByteStream, Network, PeerId } from '../ports/network.ts'
import type { NoRoom } from '../store/share-room.ts'
import type { ShareUpload } from '../store/share-upload.ts'
import { Allowances } from './allowances.ts'
import {
  answer,
  codeOfFormatError,
  refuse,
  type AnswerParts,
  type ServiceParts,
} from './answers.ts'
import type { InviteDesk } from './invite-desk.ts'
import { Lanes, type Lane } from './lanes.ts'
import { isAllowed } from './permissions.ts'
import { ReachBook } from './reach-book.ts'
import { RepairGrants } from './repair-grants.ts'

/** Streams one member may have open: four sessions of its programs. */
export const STREAMS_PER_PEER_MAX = 16

/** Streams of all members together; each may hold 1 MiB of an answer. */
export const STREAMS_MAX = 128

/** Streams that each member gets even so, or eight who fill theirs would keep everybody else out. */
export const STREAMS_PER_PEER_SURE = 4

/** A stream without a request is closed after a minute, one whose request trickles soon after. */
const REQUEST: PaceLimits = { idleMs: 60_000, totalMs: 90_000 }

/** Bodies and answers move at 4 KiB/s on average once 30 s have passed. */
const BODY: PaceLimits = { idleMs: 60_000, rateMin: 4096, graceMs: 30_000 }

/** Bytes of an answer in words that goes at once: whoever stores or asks small things waits for nobody. */
const SHORT_ANSWER_SIZE_MAX = 4096

const BUSY = refuse('busy', 'you asked for more than your part here; come again later')

/** What a guest asks for is looked at with care: as much work as a message of so many bytes. */
const GUEST_COST = 160 * 1024

/** A read names leaves; how large they are is known once their manifest is looked at. */
const LEAF_SIZE_MAX = Math.max(...LEAF_SIZES)

/** Work on our own disk may take as long as it takes; this only ends what hangs for good. */
const ANSWER: PaceLimits = { idleMs: 60_000 }

export interface PeerServiceParts extends AnswerParts {
  readonly network: Network
  readonly log: Log
  readonly invites: InviteDesk
}

export class PeerService {
  /** What this peer knows of its connections. */
  readonly reach: ReachBook
  readonly #parts: PeerServiceParts
  readonly #grants: RepairGrants
  readonly #allowances: Allowances
  readonly #lanes: Lanes
  readonly #streams = new Map<PeerId, number>()
  #signal: AbortSignal = AbortSignal.abort(new Error('the service does not run yet'))
  #isServing = false

  constructor(parts: PeerServiceParts) {
    this.#parts = parts
    this.reach = new ReachBook(parts)
    this.#grants = new RepairGrants(parts)
    const held = (vault: VaultId) => parts.shareStore.used(vault)
    this.#allowances = new Allowances({ clock: parts.clock, held })
    this.#lanes = new Lanes(parts.clock)
  }

  /** Streams open now, of everybody. */
  get streamCount(): number {
    return [...this.#streams.values()].reduce((sum, each) => sum + each, 0)
  }

  /** Streams that a member has open now. */
  streamsOf(peer: PeerId): number {
    return this.#streams.get(peer) ?? 0
  }

  /** Take streams from now on; until `run` is called they are refused. */
  async start(): Promise<void> {
    if (this.#isServing) return
    this.#isServing = true
    const { network, clock } = this.#parts
    await network.serve(PROTOCOL, (stream) => this.#serve(stream))
    await network.serve(VERSIONS_PROTOCOL, (stream) => tellVersions(stream, clock, this.#signal))
  }

  /**
   * Serve until the signal aborts. May be called again afterwards.
   *
   * @throws the signal's reason, unchanged
   */
  async run(signal: AbortSignal): Promise<never> {
    signal.throwIfAborted()
    const { network } = this.#parts
    const link = linkSignals(signal)
    this.#signal = link.signal
    try {
      network.gate((peer) => this.#mayConnect(peer))
      await this.start()
      return await orAbort(new Promise<never>(() => undefined), link.signal)
    } finally {
      network.gate(() => false)
      link.release()
    }
  }

  async #serve(stream: ByteStream): Promise<void> {
    const { remote } = stream
    const signal = this.#signal
    // Removed since it connected; on the streams it had it was told so in words.
    if (!this.#mayConnect(remote)) return await this.#parts.network.hangUp(remote)
    const messages = new MessageStream(stream, this.#parts.clock)
    const count = this.#streams.get(remote) ?? 0
    const isFull = this.streamCount >= STREAMS_MAX && count >= STREAMS_PER_PEER_SURE
    if (count >= STREAMS_PER_PEER_MAX || isFull) {
      await this.#respond(messages, refuse('busy', 'too many streams'), signal)
      return await messages.end()
    }
    this.#streams.set(remote, count + 1)
    try {
      while (await this.#exchange(messages, signal));
      await messages.end()
    } catch (error) {
      messages.reset()
      this.#note(remote, error)
    } finally {
      const left = (this.#streams.get(remote) ?? 1) - 1
      if (left === 0) this.#streams.delete(remote)
      else this.#streams.set(remote, left)
    }
  }

  /**
   * One exchange.
   *
   * @returns whether another may follow on the stream
   */
  async #exchange(messages: MessageStream, signal: AbortSignal): Promise<boolean> {
    let payload: Uint8Array | undefined
    try {
      payload = await messages.within(REQUEST, signal, () => messages.receive())
    } catch (error) {
      if (!(error instanceof FormatError)) throw error
      await this.#respond(messages, refuse('bad-request', error.message), signal)
      this.#note(messages.remote, error)
      return false
    }
    if (payload === undefined) return false

    const member = this.#parts.roster.member(messages.remote)
    if (member === undefined) return await this.#answerGuest(messages, payload, signal)
    this.#parts.sightings.heard(member.peer)
    try {
      const allowances = this.#allowances
      if (!(await allowances.message(member.peer, payload.length, signal))) {
        return await this.#respond(messages, BUSY, signal)
      }
      const request = decodeRequest(payload)
      if (!(await allowances.request(member, request, signal))) {
        return await this.#respond(messages, BUSY, signal)
      }
      if (request.type === 'join' || !isAllowed(member, request)) {
        const why = `a ${member.role} may not ask for ${request.type} here`
        return await this.#respond(messages, refuse('not-admitted', why), signal)
      }
      const refusal = this.#grants.refusal(member, request)
      if (refusal !== undefined) return await this.#respond(messages, refusal, signal)
      this.#renewLease(member, request)
      return await this.#answer(messages, member, request, signal)
    } catch (error) {
      return await this.#respond(messages, this.#refusal(error, messages.remote), signal)
    }
  }

  async #answerGuest(
    messages: MessageStream,
    payload: Uint8Array,
    signal: AbortSignal,
  ): Promise<boolean> {
    const { invites } = this.#parts
    const { remote } = messages
    try {
      const size = payload.length + GUEST_COST
      if (!(await this.#allowances.message(remote, size, signal))) {
        return await this.#respond(messages, BUSY, signal)
      }
      const request = invites.isGuest(remote) ? decodeRequest(payload) : undefined
      if (request?.type !== 'join') {
        await this.#respond(messages, refuse('not-admitted', 'not a member of this grid'), signal)
        return false
      }
      return await this.#respond(messages, await invites.answer(remote, request), signal)
    } catch (error) {
      return await this.#respond(messages, this.#refusal(error, remote), signal)
    }
  }

  get #answerParts(): ServiceParts {
    return { ...this.#parts, allowances: this.#allowances, reach: this.reach }
  }

  #mayConnect(peer: PeerId): boolean {
    return this.#parts.roster.isAdmitted(peer) || this.#parts.invites.isGuest(peer)
  }

  /**
   * A device of the vault was heard, or a helper with a grant that counts. Whoever could be answered is
   * answered, even where nothing can be written any more.
   */
  #renewLease(member: Member, request: Request): void {
    const helped = this.#grants.vaultOf(request)
    const vault = helped ?? (member.role === 'device' ? member.vault : undefined)
    if (vault === undefined || (helped !== undefined && !this.#isKnown(vault))) return
    try {
      this.#parts.shareStore.renewLease(vault, helped === undefined ? undefined : member.peer)
    } catch (error) {
      if (!(error instanceof DiskError)) throw error
      this.#parts.log.error('lease not renewed', { vault, why: error.message })
    }
  }

  /** Anybody makes vaults, and grants of them: a lease is kept for those that keep something, or have a device. */
  #isKnown(vault: VaultId): boolean {
    const { shareStore, roster } = this.#parts
    return shareStore.used(vault) > 0 || roster.quota(vault) !== 0
  }

  async #answer(
    messages: MessageStream,
    member: Member,
    request: Exclude<Request, { type: 'join' }>,
    signal: AbortSignal,
  ): Promise<boolean> {
    if (request.type === 'put') return await this.#put(messages, member, request, signal)
    if (request.type !== 'read') return await this.#tell(messages, member, request, signal)
    const size = Math.min(READ_SIZE_MAX, request.count * LEAF_SIZE_MAX)
    // A turn ends when the answer is on its way: one who reads slowly waits for himself.
    const isGiven = await this.#allowances.read(member, size, signal, (lane) =>
      this.#lanes.answer(lane, signal, async () => {
        const { response, body } = await answer(this.#answerParts, member, request, signal)
        if (lane === 'foreground') this.#allowances.unread(member.peer, size - (body?.length ?? 0))
        return await this.#respond(messages, response, signal, body, lane)
      }),
    )
    return isGiven ?? (await this.#respond(messages, BUSY, signal))
  }

  /** Answer in words. Long lists fill a line as leaves do, and go as those do. */
  async #tell(
    messages: MessageStream,
    member: Member,
    request: Exclude<Request, { type: 'join' | 'put' | 'read' }>,
    signal: AbortSignal,
  ): Promise<boolean> {
    const { response } = await answer(this.#answerParts, member, request, signal)
    const payload = encodeResponse(response)
    this.#allowances.answered(member.peer, payload.length)
    if (payload.length <= SHORT_ANSWER_SIZE_MAX) return await this.#send(messages, payload, signal)
    const isGiven = await this.#allowances.read(member, payload.length, signal, (lane) =>
      this.#lanes.answer(lane, signal, () =>
        this.#send(messages, payload, signal, () => this.#lanes.begin(lane, signal)),
      ),
    )
    return isGiven ?? (await this.#respond(messages, BUSY, signal))
  }

  async #put(
    messages: MessageStream,
    member: Member,
    request: RequestOf<'put'>,
    signal: AbortSignal,
  ): Promise<boolean> {
    const { manifest, shareNumber } = request
    const vault = vaultIdFromBytes(request.vault)
    const header = { vault, shareNumber, manifest }
    const { roster, shareStore, fairUse } = this.#parts
    // A helper's bytes are the vault's own, but it drops nothing.
    const isHelper = member.role === 'peer'
    const quota = isHelper ? roster.quota(vault) : member.quota
    const isTidying = request.isTidying === true && !isHelper
    const upload = await shareStore.begin(header, fairUse.limitsOf(vault, quota, isTidying))
    if (upload === 'held') return await this.#respond(messages, { type: 'held' }, signal)
    if (typeof upload === 'string') {
      const refusal = this.#noRoom(upload, vault, quota, shareLayout(header).size)
      return await this.#respond(messages, refusal, signal)
    }
    let refusal: Response | undefined
    let outcome: Response | undefined
    try {
      await this.#respond(messages, { type: 'go' }, signal)
      refusal = await this.#receive(messages, upload, request.bodySize, signal)
      outcome = refusal ?? (await this.#commit(upload, messages.remote))
    } finally {
      if (outcome?.type !== 'stored') this.#allowances.wasted(messages.remote, upload.received)
      await upload.close()
    }
    if (refusal !== undefined) return await this.#breakOff(messages, refusal, signal)
    return await this.#respond(messages, outcome, signal)
  }

  #noRoom(why: NoRoom, vault: VaultId, quota: number | undefined, size: number): Response {
    if (why === 'full') return refuse('full', 'no room is left here')
    if (why === 'busy') return refuse('busy', 'too much is under way for this vault')
    return refuse('quota', this.#parts.fairUse.refusalOf(vault, quota, why, size))
  }

  /** @returns why the rest of the piece is not wanted, or `undefined` once all of it is written */
  async #receive(
    messages: MessageStream,
    upload: ShareUpload,
    size: number,
    signal: AbortSignal,
  ): Promise<Response | undefined> {
    return await messages.within(BODY, signal, async () => {
      try {
        for await (const part of messages.receiveBody(size)) {
          this.#lanes.arrived(part.length)
          await upload.write(part)
        }
        return undefined
      } catch (error) {
        return this.#refusal(error, messages.remote)
      }
    })
  }

  async #commit(upload: ShareUpload, remote: PeerId): Promise<Response> {
    try {
      return { type: await upload.commit() }
    } catch (error) {
      return this.#refusal(error, remote)
    }
  }

  /** Answer in the middle of a body, then let what is on its way run out, so the answer is read. */
  async #breakOff(messages: MessageStream, refusal: Response, signal: AbortSignal): Promise<false> {
    await this.#respond(messages, refusal, signal)
    await messages.end()
    await messages.within(BODY, signal, async () => {
      while ((await messages.receive()) !== undefined);
    })
    return false
  }

  async #respond(
    messages: MessageStream,
    response: Response,
    signal: AbortSignal,
    body?: Uint8Array,
    lane: Lane = 'foreground',
  ): Promise<true> {
    await messages.within(body === undefined ? ANSWER : BODY, signal, async () => {
      await messages.send(encodeResponse(response))
      let left = body?.length ?? 0
      if (body === undefined || left === 0) return
      await this.#lanes.begin(lane, signal)
      for await (const size of messages.sendBody(body)) {
        left -= size
        if (left > 0) await this.#lanes.begin(lane, signal)
      }
    })
    return true
  }

  async #send(
    messages: MessageStream,
    payload: Uint8Array,
    signal: AbortSignal,
    turn?: () => Promise<void>,
  ): Promise<true> {
    await messages.within(ANSWER, signal, () => messages.send(payload, turn))
    return true
  }

  /** @throws the error itself, if it is no answer to the request */
  #refusal(cause: unknown, remote: PeerId): Response {
    const error = toDatabaseError('accounts', cause)
    if (error instanceof UnknownMessageError) return refuse('unknown-type', error.message)
    if (error instanceof FormatError) return refuse(codeOfFormatError(error), error.message)
    if (error instanceof DiskFullError) return refuse('full', 'the disk is full')
    if (!(error instanceof DiskError)) throw error
    this.#parts.log.error('request failed', { peer: remote, error: error.name, why: error.message })
    return refuse('internal', 'trouble with the disk here')
  }

  #note(remote: PeerId, error: unknown): void {
    if (this.#signal.aborted) return
    const name = error instanceof Error ? error.name : 'unknown'
    const fields = { peer: remote, error: name, why: error instanceof Error ? error.message : '' }
    // Whoever is done with a stream may just break it.
    if (error instanceof StreamResetError) this.#parts.log.debug('stream broke', fields)
    else if (error instanceof CairnError) this.#parts.log.info('stream ended badly', fields)
    else this.#parts.log.error('stream failed', fields)
  }
}
