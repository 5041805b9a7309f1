/**
 * Chains within one history: which versions rest on which, and what they cost.
 */

import type { Reference } from '../../protocol/reference.ts'
import type { Version, VersionId } from '../../protocol/tree.ts'
import type { Code } from '../grid/code.ts'
import { anyLoss } from '../grid/loss.ts'
import { BadHistoryError } from '../history/errors.ts'
import type { ChainFacts } from './chain-facts.ts'

/** One file's versions, and how to find out about their objects. */
export interface ChainSource {
  readonly versions: readonly Version[]
  /** All objects of a version, those below lists included. */
  readonly referencesOf: (version: Version) => readonly Reference[]
  /** The pack that a reference's number stands for; `undefined` if the ledger has none. */
  readonly packOf: (number: number) => (Code & { readonly id: string }) | undefined
}

export interface LossOptions {
  readonly shareLoss: number
  readonly isMeasured: boolean
}

/**
 * @returns the versions that it takes to make one whole, the original first
 * @throws {BadHistoryError} one is missing, or bases go round in a circle
 */
export function pathOf(versions: readonly Version[], id: VersionId): Version[] {
  const byId = new Map(versions.map((version) => [version.id, version]))
  const path: Version[] = []
  const seen = new Set<VersionId>()
  for (let next: VersionId | undefined = id; next !== undefined;) {
    const version = byId.get(next)
    if (version === undefined) throw new BadHistoryError(`history: version ${next} is missing`)
    if (seen.has(next)) throw new BadHistoryError(`history: version ${next} builds on itself`)
    seen.add(next)
    path.push(version)
    next = version.content.type === 'delta' ? version.content.base : undefined
  }
  return path.toReversed()
}

/** @returns sealed bytes of a version's own objects */
export function storedSize(version: Version, source: Pick<ChainSource, 'referencesOf'>): number {
  return source.referencesOf(version).reduce((sum, { length }) => sum + length, 0)
}

/**
 * What the chain of one version costs.
 *
 * @throws {BadHistoryError}
 */
export function factsOf(source: ChainSource, id: VersionId, options: LossOptions): ChainFacts {
  const path = pathOf(source.versions, id)
  const size = path.at(-1)?.size ?? 0
  const sum = (versions: readonly Version[]) =>
    versions.reduce((total, version) => total + storedSize(version, source), 0)
  return {
    length: path.length - 1,
    size,
    fetchSize: sum(path),
    storedSize: sum(source.versions),
    loss: lossOf(source, path, options.shareLoss),
    lossOfOriginal: lossOf(source, path.slice(0, 1), options.shareLoss),
    ...options,
  }
}

/** @returns the probability that something which these versions' own objects lie in is lost */
export function lossOf(
  source: ChainSource,
  versions: readonly Version[],
  shareLoss: number,
): number {
  return anyLoss([...packsOf(source, versions).values()], shareLoss)
}

/** @returns the packs that these versions' own objects lie in, each once */
export function packsOf(source: ChainSource, versions: readonly Version[]): Map<string, Code> {
  const packs = new Map<string, Code>()
  for (const version of versions) {
    for (const { pack } of source.referencesOf(version)) {
      const found = source.packOf(pack)
      if (found !== undefined) packs.set(found.id, found)
    }
  }
  return packs
}
