import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import { utf8 } from '../../protocol/bytes.ts'
import { encodeCbor } from '../../protocol/cbor.ts'
import { FormatError } from '../../protocol/errors.ts'
import { PAYLOAD_SIZE_MAX } from '../../protocol/frame.ts'
import { encodeManifest, PACK_SIZE_MAX, pieceSize } from '../../protocol/manifest.ts'
import {
  decodeRequest,
  decodeResponse,
  encodeRequest,
  encodeResponse,
  ERROR_CODES,
  ERROR_TEXT_SIZE_MAX,
  escapeControls,
  fitting,
  HEAD_SIZE_MAX,
  HEADS_MAX,
  LIST_SIZE_MAX,
  PACKS_MAX,
  READ_COUNT_MAX,
  READ_SIZE_MAX,
  RECEIPT_SIZE_MAX,
  STATEMENT_SIZE_MAX,
  STATEMENTS_MAX,
  UnknownMessageError,
} from '../../protocol/messages.ts'
import type { Request, Response } from '../../protocol/messages.ts'
import { sample } from '../vectors/format.ts'

import {
  KEY,
  MANIFEST,
  MANIFEST_BYTES,
  PACK_BYTES,
  REQUESTS,
  RESPONSES,
  sampleRoots,
} from './examples.ts'
import { foreignError } from './fuzz.ts'

const requests: readonly Request[] = Object.values(REQUESTS)
const responses: readonly Response[] = Object.values(RESPONSES)

