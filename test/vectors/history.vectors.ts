/** Vectors of histories: docs/formats/history.md. */

import { ByteReader, ByteWriter } from '../../protocol/bytes.ts'
import { decodeHistory, encodeHistory } from '../../protocol/history.ts'
import type { HistoryPage } from '../../protocol/history.ts'
import type { Version } from '../../protocol/tree.ts'
import { LABELS, VERSION_ID_MAX } from '../../protocol/version-columns.ts'
import { putBlock, takeBlock } from '../../protocol/zstd-block.ts'

import { withBlock } from '../support/columns.ts'

import { sample } from './format.ts'
import type { Scenario } from './format.ts'
import { columnarFaults, place, scenario, version } from './tree-values.ts'

export const decode = decodeHistory

const ONE = encode({ versions: [version(1_024)], older: undefined, sections: [] })

const labels = LABELS.map((label, index) => version(1_024 * (index + 1), { label }))
const parts = { depth: 0, references: [place(1)] }
const deltas = [
  version(1_024, { digest: sample(32, 1), content: { type: 'delta', base: 2_048, parts } }),
  version(2_048),
  version(3_072, { digest: sample(32, 2), content: { type: 'delta', base: 2_048, parts } }),
]
const wide = Array.from({ length: 64 }, (_, index) => place(index))

export const scenarios: Scenario[] = [
  scenario('success', 'one-version', 'an original in one object, without a digest', ONE),
  good('every-label', 'stable, retried, copied, fuzzy, app-consistent', labels),
  good('deltas-both-ways', 'a forward and a reverse delta', deltas),
  good('empty-file', 'no bytes, no references', [
    version(1_024, { size: 0, content: { type: 'original', parts: { depth: 0, references: [] } } }),
  ]),
  good('sixty-four-references', 'as many as a version may hold', [
    version(1_024, {
      digest: sample(32, 3),
      content: { type: 'original', parts: { depth: 3, references: wide } },
    }),
  ]),
  good('largest-id', '2^52 − 1', [version(VERSION_ID_MAX)]),
  scenario(
    'success',
    'older-page',
    'leads to the page before',
    encode({ versions: [version(9_216)], older: place(4), sections: [] }),
  ),
  ...columnarFaults(ONE),
  bad('label-5', 'a label of a later version', 'VersionError', 0, 0x05),
  undigested('two-references-without-digest', 'nothing would close the whole', {
    content: { type: 'original', parts: { depth: 0, references: [place(1), place(2)] } },
  }),
  undigested('list-without-digest', 'one list is not one object of content', {
    content: { type: 'original', parts: { depth: 1, references: [place(1)] } },
  }),
  undigested('delta-without-digest', 'a delta needs a digest', {
    content: { type: 'delta', base: 5, parts: { depth: 0, references: [place(1)] } },
  }),
  bad('no-references-for-1000-bytes', 'only an empty file has none', 'FormatError', 2, 0),
]

function good(name: string, comment: string, versions: HistoryPage['versions']): Scenario {
  return scenario(
    'success',
    name,
    comment,
    encode({ versions, older: undefined, sections: [] }),
  )
}

function encode(page: HistoryPage): Uint8Array {
  return encodeHistory(page)
}

/** Put a byte into the columns versionForms (0), versionSizes (1) or partCounts (2) of one version. */
function bad(name: string, comment: string, error: string, column: number, byte: number): Scenario {
  const bytes = withBlock(ONE, (block) => {
    // …, form 0, size 1000 as two bytes, one part
    const known = Uint8Array.of(0x00, 0xe8, 0x07, 0x01)
    const start = Buffer.from(block).lastIndexOf(known)
    const at = start + (column === 2 ? 3 : column)
    return block.map((old, index) => (index === at ? byte : old))
  })
  return scenario(error, name, comment, bytes)
}

/** A version whose digest is taken out behind the encoder's back: the flag, and 32 raw bytes. */
function undigested(name: string, comment: string, change: Partial<Version>): Scenario {
  const made = version(1_024, { ...change, digest: sample(32, 77) })
  const body = encode({ versions: [made], older: undefined, sections: [] })
  const plain = withBlock(body, (block) => {
    const start = Buffer.from(block).lastIndexOf(Uint8Array.of(0xe8, 0x07))
    return block.map((old, index) => (index === start - 1 ? old & ~0x10 : old))
  })
  const reader = new ByteReader(plain)
  const writer = new ByteWriter().put(reader.take(2))
  putBlock(writer, takeBlock(reader, plain.length))
  const size = reader.varint()
  reader.take(32)
  writer.varint(size - 32).put(reader.take(reader.remaining))
  return scenario('FormatError', name, comment, writer.finish())
}
