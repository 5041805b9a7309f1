/**
 * Messages: what peers say to each other.
 *
 * A stream carries exchanges one after another: a request in one frame, then its body if it has one,
 * then a response in one frame, then its body if it has one. A body is raw frames that add up to the
 * size its message names. After `put` comes one more turn: the body is sent once the peer said `go`.
 *
 * Every field has a bound, unknown fields are refused, and nothing that arrives is trusted further:
 * manifests, heads and statements inside messages are checked by their own formats.
 *
 * Format: docs/formats/messages.md
 */

import { z } from 'zod'

import { bytesField, check, count, decodeCbor, encodeCbor, integer, text } from './cbor.ts'
import { FormatError } from './errors.ts'
import { PAYLOAD_SIZE_MAX } from './frame.ts'
import { DIGEST_SIZE } from './hash.ts'
import { ID_SIZE } from './ids.ts'
import { INVITE_ID_SIZE } from './invite-code.ts'
import { SEQUENCE_MAX, TIME_MAX } from './limits.ts'
import {
  decodeManifest,
  LEAF_COUNT_MAX,
  MANIFEST_SIZE_MAX,
  PACK_ID_SIZE,
  PACK_SIZE_MAX,
  pieceSize,
  SHARE_COUNT_MAX,
} from './manifest.ts'
import { PROOF_COUNT_MAX } from './merkle.ts'
import {
  ACCOUNT_SIZE_MAX,
  CREDIT_NAME_SIZE,
  CREDIT_SIZE_MAX,
  CREDITS_KNOWN_MAX,
  CREDITS_MAX,
  CREDITS_TOLD_MAX,
  ADDRESS_SIZE_MAX,
  ADDRESSES_MAX,
  ERROR_CODES,
  ERROR_TEXT_SIZE_MAX,
  HEAD_SIZE_MAX,
  HEADS_MAX,
  HELPERS_MAX,
  HOLDINGS_MAX,
  JOIN_STATES,
  LINK_AGE_MAX,
  LINKS_MAX,
  LIST_ITEM_OVERHEAD,
  LIST_SIZE_MAX,
  PACKS_MAX,
  PROOF_SIZE,
  READ_COUNT_MAX,
  READ_SIZE_MAX,
  RECEIPT_SIZE_MAX,
  RELAYS_MAX,
  RELEASE_SIZE_MAX,
  REPAIR_GRANT_SIZE_MAX,
  SEEN_MAX,
  STATEMENT_SIZE_MAX,
  STATEMENTS_MAX,
  WISH_SIZE_MAX,
} from './message-limits.ts'

export * from './message-limits.ts'

/** A message of a type that this version does not know; a peer answers `unknown-type`. */
export class UnknownMessageError extends FormatError {
  override readonly name = 'UnknownMessageError'
}

const bytes = count(Number.MAX_SAFE_INTEGER)
const manyShares = count(Number.MAX_SAFE_INTEGER)
const sequence = count(SEQUENCE_MAX)
const vault = bytesField(ID_SIZE, ID_SIZE)
const peer = bytesField(ID_SIZE, ID_SIZE)
const pack = bytesField(PACK_ID_SIZE, PACK_ID_SIZE)
const packs = z.array(pack).min(1).max(PACKS_MAX).readonly()
const shareNumber = count(SHARE_COUNT_MAX - 1)
const statements = z.array(bytesField(1, STATEMENT_SIZE_MAX)).max(STATEMENTS_MAX).readonly()
const head = bytesField(1, HEAD_SIZE_MAX)
const receipt = bytesField(1, RECEIPT_SIZE_MAX)
const manifest = bytesField(1, MANIFEST_SIZE_MAX)
/** What lets a helper ask in place of the vault's device. */
const repair = bytesField(1, REPAIR_GRANT_SIZE_MAX)
const credit = bytesField(1, CREDIT_SIZE_MAX)
const publicKey = bytesField(ID_SIZE, ID_SIZE)
const address = text(ADDRESS_SIZE_MAX)

