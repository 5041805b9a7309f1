/**
 * Messages of libp2p's circuit relay: what a relay, and those whom it joins, say before bytes flow.
 *
 * Protobuf, each message with its length before it. Only fields that we use are written; others are
 * passed over when they are read. Vouchers are left out: they prove to strangers that a relay agreed,
 * and here everybody asks the relay itself.
 *
 * Source: libp2p specs, relay/circuit-v2.md
 */

import type { Stream } from '@libp2p/interface'
import { lpStream } from '@libp2p/utils'

import { concat } from '../../protocol/bytes.ts'
import { FormatError } from '../../protocol/errors.ts'
import { peerIdOf, publicKeyOf, type PeerId } from '../../protocol/peer-id.ts'

/** From whoever wants to be reached, or to reach somebody, to the relay. */
export const HOP_PROTOCOL = '/libp2p/circuit/relay/0.2.0/hop'

/** From the relay to whoever is to be reached. */
export const STOP_PROTOCOL = '/libp2p/circuit/relay/0.2.0/stop'

/** Bytes of one message: a reservation of another implementation names many addresses and a voucher. */
const MESSAGE_SIZE_MAX = 16 * 1024

/** What a `type` means; the two protocols count differently. */
export const HOP = { reserve: 0, connect: 1, status: 2 } as const
export const STOP = { connect: 0, status: 1 } as const

export const STATUS = {
  ok: 100,
  reservationRefused: 200,
  resourceLimit: 201,
  permissionDenied: 202,
  connectionFailed: 203,
  noReservation: 204,
  malformedMessage: 400,
  unexpectedMessage: 401,
} as const

/** What a relay allows one connection. Absent means that it does not say. */
export interface RelayLimit {
  readonly seconds?: number
  readonly bytes?: number
}

export interface CircuitMessage {
  readonly type: number
  readonly peer?: PeerId
  /** When a reservation ends, seconds since 1970. */
  readonly expiresAt?: number
  readonly limit?: RelayLimit
  readonly status?: number
}

/** Where the two protocols keep the same things. */
interface FieldNumbers {
  readonly peer: number
  readonly reservation?: number
  readonly limit: number
  readonly status: number
}

export const HOP_FIELDS: FieldNumbers = { peer: 2, reservation: 3, limit: 4, status: 5 }
export const STOP_FIELDS: FieldNumbers = { peer: 2, limit: 3, status: 4 }

/** Bytes that 64 bits take. */
const VARINT_SIZE_MAX = 10

const VARINT = 0
const BYTES = 2

/** Identity multihash and libp2p's protobuf around an Ed25519 key: docs/formats/keys.md */
const PEER_PREFIX = Uint8Array.of(0x00, 0x24, 0x08, 0x01, 0x12, 0x20)

/** A stream on which circuit messages are exchanged, and then anything. */
export class CircuitTalk {
  readonly #messages: ReturnType<typeof lpStream>
  readonly #fields: FieldNumbers

  constructor(stream: Stream, protocol: typeof HOP_PROTOCOL | typeof STOP_PROTOCOL) {
    this.#messages = lpStream(stream, { maxDataLength: MESSAGE_SIZE_MAX })
    this.#fields = protocol === HOP_PROTOCOL ? HOP_FIELDS : STOP_FIELDS
  }

  async say(message: CircuitMessage, signal: AbortSignal): Promise<void> {
    await this.#messages.write(encode(message, this.#fields), { signal })
  }

