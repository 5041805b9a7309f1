/**
 * Vectors of deltas: librsync's, applied to the old file in the field `base`. Those that succeed were
 * checked with `rdiff patch` as well (test/interop/rdiff.test.ts).
 */

import { concat, fromHex, toHex } from '../../protocol/bytes.ts'
import { applyDelta, makeDelta, makeSignature, parseSignature } from '../../src/codec/rdiff.ts'
import { composeDeltas } from '../support/compose-deltas.ts'
import { sample, type Fields, type Scenario } from './format.ts'

const base = sample(48)
const file = concat(sample(20, 2), base.subarray(16), base.subarray(0, 16), Uint8Array.of(1, 2, 3))
const made = makeDelta(parseSignature(makeSignature(base, { blockSize: 16 })), file)

/** What became of the file: bytes in its midst replaced, its end first. */
const next = concat(file.subarray(40), sample(9, 3), file.subarray(0, 30))
const nextMade = makeDelta(parseSignature(makeSignature(file, { blockSize: 8 })), next)
const composed = composeDeltas(base.length, [made], [nextMade])
const composedBytes = concat(...(composed.type === 'delta' ? composed.parts : []))

/** @returns the new file */
export async function decode(bytes: Uint8Array, fields: Fields): Promise<Uint8Array> {
  const old = fromHex(fields['base'] ?? '')
  const read = (offset: number, length: number) =>
    Promise.resolve(old.subarray(offset, offset + length))
  const options = { sizeMax: Number(fields['sizeMax']) }
  const parts: Uint8Array[] = []
  for await (const part of applyDelta({ size: old.length, read }, inHalves(bytes), options))
    parts.push(part)
  return concat(...parts)
}

async function* inHalves(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes.subarray(0, bytes.length / 2)
  yield bytes.subarray(bytes.length / 2)
}

function good(name: string, comment: string, hex: string, sizeMax = 100): Scenario {
  return scenario(name, 'success', comment, fromHex(`72730236${hex}`), sizeMax)
}

function bad(name: string, comment: string, hex: string, sizeMax = 100): Scenario {
  return scenario(name, 'BadDeltaError', comment, fromHex(`72730236${hex}`), sizeMax)
}

function scenario(
  name: string,
  expect: string,
  comment: string,
  bytes: Uint8Array,
  sizeMax: number,
): Scenario {
  return { name, expect, comment, bytes, fields: { base: toHex(base), sizeMax: `${sizeMax}` } }
}

const repeated = (byte: string, count: number) => byte.repeat(count)

export const scenarios: readonly Scenario[] = [
  scenario(
    'as-made',
    'success',
    'A literal, two copies and a literal, as the maker writes them.',
    made,
    file.length,
  ),
  scenario(
    'composed',
    'success',
    'The delta as-made and one upon its file, as one: adjacent copies and literals are joined.',
    composedBytes,
    next.length,
  ),
  good('empty', 'The new file is empty.', '00'),
  good('literal-of-1', 'The shortest literal has its length as opcode.', '01aa00'),
  good(
    'literal-of-64',
    'The longest literal with its length as opcode.',
    `40${repeated('aa', 64)}00`,
  ),
  good(
    'literal-of-65',
    'The first length that needs a byte of its own.',
    `4141${repeated('aa', 65)}00`,
  ),
  good('literal-with-2-byte-length', 'A number may be wider than it needs.', '420002aabb00'),
  good('literal-with-4-byte-length', 'A number may be wider than it needs.', '4300000002aabb00'),
  good(
    'literal-with-8-byte-length',
    'A number may be wider than it needs.',
    '440000000000000002aabb00',
  ),
  good('copy-1-1', 'Start and length of one byte each.', '45200800'),
  good('copy-2-4', 'Start of 2 bytes, length of 4.', '4b00200000000800'),
  good('copy-8-8', 'Start and length of 8 bytes each.', '540000000000000020000000000000000800'),
  good('copy-of-all', 'A copy may end where the old file ends.', '45003000'),
  good('copies-that-overlap', 'The same bytes may be copied again.', '45001045081045001000'),
  good('exactly-the-size', 'The result may be as large as it may be.', '45003000', 48),
  bad('above-the-size', 'One byte more than the result may have.', '45003000', 47),
  bad('literals-above-the-size', 'Literals count as well.', '45003001aa00', 48),
  scenario('no-bytes', 'BadDeltaError', 'Not even a magic.', new Uint8Array(0), 100),
  scenario('magic-cut', 'BadDeltaError', 'Half a magic.', fromHex('7273'), 100),
  scenario(
    'magic-of-a-signature',
    'BadDeltaError',
    'A signature in place of a delta.',
    fromHex('7273014700'),
    100,
  ),
  bad('no-end', 'The end is a command: without it bytes may be missing.', '01aa'),
  bad('bytes-after-the-end', 'What follows the end belongs to nothing.', '0000'),
  bad('literal-cut', 'Three bytes are promised, two come.', '03aabb'),
  bad('copy-cut', 'The length of the copy is missing.', '4520'),
  bad('literal-of-0', 'Nothing is not a literal; rdiff refuses it too.', '410000'),
  bad('copy-of-0', 'Nothing is not a copy; rdiff refuses it too.', '45000000'),
  bad('opcode-55', 'The first reserved opcode.', '5500'),
  bad('opcode-ff', 'The last reserved opcode.', 'ff00'),
  bad('copy-behind-the-end', 'It ends one byte behind the old file.', '45013000'),
  bad('copy-from-the-end', 'It starts where the old file ends.', '45300100'),
  bad('start-2-to-the-53', 'Beyond the numbers that are exact.', '5100200000000000000100'),
  bad(
    'end-2-to-the-53',
    'Start and length are exact numbers, their sum is not.',
    '51001fffffffffffff0100',
  ),
  bad(
    'length-2-to-the-64',
    'The largest length there is, and nothing is allocated for it.',
    '44ffffffffffffffff00',
  ),
]