const requestSchema = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('status') }),
  z.strictObject({
    type: z.literal('put'),
    vault,
    manifest,
    shareNumber,
    bodySize: integer(1, PACK_SIZE_MAX),
    /** The share belongs to a head that drops things: a full vault must be able to say what it does without. */
    isTidying: z.literal(true).exactOptional(),
    repair: repair.exactOptional(),
  }),
  z.strictObject({ type: z.literal('have'), packs, manifests: z.boolean() }),
  z.strictObject({
    type: z.literal('read'),
    pack,
    shareNumber,
    first: count(LEAF_COUNT_MAX - 1),
    count: integer(1, READ_COUNT_MAX),
  }),
  z.strictObject({
    type: z.literal('adopt'),
    vault,
    packs,
    head: sequence,
    repair: repair.exactOptional(),
  }),
  z.strictObject({ type: z.literal('renew'), repair }),
  /** Whatever came so far and no head adopted is not needed. */
  z.strictObject({ type: z.literal('forgo'), vault, head: sequence }),
  z.strictObject({ type: z.literal('publish'), head }),
  z.strictObject({ type: z.literal('release'), document: bytesField(1, RELEASE_SIZE_MAX) }),
  z.strictObject({ type: z.literal('heads'), vault, all: z.boolean() }),
  z.strictObject({ type: z.literal('roster'), statements }),
  z.strictObject({ type: z.literal('account'), vault }),
  z.strictObject({
    type: z.literal('credits'),
    /** To be kept. */
    credits: z.array(credit).max(CREDITS_TOLD_MAX).readonly(),
    /** Names of credits that the asker has; null: it wants none. */
    known: z
      .array(bytesField(CREDIT_NAME_SIZE, CREDIT_NAME_SIZE))
      .max(CREDITS_KNOWN_MAX)
      .readonly()
      .nullable(),
  }),
  z.strictObject({ type: z.literal('holdings') }),
  z.strictObject({ type: z.literal('seen'), peers: z.array(peer).min(1).max(SEEN_MAX).readonly() }),
  z.strictObject({ type: z.literal('reach') }),
  z.strictObject({
    type: z.literal('dial-back'),
    addresses: z.array(address).min(1).max(ADDRESSES_MAX).readonly(),
  }),
  z.strictObject({ type: z.literal('news'), statements }),
  z.strictObject({
    type: z.literal('join'),
    invite: bytesField(INVITE_ID_SIZE, INVITE_ID_SIZE),
    wish: bytesField(1, WISH_SIZE_MAX),
    proof: bytesField(PROOF_SIZE, PROOF_SIZE),
  }),
])

