/**
 * Forgetting snapshots: the whole tree written anew without what only they show.
 *
 * A span stays if a kept snapshot shows it, all folders above included, or if it is part of the
 * present. A version stays if such a span shows it; what becomes of the versions it rests on is for
 * the caller to say (thin.ts). Nothing else changes: a page that loses nothing keeps its object.
 *
 * The story with an example: docs/tree.md, "Forgetting"
 */

import type { Reference } from '../../protocol/reference.ts'
import type { FolderNode, Page } from '../../protocol/tree.ts'
import { FormatError } from '../base/errors.ts'
import { Cuts } from './cuts.ts'
import { FolderOutput } from './folder-output.ts'
import type { WriteParts } from './folder-output.ts'
import { forgetPage } from './forget-page.ts'
import type { ForgetPageParts } from './forget-page.ts'
import { childrenOf } from './index-children.ts'
import type { IndexChild } from './index-children.ts'
import { ALWAYS, Kept } from './kept.ts'
import type { Period } from './kept.ts'
import { NodeStore } from './node-store.ts'
import type { ObjectSink, ObjectSource } from './objects.ts'
import type { NameRange } from './past.ts'
import { keepBases } from './thin.ts'
import type { Thin } from './thin.ts'

type Path = readonly Uint8Array[]

const WHOLE: NameRange = { lower: new Uint8Array(0), upper: undefined }

export interface ForgetParts {
  /** Gives old objects, and those that went into `sink`. */
  readonly source: ObjectSource
  readonly sink: ObjectSink
  /** The vault's key for page boundaries, 32 bytes. */
  readonly cutKey: Uint8Array
  /** Of the head that the tree is written for: above every snapshot in it. */
  readonly sequence: number
  /** What remains of a history that has versions which no kept snapshot shows; `keepBases` if not told. */
  readonly thin?: Thin
}

/**
 * Forget all snapshots but some.
 *
 * Memory holds one page with its past per level of the path. A page that cannot be read ends it all
 * with the error: what it holds may not be lost by a tree without it.
 *
 * @param old - the topmost folder
 * @param keep - sequences of the snapshots that stay; the present stays always
 * @returns the topmost folder without the rest; the very node if nothing goes
 */
export async function forgetSnapshots(
  old: FolderNode,
  keep: ReadonlySet<number>,
  parts: ForgetParts,
): Promise<FolderNode> {
  return new TreeForgetter(new Kept(keep), parts).forgetFolder(old, [], ALWAYS)
}

/** A folder on its way from the old tree into the new one. */
interface Folder {
  readonly path: Path
  readonly period: Period
  readonly output: FolderOutput
}

class TreeForgetter {
  readonly #nodes: NodeStore
  readonly #writeParts: WriteParts
  readonly #pageParts: ForgetPageParts

  constructor(kept: Kept, { source, sink, cutKey, sequence, thin = keepBases }: ForgetParts) {
    const nodes = new NodeStore(source)
    this.#nodes = nodes
    this.#writeParts = { nodes, sink, cuts: new Cuts(cutKey), sequence, clipsPast: true }
    const forgetFolder = this.forgetFolder.bind(this)
    this.#pageParts = { nodes, sink, sequence, kept, thin, forgetFolder }
  }

  /** @param period - when the folder stood under the path, all folders above included */
  async forgetFolder(old: FolderNode, path: Path, period: Period): Promise<FolderNode> {
    if (old.type === 'next') throw new FormatError('span: a folder without a node')
    const folder = { path, period, output: new FolderOutput(this.#writeParts) }
    if (old.type === 'stored') {
      await this.#visit({ ...WHOLE, level: old.level, reference: old.reference }, folder)
    } else {
      const page: Page = { entries: old.entries, past: [], sections: [] }
      const left = await forgetPage(page, { range: WHOLE, path, period }, this.#pageParts)
      if (left === page) return old
      await put(left, { ...WHOLE, reference: undefined }, folder.output)
    }
    return folder.output.finish(old, path.length > 0)
  }

  /** Go over one page, or one index page and what is below it. */
  async #visit(child: IndexChild, folder: Folder): Promise<void> {
    const { level, reference } = child
    const { output, path, period } = folder
    if (level > 0) {
      const index = await this.#nodes.index(reference, level)
      output.openIndex(index, reference)
      for (const below of childrenOf(index, child)) await this.#visit(below, folder)
      return output.closeIndex(level)
    }
    const page = await this.#nodes.page(reference)
    const left = await forgetPage(page, { range: child, path, period }, this.#pageParts)
    const isSame = left === page
    if (isSame && output.isAligned(0)) return output.pass(0, { lower: child.lower, reference })
    return put(left, { ...child, reference: isSame ? reference : undefined }, output)
  }
}

/** @param place.reference - where the page lies, if it is an old one as it was */
async function put(
  page: Page,
  { lower, upper, reference }: NameRange & { readonly reference: Reference | undefined },
  output: FolderOutput,
): Promise<void> {
  output.openPage(lower, page, reference)
  for (const entry of page.entries) await output.push(entry)
  await output.closePage(upper)
}
