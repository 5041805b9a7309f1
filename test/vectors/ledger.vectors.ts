/** Vectors of ledger segments. */

import { ByteWriter, concat, utf8 } from '../../protocol/bytes.ts'
import { encodeCbor } from '../../protocol/cbor.ts'
import { sha256 } from '../../protocol/hash.ts'
import {
  decodeLedgerSegment,
  LEDGER_PREVIOUS_MAX,
  ledgerPointerToCbor,
  type LedgerSegment,
} from '../../protocol/ledger.ts'
import { packId } from '../../protocol/manifest.ts'
import { person } from '../protocol/people.ts'
import { sample, type Scenario } from './format.ts'

export function decode(bytes: Uint8Array): LedgerSegment {
  return decodeLedgerSegment(bytes)
}

const SIZE = 16 * 1024 * 1024
const digest = sha256(utf8('manifest'))
const pointer = { pack: packId(utf8('pack')), offset: 5, length: 900, key: sample(32) }
const previous = Array.from({ length: LEDGER_PREVIOUS_MAX + 1 }, () => ledgerPointerToCbor(pointer))
const [ann, bob] = [person(1).key.publicKey, person(2).key.publicKey]

interface Row {
  readonly gap?: number
  readonly base?: number
  readonly size?: number
  readonly needed?: number
  readonly total?: number
  /** Indices + 1. */
  readonly holders?: readonly number[]
  /** Gap to the one before, less 1 but for the first; length − 1. None at all in version 1. */
  readonly extents?: readonly (readonly [number, number])[]
}