  /** @throws {FormatError} */
  async hear(signal: AbortSignal): Promise<CircuitMessage> {
    const bytes = await this.#messages.read({ signal })
    return decode(bytes.subarray(), this.#fields)
  }

  /** Leave the stream to others, with whatever came after the last message. */
  end(): void {
    this.#messages.unwrap()
  }
}

/** @returns a relay's word for why not, as a person reads it */
export function statusWords(status: number | undefined): string {
  switch (status) {
    case STATUS.reservationRefused:
      return 'it keeps no more places'
    case STATUS.resourceLimit:
      return 'it passes on no more connections'
    case STATUS.permissionDenied:
      return 'it does not serve us'
    case STATUS.connectionFailed:
      return 'it could not connect to the peer'
    case STATUS.noReservation:
      return 'the peer is not connected to it'
    default:
      return `it answered with status ${status ?? 'none'}`
  }
}

export function encode(message: CircuitMessage, fields: FieldNumbers): Uint8Array {
  const { type, peer, expiresAt, limit, status } = message
  const parts = [varintField(1, type)]
  if (peer !== undefined) {
    parts.push(bytesField(fields.peer, bytesField(1, concat(PEER_PREFIX, publicKeyOf(peer)))))
  }
  if (expiresAt !== undefined && fields.reservation !== undefined) {
    parts.push(bytesField(fields.reservation, varintField(1, expiresAt)))
  }
  if (limit !== undefined) {
    const { seconds, bytes } = limit
    parts.push(
      bytesField(
        fields.limit,
        concat(
          seconds === undefined ? new Uint8Array(0) : varintField(1, seconds),
          bytes === undefined ? new Uint8Array(0) : varintField(2, bytes),
        ),
      ),
    )
  }
  if (status !== undefined) parts.push(varintField(fields.status, status))
  return concat(...parts)
}

/** @throws {FormatError} */
export function decode(bytes: Uint8Array, fields: FieldNumbers): CircuitMessage {
  const found = readFields(bytes)
  const type = numberIn(found, 1)
  if (type === undefined) throw new FormatError('circuit: a message without a type')
  const peer = bytesIn(found, fields.peer)
  const reservation =
    fields.reservation === undefined ? undefined : bytesIn(found, fields.reservation)
  const expiresAt = reservation === undefined ? undefined : numberIn(readFields(reservation), 1)
  const limit = bytesIn(found, fields.limit)
  const status = numberIn(found, fields.status)
  return {
    type,
    ...(peer === undefined ? {} : { peer: peerIn(peer) }),
    ...(expiresAt === undefined ? {} : { expiresAt }),
    ...(limit === undefined ? {} : { limit: limitIn(readFields(limit)) }),
    ...(status === undefined ? {} : { status }),
  }
}

function peerIn(bytes: Uint8Array): PeerId {
  const id = bytesIn(readFields(bytes), 1)
  if (id === undefined || !PEER_PREFIX.every((byte, index) => id[index] === byte)) {
    throw new FormatError('circuit: not the peer id of an Ed25519 key')
  }
  return peerIdOf(id.slice(PEER_PREFIX.length))
}

/** Nothing, or 0, stands for no limit. */
function limitIn(found: Fields): RelayLimit {
  const [seconds, bytes] = [numberIn(found, 1) ?? 0, numberIn(found, 2) ?? 0]
  return { ...(seconds === 0 ? {} : { seconds }), ...(bytes === 0 ? {} : { bytes }) }
}

type Fields = ReadonlyMap<number, number | Uint8Array>

/** The last of each field, as protobuf has it. */
function readFields(bytes: Uint8Array): Fields {
  const found = new Map<number, number | Uint8Array>()
  for (let offset = 0; offset < bytes.length;) {
    const tag = readVarint(bytes, offset)
    const value = readVarint(bytes, tag.end)
    const number = Math.floor(tag.value / 8)
    if (tag.value % 8 === VARINT) {
      found.set(number, value.value)
      offset = value.end
    } else if (tag.value % 8 === BYTES) {
      offset = value.end + value.value
      if (offset > bytes.length) throw new FormatError('circuit: a field ends after its message')
      found.set(number, bytes.subarray(value.end, offset))
    } else {
      throw new FormatError('circuit: a field of another kind')
    }
  }
  return found
}

function readVarint(bytes: Uint8Array, offset: number): { value: number; end: number } {
  let value = 0
  let scale = 1
  for (let end = offset; end < bytes.length; end++) {
    const byte = bytes[end] ?? 0
    value += (byte & 0x7f) * scale
    scale *= 128
    // Some relays write the largest number there is for "no limit".
    if (byte < 0x80) return { value: Math.min(value, Number.MAX_SAFE_INTEGER), end: end + 1 }
    if (end - offset >= VARINT_SIZE_MAX) break
  }
  throw new FormatError('circuit: a number that ends nowhere')
}

function numberIn(found: Fields, number: number): number | undefined {
  const value = found.get(number)
  return typeof value === 'number' ? value : undefined
}

function bytesIn(found: Fields, number: number): Uint8Array | undefined {
  const value = found.get(number)
  return value instanceof Uint8Array ? value : undefined
}

function varintField(number: number, value: number): Uint8Array {
  return concat(varint(number * 8 + VARINT), varint(value))
}

function bytesField(number: number, value: Uint8Array): Uint8Array {
  return concat(varint(number * 8 + BYTES), varint(value.length), value)
}

function varint(value: number): Uint8Array {
  const bytes: number[] = []
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return Uint8Array.from([...bytes, rest])
    bytes.push((rest % 128) + 128)
  }
}
