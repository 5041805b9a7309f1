/**
 * Vectors of signatures: librsync's, with Rabin–Karp and BLAKE2. The field `file` is the file that the
 * signature stands for; `rdiff signature` makes the same bytes (test/interop/rdiff.test.ts).
 */

import { equal, fromHex, toHex } from '../../protocol/bytes.ts'
import { makeSignature, parseSignature } from '../../src/codec/rdiff.ts'
import { sample, type Fields, type Scenario } from './format.ts'

/** @returns the parts of the signature, and whether the file has just this one */
export function decode(bytes: Uint8Array, fields: Fields): unknown {
  const signature = parseSignature(bytes)
  const file = fields['file']
  const isOfFile =
    file === undefined ? undefined : equal(bytes, makeSignature(fromHex(file), signature))
  return { ...signature, weak: Array.from(signature.weak, (sum) => sum >>> 0), isOfFile }
}

function ofFile(name: string, comment: string, size: number, strongSize = 16): Scenario {
  const file = sample(size)
  const bytes = makeSignature(file, { blockSize: 16, strongSize })
  return { name, expect: 'success', comment, bytes, fields: { file: toHex(file) } }
}

function bad(name: string, comment: string, hex: string): Scenario {
  return { name, expect: 'BadSignatureError', comment, bytes: fromHex(hex) }
}

export const scenarios: readonly Scenario[] = [
  ofFile('of-nothing', 'The signature of an empty file is its head.', 0),
  ofFile('of-1-byte', 'One short block.', 1),
  ofFile('of-a-block-less-1', 'One block, a byte short.', 15),
  ofFile('of-a-block', 'One whole block.', 16),
  ofFile('of-a-block-and-1', 'One whole block and a short one.', 17),
  ofFile('of-two-blocks', 'Two whole blocks.', 32),
  ofFile('strong-sums-of-1', 'The shortest strong sums.', 32, 1),
  ofFile('strong-sums-of-32', 'The longest strong sums.', 32, 32),
  {
    name: 'blocks-of-4-mib',
    expect: 'success',
    comment: 'The largest blocks.',
    bytes: fromHex('727301470040000000000010'),
  },
  bad('blocks-above-4-mib', 'One byte above the largest.', '727301470040000100000010'),
  bad('blocks-of-0', 'A block has one byte at least.', '727301470000000000000010'),
  bad('blocks-of-4-gib', 'The largest number there is.', '72730147ffffffff00000010'),
  bad('strong-sums-of-0', 'A weak sum alone proves nothing.', '727301470000001000000000'),
  bad('strong-sums-of-33', 'BLAKE2b gives 32 bytes here.', '727301470000001000000021'),
  bad('no-bytes', 'Not even a head.', ''),
  bad('head-cut', 'One byte of the head is missing.', '7273014700000010000000'),
  bad(
    'block-cut',
    'One byte of the block is missing.',
    `727301470000001000000002${'00'.repeat(5)}`,
  ),
  bad('block-and-1', 'One byte follows the block.', `727301470000001000000002${'00'.repeat(7)}`),
  bad('magic-of-md4', 'Rabin–Karp and MD4: not used here.', '727301460000001000000010'),
  bad('magic-of-rollsum', 'Rollsum and BLAKE2: not used here.', '727301370000001000000010'),
  bad('magic-of-a-delta', 'A delta in place of a signature.', '727302360000001000000010'),
]
