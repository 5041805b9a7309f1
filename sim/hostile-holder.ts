/**
 * Hostile holder: a storage peer that says it keeps shares and does as it likes.
 *
 * It takes shares and lists them, so that honest clients come to it; then it lies, in the ways of the rows
 * S01–S04, S14 and S16 of test/oracles/faults.csv and some more.
 */

import { concat, utf8 } from '../protocol/bytes.ts'
import { decodeFrames, encodeFrame } from '../protocol/frame.ts'
import { decodeManifest, packId, packIdFromBytes, type PackId } from '../protocol/manifest.ts'
import { MerkleTree } from '../protocol/merkle.ts'
import {
  decodeRequest,
  encodeResponse,
  PROTOCOL,
  type RequestOf,
  type Response,
} from '../protocol/messages.ts'
import { signReceipt } from '../protocol/receipt.ts'
import { openHead } from '../protocol/head.ts'
import { peerIdOf } from '../protocol/peer-id.ts'
import type { SigningKey } from '../protocol/signing.ts'
import type { ByteStream, Network } from '../src/ports/network.ts'
import type { HostileMember } from './hostile-member.ts'
import { bodyFrames } from './hostile-member.ts'
import type { SimRandom } from './random.ts'

interface Held {
  readonly manifest: Uint8Array
  readonly piece: Uint8Array
}

export class HostileHolder {
  readonly #key: SigningKey
  readonly #random: SimRandom
  readonly #accomplice: HostileMember
  readonly #held = new Map<PackId, Map<number, Held>>()
  /** Streams on which something was done wrong. */
  sessions = 0
  /** How often it did what, by the name of the lie. */
  readonly lies = new Map<string, number>()

  constructor(key: SigningKey, accomplice: HostileMember, random: SimRandom) {
    this.#key = key
    this.#accomplice = accomplice
    this.#random = random
  }

  /** Bytes it holds, as an honest peer would on its disk. */
  get memory(): number {
    let sum = 0
    for (const shares of this.#held.values()) {
      for (const { piece } of shares.values()) sum += piece.length
    }
    return sum
  }

  async serve(network: Network): Promise<void> {
    network.gate(() => true)
    await network.serve(PROTOCOL, (stream) => this.#serve(stream))
  }

  async #serve(stream: ByteStream): Promise<void> {
    this.sessions += 1
    const frames = decodeFrames(stream.source)
    for (;;) {
      const { value, done } = await frames.next()
      if (done === true) return await stream.end()
      const request = decodeRequest(value)
      if (request.type === 'put') await this.#put(stream, frames, request)
      else if (request.type === 'read') await this.#read(stream, request)
      else await this.#say(stream, this.#answer(request))
    }
  }

