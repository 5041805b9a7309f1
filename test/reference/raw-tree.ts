/**
 * The slow twin of reachability: every object and entry behind a tree, with no regard for ranges of names.
 */

import { decodeHistory } from '../../protocol/history.ts'
import { decodeIndexPage } from '../../protocol/index-page.ts'
import { decodePage } from '../../protocol/page.ts'
import { decodePastPage } from '../../protocol/past-page.ts'
import { referenceId } from '../../protocol/reference.ts'
import type { Reference } from '../../protocol/reference.ts'
import type { Entry, FolderNode, History, Span, Version, VersionId } from '../../protocol/tree.ts'
import type { ObjectSource } from '../../src/history/objects.ts'
import { textOf } from './tree-model.ts'

/** A span, clipped to the folders above. */
export interface RawSpan {
  readonly path: string
  readonly from: number
  readonly until: number
}

type Path = readonly Uint8Array[]
interface Period {
  readonly from: number
  readonly until: number
}

export class RawTree {
  readonly spans: RawSpan[] = []
  /** By path: every version in any history. */
  readonly versions = new Map<string, Map<VersionId, Version>>()
  /** Ids of all objects, content included. */
  readonly objects = new Set<string>()
  readonly #source: ObjectSource

  private constructor(source: ObjectSource) {
    this.#source = source
  }

  static async read(root: FolderNode, source: ObjectSource): Promise<RawTree> {
    const tree = new RawTree(source)
    await tree.#folder(root, [], { from: 0, until: Infinity })
    return tree
  }

  async #folder(node: FolderNode, path: Path, period: Period): Promise<void> {
    if (node.type === 'inline') return this.#entries(node.entries, path, period)
    if (node.type === 'next') throw new Error('a folder without a node')
    if (node.level > 0) {
      const { rows } = decodeIndexPage(await this.#read(node.reference, 'index'))
      for (const { reference } of rows) {
        await this.#folder({ type: 'stored', level: node.level - 1, reference }, path, period)
      }
      return
    }
    const page = decodePage(await this.#read(node.reference, 'page'))
    const entries = [...page.entries]
    for (const { reference } of page.past) {
      entries.push(...decodePastPage(await this.#read(reference, 'past')).entries)
    }
    await this.#entries(entries, path, period)
  }

  async #entries(entries: readonly Entry[], path: Path, period: Period): Promise<void> {
    for (const [, group] of Map.groupBy(entries, ({ name }) => textOf([name]))) {
      const name = group[0]?.name as Uint8Array
      const here = [...path, name]
      const spans = group.flatMap((entry) => entry.spans).toSorted((a, b) => a.from - b.from)
      for (const [index, span] of spans.entries())
        await this.#span(span, spans, index, here, period)
      for (const { history } of group) if (history !== undefined) await this.#history(history, here)
    }
  }

  async #span(
    span: Span,
    spans: readonly Span[],
    index: number,
    path: Path,
    period: Period,
  ): Promise<void> {
    const clipped = clip(span, period)
    this.spans.push({ path: textOf(path), ...clipped })
    if (span.what.kind !== 'folder' || span.what.node.type === 'next') return
    let first = index
    while (isCarriedOn(spans[first - 1])) first -= 1
    const from = spans[first]?.from ?? span.from
    await this.#folder(span.what.node, path, clip({ from, until: span.until }, period))
  }

  async #history(history: History, path: Path): Promise<void> {
    const text = textOf(path)
    const known = this.versions.get(text) ?? new Map<VersionId, Version>()
    this.versions.set(text, known)
    const add = (versions: readonly Version[]): void => {
      for (const version of versions) {
        if (!known.has(version.id)) known.set(version.id, version)
        const { depth, references } = version.content.parts
        if (depth > 0) throw new Error('lists are not followed here')
        for (const reference of references) this.objects.add(referenceId(reference))
      }
    }
    if (history.type === 'inline') return add(history.versions)
    for (let next: Reference | undefined = history.reference; next !== undefined;) {
      const page = decodeHistory(await this.#read(next, 'history'))
      add(page.versions)
      next = page.older
    }
  }

  #read(reference: Reference, kind: 'page' | 'index' | 'past' | 'history'): Promise<Uint8Array> {
    this.objects.add(referenceId(reference))
    return this.#source.read(reference, kind)
  }
}

function isCarriedOn(span: Span | undefined): boolean {
  return span?.what.kind === 'folder' && span.what.node.type === 'next'
}

function clip(span: { from: number; until: number | undefined }, period: Period): Period {
  return {
    from: Math.max(span.from, period.from),
    until: Math.min(span.until ?? Infinity, period.until),
  }
}
