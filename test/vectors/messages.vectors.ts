/** Vectors of messages: docs/formats/messages.md. The field `side` says who speaks. */

import { concat } from '../../protocol/bytes.ts'
import { encodeCbor } from '../../protocol/cbor.ts'
import {
  decodeRequest,
  decodeResponse,
  encodeRequest,
  encodeResponse,
} from '../../protocol/messages.ts'
import type { Request, Response } from '../../protocol/messages.ts'
import { KEY, PACK_BYTES, REQUESTS, RESPONSES, sampleRoots, VAULT_BYTES } from '../protocol/examples.ts'

import type { Fields, Scenario } from './format.ts'

const REQUEST: Fields = { side: 'request' }
const RESPONSE: Fields = { side: 'response' }

export function decode(bytes: Uint8Array, fields: Fields): unknown {
  return fields['side'] === 'request' ? decodeRequest(bytes) : decodeResponse(bytes)
}

const requests: readonly Request[] = Object.values(REQUESTS)
const responses: readonly Response[] = Object.values(RESPONSES)
const status = encodeRequest(REQUESTS.status)

export const scenarios: Scenario[] = [
  ...requests.map((request) => goodRequest(request)),
  ...responses.map((response) => goodResponse(response)),
  badRequest('put-share-number-is-total', { ...REQUESTS.put, shareNumber: 5 }, 'W09: index n of n'),
  badRequest('put-share-number-negative', { ...REQUESTS.put, shareNumber: -1 }, 'W09: negative'),
  badRequest('put-body-size-0', { ...REQUESTS.put, bodySize: 0 }, 'S11: a share of 0 bytes'),
  badRequest('put-body-size-negative', { ...REQUESTS.put, bodySize: -1 }, 'W09: a negative size'),
  badRequest('put-body-size-short', { ...REQUESTS.put, bodySize: 33_333 }, 'S02: the manifest says 33,334'),
  badRequest('put-body-size-long', { ...REQUESTS.put, bodySize: 33_335 }, 'S02: the manifest says 33,334'),
  badRequest('put-manifest-none', { ...REQUESTS.put, manifest: KEY }, 'a manifest that is none'),
  badRequest('have-no-packs', { ...REQUESTS.have, packs: [] }, 'nothing asked'),
  badRequest('have-pack-short', { ...REQUESTS.have, packs: [PACK_BYTES.slice(1)] }, '35 bytes'),
  badRequest('have-manifests-number', { ...REQUESTS.have, manifests: 1 }, 'a number for a claim'),
  badRequest('read-first-above-limit', { ...REQUESTS.read, first: 16_384 }, 'W09: no share has leaf 16,384'),
  badRequest('read-first-2-to-31', { ...REQUESTS.read, first: 2 ** 31 }, 'W09: far out of range'),
  badRequest('read-count-0', { ...REQUESTS.read, count: 0 }, 'W09: nothing to read'),
  badRequest('read-count-above-limit', { ...REQUESTS.read, count: 257 }, '257 leaves; 256 are allowed'),
  goodRequest({ ...REQUESTS.read, first: 16_383, count: 256 }, 'at-limit'),
  badRequest('release-empty', { type: 'release', document: new Uint8Array(0) }, 'no document'),
  goodRequest({ type: 'release', document: new Uint8Array(40_960) }, 'at-limit'),
  badRequest('release-above-limit', { type: 'release', document: new Uint8Array(40_961) }, 'a byte above 40 KiB'),
  goodRequest({ ...REQUESTS.put, repair: new Uint8Array(1024) }, 'by-a-helper'),
  goodRequest({ ...REQUESTS.adopt, repair: new Uint8Array(1) }, 'by-a-helper'),
  badRequest('put-repair-above-limit', { ...REQUESTS.put, repair: new Uint8Array(1025) }, 'a byte above 1 KiB'),
  badRequest('adopt-repair-null', { ...REQUESTS.adopt, repair: null }, 'the field is left out in place of being empty'),
  badRequest('renew-empty', { type: 'renew', repair: new Uint8Array(0) }, 'no grant'),
  badRequest('renew-for-a-vault', { ...REQUESTS.renew, vault: VAULT_BYTES }, 'the grant says whose lease it is'),
  goodRequest({ type: 'credits', credits: [], known: null }, 'wanting-none'),
  goodRequest({ ...REQUESTS.put, isTidying: true }, 'tidying'),
  badRequest('put-tidying-false', { ...REQUESTS.put, isTidying: false }, 'absent, where it is not so'),
  badRequest('credits-one-too-long', { type: 'credits', credits: [new Uint8Array(1281)], known: [] }, 'a byte above 1,280'),
  badRequest('credits-65', { type: 'credits', credits: Array.from({ length: 65 }, () => KEY), known: null }, '64 can be told at once'),
  badRequest('credits-name-of-15-bytes', { type: 'credits', credits: [], known: [KEY.slice(0, 15)] }, 'names have 16'),
  badRequest('account-of-no-vault', { type: 'account' }, 'whose?'),
  goodResponse({ ...RESPONSES.status, released: 5, grant: 5_000_000_000, over: { bytes: 1, since: 0, until: 8_640_000_000_000_000 } }, 'above-its-grant'),
  badResponse('status-over-without-its-end', { ...RESPONSES.status, over: { bytes: 1, since: 0 } }, 'until is missing'),
  badResponse('account-too-long', { type: 'account', account: new Uint8Array(513) }, 'a byte above 512'),
  badResponse('holdings-negative', { type: 'holdings', vaults: [{ vault: VAULT_BYTES, bytes: -1 }] }, 'fewer than none'),
  badRequest('seen-no-peers', { type: 'seen', peers: [] }, 'nobody asked about'),
  badRequest('seen-peer-short', { type: 'seen', peers: [KEY.slice(1)] }, '31 bytes'),
  badRequest('join-invite-short', { ...REQUESTS.join, invite: new Uint8Array(15) }, '15 bytes'),
  badRequest('join-wish-empty', { ...REQUESTS.join, wish: new Uint8Array(0) }, 'nothing wished'),
  badRequest('join-wish-above-limit', { ...REQUESTS.join, wish: new Uint8Array(6145) }, '6,145 bytes'),
  badRequest('join-proof-short', { ...REQUESTS.join, proof: new Uint8Array(31) }, '31 bytes'),
  badResponse('joining-state-unknown', { ...RESPONSES.joining, state: 'perhaps' }, 'no such state'),
  badResponse('heard-count-above-limit', { ...RESPONSES.heard, count: 1025 }, 'more than one message carries'),
  badRequest('dial-back-nowhere', { type: 'dial-back', addresses: [] }, 'no address to try'),
  badRequest('dial-back-above-limit', { type: 'dial-back', addresses: many('/ip4/192.0.2.1', 17) }, '17 addresses'),
  badRequest('dial-back-address-long', { type: 'dial-back', addresses: ['x'.repeat(257)] }, '257 bytes'),
  goodResponse({ type: 'dialled' }, 'nowhere'),
  goodResponse({ type: 'reach', verdict: 'unknown', relays: [], links: [] }, 'alone'),
  badResponse('reach-verdict-unknown', { ...RESPONSES.reach, verdict: 'maybe' }, 'verdicts are those of the list'),
  badResponse('reach-relays-above-limit', { ...RESPONSES.reach, relays: sampleRoots(9) }, '9 friends; 8 are allowed'),
  badResponse('reach-age-above-limit', { ...RESPONSES.reach, links: [{ peer: KEY, way: 'ip6', inbound: true, age: 2_592_001 }] }, 'more than 30 days ago'),
  badRequest('field-unknown', { ...REQUESTS.status, more: true }, 'fields are those of the type, no others'),
  badRequest('field-missing', { type: 'heads', all: true }, 'heads of no vault'),
  badRequest('type-missing', { all: true }, 'a map that is no message'),
  badRequest('not-a-map', ['status'], 'an array'),
  badResponse('leaves-proof-above-limit', { ...RESPONSES.leaves, proof: sampleRoots(27) }, '27 hashes; 26 are allowed'),
  goodResponse({ ...RESPONSES.leaves, proof: sampleRoots(26), bodySize: 1_048_576 }, 'at-limit'),
  badResponse('leaves-body-size-above-limit', { ...RESPONSES.leaves, bodySize: 1_048_577 }, 'a byte above 1 MiB'),
  badResponse('released-count-negative', { ...RESPONSES.released, count: -1 }, 'fewer than none'),
  badResponse('have-manifests-too-few', { ...RESPONSES.have, manifests: [null] }, 'one for two packs'),
  badResponse('have-share-256', { ...RESPONSES.have, shares: [[256], []] }, 'W09: shares are 0 to 255'),
  goodResponse({ ...RESPONSES.status, helpers: [{ peer: KEY, at: 1_700_000_000_000 }] }, 'with-a-helper'),
  goodResponse({ ...RESPONSES.status, helpers: Array.from({ length: 16 }, () => ({ peer: KEY, at: 0 })) }, 'helpers-at-limit'),
  badResponse('status-helpers-above-limit', { ...RESPONSES.status, helpers: Array.from({ length: 17 }, () => ({ peer: KEY, at: 0 })) }, '17; 16 are allowed'),
  badResponse('status-free-2-to-53', { ...RESPONSES.status, free: 2n ** 53n }, 'W09: not a safe integer'),
  badResponse('seen-age-negative', { type: 'seen', ages: [-1] }, 'heard in the future'),
  badResponse('error-code-unknown', { ...RESPONSES.error, code: 'teapot' }, 'codes are those of the list'),
  goodResponse({ ...RESPONSES.error, message: 'x'.repeat(512) }, 'at-limit'),
  badResponse('error-message-above-limit', { ...RESPONSES.error, message: 'x'.repeat(513) }, 'one byte too many'),
  goodResponse({ ...RESPONSES.error, message: '\u001b[2J\r\u202e' }, 'with-controls'),
  { ...badRequest('type-unknown', { type: 'gossip' }, 'a later type of request'), expect: 'UnknownMessageError' },
  { ...badResponse('type-unknown', { type: 'gossip' }, 'a later type of response'), expect: 'UnknownMessageError' },
  badRequest('read-count-float', { ...REQUESTS.read, count: 1.5 }, 'W09: no floating point'),
  rawRequest('left-over', concat(status, Uint8Array.of(0)), 'a byte follows'),
  rawRequest('truncated', status.slice(0, -1), 'the last byte is missing'),
  rawRequest('empty', new Uint8Array(0), 'no bytes'),
]

function many(item: string, count: number): string[] {
  return Array.from({ length: count }, () => item)
}

function goodRequest(request: Request, variant?: string): Scenario {
  const name = nameOf('request', request.type, variant)
  const comment = 'as a client asks'
  return { name, expect: 'success', comment, bytes: encodeRequest(request), fields: REQUEST }
}

function goodResponse(response: Response, variant?: string): Scenario {
  const name = nameOf('response', response.type, variant)
  const comment = 'as a peer answers'
  return { name, expect: 'success', comment, bytes: encodeResponse(response), fields: RESPONSE }
}

function nameOf(side: string, type: string, variant?: string): string {
  return variant === undefined ? `${side}-${type}` : `${side}-${type}-${variant}`
}

function badRequest(name: string, value: unknown, comment: string): Scenario {
  return rawRequest(name, encodeCbor(value), comment)
}

function rawRequest(name: string, bytes: Uint8Array, comment: string): Scenario {
  return { name: `request-${name}`, expect: 'FormatError', comment, bytes, fields: REQUEST }
}

function badResponse(name: string, value: unknown, comment: string): Scenario {
  const bytes = encodeCbor(value)
  return { name: `response-${name}`, expect: 'FormatError', comment, bytes, fields: RESPONSE }
}
