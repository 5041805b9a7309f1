/**
 * The export: what local state knows and the tree does not, backed up as one more history.
 *
 * Sorted lines of JSON, so that a change is a small delta: what was backed up last, and what the
 * friends are called. Stored as an original plus deltas, like any file.
 */

import { concat, equal, fromUtf8, utf8 } from '../../protocol/bytes.ts'
import { sha256 } from '../../protocol/hash.ts'
import { versionId, type Version } from '../../protocol/tree.ts'
import { FormatError } from '../base/errors.ts'
import { applyDelta, makeDelta, makeSignature, parseSignature } from '../codec/rdiff.ts'
import type { ObjectSink, ObjectSource } from '../history/objects.ts'
import { CHAIN_LENGTH_MAX } from '../history/chain-bounds.ts'
import { isDeltaWorth } from './delta-policy.ts'

/** Lines change in place, so small blocks find most of the rest unchanged. */
const BLOCK_SIZE = 256

/** An export larger than this is not read: it never was ours. */
const EXPORT_SIZE_MAX = 4 * 1024 * 1024

/** Name → value; what `settings` and `peers` need to be themselves again. */
export type Exported = Readonly<Record<string, string>>

export function encodeExport(exported: Exported): Uint8Array {
  const lines = Object.entries(exported)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map((row) => `${JSON.stringify(row)}\n`)
  return utf8(lines.join(''))
}

/** @throws {FormatError} */
export function decodeExport(bytes: Uint8Array): Exported {
  const lines = fromUtf8(bytes)
    .split('\n')
    .filter((line) => line !== '')
  return Object.fromEntries(lines.map(decodeLine))
}

function decodeLine(line: string): [string, string] {
  try {
    const row: unknown = JSON.parse(line)
    const isRow =
      Array.isArray(row) && row.length === 2 && row.every((part) => typeof part === 'string')
    if (isRow) return row as [string, string]
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
  }
  throw new FormatError('backupdb export: a line is not a pair of texts')
}

/**
 * Add the export to its history: nothing if it is as before, a delta if that is clearly smaller.
 *
 * @param history - the versions so far; only the newest chain is kept
 * @param before - the bytes of the newest version, if they are known
 */
export async function addExport(
  bytes: Uint8Array,
  sequence: number,
  { history, before }: { history: readonly Version[]; before: Uint8Array | undefined },
  sink: ObjectSink,
): Promise<readonly Version[]> {
  const digest = sha256(bytes)
  const newest = history.at(-1)
  const about = { id: versionId(sequence, 0), size: bytes.length, digest, label: 'stable' as const }
  if (newest !== undefined && before !== undefined) {
    if (equal(before, bytes)) return history
    const delta = makeDelta(parseSignature(makeSignature(before, { blockSize: BLOCK_SIZE })), bytes)
    if (history.length <= CHAIN_LENGTH_MAX && isDeltaWorth(delta.length, bytes.length)) {
      const parts = { depth: 0, references: [await sink.put('delta', delta)] }
      const content = { type: 'delta', base: newest.id, parts } as const
      return [...history, { ...about, content, extra: [] }]
    }
  }
  const references = bytes.length === 0 ? [] : [await sink.put('content', bytes)]
  const content = { type: 'original', parts: { depth: 0, references } } as const
  return [{ ...about, content, extra: [] }]
}

/**
 * @returns the newest version's bytes; `undefined` where there is none
 * @throws {FormatError} what is stored is not what was exported
 * @throws {RecoveryError}
 */
export async function readExport(
  history: readonly Version[],
  source: ObjectSource,
): Promise<Uint8Array | undefined> {
  let bytes: Uint8Array | undefined
  for (const version of history) {
    if (version.size > EXPORT_SIZE_MAX) throw new FormatError('backupdb export: too large')
    const kind = version.content.type === 'original' ? 'content' : 'delta'
    const parts = await Promise.all(
      version.content.parts.references.map((reference) => source.read(reference, kind)),
    )
    const stored = concat(...parts)
    bytes =
      kind === 'content' ? stored : await patch(bytes ?? new Uint8Array(0), stored, version.size)
  }
  const digest = history.at(-1)?.digest
  if (bytes !== undefined && digest !== undefined && !equal(sha256(bytes), digest)) {
    throw new FormatError('backupdb export: its digest does not match its bytes')
  }
  return bytes
}

async function patch(base: Uint8Array, delta: Uint8Array, sizeMax: number): Promise<Uint8Array> {
  const read = async (offset: number, length: number) => base.slice(offset, offset + length)
  const chunks: Uint8Array[] = []
  async function* whole() {
    yield delta
  }
  for await (const chunk of applyDelta({ size: base.length, read }, whole(), { sizeMax })) {
    chunks.push(chunk)
  }
  return concat(...chunks)
}
