/**
 * The chain reader: the deltas of one history as compositions, and ranges of the original below them.
 *
 * What cannot be read makes versions unreadable and stops nothing: the rest is rebuilt around it.
 */

import { decodeObjectSizes } from '../../protocol/object-sizes.ts'
import type { Version, VersionId } from '../../protocol/tree.ts'
import { assert } from '../base/assert.ts'
import { FormatError, PeerError, RecoveryError } from '../base/errors.ts'
import { mapPool } from '../base/pool.ts'
import { Composition } from '../codec/compose-deltas.ts'
import { BadDeltaError, joinRanges, type Range } from '../codec/rdiff-patch.ts'
import type { ObjectSource } from '../history/objects.ts'
import { pathOf, storedSize, type ChainSource } from './chain.ts'

/** Bytes of deltas, or of an original's ranges, of one file that are held in memory, at most. */
export const HELD_SIZE_MAX = 64 * 1024 * 1024

/** Objects fetched at once. */
const AHEAD_COUNT = 4

export class ChainReader {
  readonly #chain: ChainSource
  readonly #source: ObjectSource
  readonly #signal: AbortSignal
  readonly #byId: ReadonlyMap<VersionId, Version>
  readonly #deltas = new Map<VersionId, readonly Uint8Array[]>()
  readonly #compositions = new Map<VersionId, Composition>()
  readonly #wanted: Version[] = []
  /** Bytes of deltas held. */
  heldSize = 0

  constructor(chain: ChainSource, source: ObjectSource, signal: AbortSignal) {
    this.#chain = chain
    this.#source = source
    this.#signal = signal
    this.#byId = new Map(chain.versions.map((version) => [version.id, version]))
  }

  version(id: VersionId): Version {
    const version = this.#byId.get(id)
    assert(version !== undefined, 'the version is one of the history')
    return version
  }