const responseSchema = z.discriminatedUnion('type', [
  z.strictObject({
    type: z.literal('status'),
    /** Bytes that the peer lends in all. */
    capacity: bytes,
    /** Bytes that it would still take. */
    free: bytes,
    /** Bytes that it holds for the asker's vault. */
    used: bytes,
    /** The peer's clock, milliseconds since 1970. */
    now: count(TIME_MAX),
    /** Peers that renewed the lease of the asker's vault here, and when by the peer's clock. */
    helpers: z
      .array(z.strictObject({ peer, at: count(TIME_MAX) }))
      .max(HELPERS_MAX)
      .readonly()
      .exactOptional(),
    /** Bytes of the asker's vault that are in release. */
    released: bytes.exactOptional(),
    /** Bytes that the asker's vault may keep here; any, where absent. */
    grant: bytes.exactOptional(),
    /** Bytes above the grant, since when, and when new shares are refused; both by the peer's clock. */
    over: z.strictObject({ bytes, since: count(TIME_MAX), until: count(TIME_MAX) }).exactOptional(),
  }),
  z.strictObject({ type: z.literal('go') }),
  z.strictObject({ type: z.literal('stored') }),
  z.strictObject({ type: z.literal('held') }),
  z.strictObject({
    type: z.literal('have'),
    /** For each pack that was asked for, in order: numbers of the shares held. */
    shares: z.array(z.array(shareNumber).max(SHARE_COUNT_MAX).readonly()).max(PACKS_MAX).readonly(),
    /** As many as shares, or none if not asked for; null where nothing is held or it did not fit. */
    manifests: z.array(manifest.nullable()).max(PACKS_MAX).readonly(),
  }),
  z.strictObject({
    type: z.literal('leaves'),
    proof: z.array(bytesField(DIGEST_SIZE, DIGEST_SIZE)).max(PROOF_COUNT_MAX).readonly(),
    bodySize: integer(1, READ_SIZE_MAX),
  }),
  z.strictObject({ type: z.literal('renewed') }),
  z.strictObject({ type: z.literal('adopted'), count: count(PACKS_MAX * SHARE_COUNT_MAX) }),
  z.strictObject({
    type: z.literal('forgone'),
    /** Of the vault's shares that no head adopted, all of which go unless one does. */
    count: manyShares,
    /** Bytes of their files. */
    bytes,
  }),
  z.strictObject({
    type: z.literal('released'),
    /** Of the shares that the document is about: how many are in release now. */
    count: manyShares,
    /** Bytes of their files. */
    bytes,
    /** How many of them a later head had spoken for, so that nothing changed. */
    refused: manyShares,
  }),
  z.strictObject({ type: z.literal('receipt'), receipt }),
  z.strictObject({
    type: z.literal('heads'),
    heads: z.array(z.strictObject({ head, receipt })).max(HEADS_MAX).readonly(),
  }),
  z.strictObject({ type: z.literal('roster'), statements }),
  z.strictObject({ type: z.literal('account'), account: bytesField(1, ACCOUNT_SIZE_MAX) }),
  /** Those that the asker did not name. */
  z.strictObject({
    type: z.literal('credits'),
    credits: z.array(credit).max(CREDITS_MAX).readonly(),
  }),
  z.strictObject({
    type: z.literal('holdings'),
    /** Bytes held for each vault, those in release included. */
    vaults: z.array(z.strictObject({ vault, bytes })).max(HOLDINGS_MAX).readonly(),
  }),
  z.strictObject({
    type: z.literal('seen'),
    /** For each peer asked about, in order: milliseconds since it was heard, null if it was not. */
    ages: z.array(count(TIME_MAX).nullable()).max(SEEN_MAX).readonly(),
  }),
  z.strictObject({
    type: z.literal('heard'),
    /** How many of the statements were new. */
    count: count(STATEMENTS_MAX),
    /** Of the roster as it is then: who has the same need not compare. */
    digest: bytesField(DIGEST_SIZE, DIGEST_SIZE),
  }),
  /** How it stands with the wish; the grid's statements once it is granted. */
  z.strictObject({ type: z.literal('joining'), state: z.enum(JOIN_STATES), statements }),
  z.strictObject({
    type: z.literal('reach'),
    /** Whether others can dial the peer; it asks friends now and then. */
    verdict: z.enum(['open', 'closed', 'unknown']),
    /** Friends who lead others to it. */
    relays: z.array(publicKey).max(RELAYS_MAX).readonly(),
    /** Members that it was connected with, lately or now. */
    links: z
      .array(
        z.strictObject({
          peer: publicKey,
          way: z.enum(['local', 'ip4', 'ip6', 'relay']),
          /** Through whom, where the way is `relay`. */
          relay: publicKey.optional(),
          /** Whether the other side connected. */
          inbound: z.boolean(),
          /** Seconds since it was so; 0 if it is now. */
          age: count(LINK_AGE_MAX),
        }),
      )
      .max(LINKS_MAX)
      .readonly(),
  }),
  z.strictObject({
    type: z.literal('dialled'),
    /** The first of the addresses that led to the asker; absent if none did. */
    address: address.optional(),
  }),
  z.strictObject({
    type: z.literal('error'),
    code: z.enum(ERROR_CODES),
    message: text(ERROR_TEXT_SIZE_MAX).transform(escapeControls),
  }),
])

export type Request = Readonly<z.infer<typeof requestSchema>>
export type Response = Readonly<z.infer<typeof responseSchema>>

/** The request of one type: `RequestOf<'put'>`. */
export type RequestOf<Type extends Request['type']> = Extract<Request, { type: Type }>
export type ResponseOf<Type extends Response['type']> = Extract<Response, { type: Type }>

const anyRequest = knownType(requestSchema, new Set(requestSchema.options.map(typeOf)), 'request')
const anyResponse = knownType(
  responseSchema,
  new Set(responseSchema.options.map(typeOf)),
  'response',
)

