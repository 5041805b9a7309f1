/** Vectors of versions: docs/formats/versions.md. */

import { encodeCbor } from '../../protocol/cbor.ts'
import { decodeVersions, encodeVersions, type Versions } from '../../protocol/versions.ts'
import type { Scenario } from './format.ts'

export function decode(bytes: Uint8Array): Versions {
  return decodeVersions(bytes)
}

export const scenarios: readonly Scenario[] = [
  good('one', encodeVersions({ speaks: [1] }), 'this version'),
  good('several', make({ speaks: [3, 1, 3] }), 'in any order, and twice'),
  good('with-an-unknown-key', make({ speaks: [2], name: 'Cairn 9' }), 'W07: of a later writer'),
  bad('none', make({ speaks: [] }), 'a peer speaks something'),
  good('number-0', make({ speaks: [0] }), 'W13: an older one than there ever was'),
  bad('number-negative', make({ speaks: [-1] }), 'W09: below'),
  bad('number-above-the-limit', make({ speaks: [1_000_001] }), 'W09: above'),
  bad('too-many', make({ speaks: Array.from({ length: 33 }, (_, index) => index + 1) }), 'above'),
  bad('without-numbers', make({}), 'W13: missing'),
  bad('cut-short', encodeVersions({ speaks: [1] }).slice(0, 5), 'W04'),
  bad('empty', new Uint8Array(0), 'no bytes'),
]

function good(name: string, bytes: Uint8Array, comment: string): Scenario {
  return { name, expect: 'success', comment, bytes }
}

function bad(name: string, bytes: Uint8Array, comment: string): Scenario {
  return { name, expect: 'FormatError', comment, bytes }
}

function make(value: object): Uint8Array {
  return encodeCbor(value)
}