describe('messages', () => {
  it.for(requests)('come out as they went in: request $type', (request) => {
    expect(decodeRequest(encodeRequest(request))).toEqual(request)
  })

  it.for(responses)('come out as they went in: response $type', (response) => {
    expect(decodeResponse(encodeResponse(response))).toEqual(response)
  })

  it('throw nothing but FormatErrors when damaged', async () => {
    expect(await foreignError(decodeRequest, requests.map(encodeRequest), 2000)).toBeUndefined()
    expect(await foreignError(decodeResponse, responses.map(encodeResponse), 2000)).toBeUndefined()
  })

  it('of a type that is not known say so', () => {
    const later = encodeCbor({ type: 'gossip', about: 'everybody' })
    expect(() => decodeRequest(later)).toThrow(UnknownMessageError)
    expect(() => decodeResponse(later)).toThrow(UnknownMessageError)
    expect(() => decodeRequest(encodeResponse(RESPONSES.leaves))).toThrow(UnknownMessageError)
    const rude = encodeCbor({ type: `\u001b[2J${'x'.repeat(10_000)}` })
    expect(() => decodeRequest(rude)).toThrow(/^request of type \\u\{1b\}\[2Jx{28}$/)
  })

  it.each([[{}], [[]], [null], ['status'], [{ type: 7 }], [{ type: null }]])(
    'without a type are refused: %o',
    (value) => {
      expect(() => decodeRequest(encodeCbor(value))).toThrow(FormatError)
      expect(() => decodeResponse(encodeCbor(value))).toThrow(FormatError)
    },
  )

  it('are refused above the size of a frame, on both roads', () => {
    const statements = Array.from({ length: 190 }, () => new Uint8Array(STATEMENT_SIZE_MAX))
    expect(() => encodeRequest({ type: 'roster', statements })).toThrow('frame')
    const above = new Uint8Array(PAYLOAD_SIZE_MAX + 1)
    expect(() => decodeRequest(above)).toThrow('at most')
    expect(() => decodeResponse(above)).toThrow('at most')
  })
})

describe('fields of requests', () => {
  it.each<[string, Request]>([
    ['have.packs', { ...REQUESTS.have, packs: packs(PACKS_MAX) }],
    ['have.packs, one', { ...REQUESTS.have, packs: packs(1) }],
    ['adopt.packs', { ...REQUESTS.adopt, packs: packs(PACKS_MAX) }],
    ['adopt.head', { ...REQUESTS.adopt, head: 2 ** 43 - 1 }],
    ['adopt.head, none yet', { ...REQUESTS.adopt, head: 0 }],
    ['forgo.head', { ...REQUESTS.forgo, head: 2 ** 43 - 1 }],
    ['read.first', { ...REQUESTS.read, first: 16_383 }],
    ['read.count', { ...REQUESTS.read, count: READ_COUNT_MAX }],
    ['read.shareNumber', { ...REQUESTS.read, shareNumber: 255 }],
    ['publish.head', { type: 'publish', head: new Uint8Array(HEAD_SIZE_MAX) }],
    ['publish.head, one byte', { type: 'publish', head: new Uint8Array(1) }],
    ['roster.statements', { type: 'roster', statements: many(STATEMENTS_MAX, 1000) }],
    ['roster.statements, large', { type: 'roster', statements: many(2, STATEMENT_SIZE_MAX) }],
    ['roster.statements, none', { type: 'roster', statements: [] }],
  ])('are accepted at their limit: %s', (_, request) => {
    expect(decodeRequest(encodeRequest(request))).toEqual(request)
  })

  it.each<[string, keyof typeof REQUESTS, object]>([
    ['vault', 'put', { vault: new Uint8Array(31) }],
    ['vault', 'put', { vault: 'ab'.repeat(32) }],
    ['shareNumber', 'put', { shareNumber: -1 }],
    ['shareNumber', 'put', { shareNumber: 5 }],
    ['shareNumber', 'put', { shareNumber: 256 }],
    ['shareNumber', 'put', { shareNumber: 2 ** 31 }],
    ['bodySize', 'put', { bodySize: 0 }],
    ['bodySize', 'put', { bodySize: -1 }],
    ['bodySize', 'put', { bodySize: pieceSize(MANIFEST) - 1 }],
    ['bodySize', 'put', { bodySize: pieceSize(MANIFEST) + 1 }],
    ['bodySize', 'put', { bodySize: PACK_SIZE_MAX + 1 }],
    ['manifest', 'put', { manifest: new Uint8Array(0) }],
    ['manifest', 'put', { manifest: new Uint8Array(8765) }],
    ['packs', 'have', { packs: [] }],
    ['packs', 'have', { packs: packs(PACKS_MAX + 1) }],
    ['packs.1', 'have', { packs: [PACK_BYTES, PACK_BYTES.slice(1)] }],
    ['manifests', 'have', { manifests: 1 }],
    ['shareNumber', 'read', { shareNumber: 256 }],
    ['first', 'read', { first: -1 }],
    ['first', 'read', { first: 16_384 }],
    ['count', 'read', { count: 0 }],
    ['count', 'read', { count: READ_COUNT_MAX + 1 }],
    ['packs', 'adopt', { packs: packs(PACKS_MAX + 1) }],
    ['head', 'adopt', { head: 2 ** 43 }],
    ['head', 'adopt', { head: -1 }],
    ['head', 'forgo', { head: 2 ** 43 }],
    ['head', 'forgo', { head: -1 }],
    ['vault', 'forgo', { vault: new Uint8Array(33) }],
    ['head', 'publish', { head: new Uint8Array(HEAD_SIZE_MAX + 1) }],
    ['head', 'publish', { head: new Uint8Array(0) }],
    ['all', 'heads', { all: null }],
    ['statements', 'roster', { statements: many(STATEMENTS_MAX + 1, 1) }],
    ['statements.0', 'roster', { statements: [new Uint8Array(STATEMENT_SIZE_MAX + 1)] }],
    ['statements.0', 'roster', { statements: [new Uint8Array(0)] }],
  ])('W09: are named when out of range: %s of %s %o', (field, type, change) => {
    const wrong = encodeCbor({ ...REQUESTS[type], ...change })
    expect(() => decodeRequest(wrong)).toThrow(`field ${field}`)
  })

  it.for(requests)('are refused when unknown: $type', (request) => {
    expect(() => decodeRequest(encodeCbor({ ...request, more: 1 }))).toThrow(FormatError)
  })

  it('W09: are named by the writer too', () => {
    expect(() => encodeRequest({ ...REQUESTS.put, shareNumber: 5 })).toThrow('field shareNumber')
    expect(() => encodeRequest({ ...REQUESTS.read, count: 0 })).toThrow('field count')
  })

  it('of a put are refused with a manifest that breaks its own rules', () => {
    const broken = encodeCbor({ ...MANIFEST, needed: 0 })
    expect(() => decodeRequest(encodeCbor({ ...REQUESTS.put, manifest: broken }))).toThrow(
      'manifest, field needed',
    )
  })

  it('of a put reach the largest pack there is', () => {
    const roots = sampleRoots(1)
    const size = PACK_SIZE_MAX
    const manifest = encodeManifest({ ...MANIFEST, needed: 1, total: 1, size, roots })
    const request: Request = { ...REQUESTS.put, manifest, shareNumber: 0, bodySize: size }
    expect(decodeRequest(encodeRequest(request))).toEqual(request)
  })
})

describe('fields of responses', () => {
  const everyShare = Array.from({ length: 256 }, (_, index) => index)

  it.each<[string, Response]>([
    ['have.shares', { type: 'have', shares: [everyShare], manifests: [] }],
    [
      'have.shares, most packs',
      { type: 'have', shares: many(PACKS_MAX, 0).map(() => [1]), manifests: [] },
    ],
    ['leaves', { type: 'leaves', proof: sampleRoots(26), bodySize: READ_SIZE_MAX }],
    ['leaves, smallest', { type: 'leaves', proof: [], bodySize: 1 }],
    [
      'heads',
      {
        type: 'heads',
        heads: many(HEADS_MAX, 700).map((head) => ({ head, receipt: sample(200) })),
      },
    ],
    ['heads, none', { type: 'heads', heads: [] }],
    ['receipt', { type: 'receipt', receipt: new Uint8Array(RECEIPT_SIZE_MAX) }],
    ['error', { type: 'error', code: 'full', message: 'é'.repeat(ERROR_TEXT_SIZE_MAX / 2) }],
  ])('are accepted at their limit: %s', (_, response) => {
    expect(decodeResponse(encodeResponse(response))).toEqual(response)
  })

  it.each<[string, keyof typeof RESPONSES, object]>([
    ['capacity', 'status', { capacity: -1 }],
    ['free', 'status', { free: 2n ** 53n }],
    ['now', 'status', { now: 8_640_000_000_000_001 }],
    ['shares.0.0', 'have', { shares: [[256], []] }],
    ['shares.0', 'have', { shares: [[...everyShare, 0], []] }],
    ['manifests', 'have', { manifests: [null] }],
    ['manifests.1', 'have', { manifests: [MANIFEST_BYTES, new Uint8Array(0)] }],
    ['proof', 'leaves', { proof: sampleRoots(27) }],
    ['proof.0', 'leaves', { proof: [new Uint8Array(33)] }],
    ['bodySize', 'leaves', { bodySize: 0 }],
    ['bodySize', 'leaves', { bodySize: READ_SIZE_MAX + 1 }],
    ['count', 'adopted', { count: -1 }],
    ['bytes', 'forgone', { bytes: -1 }],
    ['receipt', 'receipt', { receipt: new Uint8Array(RECEIPT_SIZE_MAX + 1) }],
    ['heads', 'heads', { heads: many(HEADS_MAX + 1, 1).map((head) => ({ head, receipt: head })) }],
    [
      'heads.0.head',
      'heads',
      { heads: [{ head: new Uint8Array(HEAD_SIZE_MAX + 1), receipt: KEY }] },
    ],
    ['code', 'error', { code: 'teapot' }],
    ['message', 'error', { message: 'é'.repeat(ERROR_TEXT_SIZE_MAX / 2) + '.' }],
    ['message', 'error', { message: utf8('bytes') }],
  ])('W09: are named when out of range: %s of %s', (field, type, change) => {
    const wrong = encodeCbor({ ...RESPONSES[type], ...change })
    expect(() => decodeResponse(wrong)).toThrow(`field ${field}`)
  })

  it.for(responses)('are refused when unknown: $type', (response) => {
    expect(() => decodeResponse(encodeCbor({ ...response, more: 1 }))).toThrow(FormatError)
  })

  it.for(ERROR_CODES)('carry every code: %s', (code) => {
    const response: Response = { type: 'error', code, message: '' }
    expect(decodeResponse(encodeResponse(response))).toEqual(response)
  })
})

describe('an error’s text', () => {
  it('is cut to what fits, between characters', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 800 }), (message) => {
        const sent = encodeResponse({ type: 'error', code: 'busy', message })
        const text = messageOf(decodeResponse(sent))
        expect(escapeControls(message).startsWith(text)).toBe(true)
      }),
    )
    const long = encodeResponse({ type: 'error', code: 'busy', message: `x${'🏔'.repeat(300)}` })
    expect(utf8(messageOf(decodeResponse(long)))).toHaveLength(1 + 4 * 127)
  })

  it('comes out without anything that moves a cursor, breaks a line or turns text around', () => {
    const message = 'a\u001b[31m\r\n\u0000\u009b\u202e\u2028\u200f\u{e0001}z'
    const text = messageOf(decodeResponse(encodeCbor({ type: 'error', code: 'internal', message })))
    expect(text).toBe(
      String.raw`a\u{1b}[31m\u{d}\u{a}\u{0}\u{9b}\u{202e}\u{2028}\u{200f}\u{e0001}z`,
    )
  })

  it('keeps letters of every script', () => {
    expect(escapeControls('kein Platz – 空き容量なし ✓')).toBe('kein Platz – 空き容量なし ✓')
  })
})

