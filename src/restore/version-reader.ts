/**
 * The version reader: a version's bytes, verified, from its original and the deltas on top.
 *
 * No byte is given on before its object's tag agreed, and the version's digest closes it (law 4).
 */

import { createHash } from 'node:crypto'
import { equal } from '../../protocol/bytes.ts'
import type { Reference } from '../../protocol/reference.ts'
import type { Parts, Version } from '../../protocol/tree.ts'
import { assert } from '../base/assert.ts'
import { FormatError, RecoveryError } from '../base/errors.ts'
import { mapPool } from '../base/pool.ts'
import { release, unfilled } from '../codec/buffers.ts'
import type { codecs } from '../codec/codecs.ts'
import {
  applyInOrder,
  applyStretches,
  Composition,
  isInOrder,
  type Stretch,
} from '../codec/compose-deltas.ts'
import type { ContentInput, ContentOutput } from '../codec/open-content.ts'
import { applyDelta } from '../codec/rdiff.ts'
import type { PatchBase } from '../codec/rdiff-patch.ts'
import type { ObjectSource, SealedSource } from '../history/objects.ts'
import type { TreeReader } from '../history/tree-reader.ts'
import type { CodecRun, Compute } from '../ports/compute.ts'
import { readAhead } from './read-ahead.ts'
import type { Temporary } from './temporary.ts'

/** Of a version that lies in a temporary file, read at a time. */
const PIECE_SIZE = 1024 * 1024

/** Objects fetched while one is written. */
const AHEAD_COUNT = 4

/** Bytes of a chain's deltas, at most, to hold them all in memory; several chains are restored at once. */
const DELTAS_SIZE_MAX = 12 * 1024 * 1024

/** Sealed bytes of deltas in one group of a long chain: opened they may be twice as many. */
const GROUP_SIZE_MAX = DELTAS_SIZE_MAX / 2

/** Every object was right, and yet the whole is not what was backed up. */
export class DigestMismatchError extends RecoveryError {
  override readonly name = 'DigestMismatchError'
}

export interface VersionReaderParts {
  readonly source: ObjectSource & SealedSource
  readonly tree: TreeReader
  readonly compute: Compute<typeof codecs>
}

/** Bytes as they come, and the digest of all of them once they have ended. */
interface Content {
  readonly bytes: AsyncIterable<Uint8Array>
  readonly digest: () => Uint8Array
  /** Whether each array is for its reader alone, who may free it. */
  readonly isOwn: boolean
}

/** A chain as one delta. */
interface Composed {
  /** None where the chain rests on a file that is there. */
  readonly original: Version | undefined
  readonly version: Version
  readonly stretches: readonly Stretch[]
}

/** A version that is whole in a file. */
interface Base {
  readonly file: Temporary
  readonly size: number
}

interface Step {
  readonly base: Base | undefined
  readonly temporary: () => Promise<Temporary>
  readonly onBytes: (size: number) => void
}

export class VersionReader {
  readonly #parts: VersionReaderParts

  constructor(parts: VersionReaderParts) {
    this.#parts = parts
  }

  /**
   * Write the chain's last version.
   *
   * @param chain - the original first
   * @param temporary - makes a file to write to; what needs no more takes one
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
    const step = { base: undefined, temporary, onBytes }
    const { file } = await this.#writeGroups(inGroups(chain), step, signal)
    return file
  }

  /**
   * The chain's last version, piece by piece: each was verified by itself, and the last one is followed by
   * an error where they are not what was backed up as a whole.
   *
   * @param temporary - makes a file to write to, where there are deltas: then nothing comes before the
   *   whole is right
   * @returns arrays that the caller owns
   * @throws {DigestMismatchError}
   * @throws {RecoveryError}
   * @throws {FormatError}
   */
  async *stream(
    chain: readonly Version[],
    temporary: () => Promise<Temporary>,
    signal: AbortSignal,
  ): AsyncGenerator<Uint8Array> {
    const [first, ...more] = chain
    if (first?.content.type === 'original' && more.length === 0) {
      yield* checked(first, this.#original(first.content.parts), signal)
      return
    }
    const file = await this.write(chain, temporary, ignore, signal)
    try {
      const size = chain.at(-1)?.size ?? 0
      for (let offset = 0; offset < size; offset += PIECE_SIZE) {
        signal.throwIfAborted()
        yield await file.writer.read(offset, Math.min(PIECE_SIZE, size - offset))
      }
    } finally {
      await file.discard()
    }
  }

  /** Each group whole in a file, upon the one before. */
  async #writeGroups(
    groups: readonly (readonly Version[])[],
    { base: first, temporary, onBytes }: Step,
    signal: AbortSignal,
  ): Promise<Base> {
    let base = first
    for (const [index, group] of groups.entries()) {
      const told = index === groups.length - 1 ? onBytes : ignore
      const file = await this.#writeGroup(group, { base, temporary, onBytes: told }, signal)
      // A chain of sixteen must not take sixteen times the room.
      if (base !== first) await base?.file.discard()
      base = { file, size: group.at(-1)?.size ?? 0 }
    }
    if (base === undefined) throw new RecoveryError('The history holds no such version')
    return base
  }

