/**
 * Local content: where in the person's own files the objects of some packs may still stand.
 *
 * One walk over the newest tree tells for each file of which objects its newest version is made; an object
 * that is in one of the packs is noted with the stretch of the file that it was made of. Where the newest
 * version is a chain of deltas, the original at its end is noted: much of a file that grows, or that
 * changes in place, is as it was then.
 */

import { placeOf } from '../../protocol/extents.ts'
import type { PackId } from '../../protocol/manifest.ts'
import { decodeObjectSizes } from '../../protocol/object-sizes.ts'
import type { ObjectKey, Reference } from '../../protocol/reference.ts'
import type { FolderNode, Version, VersionId } from '../../protocol/tree.ts'
import { CairnError } from '../base/errors.ts'
import type { TreeReader } from '../history/tree-reader.ts'
import type { FoundEntry } from '../history/visible.ts'
import type { Log } from '../ports/log.ts'
import { toKey } from '../source/path.ts'
import type { PackRow } from '../store/packs.ts'

/** Objects noted in one walk, at most: with their places in files they take some 400 bytes each, 26 MB together. */
export const NOTED_MAX = 65_536

/** Files that an object is looked for in: what many files hold need not be read in all of them. */
const SOURCES_MAX = 2

/** A file of this person. */
export interface LocalFile {
  readonly key: Uint8Array
  /** The newest version that the tree knows. */
  readonly version: VersionId
  /** Bytes of the version that the object is part of. */
  readonly size: number
  /** Whether that is the newest version; else it is an older one, which the file may still agree with in places. */
  readonly isNewest: boolean
}

/** A stretch of a file. */
export interface FilePart {
  readonly file: LocalFile
  readonly offset: number
  readonly size: number
}

/** An object of a pack, and what it may be made of again. */
export interface NotedObject {
  /** Bytes from the start of the pack. */
  readonly place: number
  /** Bytes of the sealed object. */
  readonly length: number
  readonly key: ObjectKey
  readonly parts: readonly FilePart[]
}

export interface LocalContentParts {
  readonly tree: TreeReader
  /** The topmost folder. */
  readonly node: FolderNode
  /** Of the newest snapshot. */
  readonly sequence: number
  readonly log: Log
}

/** Rows of the numbers that lie in each pack. */
export type WantedPacks = ReadonlyMap<PackId, readonly PackRow[]>

interface Noted extends NotedObject {
  readonly parts: FilePart[]
}

/**
 * @param wanted - in the order of their need: where there are too many objects, the last go without
 * @param notedMax - objects to note, at most
 * @returns for each pack that was looked for its objects that have content, by their places; those of
 *   the first pack may be incomplete where it alone has too many
 */
export async function findLocal(
  parts: LocalContentParts,
  wanted: WantedPacks,
  signal: AbortSignal,
  notedMax: number = NOTED_MAX,
): Promise<Map<PackId, readonly NotedObject[]>> {
  const { tree, node, sequence, log } = parts
  const notes = new Notes(wanted, notedMax)
  const onUnreadable = (_: FoundEntry['path'], error: CairnError) =>
    log.warn('tree unreadable', { error: error.name, why: error.message })
  for await (const found of tree.walk(node, [], sequence, onUnreadable)) {
    signal.throwIfAborted()
    const newest = found.entry.version
    if (newest === undefined) continue
    try {
      const version = await originalOf(tree, node, found.path, newest)
      const { size } = version
      const isNewest = version === newest
      const file = { key: toKey(found.path), version: newest.id, size, isNewest }
      await noteAll(tree, notes, file, version)
    } catch (error) {
      if (!(error instanceof CairnError)) throw error
      onUnreadable(found.path, error)
    }
  }
  return notes.take()
}

async function originalOf(
  tree: TreeReader,
  node: FolderNode,
  path: FoundEntry['path'],
  newest: Version,
): Promise<Version> {
  if (newest.content.type === 'original') return newest
  const [original] = await tree.chain(node, path, newest.id)
  return original ?? newest
}

async function noteAll(
  tree: TreeReader,
  notes: Notes,
  file: LocalFile,
  version: Version,
): Promise<void> {
  const { parts } = version.content
  const isOne = parts.depth === 0 && parts.references.length === 1
  const sizes = isOne ? [version.size] : decodeObjectSizes(version)
  // Without sizes nothing tells where in the file an object stood.
  if (sizes === undefined) return
  let [index, offset] = [0, 0]
  for await (const reference of tree.references(parts)) {
    const size = sizes[index] ?? 0
    notes.add(reference, { file, offset, size })
    index += 1
    offset += size
  }
}

class Notes {
  readonly #rows = new Map<number, PackRow>()
  readonly #byPack = new Map<PackId, Map<number, Noted>>()
  readonly #notedMax: number
  #count = 0

  constructor(wanted: WantedPacks, notedMax: number) {
    this.#notedMax = notedMax
    for (const [id, rows] of wanted) {
      this.#byPack.set(id, new Map())
      for (const row of rows) this.#rows.set(row.number, row)
    }
  }

  add(reference: Reference, part: FilePart): void {
    const row = this.#rows.get(reference.pack)
    if (row?.id === undefined) return
    const objects = this.#byPack.get(row.id)
    const place = placeOf(row, reference)
    if (objects === undefined || place === undefined) return
    const { length, key } = reference
    const known = objects.get(place)
    if (known === undefined) {
      const hasRoom = this.#makeRoom()
      if (!hasRoom || !this.#byPack.has(row.id)) return
      objects.set(place, { place, length, key, parts: [part] })
      this.#count += 1
    } else if (known.parts.length < SOURCES_MAX) known.parts.push(part)
  }

  take(): Map<PackId, readonly NotedObject[]> {
    const sorted = [...this.#byPack].map(([id, objects]) => {
      return [id, [...objects.values()].toSorted((a, b) => a.place - b.place)] as const
    })
    return new Map(sorted)
  }

  /** Packs that are needed last go, the first one never. @returns whether one more object may be noted */
  #makeRoom(): boolean {
    while (this.#count >= this.#notedMax && this.#byPack.size > 1) {
      const [last] = [...this.#byPack.keys()].toReversed()
      if (last === undefined) break
      this.#count -= this.#byPack.get(last)?.size ?? 0
      this.#byPack.delete(last)
    }
    return this.#count < this.#notedMax
  }
}
