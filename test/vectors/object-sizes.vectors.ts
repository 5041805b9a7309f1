/** Vectors of object sizes: docs/formats/object-sizes.md. */

import { ByteWriter } from '../../protocol/bytes.ts'
import { decodeObjectSizes, encodeObjectSizes, OBJECT_SIZES_EXTRA } from '../../protocol/object-sizes.ts'
import type { Version } from '../../protocol/tree.ts'

import type { Fields, Scenario } from './format.ts'

/** `size`: bytes of the version that the extra belongs to. */
export function decode(bytes: Uint8Array, { size = '0' }: Fields): unknown {
  const version: Version = {
    id: 1024,
    size: Number(size),
    digest: undefined,
    label: 'stable',
    content: { type: 'original', parts: { depth: 0, references: [] } },
    extra: [{ type: OBJECT_SIZES_EXTRA, bytes }],
  }
  return decodeObjectSizes(version)
}

const MIB = 1024 ** 2

export const scenarios: Scenario[] = [
  good('two-objects', 'a file just cut once', [MIB, 1]),
  good('largest', 'objects of 4 MiB', [4 * MIB, 4 * MIB, 17]),
  bad('one-object', 'a single object has no sizes', [MIB], MIB),
  bad('other-sum', 'a byte less than the file', [MIB, MIB], 2 * MIB + 1),
  bad('empty-object', 'no object is empty', [MIB, 0], MIB),
  bad('too-large', 'an object of 4 MiB and a byte', [4 * MIB + 1, 1], 4 * MIB + 2),
  {
    name: 'cut-short',
    expect: 'FormatError',
    comment: 'ends inside a number',
    bytes: Uint8Array.of(0x80, 0x80, 0x40, 0x80),
    fields: { size: String(MIB) },
  },
]

function good(name: string, comment: string, sizes: readonly number[]): Scenario {
  const size = sizes.reduce((sum, one) => sum + one, 0)
  const bytes = encodeObjectSizes(sizes)?.bytes ?? new Uint8Array(0)
  return { name, expect: 'success', comment, bytes, fields: { size: String(size) } }
}

function bad(name: string, comment: string, sizes: readonly number[], size: number): Scenario {
  const writer = new ByteWriter()
  for (const one of sizes) writer.varint(one)
  return {
    name,
    expect: 'FormatError',
    comment,
    bytes: writer.finish(),
    fields: { size: String(size) },
  }
}
