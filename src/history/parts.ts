/**
 * Parts: the references of one version, directly or through `list` objects.
 */

import { decodeList, encodeList, LIST_REFERENCES_MAX } from '../../protocol/list.ts'
import type { Reference } from '../../protocol/reference.ts'
import { PARTS_DEPTH_MAX, PARTS_DIRECT_MAX } from '../../protocol/tree.ts'
import type { Parts } from '../../protocol/tree.ts'
import { assert } from '../base/assert.ts'
import { FormatError } from '../base/errors.ts'
import type { ObjectSink, ObjectSource } from './objects.ts'

/**
 * Put a version's references into a form that fits a history: up to 64 stay as they are, more go
 * into lists of up to 512, and those into lists again.
 *
 * @param references - the version's objects in order
 */
export async function makeParts(
  references: readonly Reference[],
  sink: ObjectSink,
): Promise<Parts> {
  let depth = 0
  let level = references
  for (; level.length > PARTS_DIRECT_MAX; depth++) {
    assert(depth < PARTS_DEPTH_MAX, 'a file has fewer parts than 64 × 512 × 512 × 512')
    const above: Reference[] = []
    for (let at = 0; at < level.length; at += LIST_REFERENCES_MAX) {
      const list = { depth, references: level.slice(at, at + LIST_REFERENCES_MAX) }
      above.push(await sink.put('list', encodeList(list)))
    }
    level = above
  }
  return { depth, references: level }
}

/**
 * The inverse of {@link makeParts}, list by list as the caller goes on.
 *
 * @throws {FormatError} when a list is not what its place says
 */
export async function* readParts(parts: Parts, source: ObjectSource): AsyncGenerator<Reference> {
  if (parts.depth === 0) {
    yield* parts.references
    return
  }
  for (const reference of parts.references) {
    const list = decodeList(await source.read(reference, 'list'))
    if (list.depth !== parts.depth - 1) {
      throw new FormatError(`list: depth ${list.depth} below parts of depth ${parts.depth}`)
    }
    yield* readParts(list, source)
  }
}
