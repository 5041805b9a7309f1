/** Vectors of references: docs/formats/reference.md. */

import { concat, fromHex } from '../../protocol/bytes.ts'
import { encodeCbor } from '../../protocol/cbor.ts'
import { decodeReference, REFERENCE_SIZE_MAX } from '../../protocol/reference.ts'

import { sample } from './format.ts'
import type { Scenario } from './format.ts'

const SECRET = sample(32, 22)
const RAW = [7, 4096, 1000, 0, SECRET]
const RUN = [7, 4096, 1000, 1, SECRET, 3]

export const decode = decodeReference

export const scenarios: Scenario[] = [
  good('raw', RAW, 'a key of its own'),
  good('run', RUN, 'object 3 of a run'),
  good('smallest', [0, 0, 54, 0, SECRET], 'every number at its lower limit'),
  good('largest', [2 ** 48 - 1, 2 ** 40, 4_194_358, 1, SECRET, 255], 'every number at its upper limit'),
  bad('pack-above-limit', RAW.with(0, 2 ** 48), 'pack numbers have 48 bits'),
  bad('pack-negative', RAW.with(0, -1), 'W09: no pack number is negative'),
  bad('offset-above-limit', RAW.with(1, 2 ** 40 + 1), 'offsets reach 2^40'),
  bad('length-above-limit', RAW.with(2, 4_194_359), 'one byte more than the largest sealed object'),
  bad('length-below-limit', RAW.with(2, 53), 'one byte less than the smallest sealed object'),
  bad('ordinal-above-limit', RUN.with(5, 256), 'a run has 256 objects'),
  bad('secret-short', RAW.with(4, SECRET.slice(1)), '31 bytes'),
  bad('secret-long', RAW.with(4, sample(33)), '33 bytes'),
  bad('raw-with-ordinal', [...RAW, 0], 'an item left over'),
  bad('run-without-ordinal', RUN.slice(0, 5), 'an item missing'),
  bad('not-an-array', { pack: 7 }, 'a map'),
  later('key-type-2', [7, 4096, 1000, 2, SECRET], 'a later type of key'),
  later('key-type-2-at-size-limit', [1, 0, 100, 2, sample(REFERENCE_SIZE_MAX - 8)], '256 bytes'),
  bad('above-size-limit', [1, 0, 100, 2, sample(REFERENCE_SIZE_MAX - 7)], '257 bytes'),
  raw('not-canonical', concat(fromHex('851807'), encodeCbor(RAW).subarray(2)), 'a number longer than needed'),
  raw('left-over', concat(encodeCbor(RAW), Uint8Array.of(0)), 'a byte follows'),
  raw('truncated', encodeCbor(RAW).slice(0, -1), 'the secret lacks its end'),
  raw('empty', new Uint8Array(0), 'no bytes'),
]

function good(name: string, value: unknown, comment: string): Scenario {
  return { name, expect: 'success', comment, bytes: encodeCbor(value) }
}

function bad(name: string, value: unknown, comment: string): Scenario {
  return raw(name, encodeCbor(value), comment)
}

function later(name: string, value: unknown, comment: string): Scenario {
  return { name, expect: 'VersionError', comment, bytes: encodeCbor(value) }
}

function raw(name: string, bytes: Uint8Array, comment: string): Scenario {
  return { name, expect: 'FormatError', comment, bytes }
}