export const scenarios: readonly Scenario[] = [
  one('empty', 'success', 'a ledger’s first segment before any pack', {}),
  one('one-pack', 'success', 'three shares, one of them nobody’s', { packs: rows({ holders: [1, 0, 2] }) }),
  one('three-packs', 'success', 'numbers 5, 6 and 106', { packs: rows({ gap: 5 }, {}, { gap: 99 }) }),
  one('merged-packs', 'success', 'two numbers in one pack', { packs: rows({}, { base: 4096 }) }),
  one('number-at-the-limit', 'success', '2^48 − 1', { packs: rows({ gap: 2 ** 48 - 1 }) }),
  one('number-above-the-limit', 'FormatError', '2^48', { packs: rows({ gap: 2 ** 48 }) }),
  one('numbers-that-pass-the-limit', 'FormatError', 'by their sum', { packs: rows({ gap: 2 ** 48 - 1 }, {}) }),
  one('size-0', 'FormatError', 'below', { packs: rows({ size: 0 }) }),
  one('size-at-the-limit', 'success', '64 MiB', { packs: rows({ size: 2 ** 26 }) }),
  one('size-above-the-limit', 'FormatError', '64 MiB + 1', { packs: rows({ size: 2 ** 26 + 1 }) }),
  one('base-at-the-limit', 'success', 'the last byte', { packs: rows({ base: SIZE - 1 }) }),
  one('base-above-the-limit', 'FormatError', 'behind the pack', { packs: rows({ base: SIZE }) }),
  one('code-at-the-limit', 'success', '256 of 256', { packs: rows({ needed: 256, total: 256 }) }),
  one('needed-above-total', 'FormatError', '4 of 3', { packs: rows({ needed: 4 }) }),
  one('holders-as-shares', 'success', 'three of three', { packs: rows({ holders: [1, 1, 1] }) }),
  one('holders-above-shares', 'FormatError', 'four of three', { packs: rows({ holders: [1, 1, 1, 1] }) }),
  one('holder-not-in-the-table', 'FormatError', 'the third of two', { packs: rows({ holders: [3] }) }),
  one('row-cut-short', 'FormatError', 'in the digest', { packs: rows({}).slice(0, 20) }),
  one('row-with-a-long-varint', 'FormatError', '80 00 for 0', { packs: concat(Uint8Array.of(0x80, 0), rows({}).slice(1)) }),
  one('peers-and-a-half', 'FormatError', '33 bytes', { peers: concat(ann, Uint8Array.of(1)) }),
  one('previous-at-the-limit', 'success', '32', { previous: previous.slice(1) }),
  one('previous-above-the-limit', 'FormatError', '33', { previous }),
  one('pointer-to-no-pack', 'FormatError', 'another kind of CID', { previous: [[sample(36), 5, 900, sample(32)]] }),
  one('pointer-of-three-items', 'FormatError', 'no key', { previous: [previous[0]?.slice(0, 3)] }),
  one('addresses', 'success', 'of one peer', { addresses: [[bob, ['/ip4/192.0.2.1/tcp/4001', '/ip6/::1/tcp/1']]] }),
  one('addresses-at-the-limit', 'success', '16', { addresses: [[bob, Array.from({ length: 16 }, () => '/a')]] }),
  one('addresses-above-the-limit', 'FormatError', '17', { addresses: [[bob, Array.from({ length: 17 }, () => '/a')]] }),
  one('address-above-the-limit', 'FormatError', '257 bytes', { addresses: [[bob, ['/'.repeat(257)]]] }),
  one('released', 'success', 'by two heads, one pack and two', { released: [[7, rows({})], [9, rows({ gap: 5, holders: [1, 0, 2] }, {})]] }),
  one('released-by-sequence-0', 'FormatError', 'no head', { released: [[0, rows({})]] }),
  one('released-by-the-last-sequence', 'success', '2^43 − 1', { released: [[2 ** 43 - 1, rows({})]] }),
  one('released-above-the-last-sequence', 'FormatError', '2^43', { released: [[2 ** 43, rows({})]] }),
  one('released-out-of-order', 'FormatError', '9 before 7', { released: [[9, rows({})], [7, rows({ gap: 5 })]] }),
  one('released-twice-by-one-head', 'FormatError', 'one list for a head', { released: [[7, rows({})], [7, rows({ gap: 5 })]] }),
  one('released-pack-twice', 'FormatError', 'pack 0, by two heads', { released: [[7, rows({})], [9, rows({})]] }),
  one('released-nothing', 'FormatError', 'a head with no packs', { released: [[7, new Uint8Array(0)]] }),
  one('released-row-cut-short', 'FormatError', 'in the digest', { released: [[7, rows({}).slice(0, 20)]] }),
  one('released-at-the-limit', 'success', 'by 1,024 heads', { released: releases(1024) }),
  one('released-above-the-limit', 'FormatError', 'by 1,025 heads', { released: releases(1025) }),
  one('extents', 'success', 'of two numbers: 100 to 199 and 300; 0 to 49, from 101 on', { version: 2, packs: rows({ extents: [[101, 99], [99, 0]] }, { base: 101, extents: [[1, 49]] }, { extents: [] }) }),
  one('extents-from-offset-0', 'success', 'gap 0 for the first', { version: 2, packs: rows({ extents: [[0, 9]] }) }),
  one('extents-at-the-limit', 'success', '1,024', { version: 2, packs: rows({ extents: many(1024) }) }),
  one('extents-above-the-limit', 'FormatError', '1,025', { version: 2, packs: rows({ extents: many(1025) }) }),
  one('extents-to-the-end-of-the-pack', 'success', 'the last 10 bytes', { version: 2, packs: rows({ base: SIZE - 10, extents: [[5, 9]] }) }),
  one('extents-behind-the-pack', 'FormatError', 'the last 10 bytes and one more', { version: 2, packs: rows({ base: SIZE - 10, extents: [[5, 10]] }) }),
  one('extents-at-the-last-offset', 'success', 'up to 64 MiB', { version: 2, packs: rows({ extents: [[2 ** 26 - 10, 9]] }) }),
  one('extents-above-the-last-offset', 'FormatError', 'up to 64 MiB + 1', { version: 2, packs: rows({ extents: [[2 ** 26 - 10, 10]] }) }),
  one('extents-cut-short', 'FormatError', 'one of two', { version: 2, packs: rows({ extents: [[0, 9], [1, 1]] }).slice(0, -2) }),
  one('extents-in-version-1', 'FormatError', 'read as the next row', { packs: rows({ extents: [[0, 9]] }) }),
  one('version-2-without-extents', 'success', 'a count of 0 in each row', { version: 2, packs: rows({ extents: [] }, { extents: [] }) }),
  one('version-2-as-version-1', 'FormatError', 'no count of extents', { version: 2, packs: rows({}) }),
  one('version-2-in-release', 'success', 'a number in use and one in release, of one pack', { version: 2, packs: rows({ extents: [[0, 9]] }), released: [[7, rows({ gap: 5, extents: [] })]] }),
  one('version-3', 'FormatError', 'unknown', { version: 3 }),
  one('with-an-unknown-field', 'FormatError', 'fields are fixed', { more: 1 }),
]

function one(name: string, expect: string, comment: string, changes: object): Scenario {
  const peers = concat(ann, bob)
  const fields = { version: 1, previous: [], packs: rows(), peers, released: [], addresses: [] }
  return { name, expect, comment, bytes: encodeCbor({ ...fields, ...changes }) }
}

function releases(count: number): [number, Uint8Array][] {
  return Array.from({ length: count }, (_, index) => [index + 1, rows({ gap: index })])
}

function many(count: number): [number, number][] {
  return Array.from({ length: count }, () => [2, 1])
}

function rows(...all: readonly Row[]): Uint8Array {
  const writer = new ByteWriter()
  for (const { gap = 0, base = 0, size = SIZE, needed = 2, total = 3, holders = [], extents } of all) {
    writer.varint(gap).put(digest).varint(base).varint(size)
    writer.u8(needed - 1).u8(total - 1).varint(holders.length)
    for (const holder of holders) writer.varint(holder)
    if (extents === undefined) continue
    writer.varint(extents.length)
    for (const [between, length] of extents) writer.varint(between).varint(length)
  }
  return writer.finish()
}