  async #writeGroup(
    group: readonly Version[],
    step: Step,
    signal: AbortSignal,
  ): Promise<Temporary> {
    const { base, temporary, onBytes } = step
    const composed = await this.#compose(group, base, signal)
    if (composed === undefined) {
      if (group.length <= 2) return this.#stepByStep(group, step, signal)
      const middle = group.length >>> 1
      const halves = [group.slice(0, middle), group.slice(middle)]
      return (await this.#writeGroups(halves, step, signal)).file
    }
    const { original, version, stretches } = composed
    const next = await temporary()
    if (base !== undefined) {
      const bytes = applyStretches(patchBase(base), stretches)
      await this.#fill(next, version, hashed(bytes), onBytes, signal)
      return next
    }
    assert(original !== undefined, 'what rests on nothing begins with an original')
    if (isInOrder(stretches)) {
      const { bytes } = this.#original(original.content.parts)
      await this.#fill(next, version, hashed(applyInOrder(bytes, stretches)), onBytes, signal)
      return next
    }
    const file = await temporary()
    await this.#fill(file, original, this.#original(original.content.parts), ignore, signal)
    const bytes = applyStretches(patchBase({ file, size: original.size }), stretches)
    await this.#fill(next, version, hashed(bytes), onBytes, signal)
    await file.discard()
    return next
  }

  /**
   * The chain as one delta, upon its original or upon a file that is there.
   *
   * @returns nothing for what is no chain, takes much memory, or is wrong: step by step it will say so
   */
  async #compose(
    chain: readonly Version[],
    base: Base | undefined,
    signal: AbortSignal,
  ): Promise<Composed | undefined> {
    const [first] = chain
    const original = base === undefined ? first : undefined
    const rest = base === undefined ? chain.slice(1) : chain
    const version = rest.at(-1)
    // What was made in one go has no digest on the way, so it must have one at its end.
    if (version?.digest === undefined) return undefined
    if (base === undefined && original?.content.type !== 'original') return undefined
    const budget = { left: DELTAS_SIZE_MAX }
    const read = (one: Version) => this.#delta(one, budget)
    try {
      const deltas = await mapPool(rest, AHEAD_COUNT, read, signal)
      let whole = Composition.ofOriginal(base?.size ?? original?.size ?? 0)
      for (const [index, delta] of deltas.entries()) {
        whole = whole.followedBy(delta)
        if (whole.size !== rest[index]?.size) return undefined
      }
      return { original, version, stretches: whole.stretches }
    } catch (error) {
      if (error instanceof FormatError) return undefined
      throw error
    }
  }

  /** @throws {FormatError} also when the deltas are too large to be held */
  async #delta({ content }: Version, budget: { left: number }): Promise<readonly Uint8Array[]> {
    if (content.type !== 'delta') throw new FormatError('chain: an original upon another')
    const parts: Uint8Array[] = []
    for await (const part of this.#deltaObjects(content.parts)) {
      budget.left -= part.length
      if (budget.left < 0) throw new FormatError('chain: its deltas are large')
      parts.push(part)
    }
    return parts
  }

  /** A delta upon a delta, each version whole in a file of its own. */
  async #stepByStep(
    chain: readonly Version[],
    { base: first, temporary, onBytes }: Step,
    signal: AbortSignal,
  ): Promise<Temporary> {
    let base = first
    for (const version of chain) {
      const file = await temporary()
      const isLast = version === chain.at(-1)
      await this.#fill(
        file,
        version,
        this.#content(version, base),
        isLast ? onBytes : ignore,
        signal,
      )
      if (base !== first) await base?.file.discard()
      base = { file, size: version.size }
    }
    assert(base !== undefined, 'a group has a version')
    return base.file
  }

  #content({ content, size }: Version, base: Base | undefined): Content {
    if (content.type === 'original') return this.#original(content.parts)
    if (base === undefined) throw new RecoveryError('A chain starts with a delta')
    const delta = this.#deltaObjects(content.parts)
    return hashed(applyDelta(patchBase(base), delta, { sizeMax: size }))
  }

  #deltaObjects(parts: Parts): AsyncGenerator<Uint8Array> {
    const { tree, source } = this.#parts
    return readAhead(tree.references(parts), AHEAD_COUNT, (reference) =>
      source.read(reference, 'delta'),
    )
  }

  /** Opened and hashed by a worker, while the next objects are on their way. */
  #original(parts: Parts): Content {
    const { compute, tree } = this.#parts
    let digest: Uint8Array | undefined
    const bytes = async function* (this: VersionReader): AsyncGenerator<Uint8Array> {
      const run = await compute.open('openContent', {})
      try {
        let last: Promise<unknown> = Promise.resolve()
        yield* readAhead(tree.references(parts), AHEAD_COUNT, (reference) => {
          const sealed = this.#sealed(reference)
          // Fetched all at once, opened one after the other.
          const opened = Promise.all([sealed, last]).then(([object]) =>
            this.#open(run, reference, object),
          )
          last = opened
          return opened
        })
        const [end] = await run.close()
        if (end?.type === 'end') digest = end.digest
      } finally {
        run.cancel()
      }
    }
    return {
      isOwn: true,
      bytes: bytes.call(this),
      digest: () => {
        assert(digest !== undefined, 'the bytes have come to their end')
        return digest
      },
    }
  }

  async #sealed(reference: Reference): Promise<Uint8Array> {
    const sealed = unfilled(reference.length)
    await this.#parts.source.readSealed(reference, sealed)
    return sealed
  }

  async #open(
    run: CodecRun<ContentInput, ContentOutput>,
    reference: Reference,
    sealed: Uint8Array,
  ): Promise<Uint8Array> {
    const key = { ...reference.key, secret: reference.key.secret.slice() }
    const [opened] = await run.push({ type: 'sealed', bytes: sealed, key })
    if (opened?.type === 'content') return opened.bytes
    // Our own copy may be damaged; whoever reads it again finds a better one, or says what is wrong.
    const body = await this.#parts.source.read(reference, 'content')
    const [passed] = await run.push({ type: 'plain', bytes: body.slice() })
    assert(passed?.type === 'content', 'content passes as it is')
    return passed.bytes
  }

  async #fill(
    target: Temporary,
    version: Version,
    content: Content,
    onBytes: (size: number) => void,
    signal: AbortSignal,
  ): Promise<void> {
    for await (const part of checked(version, content, signal)) {
      const { length } = part
      await target.writer.write(part)
      if (content.isOwn) release(part)
      onBytes(length)
    }
  }
}