  async #say(stream: ByteStream, response: Response): Promise<void> {
    await stream.write(encodeFrame(encodeResponse(response)))
  }

  #lie<Name extends string>(weights: Readonly<Record<Name, number>>): Name {
    const name = this.#random.weighted(weights)
    this.lies.set(name, (this.lies.get(name) ?? 0) + 1)
    return name
  }

  async #put(
    stream: ByteStream,
    frames: AsyncGenerator<Uint8Array>,
    request: RequestOf<'put'>,
  ): Promise<void> {
    const how = this.#lie({ 'takes a share': 8, 'is full': 1, 'breaks off a share': 1 })
    if (how === 'is full') {
      return await this.#say(stream, { type: 'error', code: 'full', message: 'no room\u001b[2J' })
    }
    await this.#say(stream, { type: 'go' })
    const parts: Uint8Array[] = []
    for (let left = request.bodySize; left > 0;) {
      const { value, done } = await frames.next()
      if (done === true) return
      parts.push(value)
      left -= value.length
      if (how === 'breaks off a share') return stream.reset()
    }
    const { manifest, shareNumber } = request
    const id = packId(manifest)
    const shares = this.#held.get(id) ?? new Map<number, Held>()
    this.#held.set(id, shares.set(shareNumber, { manifest, piece: concat(...parts) }))
    await this.#say(stream, { type: 'stored' })
  }

  async #read(stream: ByteStream, request: RequestOf<'read'>): Promise<void> {
    const shares = this.#held.get(packIdFromBytes(request.pack))
    const held = shares?.get(request.shareNumber)
    if (held === undefined) return await this.#say(stream, NOT_FOUND)
    const how = this.#lie({
      'tells the truth': 2,
      'a bit wrong': 2,
      'other leaves': 2,
      'another share': 2,
      'a short body': 1,
      'a long body': 1,
      'resets in a body': 1,
      'refuses to read': 2,
      'bytes that are no frame': 1,
      'an answer to something else': 1,
      'an answer and no body': 0.2,
    })
    if (how === 'refuses to read') return await this.#say(stream, NOT_FOUND)
    if (how === 'bytes that are no frame') return await stream.write(new Uint8Array(99).fill(0xff))
    if (how === 'an answer to something else') return await this.#say(stream, { type: 'stored' })
    const first = how === 'other leaves' ? request.first + 1 : request.first
    const from = how === 'another share' ? request.shareNumber + 1 : request.shareNumber
    const { proof, bytes } = leavesOf(held, { ...request, first, shareNumber: from })
    if (bytes.length === 0) return await this.#say(stream, NOT_FOUND)
    const body = bytes.slice()
    if (how === 'a bit wrong') body[this.#random.below(body.length)]! ^= 1
    await this.#say(stream, { type: 'leaves', proof, bodySize: body.length })
    if (how === 'an answer and no body') return
    if (how === 'resets in a body') {
      await stream.write(encodeFrame(body).subarray(0, 100))
      return stream.reset()
    }
    const sent =
      how === 'a short body'
        ? body.subarray(0, -1)
        : how === 'a long body'
          ? concat(body, utf8('and more'))
          : body
    for (const frame of bodyFrames(sent)) await stream.write(frame)
  }

  #answer(request: Exclude<ReturnType<typeof decodeRequest>, { type: 'put' | 'read' }>): Response {
    switch (request.type) {
      case 'have':
        return this.#have(request)
      case 'publish':
        return this.#publish(request)
      case 'heads':
        return { type: 'heads', heads: this.#heads() }
      case 'roster':
        return { type: 'roster', statements: this.#accomplice.strangers(this.#random, 5) }
      case 'adopt':
        return { type: 'adopted', count: 1024 }
      case 'release':
        return { type: 'released', count: 0, bytes: 0, refused: 0 }
      default:
        return { type: 'status', capacity: 2 ** 52, free: 2 ** 52, used: 0, now: 8.64e15 }
    }
  }

  #have({ packs, manifests }: RequestOf<'have'>): Response {
    const all = packs.map((pack) => this.#held.get(packIdFromBytes(pack)))
    const isTrue =
      this.#lie({ 'lists its shares': 6, 'lists all shares': 2 }) === 'lists its shares'
    const every = [0, 1, 2, 3, 4, 5, 6, 255]
    return {
      type: 'have',
      shares: all.map((shares) => (isTrue ? [...(shares?.keys() ?? [])] : every)),
      manifests: manifests
        ? all.map((shares) => [...(shares?.values() ?? [])][0]?.manifest ?? null)
        : [],
    }
  }

  #publish({ head }: RequestOf<'publish'>): Response {
    const how = this.#lie({ 'signs for a head': 3, 'says stale': 1, 'a receipt of nothing': 1 })
    if (how === 'says stale') return { type: 'error', code: 'stale-head', message: 'older' }
    const { vault, sequence, id } = openHead(head)
    const peer = peerIdOf(this.#key.publicKey)
    const receipt = signReceipt(
      { vault, sequence, headId: id, receivedAt: this.#random.u32(), peer },
      this.#key,
    )
    if (how === 'a receipt of nothing') receipt[20]! ^= 1
    return { type: 'receipt', receipt }
  }

  /** It keeps no head of anybody; sometimes it shows one of its friend's vault. */
  #heads(): { head: Uint8Array; receipt: Uint8Array }[] {
    if (this.#lie({ 'hides heads': 3, 'shows a head of another vault': 1 }) === 'hides heads')
      return []
    const head = this.#accomplice.head(9)
    const { vault, sequence, id } = openHead(head)
    const peer = peerIdOf(this.#key.publicKey)
    const receipt = signReceipt({ vault, sequence, headId: id, receivedAt: 1, peer }, this.#key)
    return [{ head, receipt }]
  }
}

const NOT_FOUND: Response = { type: 'error', code: 'not-found', message: 'no such leaves here' }

function leavesOf(
  { manifest, piece }: Held,
  { shareNumber, first, count }: { shareNumber: number; first: number; count: number },
): { proof: readonly Uint8Array[]; bytes: Uint8Array } {
  const { leafSize } = decodeManifest(manifest)
  const tree = MerkleTree.ofShare(shareNumber, piece, leafSize)
  const most = Math.min(count, tree.leafCount - first)
  if (most <= 0) return { proof: [], bytes: new Uint8Array(0) }
  return {
    proof: tree.prove(first, most),
    bytes: piece.subarray(first * leafSize, (first + most) * leafSize),
  }
}
