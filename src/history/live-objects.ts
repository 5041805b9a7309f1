/**
 * Live objects: everything that a root leads to.
 *
 * What this walk does not tell, nothing needs any more. It goes where readers go: of a past page only
 * to the names within the range of the page that lists it.
 */

import { decodeList } from '../../protocol/list.ts'
import type { ObjectKind } from '../../protocol/object.ts'
import { decodeRoot } from '../../protocol/root.ts'
import { referenceId } from '../../protocol/reference.ts'
import type { Reference } from '../../protocol/reference.ts'
import { decodeSnapshots } from '../../protocol/snapshots.ts'
import type { SnapshotPage } from '../../protocol/snapshots.ts'
import type { Entry, FolderNode, History, Page, Parts, Version } from '../../protocol/tree.ts'
import { FormatError } from '../base/errors.ts'
import { childrenOf } from './index-children.ts'
import type { IndexChild } from './index-children.ts'
import { NodeStore } from './node-store.ts'
import type { ObjectSource } from './objects.ts'
import { isWithin } from './past.ts'
import type { NameRange } from './past.ts'

const WHOLE: NameRange = { lower: new Uint8Array(0), upper: undefined }

/**
 * Folders, histories and lists that were gone into last: where several places lead to one, it is gone
 * into once. Some megabytes.
 */
const SEEN_MAX = 65_536

/** Told of an object that the root needs, once or more often. */
export type OnReference = (reference: Reference, kind: ObjectKind) => void

/**
 * Tell of every object that a root leads to, its own first. Memory holds one page with its past per
 * level of the path.
 *
 * @throws {CairnError} when a part of the tree cannot be read: what it leads to is not known then
 */
export async function liveObjects(
  root: Reference,
  source: ObjectSource,
  onReference: OnReference,
): Promise<void> {
  onReference(root, 'root')
  const { tree, snapshots, backupdb } = decodeRoot(await source.read(root, 'root'))
  await tellSnapshots(snapshots, source, onReference)
  const walk = new Walk(source, onReference)
  await walk.versions(backupdb)
  if (tree !== null) await walk.folder({ type: 'stored', ...tree })
}

async function tellSnapshots(
  list: SnapshotPage,
  source: ObjectSource,
  onReference: OnReference,
): Promise<void> {
  let { older } = list
  while (older !== null) {
    onReference(older, 'snapshots')
    older = decodeSnapshots(await source.read(older, 'snapshots')).older
  }
}

class Walk {
  readonly #source: ObjectSource
  readonly #nodes: NodeStore
  readonly #onReference: OnReference
  readonly #seen = new Set<string>()

  constructor(source: ObjectSource, onReference: OnReference) {
    this.#source = source
    this.#nodes = new NodeStore(source)
    this.#onReference = onReference
  }

  async folder(node: FolderNode): Promise<void> {
    if (node.type === 'inline') await this.#entries(node.entries)
    if (node.type !== 'stored' || !this.#isNew(node.reference)) return
    await this.#visit({ ...WHOLE, level: node.level, reference: node.reference })
  }

  async versions(versions: readonly Version[]): Promise<void> {
    for (const { content } of versions) {
      await this.#parts(content.parts, content.type === 'delta' ? 'delta' : 'content')
    }
  }

  async #visit(child: IndexChild): Promise<void> {
    const { level, reference } = child
    if (level === 0) {
      this.#onReference(reference, 'page')
      await this.#page(await this.#nodes.page(reference), child)
      return
    }
    this.#onReference(reference, 'index')
    const index = await this.#nodes.index(reference, level)
    for (const below of childrenOf(index, child)) await this.#visit(below)
  }

  async #page({ entries, past }: Page, range: NameRange): Promise<void> {
    await this.#entries(entries)
    for (const { reference } of past) {
      this.#onReference(reference, 'past')
      const page = await this.#nodes.past(reference)
      await this.#entries(page.entries.filter(({ name }) => isWithin(name, range)))
    }
  }

  async #entries(entries: readonly Entry[]): Promise<void> {
    for (const { spans, history } of entries) {
      if (history !== undefined) await this.#history(history)
      for (const { what } of spans) if (what.kind === 'folder') await this.folder(what.node)
    }
  }

  async #history(history: History): Promise<void> {
    if (history.type === 'inline') return this.versions(history.versions)
    let next: Reference | undefined = history.reference
    while (next !== undefined && this.#isNew(next)) {
      this.#onReference(next, 'history')
      const page = await this.#nodes.history(next)
      await this.versions(page.versions)
      next = page.older
    }
  }

  async #parts({ depth, references }: Parts, kind: ObjectKind): Promise<void> {
    for (const reference of references) {
      if (depth === 0) {
        this.#onReference(reference, kind)
      } else if (this.#isNew(reference)) {
        this.#onReference(reference, 'list')
        const list = decodeList(await this.#source.read(reference, 'list'))
        if (list.depth !== depth - 1) {
          throw new FormatError(`list: depth ${list.depth} below parts of depth ${depth}`)
        }
        await this.#parts(list, kind)
      }
    }
  }

  /** @returns whether the object was not among those that were gone into last */
  #isNew(reference: Reference): boolean {
    const id = referenceId(reference)
    const isNew = !this.#seen.delete(id)
    this.#seen.add(id)
    const [oldest] = this.#seen
    if (this.#seen.size > SEEN_MAX && oldest !== undefined) this.#seen.delete(oldest)
    return isNew
  }
}
