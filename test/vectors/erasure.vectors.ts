/**
 * Vectors of the erasure code. The bytes are pieces of equal size back to back; `indices` says which.
 * zfec makes the same pieces (test/interop/zfec.test.ts).
 */

import { concat } from '../../protocol/bytes.ts'
import { decodePieces, encodePieces } from '../../src/codec/erasure.ts'
import { sample, type Fields, type Scenario } from './format.ts'

const pack = sample(25)

/** @returns the pack */
export function decode(bytes: Uint8Array, fields: Fields): Uint8Array {
  const indices = (fields['indices'] ?? '').split(' ').map(Number)
  const size = bytes.length / indices.length
  const pieces = indices.map((index, at) => ({
    index,
    bytes: bytes.subarray(at * size, (at + 1) * size),
  }))
  const code = { needed: Number(fields['needed']), total: Number(fields['total']) }
  return concat(...decodePieces(pieces, code)).slice(0, Number(fields['size']))
}

function good(
  name: string,
  comment: string,
  needed: number,
  total: number,
  indices: readonly number[],
): Scenario {
  const all = encodePieces(pack, { needed, total })
  const bytes = concat(...indices.map((index) => all[index]!))
  return { name, expect: 'success', comment, bytes, fields: fieldsOf(needed, total, indices) }
}

function bad(name: string, comment: string, indices: readonly number[]): Scenario {
  const bytes = sample(9 * indices.length)
  const fields = fieldsOf(3, 5, indices)
  return { name, expect: 'BadPiecesError', comment, bytes, fields }
}

function fieldsOf(needed: number, total: number, indices: readonly number[]): Fields {
  return {
    needed: `${needed}`,
    total: `${total}`,
    size: `${pack.length}`,
    indices: indices.join(' '),
  }
}

export const scenarios: readonly Scenario[] = [
  good(
    'all-pieces-of-3-of-10',
    'Every piece; what each should be.',
    3,
    10,
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
  ),
  good('data-only', 'The data pieces are the pack in order, padded with zeros.', 3, 10, [0, 1, 2]),
  good('parity-only', 'No data piece is left.', 3, 10, [7, 8, 9]),
  good('mixed-and-unordered', 'Pieces in any order.', 3, 10, [9, 1, 4]),
  good('1-of-1', 'One piece, which is the pack.', 1, 1, [0]),
  good('1-of-3', 'With k = 1 every piece is the pack.', 1, 3, [2]),
  good('4-of-4', 'With k = n there is no parity.', 4, 4, [3, 2, 1, 0]),
  good('4-of-14', 'The code of a grid of friends.', 4, 14, [0, 5, 9, 13]),
  good('2-of-256', 'The last points of the field.', 2, 256, [254, 255]),
  good('more-pieces-than-bytes', 'Whole data pieces are padding.', 30, 32, [
    ...Array.from({ length: 28 }, (_, index) => index + 2),
    30,
    31,
  ]),
  bad('too-few', 'Two pieces where three are needed.', [0, 1]),
  bad('one-twice', 'Two pieces of the same index.', [0, 1, 1]),
  bad('index-beyond-total', 'There are pieces 0 to 4.', [0, 1, 5]),
  bad('index-negative', 'There are pieces 0 to 4.', [0, 1, -1]),
]
