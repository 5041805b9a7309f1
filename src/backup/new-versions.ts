/**
 * New versions: what reading a file adds to its history, and what its chain costs from then on.
 */

import { encodeObjectSizes } from '../../protocol/object-sizes.ts'
import type { Reference } from '../../protocol/reference.ts'
import { versionId, type Version } from '../../protocol/tree.ts'
import { assert } from '../base/assert.ts'
import type { EntryRow } from '../store/entries.ts'
import type { ReadVersion } from './file-reader.ts'
import type { Slot } from './object-writer.ts'

/**
 * @param sequence - of the snapshot being made
 * @param known - the path as the last snapshot has it
 * @param read - new content, all of it placed
 * @returns the new version; of a copied chain all versions, the newest last
 */
export function newVersions(
  sequence: number,
  known: EntryRow | undefined,
  read: ReadVersion,
): Version[] {
  const { content } = read
  return content.type === 'copy'
    ? copied(sequence, content.chain, read)
    : [newVersion(sequence, known, read)]
}

/** @returns the deltas behind the newest version, and the sealed bytes to fetch for it */
export function chainCost(
  known: EntryRow | undefined,
  content: ReadVersion['content'],
  versions: readonly Version[],
): { chainLength: number; chainSize: number } {
  if (content.type === 'copy') {
    const { chainLength, chainSize } = content.of
    return { chainLength, chainSize }
  }
  const size = versions
    .flatMap((version) => version.content.parts.references)
    .reduce((sum, { length }) => sum + length, 0)
  if (content.type !== 'delta') return { chainLength: 0, chainSize: size }
  assert(known !== undefined, 'a delta has a base')
  return { chainLength: known.chainLength + 1, chainSize: known.chainSize + size }
}

function newVersion(sequence: number, known: EntryRow | undefined, read: ReadVersion): Version {
  const { content, size, digest, label } = read
  assert(content.type === 'original' || content.type === 'delta', 'other content has versions')
  const parts = { depth: 0, references: content.slots.map(referenceOf) }
  const id = versionId(sequence, 0)
  if (content.type === 'delta') {
    assert(known !== undefined, 'a delta has a base')
    const delta = { type: 'delta', base: known.version, parts } as const
    return { id, size, digest, label, content: delta, extra: [] }
  }
  // One object's key commits to all its bytes; several need a digest over the whole.
  const isOneObject = parts.references.length === 1
  const sizes = encodeObjectSizes(content.sizes)
  return {
    id,
    size,
    digest: isOneObject ? undefined : digest,
    label,
    content: { type: 'original', parts },
    extra: sizes === undefined ? [] : [sizes],
  }
}

/** A chain in its new home: the same objects, under ids of this snapshot. */
function copied(sequence: number, chain: readonly Version[], read: ReadVersion): Version[] {
  return chain.map((version, ordinal) => {
    const id = versionId(sequence, ordinal)
    const { content } = version
    const moved: Version['content'] =
      content.type === 'delta' ? { ...content, base: versionId(sequence, ordinal - 1) } : content
    const label = ordinal === chain.length - 1 ? read.label : version.label
    return { ...version, id, label, content: moved }
  })
}

function referenceOf(slot: Slot): Reference {
  assert(slot.reference !== undefined, 'a finished file has all its references')
  return slot.reference
}