describe('lists that outgrow a message', () => {
  it('are cut where the message is full, and then fit', () => {
    const heads = many(1024, HEAD_SIZE_MAX).map((head) => ({
      head,
      receipt: new Uint8Array(RECEIPT_SIZE_MAX),
    }))
    const taken = fitting(heads, ({ head, receipt }) => head.length + receipt.length)
    expect(taken.length).toBe(Math.floor(LIST_SIZE_MAX / (HEAD_SIZE_MAX + RECEIPT_SIZE_MAX + 32)))
    expect(() => encodeResponse({ type: 'heads', heads: taken })).not.toThrow()
    expect(fitting(heads.slice(0, 3), ({ head }) => head.length)).toEqual(heads.slice(0, 3))
  })

  it('may be full of the smallest items as well', () => {
    const statements = fitting(many(STATEMENTS_MAX, 1000), (bytes) => bytes.length)
    expect(statements.length).toBe(1016)
    expect(() => encodeRequest({ type: 'roster', statements })).not.toThrow()
  })
})

function packs(length: number): Uint8Array[] {
  return Array.from({ length }, () => PACK_BYTES)
}

function many(length: number, size: number): Uint8Array[] {
  return Array.from({ length }, () => new Uint8Array(size))
}

function messageOf(response: Response): string {
  return response.type === 'error' ? response.message : ''
}
