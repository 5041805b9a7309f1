/**
 * Objects in memory: the tree's sink and source with real encoding and decoding, but no packs; sealed
 * only for who wants them sealed. It counts what goes in and out.
 */

import { compare } from '../../protocol/bytes.ts'
import { taggedHash } from '../../protocol/hash.ts'
import { OBJECT_OVERHEAD } from '../../protocol/object.ts'
import type { ObjectKind } from '../../protocol/object.ts'
import { referenceId } from '../../protocol/reference.ts'
import type { Reference } from '../../protocol/reference.ts'
import { FormatError } from '../../src/base/errors.ts'
import { preparePlain, seal } from '../../src/codec/seal.ts'
import type { ObjectSink, ObjectSource, SealedSource } from '../../src/history/objects.ts'

export class MemoryObjects implements ObjectSink, ObjectSource, SealedSource {
  readonly #objects = new Map<string, { kind: ObjectKind; body: Uint8Array; secret: Uint8Array }>()
  readonly #pack: number
  #offset = 0
  /** What went in since the last `reset`. */
  puts: { kind: ObjectKind; size: number; reference: Reference }[] = []
  reads = 0
  bytesRead = 0

  /** @param pack - number of the one pack that holds everything */
  constructor(pack = 7) {
    this.#pack = pack
  }

  get size(): number {
    return this.#objects.size
  }

  get bytesPut(): number {
    return this.puts.reduce((sum, { size }) => sum + size, 0)
  }

  reset(): void {
    this.puts = []
    this.reads = 0
    this.bytesRead = 0
  }

  put(kind: ObjectKind, body: Uint8Array): Promise<Reference> {
    const length = body.length + OBJECT_OVERHEAD
    const secret = taggedHash(`test ${kind}`, body)
    const reference: Reference = {
      pack: this.#pack,
      offset: this.#offset,
      length,
      key: { type: 'raw', secret },
    }
    this.#offset += length
    this.#objects.set(referenceId(reference), { kind, body, secret })
    this.puts.push({ kind, size: length, reference })
    return Promise.resolve(reference)
  }

  read(reference: Reference, kind: ObjectKind): Promise<Uint8Array> {
    const object = this.#objects.get(referenceId(reference))
    if (object === undefined) throw new FormatError(`nothing at ${referenceId(reference)}`)
    if (object.kind !== kind) throw new FormatError(`a ${object.kind}, not a ${kind}`)
    if (compare(object.secret, reference.key.secret) !== 0) throw new FormatError('wrong key')
    if (reference.length !== object.body.length + OBJECT_OVERHEAD) throw new FormatError('length')
    this.reads += 1
    this.bytesRead += reference.length
    return Promise.resolve(object.body)
  }

  readSealed(reference: Reference, target: Uint8Array): Promise<void> {
    const object = this.#objects.get(referenceId(reference))
    if (object === undefined) throw new FormatError(`nothing at ${referenceId(reference)}`)
    const { plain } = preparePlain(object.kind, object.body, { compress: false })
    target.set(seal(plain, { type: 'raw', secret: object.secret }))
    return Promise.resolve()
  }
}
