/**
 * The slow twin of the tree: for every snapshot a whole map from path to what stood there.
 */

import type { Attributes, Version, VersionId } from '../../protocol/tree.ts'
import type { Change } from '../../src/history/change.ts'

export type Standing =
  | { readonly kind: 'file'; readonly attributes: Attributes; readonly version: Version }
  | { readonly kind: 'folder'; readonly attributes: Attributes }
  | { readonly kind: 'symlink'; readonly attributes: Attributes; readonly target: string }

/** Paths as text, components joined by `/`. */
export type Snapshot = ReadonlyMap<string, Standing>

export class TreeModel {
  readonly #snapshots = new Map<number, Map<string, Standing>>()
  readonly #versions = new Map<string, Map<VersionId, Version>>()
  #now: Map<string, Standing> = new Map()

  get now(): Snapshot {
    return this.#now
  }

  get sequences(): readonly number[] {
    return [...this.#snapshots.keys()]
  }

  at(sequence: number): Snapshot {
    return this.#snapshots.get(sequence) ?? new Map()
  }

  /** Apply the changes, one after another, and remember the outcome as the snapshot. */
  take(sequence: number, changes: readonly Change[]): void {
    const next = new Map(this.#now)
    for (const change of changes) {
      if (change.type === 'history') throw new Error('a snapshot rewrites no history')
      const path = textOf(change.path)
      const before = next.get(path)
      if (change.type === 'gone' || before?.kind !== change.what.kind) removeTree(next, path)
      if (change.type === 'gone') continue
      const { attributes, what } = change
      if (what.kind === 'folder') next.set(path, { kind: 'folder', attributes })
      else if (what.kind === 'symlink') {
        next.set(path, { kind: 'symlink', attributes, target: decode(what.target) })
      } else if (what.kind === 'file') {
        const version =
          what.versions.at(-1) ?? (before?.kind === 'file' ? before.version : undefined)
        if (version === undefined) throw new Error(`${path} never had content`)
        next.set(path, { kind: 'file', attributes, version })
        this.#remember(path, version)
      } else throw new Error(`the model has no ${what.kind}`)
    }
    this.#now = next
    this.#snapshots.set(sequence, next)
  }

  /** @returns every version that ever stood under the path, as it is stored now */
  versions(path: string): ReadonlyMap<VersionId, Version> {
    return this.#versions.get(path) ?? new Map()
  }

  /** Forget all snapshots but these; the present stays. */
  forget(keep: ReadonlySet<number>): void {
    for (const sequence of this.sequences) {
      if (!keep.has(sequence)) this.#snapshots.delete(sequence)
    }
  }

  /** Let a version be stored in another way, wherever it stands. */
  rewrite(path: string, version: Version): void {
    this.#remember(path, version)
    for (const snapshot of new Set([...this.#snapshots.values(), this.#now])) {
      const there = snapshot.get(path)
      if (there?.kind !== 'file' || there.version.id !== version.id) continue
      snapshot.set(path, { ...there, version })
    }
  }

  /** @returns ids of the versions that a snapshot or the present shows, by path */
  shown(): ReadonlyMap<string, ReadonlySet<VersionId>> {
    const shown = new Map<string, Set<VersionId>>()
    for (const snapshot of [...this.#snapshots.values(), this.#now]) {
      for (const [path, there] of snapshot) {
        if (there.kind !== 'file') continue
        const ids = shown.get(path) ?? new Set()
        shown.set(path, ids.add(there.version.id))
      }
    }
    return shown
  }

  #remember(path: string, version: Version): void {
    const versions = this.#versions.get(path) ?? new Map<VersionId, Version>()
    this.#versions.set(path, versions.set(version.id, version))
  }
}

export function textOf(path: readonly Uint8Array[]): string {
  return path.map(decode).join('/')
}

export function pathOf(text: string): Uint8Array[] {
  return text.split('/').map(nameOf)
}

/** @returns one name's bytes */
export function nameOf(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, 'latin1'))
}

/** Path order of the tree: component by component, byte by byte. */
export function inOrder(paths: Iterable<string>): string[] {
  const keyed = [...paths].map((path) => ({ path, key: path.replaceAll('/', '\0') }))
  return keyed
    .toSorted((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0))
    .map(({ path }) => path)
}

function removeTree(map: Map<string, Standing>, path: string): void {
  for (const other of map.keys()) {
    if (other === path || other.startsWith(`${path}/`)) map.delete(other)
  }
}

function decode(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('latin1')
}
