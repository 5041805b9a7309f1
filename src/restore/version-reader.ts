/**
 * The version reader: a version's bytes, verified, from its original and the deltas on top.
 *
 * No byte is given on before its object's tag agreed, and the version's digest closes it (law 4).
 */

import { createHash } from 'node:crypto'
import { equal } from '../../protocol/bytes.ts'
import type { ObjectKind } from '../../protocol/object.ts'
import type { Parts, Version } from '../../protocol/tree.ts'
import { RecoveryError } from '../base/errors.ts'
import { applyDelta } from '../codec/rdiff.ts'
import type { ObjectSource } from '../history/objects.ts'
import type { TreeReader } from '../history/tree-reader.ts'
import { readAhead } from './read-ahead.ts'
import type { Temporary } from './target.ts'

/** Objects fetched while one is written. */
const AHEAD_COUNT = 4

/** Every object was right, and yet the whole is not what was backed up. */
export class DigestMismatchError extends RecoveryError {
  override readonly name = 'DigestMismatchError'
}

export class VersionReader {
  readonly #source: ObjectSource
  readonly #tree: TreeReader

  constructor(source: ObjectSource, tree: TreeReader) {
    this.#source = source
    this.#tree = tree
  }

  /**
   * Write the chain's last version.
   *
   * @param chain - the original first
   * @param temporary - makes a file to write to; each step of the chain takes one
   * @param onBytes - told of each piece of the last version, once it is written
   * @returns the file that holds the whole version
   * @throws {DigestMismatchError}
   * @throws {RecoveryError}
   * @throws {FormatError}
   */
  async write(
    chain: readonly Version[],
    temporary: () => Promise<Temporary>,
    onBytes: (size: number) => void,
    signal: AbortSignal,
  ): Promise<Temporary> {
    let base: Temporary | undefined
    let baseSize = 0
    for (const version of chain) {
      const next = await temporary()
      const bytes = this.#bytes(version, { base, baseSize })
      const isLast = version === chain.at(-1)
      await this.#fill(next, version, bytes, isLast ? onBytes : () => undefined, signal)
      // A chain of sixteen must not take sixteen times the room.
      await base?.discard()
      base = next
      baseSize = version.size
    }
    if (base === undefined) throw new RecoveryError('The history holds no such version')
    return base
  }

  async *#bytes(
    version: Version,
    { base, baseSize }: { base: Temporary | undefined; baseSize: number },
  ): AsyncGenerator<Uint8Array> {
    const { content } = version
    if (content.type === 'original') {
      yield* this.#objects(content.parts, 'content')
      return
    }
    if (base === undefined) throw new RecoveryError('A chain starts with a delta')
    const { writer } = base
    const patchBase = {
      size: baseSize,
      read: (offset: number, length: number) => writer.read(offset, length),
    }
    yield* applyDelta(patchBase, this.#objects(content.parts, 'delta'), { sizeMax: version.size })
  }

  #objects(parts: Parts, kind: ObjectKind): AsyncGenerator<Uint8Array> {
    return readAhead(this.#tree.references(parts), AHEAD_COUNT, (reference) =>
      this.#source.read(reference, kind),
    )
  }

  async #fill(
    target: Temporary,
    version: Version,
    bytes: AsyncGenerator<Uint8Array>,
    onBytes: (size: number) => void,
    signal: AbortSignal,
  ): Promise<void> {
    const hash = createHash('sha256')
    let size = 0
    for await (const part of bytes) {
      signal.throwIfAborted()
      size += part.length
      if (size > version.size) break
      hash.update(part)
      await target.writer.write(part)
      onBytes(part.length)
    }
    const isRight =
      size === version.size &&
      (version.digest === undefined || equal(new Uint8Array(hash.digest()), version.digest))
    if (!isRight) throw new DigestMismatchError('The restored bytes are not those backed up')
  }
}
