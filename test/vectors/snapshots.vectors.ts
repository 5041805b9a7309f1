/** Vectors of the list of snapshots: docs/formats/snapshots.md. */

import { encodeCbor } from '../../protocol/cbor.ts'
import { referenceToCbor } from '../../protocol/reference.ts'
import { decodeSnapshots } from '../../protocol/snapshots.ts'

import type { Scenario } from './format.ts'
import { place, scenario, text } from './tree-values.ts'

export const decode = decodeSnapshots

export const ROW = {
  sequence: 7,
  startedAt: 1_700_000_000_000,
  endedAt: 1_700_000_060_000,
  host: 'laptop',
  sources: [text('/home/anna')],
  files: 2_000,
  folders: 150,
  bytes: 200_000_000,
  added: 1_234_567,
  isComplete: true,
  isFinished: true,
  isPinned: false,
  tags: ['daily'],
  skipped: 1,
}

const { host, ...withoutHost } = ROW

const many = (count: number): unknown[] =>
  Array.from({ length: count }, (_, index) => ({ ...ROW, sequence: count - index, sources: [] }))

export const scenarios: Scenario[] = [
  good('one-row', 'the last page of the list', [ROW], null),
  good('older-page', 'leads to the page before', [ROW], referenceToCbor(place(1))),
  good('longest', '512 rows', many(512), null),
  good('limits', 'most sources and tags, longest paths', [
    {
      ...ROW,
      sources: Array.from({ length: 256 }, () => text('/'.repeat(4_096))),
      tags: Array.from({ length: 64 }, () => 'é'.repeat(128)),
      sequence: 2 ** 42,
    },
  ]),
  good('partial', 'the backup went on after it', [{ ...ROW, isComplete: false, isFinished: false }]),
  bad('complete-and-unfinished', 'what went on left something out', [{ ...ROW, isFinished: false }]),
  bad('no-rows', 'a page holds something', []),
  bad('one-row-too-many', '513 rows', many(513)),
  bad('sequences-ascend', 'newest first', [{ ...ROW, sequence: 6 }, ROW]),
  bad('sequence-twice', 'each snapshot once', [ROW, ROW]),
  bad('source-too-long', '4,097 bytes', [{ ...ROW, sources: [text('/'.repeat(4_097))] }]),
  bad('source-empty', 'no path', [{ ...ROW, sources: [text('')] }]),
  bad('too-many-sources', '257 sources', [{ ...ROW, sources: many(257).map(() => text('/')) }]),
  bad('too-many-tags', '65 tags', [{ ...ROW, tags: many(65).map(() => 't') }]),
  bad('tag-too-long', '258 bytes of UTF-8', [{ ...ROW, tags: ['é'.repeat(129)] }]),
  bad('host-too-long', '258 bytes of UTF-8', [{ ...ROW, host: host.repeat(43) }]),
  bad('files-negative', 'less than no files', [{ ...ROW, files: -1 }]),
  bad('unknown-field', 'a key that this version does not know', [{ ...ROW, other: 1 }]),
  bad('field-missing', 'no host', [withoutHost]),
  scenario('VersionError', 'version-2', 'a later version', encodeCbor({ version: 2 })),
  scenario('FormatError', 'empty', 'no bytes', new Uint8Array(0)),
]

function good(name: string, comment: string, rows: unknown[], older: unknown = null): Scenario {
  return scenario('success', name, comment, encodeCbor({ version: 1, rows, older }))
}

function bad(name: string, comment: string, rows: unknown[]): Scenario {
  return scenario('FormatError', name, comment, encodeCbor({ version: 1, rows, older: null }))
}
