/** Vectors of manifests: docs/formats/manifest.md. What comes out has the pack's name beside it. */

import { concat } from '../../protocol/bytes.ts'
import { encodeCbor } from '../../protocol/cbor.ts'
import { decodeManifest, encodeManifest, PACK_SIZE_MAX, packId } from '../../protocol/manifest.ts'
import { MANIFEST, MANIFEST_BYTES, sampleRoots } from '../protocol/examples.ts'

import { sample } from './format.ts'
import type { Scenario } from './format.ts'

export function decode(bytes: Uint8Array): unknown {
  return { id: packId(bytes), manifest: decodeManifest(bytes) }
}

export const scenarios: Scenario[] = [
  good('three-of-five', {}, 'a usual one'),
  good('smallest', { needed: 1, total: 1, size: 1, roots: sampleRoots(1) }, 'one byte, one share'),
  good(
    'largest',
    { needed: 256, total: 256, size: PACK_SIZE_MAX, leafSize: 16_384, roots: sampleRoots(256) },
    '8,764 bytes: there is no larger manifest',
  ),
  good('needed-equals-total', { needed: 5 }, 'no parity'),
  bad('needed-0', { needed: 0 }, 'W09: k = 0'),
  bad('needed-above-total', { needed: 6 }, 'W09: k > n'),
  bad('total-0', { needed: 0, total: 0, roots: [] }, 'no shares'),
  bad('total-above-limit', { total: 257, roots: sampleRoots(256) }, 'W09: n > 256'),
  bad('total-2-to-31', { total: 2 ** 31 }, 'W09: far out of range'),
  bad('size-0', { size: 0 }, 'S11: a pack of 0 bytes does not exist'),
  bad('size-negative', { size: -1 }, 'W09: a negative size'),
  good('size-at-limit', { size: PACK_SIZE_MAX }, '64 MiB'),
  bad('size-above-limit', { size: PACK_SIZE_MAX + 1 }, '64 MiB and one byte'),
  bad('leaf-size-8192', { leafSize: 8192 }, 'leaves have 4096 or 16384 bytes'),
  bad('leaf-size-0', { leafSize: 0 }, 'W09: nothing to divide by'),
  bad('root-missing', { roots: sampleRoots(4) }, 'four roots for five shares'),
  bad('root-left-over', { roots: sampleRoots(6) }, 'six roots for five shares'),
  bad('root-short', { roots: [sample(31), ...sampleRoots(4)] }, 'a root of 31 bytes'),
  bad('field-unknown', { comment: 'hello' }, 'a field that version 1 has not'),
  bad('size-text', { size: '100001' }, 'text in place of a number'),
  {
    name: 'later-version',
    expect: 'VersionError',
    comment: 'version 2 may look entirely different',
    bytes: encodeCbor({ version: 2, code: 'other' }),
  },
  raw('version-0', encodeCbor({ ...MANIFEST, version: 0 }), 'there never was a version 0'),
  raw('left-over', concat(MANIFEST_BYTES, Uint8Array.of(0)), 'a byte follows'),
  raw('truncated', MANIFEST_BYTES.slice(0, -1), 'the last field lacks its end'),
  raw('above-size-limit', new Uint8Array(8765), 'one byte more than the largest manifest'),
  raw('empty', new Uint8Array(0), 'no bytes'),
]

function good(name: string, change: Partial<typeof MANIFEST>, comment: string): Scenario {
  return { name, expect: 'success', comment, bytes: encodeManifest({ ...MANIFEST, ...change }) }
}

function bad(name: string, change: object, comment: string): Scenario {
  return raw(name, encodeCbor({ ...MANIFEST, ...change }), comment)
}

function raw(name: string, bytes: Uint8Array, comment: string): Scenario {
  return { name, expect: 'FormatError', comment, bytes }
}
