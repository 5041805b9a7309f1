/**
 * Rebuild candidates: the files whose chains may be too long, and a plan for each.
 *
 * They are told in the order of the tree, so that the pages above them are read once and not for every
 * file. What a plan was made from is many times larger than the plan: whoever looks at all files keeps the
 * plans, and asks again for the few that are carried out.
 */

import type { Reference } from '../../protocol/reference.ts'
import type { FolderNode, Version, VersionId } from '../../protocol/tree.ts'
import { CairnError } from '../base/errors.ts'
import type { Code } from '../grid/code.ts'
import { deltasWithin } from '../grid/loss.ts'
import type { ObjectSource } from '../history/objects.ts'
import { readParts } from '../history/parts.ts'
import type { TreeReader } from '../history/tree-reader.ts'
import type { Files } from '../ports/files.ts'
import type { ChainSource } from '../repair/chain.ts'
import { planFile, type FilePlan } from '../repair/planner.ts'
import type { RebuildPolicy } from '../repair/policy.ts'
import { fromKey, isWithin, toPath, type Names } from '../source/path.ts'
import type { Entries, EntryRow } from '../store/entries.ts'
import type { Packs } from '../store/packs.ts'

export interface CandidateParts {
  readonly entries: Entries
  readonly packs: Packs
  readonly files: Pick<Files, 'probe'>
  readonly source: ObjectSource
  readonly tree: TreeReader
  /** The topmost folder. */
  readonly node: FolderNode | undefined
}

export interface CandidateOptions {
  readonly policy: RebuildPolicy
  /** Of new originals. */
  readonly code: Code
  /** Only these files and folders, whatever their chains; none for every chain that is too long. */
  readonly asked: readonly Names[]
}

/** One file that a rebuild looks at. */
export interface Candidate {
  readonly names: Names
  readonly row: EntryRow
  readonly chain: ChainSource
  readonly newest: Version
  readonly shown: ReadonlySet<VersionId>
  readonly plan: FilePlan
}

export class RebuildCandidates {
  readonly #parts: CandidateParts
  readonly #options: CandidateOptions
  readonly #packOf: ChainSource['packOf']

  constructor(parts: CandidateParts, options: CandidateOptions) {
    this.#parts = parts
    this.#options = options
    this.#packOf = packFinder(parts.packs)
  }

  get #isAsked(): boolean {
    return this.#options.asked.length > 0
  }

  /** Rows of the files to look at, in the order of the tree. */
  *rows(): Generator<EntryRow> {
    const { policy, code, asked } = this.#options
    const lengthMin = this.#isAsked ? 1 : lengthMinOf(policy, code)
    for (const row of this.#parts.entries.chained(lengthMin)) {
      const names = fromKey(row.key)
      if (!this.#isAsked || asked.some((one) => isWithin(one, names))) yield row
    }
  }

  /**
   * @returns `undefined` for a file that the tree does not know as the row does
   * @throws {CairnError} its history cannot be read
   */
  async plan(row: EntryRow): Promise<Candidate | undefined> {
    const { tree, node, source } = this.#parts
    if (node === undefined) return undefined
    const names = fromKey(row.key)
    const live = await tree.liveHistory(node, names)
    const newest = live?.versions.find(({ id }) => id === row.version)
    if (live === undefined || newest === undefined) return undefined
    const chain = await chainSource(live.versions, source, this.#packOf)
    const shown = new Set(
      live.spans.flatMap(({ what }) => (what.kind === 'file' ? [what.version] : [])),
    )
    shown.add(newest.id)
    const plan = planFile({
      ...chain,
      newest: newest.id,
      shown,
      policy: this.#options.policy,
      code: this.#options.code,
      isLocal: await this.#isUnchanged(names, row),
      isAsked: this.#isAsked,
    })
    return { names, row, chain, newest, shown, plan }
  }

  async #isUnchanged(names: Names, row: EntryRow): Promise<boolean> {
    try {
      const { size, mtime, inode } = await this.#parts.files.probe(toPath(names))
      return (
        size === row.size &&
        mtime.seconds === row.mtime.seconds &&
        mtime.nanoseconds === row.mtime.nanoseconds &&
        inode === row.inode
      )
    } catch (error) {
      if (error instanceof CairnError) return false
      throw error
    }
  }
}

/** Chains of fewer deltas are within every bound. */
export function lengthMinOf(
  { lengthMax, lossRatioMax, shareLoss }: RebuildPolicy,
  code: Code,
): number {
  return Math.min(lengthMax, deltasWithin(code, lossRatioMax, shareLoss)) + 1
}

/** A history with its lists read. */
export async function chainSource(
  versions: readonly Version[],
  source: ObjectSource,
  packOf: ChainSource['packOf'],
): Promise<ChainSource> {
  const references = new Map<VersionId, readonly Reference[]>()
  for (const { id, content } of versions) {
    const all: Reference[] = []
    for await (const reference of readParts(content.parts, source)) all.push(reference)
    references.set(id, all)
  }
  return { versions, referencesOf: ({ id }) => references.get(id) ?? [], packOf }
}

/** @returns finds packs by number; each is looked up once */
export function packFinder(packs: Packs): ChainSource['packOf'] {
  const found = new Map<number, ReturnType<ChainSource['packOf']>>()
  return (number) => {
    const known = found.get(number)
    if (known !== undefined) return known
    const row = packs.get(number)
    if (row === undefined) return undefined
    const pack = { id: row.id ?? String(number), needed: row.needed, total: row.total }
    found.set(number, pack)
    return pack
  }
}
