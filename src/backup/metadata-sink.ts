/** The metadata sink: tree nodes become sealed objects in packs of their own. */

import type { ObjectKind } from '../../protocol/object.ts'
import { referenceId, type Reference } from '../../protocol/reference.ts'
import { assert } from '../base/assert.ts'
import { preparePlain, rawKey, seal } from '../codec/seal.ts'
import type { ObjectSink, ObjectSource } from '../history/objects.ts'
import type { Packer } from './packer.ts'

/** Bodies that are compressed already, column by column. */
const COMPRESSED_KINDS: ReadonlySet<ObjectKind> = new Set([
  'page',
  'index',
  'past',
  'history',
  'list',
])

/** What a tree reads again while it is written: past pages are joined, long histories told anew. */
const READ_BACK_KINDS: ReadonlySet<ObjectKind> = new Set(['past', 'history', 'list'])

export class MetadataSink implements ObjectSink {
  readonly #packer: Packer
  readonly #secret: Uint8Array
  readonly #written = new Map<string, Uint8Array>()
  /** Bytes of objects sealed, before erasure. */
  sealedSize = 0

  /** @param secret - what object keys are made from, 32 bytes */
  constructor(packer: Packer, secret: Uint8Array) {
    this.#packer = packer
    this.#secret = secret
  }

  async put(kind: ObjectKind, body: Uint8Array): Promise<Reference> {
    const { plain, digest } = preparePlain(kind, body, { compress: !COMPRESSED_KINDS.has(kind) })
    const key = rawKey(this.#secret, digest)
    const sealed = seal(plain, key)
    this.sealedSize += sealed.length
    const [place] = await this.#packer.add([sealed])
    assert(place !== undefined, 'one object has one place')
    const reference = { ...place, key }
    if (READ_BACK_KINDS.has(kind)) this.#written.set(referenceId(reference), body)
    return reference
  }

  /** @returns a source that gives what was put here as well: its pack is on nobody's disk yet */
  over(source: ObjectSource): ObjectSource {
    return {
      read: async (reference, kind) =>
        this.#written.get(referenceId(reference)) ?? source.read(reference, kind),
    }
  }
}
