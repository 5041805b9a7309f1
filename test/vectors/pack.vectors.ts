/** Vectors of padding: docs/formats/pack.md. The bytes are a pack's content; its padding comes out. */

import { fromHex, toHex } from '../../protocol/bytes.ts'
import { padPack } from '../../protocol/pack.ts'
import { KEY } from '../protocol/examples.ts'

import { sample } from './format.ts'
import type { Fields, Scenario } from './format.ts'

export function decode(content: Uint8Array, fields: Fields): unknown {
  const pack = padPack(content, fromHex(fields['padKey'] ?? ''))
  return { size: pack.length, padding: pack.subarray(content.length) }
}

export const scenarios: Scenario[] = [
  padded('empty', 0, 'S11: no content becomes one byte'),
  padded('one-byte', 1, 'S11: one byte stays one'),
  padded('padded-already', 1024, 'a Padmé size gets no padding'),
  padded('shorter-than-its-tail', 9, 'the key comes from all 9 bytes'),
  padded('as-long-as-its-tail', 48, 'the key comes from all 48 bytes'),
  padded('longer-than-its-tail', 49, 'the key comes from the last 48 bytes'),
  padded('a-kibibyte-and-a-byte', 1025, '1025 becomes 1088'),
]

function padded(name: string, size: number, comment: string): Scenario {
  return { name, expect: 'success', comment, bytes: sample(size, 41), fields: { padKey: toHex(KEY) } }
}
