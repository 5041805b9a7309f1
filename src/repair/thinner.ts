/**
 * The thinner: versions go from the middle of a chain, and what rested on them gets a delta of its own.
 *
 * Two deltas in a row compose into one without the bytes of either version, so dropping a version moves
 * no more than the deltas around it. Where a composed delta would be no smaller than what it replaces, or
 * something cannot be read, the dropped versions stay as bases that no snapshot shows.
 */

import { createHash } from 'node:crypto'
import { equal } from '../../protocol/bytes.ts'
import type { Reference } from '../../protocol/reference.ts'
import type { Version, VersionId } from '../../protocol/tree.ts'
import { assert } from '../base/assert.ts'
import { RecoveryError } from '../base/errors.ts'
import { Composition, encodeComposition } from '../codec/compose-deltas.ts'
import { BadDeltaError } from '../codec/rdiff-patch.ts'
import { BadHistoryError } from '../history/errors.ts'
import type { ObjectSource } from '../history/objects.ts'
import type { Thin } from '../history/thin.ts'
import { withBases } from '../history/thin.ts'
import { pathOf, storedSize, type ChainSource } from './chain.ts'
import { HELD_SIZE_MAX, isLoss } from './chain-reader.ts'
import type { RebuildObjects } from './rebuild-file.ts'

/** A delta that was composed and stored cannot be read back as it was. */
export class ComposedDeltaLostError extends RecoveryError {
  override readonly name = 'ComposedDeltaLostError'
}

export interface ThinnerParts {
  readonly source: ObjectSource
  readonly objects: Pick<RebuildObjects, 'putDelta' | 'endFile'>
  /** A history with its lists read. */
  readonly chainOf: (versions: readonly Version[]) => Promise<ChainSource>
}

interface Stored {
  readonly references: readonly Reference[]
  readonly digest: Uint8Array
}

export class Thinner {
  readonly #parts: ThinnerParts
  readonly #stored: Stored[] = []
  versionsDropped = 0
  deltasComposed = 0

  constructor(parts: ThinnerParts) {
    this.#parts = parts
  }

  readonly thin: Thin = async (versions, kept) => {
    const chain = await this.#parts.chainOf(versions)
    const replaced = new Map<VersionId, Version>()
    for (const version of versions) {
      if (!kept.has(version.id)) continue
      const composed = await this.#composed(version, kept, chain)
      if (composed !== undefined) replaced.set(version.id, composed)
    }
    const now = versions.map((version) => replaced.get(version.id) ?? version)
    const needed = withBases(now, kept)
    const rest = now.filter(({ id }) => needed.has(id))
    this.versionsDropped += versions.length - rest.length
    this.deltasComposed += replaced.size
    return rest
  }

  /**
   * Read every composed delta back. Call when all objects are durable and before anything names them.
   *
   * @throws {ComposedDeltaLostError}
   */
  async verify(): Promise<void> {
    for (const { references, digest } of this.#stored) {
      const hash = createHash('sha256')
      for (const reference of references) {
        hash.update(await this.#parts.source.read(reference, 'delta'))
      }
      if (!equal(new Uint8Array(hash.digest()), digest)) {
        throw new ComposedDeltaLostError(
          'A delta read back is not what was stored; nothing was changed',
        )
      }
    }
  }

  /** @returns the version upon the nearest kept one below it; `undefined` where it is that already */
  async #composed(
    version: Version,
    kept: ReadonlySet<VersionId>,
    chain: ChainSource,
  ): Promise<Version | undefined> {
    const path = wayTo(version, chain)
    const below = path.slice(0, -1)
    // Without a kept one, upon the original at its end, which stays.
    const found = below.findLastIndex(({ id }) => kept.has(id))
    const base = below[Math.max(found, 0)]
    const links = path.slice(Math.max(found, 0) + 1)
    if (base === undefined || links.length < 2) return undefined
    const size = links.reduce((sum, link) => sum + storedSize(link, chain), 0)
    if (size > HELD_SIZE_MAX) return undefined
    const parts = await this.#compose(base, links, chain)
    if (parts === undefined || lengthOf(parts) > version.size) return undefined
    const { objects } = this.#parts
    const references = await objects.putDelta(parts)
    await objects.endFile()
    const hash = createHash('sha256')
    for (const part of parts) hash.update(part)
    this.#stored.push({ references: references(), digest: new Uint8Array(hash.digest()) })
    assert(version.digest !== undefined, 'what was made as a delta has a digest')
    const content = {
      type: 'delta',
      base: base.id,
      parts: { depth: 0, references: references() },
    } as const
    return { ...version, content }
  }

  async #compose(
    base: Version,
    links: readonly Version[],
    chain: ChainSource,
  ): Promise<readonly Uint8Array[] | undefined> {
    let composed = Composition.ofOriginal(base.size)
    try {
      for (const link of links) {
        const delta: Uint8Array[] = []
        for (const reference of chain.referencesOf(link)) {
          delta.push((await this.#parts.source.read(reference, 'delta')).slice())
        }
        composed = composed.followedBy(delta)
        if (composed.size !== link.size) return undefined
      }
      return encodeComposition(composed)
    } catch (error) {
      if (error instanceof BadDeltaError || isLoss(error)) return undefined
      throw error
    }
  }
}

/** @returns nothing but the version where its history is wrong: that is for a restore to tell */
function wayTo(version: Version, { versions }: ChainSource): readonly Version[] {
  try {
    return pathOf(versions, version.id)
  } catch (error) {
    if (error instanceof BadHistoryError) return [version]
    throw error
  }
}

function lengthOf(parts: readonly Uint8Array[]): number {
  return parts.reduce((sum, { length }) => sum + length, 0)
}