  /**
   * Read what it takes to tell these versions upon their original.
   *
   * @returns false if that is more than is held in memory; nothing was read then
   * @throws {BadHistoryError}
   */
  async read(wanted: readonly Version[]): Promise<boolean> {
    const links = new Map<VersionId, Version>()
    for (const { id } of wanted) {
      for (const link of pathOf(this.#chain.versions, id)) links.set(link.id, link)
    }
    const deltas = [...links.values()].filter(({ content }) => content.type === 'delta')
    const size = deltas.reduce((sum, version) => sum + storedSize(version, this.#chain), 0)
    if (size > HELD_SIZE_MAX) return false
    this.#wanted.push(...wanted)
    await mapPool(deltas, AHEAD_COUNT, (version) => this.#readDelta(version), this.#signal)
    if (this.heldSize > HELD_SIZE_MAX) return false
    for (const { id } of wanted) this.#compose(id)
    return true
  }

  isReadable(id: VersionId): boolean {
    return this.#compositions.has(id)
  }

  /** Of what was wanted: versions that no path leads to. */
  get lost(): readonly Version[] {
    return this.#wanted.filter(({ id }) => !this.isReadable(id))
  }

  delta(id: VersionId): readonly Uint8Array[] {
    const delta = this.#deltas.get(id)
    assert(delta !== undefined, 'the delta was read')
    return delta
  }

  /** The version upon the original of its chain. */
  composition(id: VersionId): Composition {
    const composition = this.#compositions.get(id)
    assert(composition !== undefined, 'the version is readable')
    return composition
  }

  async #readDelta(version: Version): Promise<void> {
    const parts: Uint8Array[] = []
    try {
      for (const reference of this.#chain.referencesOf(version)) {
        const part = await this.#source.read(reference, 'delta')
        // A copy of its own: a view would hold the whole window it was fetched in.
        parts.push(part.slice())
        this.heldSize += part.length
      }
    } catch (error) {
      if (!isLoss(error)) throw error
      return
    }
    this.#deltas.set(version.id, parts)
  }

  /** Tell a version, and all it rests on, upon the original; not where something is missing or wrong. */
  #compose(id: VersionId): void {
    let below: Composition | undefined
    for (const { id: link, size, content } of pathOf(this.#chain.versions, id)) {
      const known = this.#compositions.get(link)
      if (known !== undefined) {
        below = known
        continue
      }
      if (content.type === 'original') below = Composition.ofOriginal(size)
      else {
        const delta = this.#deltas.get(link)
        below = delta && below && followed(below, delta, size)
      }
      if (below === undefined) return
      this.#compositions.set(link, below)
    }
  }
}

/** @returns nothing for a delta that does not fit, or makes something of another size than was promised */
function followed(
  base: Composition,
  delta: readonly Uint8Array[],
  size: number,
): Composition | undefined {
  try {
    const made = base.followedBy(delta)
    return made.size === size ? made : undefined
  } catch (error) {
    if (error instanceof BadDeltaError) return undefined
    throw error
  }
}

/** @returns whether the trouble is with what is stored, for now at least */
export function isLoss(error: unknown): boolean {
  return (
    error instanceof FormatError || error instanceof RecoveryError || error instanceof PeerError
  )
}

/** Gives bytes of the original; only of ranges that were fetched. */
export type ReadRange = (start: number, length: number) => Uint8Array

/**
 * Fetch ranges of an original, each object once.
 *
 * @returns how to read them; `undefined` if they are more than is held in memory
 */
export async function fetchRanges(
  original: Version,
  ranges: readonly Range[],
  { chain, source }: { readonly chain: ChainSource; readonly source: ObjectSource },
  signal: AbortSignal,
): Promise<ReadRange | undefined> {
  const wanted = joinRanges(ranges)
  if (wanted.reduce((sum, { length }) => sum + length, 0) > HELD_SIZE_MAX) return undefined
  const references = chain.referencesOf(original)
  const told = references.length === 1 ? [original.size] : decodeObjectSizes(original)
  const held = wanted.map(({ start, length }) => ({ start, bytes: new Uint8Array(length) }))
  let first = 0
  for (let index = 0, start = 0; index < references.length && first < held.length; index += 1) {
    signal.throwIfAborted()
    const last = held.at(-1)
    if (last === undefined || start >= last.start + last.bytes.length) break
    const size = told?.[index]
    const isPassed = size !== undefined && !held.some((one) => overlaps(one, start, size))
    if (isPassed) {
      start += size
      continue
    }
    const body = await source.read(references[index]!, 'content')
    if (size !== undefined && body.length !== size) {
      throw new FormatError(`object sizes: an object of ${body.length} bytes, said to have ${size}`)
    }
    for (const one of held.slice(first)) {
      if (one.start >= start + body.length) break
      if (overlaps(one, start, body.length)) fill(one, start, body)
    }
    start += body.length
    while (first < held.length && endOf(held[first]!) <= start) first += 1
  }
  return (start, length) => {
    const one = held[indexOf(held, start)]
    assert(one !== undefined && start + length <= endOf(one), 'the range was fetched')
    return one.bytes.subarray(start - one.start, start - one.start + length)
  }
}

interface Held {
  readonly start: number
  readonly bytes: Uint8Array
}

function endOf({ start, bytes }: Held): number {
  return start + bytes.length
}

function overlaps(one: Held, start: number, length: number): boolean {
  return one.start < start + length && endOf(one) > start
}

function fill(one: Held, start: number, body: Uint8Array): void {
  const from = Math.max(one.start, start)
  const until = Math.min(endOf(one), start + body.length)
  one.bytes.set(body.subarray(from - start, until - start), from - one.start)
}

/** @returns the last range that starts at or before `start` */
function indexOf(held: readonly Held[], start: number): number {
  let low = 0
  let high = held.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (held[middle]!.start <= start) low = middle + 1
    else high = middle
  }
  return low - 1
}
