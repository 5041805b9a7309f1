/** Vectors of roots: docs/formats/root.md. */

import { encodeCbor } from '../../protocol/cbor.ts'
import { referenceToCbor } from '../../protocol/reference.ts'
import { decodeRoot } from '../../protocol/root.ts'

import { sample } from './format.ts'
import type { Scenario } from './format.ts'
import { ROW } from './snapshots.vectors.ts'
import { place, scenario, text } from './tree-values.ts'

export const decode = decodeRoot

const ROOT = {
  version: 1,
  device: 'a device',
  sequence: 7,
  tree: { level: 1, reference: referenceToCbor(place(1)) },
  snapshots: { rows: [ROW], older: referenceToCbor(place(2)) },
  backupdb: [],
  extra: [],
}

const EXPORT = {
  id: 7 * 1_024,
  size: 1_000,
  digest: null,
  label: 'stable',
  content: { type: 'original', parts: { depth: 0, references: [referenceToCbor(place(3))] } },
  extra: [],
}

const DELTA = {
  ...EXPORT,
  id: 8 * 1_024,
  digest: sample(32, 8),
  content: { ...EXPORT.content, type: 'delta', base: EXPORT.id },
}

const rows = (count: number): unknown[] =>
  Array.from({ length: count }, (_, index) => ({ ...ROW, sequence: 100 - index }))

const versions = (count: number): unknown[] =>
  Array.from({ length: count }, (_, index) => ({ ...EXPORT, id: index }))

export const scenarios: Scenario[] = [
  good('first', 'before anything was backed up', {
    ...ROOT,
    tree: null,
    snapshots: { rows: [], older: null },
  }),
  good('usual', 'a tree, a snapshot, older ones', ROOT),
  good('backupdb', 'an original and a delta of the export', { ...ROOT, backupdb: [EXPORT, DELTA] }),
  good('extra', 'something later is kept', { ...ROOT, extra: [{ type: 5, bytes: text('later') }] }),
  good('most-rows', '32 rows', { ...ROOT, sequence: 100, snapshots: { rows: rows(32), older: null } }),
  good('most-versions', '256 versions of the export', { ...ROOT, backupdb: versions(256) }),
  bad('one-row-too-many', '33 rows', {
    ...ROOT,
    sequence: 100,
    snapshots: { rows: rows(33), older: null },
  }),
  bad('one-version-too-many', '257 versions', { ...ROOT, backupdb: versions(257) }),
  bad('snapshot-after-root', 'a snapshot newer than the root', { ...ROOT, sequence: 6 }),
  bad('sequence-above-limit', '2^42 + 1', { ...ROOT, sequence: 2 ** 42 + 1 }),
  bad('level-16', 'above the highest level', { ...ROOT, tree: { ...ROOT.tree, level: 16 } }),
  bad('versions-out-of-order', 'ids ascend', { ...ROOT, backupdb: [DELTA, EXPORT] }),
  bad('delta-on-itself', 'its own base', { ...ROOT, backupdb: [{ ...DELTA, id: EXPORT.id }] }),
  bad('delta-without-digest', 'nothing would close it', {
    ...ROOT,
    backupdb: [{ ...DELTA, digest: null }],
  }),
  bad('unknown-field', 'a key that this version does not know', { ...ROOT, other: 1 }),
  bad('field-missing', 'no tree', { version: 1, device: 'a', sequence: 1 }),
  scenario(
    'VersionError',
    'extra-critical',
    'something later that may not be ignored',
    encodeCbor({ ...ROOT, extra: [{ type: 0x8000, bytes: text('') }] }),
  ),
  scenario('VersionError', 'version-2', 'a later version', encodeCbor({ version: 2, all: 'new' })),
  scenario('FormatError', 'empty', 'no bytes', new Uint8Array(0)),
]

function good(name: string, comment: string, value: unknown): Scenario {
  return scenario('success', name, comment, encodeCbor(value))
}

function bad(name: string, comment: string, value: unknown): Scenario {
  return scenario('FormatError', name, comment, encodeCbor(value))
}