/** @throws {DigestMismatchError} behind the last of its bytes, and before the first that is too much */
async function* checked(
  version: Version,
  content: Content,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  let size = 0
  for await (const part of content.bytes) {
    signal.throwIfAborted()
    size += part.length
    if (size > version.size) break
    yield part
  }
  const isRight =
    size === version.size &&
    (version.digest === undefined || equal(content.digest(), version.digest))
  if (!isRight) throw new DigestMismatchError('The restored bytes are not those backed up')
}

function patchBase({ file, size }: Base): PatchBase {
  return { size, read: (offset, length) => file.writer.read(offset, length) }
}

/**
 * Cut a long chain where its deltas would take much memory: each group becomes a file, and not each version.
 *
 * Sizes are those of sealed objects, and lists are not looked into: a group that is too large after all is
 * cut in halves.
 */
function inGroups(chain: readonly Version[]): readonly (readonly Version[])[] {
  const groups: Version[][] = []
  let left = 0
  for (const version of chain) {
    const { type, parts } = version.content
    const size = parts.references.reduce((sum, { length }) => sum + length, 0)
    const group = groups.at(-1)
    if (type === 'delta') left -= size
    if (group !== undefined && left >= 0) group.push(version)
    else {
      groups.push([version])
      left = GROUP_SIZE_MAX - (type === 'delta' ? size : 0)
    }
  }
  return groups
}

function ignore(): void {}

function hashed(source: AsyncIterable<Uint8Array>): Content {
  const hash = createHash('sha256')
  const bytes = async function* () {
    for await (const part of source) {
      hash.update(part)
      yield part
    }
  }
  return { isOwn: false, bytes: bytes(), digest: () => new Uint8Array(hash.digest()) }
}