/** @throws {FormatError} naming the field that is out of bounds, or if the whole is too large for a frame */
export function encodeRequest(request: Request): Uint8Array {
  checkPut(check(request, requestSchema, 'request'))
  return encode(request, 'request')
}

/**
 * A `put` that comes out agrees with its own manifest.
 *
 * @throws {UnknownMessageError}
 * @throws {FormatError} naming the field at fault
 */
export function decodeRequest(payload: Uint8Array): Request {
  const request = decodeCbor(payload, anyRequest, limits('request'))
  checkPut(request)
  return request
}

/** An error's text is cut to its limit; @throws {FormatError} as {@link encodeRequest} does. */
export function encodeResponse(response: Response): Uint8Array {
  const bounded =
    response.type === 'error' ? { ...response, message: cut(response.message) } : response
  checkHave(check(bounded, responseSchema, 'response'))
  return encode(bounded, 'response')
}

/**
 * An error's text comes out without control characters: they are shown as `\u{…}`.
 *
 * @throws {UnknownMessageError}
 * @throws {FormatError} naming the field at fault
 */
export function decodeResponse(payload: Uint8Array): Response {
  const response = decodeCbor(payload, anyResponse, limits('response'))
  checkHave(response)
  return response
}

/**
 * As many items, from the first, as one message has room for.
 *
 * @param sizeOf - bytes of an item, without what its place in the list costs
 */
export function fitting<Item>(items: Iterable<Item>, sizeOf: (item: Item) => number): Item[] {
  const taken: Item[] = []
  let size = 0
  for (const item of items) {
    size += sizeOf(item) + LIST_ITEM_OVERHEAD
    if (size > LIST_SIZE_MAX) break
    taken.push(item)
  }
  return taken
}

/** Text from elsewhere, safe to show: controls, marks that reorder text, and line breaks as `\u{…}`. */
export function escapeControls(message: string): string {
  return message.replaceAll(
    /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu,
    (character) => `\\u{${character.codePointAt(0)?.toString(16)}}`,
  )
}

/** A message of a type that we know, checked; one of another type is told apart from a bad one. */
function knownType<T extends Request | Response>(
  schema: z.ZodType<T>,
  types: ReadonlySet<unknown>,
  format: string,
): z.ZodType<T> {
  return z.unknown().transform((value) => {
    const type = typeOfMessage(value)
    if (type !== undefined && !types.has(type)) {
      throw new UnknownMessageError(`${format} of type ${escapeControls(type.slice(0, 32))}`)
    }
    return check(value, schema, format)
  })
}

function limits(format: string) {
  return { format, sizeMax: PAYLOAD_SIZE_MAX }
}

function encode(message: Request | Response, format: string): Uint8Array {
  const payload = encodeCbor(message)
  if (payload.length > PAYLOAD_SIZE_MAX) {
    throw new FormatError(`${format}: ${payload.length} bytes do not fit a frame`)
  }
  return payload
}

function checkPut(request: Request): void {
  if (request.type !== 'put') return
  const described = decodeManifest(request.manifest)
  if (request.shareNumber >= described.total) {
    throw new FormatError(`request, field shareNumber: the pack has ${described.total} shares`)
  }
  if (request.bodySize !== pieceSize(described)) {
    throw new FormatError(`request, field bodySize: pieces have ${pieceSize(described)} bytes`)
  }
}

function checkHave(response: Response): void {
  if (response.type !== 'have' || response.manifests.length === 0) return
  if (response.manifests.length !== response.shares.length) {
    throw new FormatError('response, field manifests: must be as many as shares, or none')
  }
}

function typeOfMessage(value: unknown): string | undefined {
  if (typeof value !== 'object' || value === null || !('type' in value)) return undefined
  return typeof value.type === 'string' ? value.type : undefined
}

function typeOf(option: { shape: { type: { value: string } } }): string {
  return option.shape.type.value
}

function cut(message: string): string {
  const whole = message.toWellFormed()
  const { read } = new TextEncoder().encodeInto(whole, new Uint8Array(ERROR_TEXT_SIZE_MAX))
  return whole.slice(0, read)
}
