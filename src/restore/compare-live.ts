/**
 * Comparing with live files: whether what stood under a path at a snapshot stands there now.
 *
 * `meta` looks at kind, size, time, mode, owner, extended attributes and link target; `hash` at contents too, by their
 * digests, so that only what carries none is fetched; `full` fetches every byte and compares it.
 */

import { equal, toHex } from '../../protocol/bytes.ts'
import { sha256 } from '../../protocol/hash.ts'
import { decodeFileExtras } from '../../protocol/file-extras.ts'
import type { FolderNode, Version } from '../../protocol/tree.ts'
import { CairnError } from '../base/errors.ts'
import type { ObjectSource } from '../history/objects.ts'
import type { TreeReader } from '../history/tree-reader.ts'
import type { FoundEntry } from '../history/visible.ts'
import type { Files, FileStatus, PathBytes } from '../ports/files.ts'
import { join, isWithin, toPath, type Names } from '../source/path.ts'
import { compareTimes, wholeObject, type KnownContent } from './conflict.ts'
import { hashFile, readFile } from './hash-file.ts'
import { statusOf } from './in-the-way.ts'
import { isSameXattrs } from './same-xattrs.ts'
import type { Temporary } from './temporary.ts'
import type { VersionReader } from './version-reader.ts'
import { isEntered, selected, type Patterns } from './wanted.ts'

export const COMPARE_METHODS = ['meta', 'hash', 'full'] as const

export type CompareMethod = (typeof COMPARE_METHODS)[number]

/**
 * `missing`: not there any more; `new`: not in the snapshot; `type`: another kind; the rest is what is
 * different.
 */
export type LiveChange =
  | 'missing'
  | 'new'
  | 'type'
  | 'size'
  | 'content'
  | 'target'
  | 'mode'
  | 'owner'
  | 'time'
  | 'attributes'

export interface LiveDifference {
  readonly path: PathBytes
  readonly changes: readonly LiveChange[]
}

export interface CompareTotals {
  same: number
  different: number
  /** Not in the snapshot; a folder counts once. */
  new: number
}

export interface CompareParts {
  readonly tree: TreeReader
  readonly source: ObjectSource
  readonly files: Files
  readonly versions: VersionReader
  readonly temporary: () => Promise<Temporary>
  readonly knownContent: KnownContent
  readonly isIncluded: (names: Names) => boolean
  readonly patterns: Patterns
  readonly method: CompareMethod
  /** The folder that the snapshot's paths lie below; `/` for where they were. */
  readonly below: PathBytes
}

export interface CompareEvents {
  readonly onDifference: (difference: LiveDifference) => void
  readonly onFailure: (failure: { readonly path: PathBytes; readonly error: CairnError }) => void
  readonly onEntry: (path: PathBytes, size: number) => void
}

/** A folder that is being compared, and what else is in it. */
interface OpenFolder {
  readonly path: Names
  readonly others: Map<string, Uint8Array>
}

export class LiveComparison {
  readonly #parts: CompareParts
  readonly #root: FolderNode
  readonly #sequence: number
  readonly totals: CompareTotals = { same: 0, different: 0, new: 0 }

  constructor(parts: CompareParts, root: FolderNode, sequence: number) {
    this.#parts = parts
    this.#root = root
    this.#sequence = sequence
  }

  /** @param paths - what to compare, each with all that is in it */
  async compare(
    paths: readonly Names[],
    events: CompareEvents,
    signal: AbortSignal,
  ): Promise<void> {
    for (const path of paths) {
      let open: OpenFolder[] = []
      for await (const found of this.#found(path, events)) {
        signal.throwIfAborted()
        open = this.#left(open, found.path, events)
        open.at(-1)?.others.delete(toHex(found.entry.name))
        const folder = await this.#one(found, events, signal)
        if (folder !== undefined) open.push(folder)
      }
      this.#left(open, undefined, events)
    }
  }

  async *#found(path: Names, events: CompareEvents): AsyncGenerator<FoundEntry> {
    const { tree, patterns, isIncluded } = this.#parts
    const onUnreadable = (names: Names, error: CairnError) =>
      events.onFailure({ path: toPath(names), error })
    const enters = (names: Names) => isEntered(names, patterns)
    const walk = tree.walk(this.#root, path, this.#sequence, onUnreadable, enters)
    for await (const found of selected(walk, patterns)) if (isIncluded(found.path)) yield found
  }

  /** Folders that the walk has left are told about: what is in them and was not in the snapshot. */
  #left(open: OpenFolder[], next: Names | undefined, events: CompareEvents): OpenFolder[] {
    const isOpen = ({ path }: OpenFolder) => next !== undefined && isWithin(path, next)
    for (const { path, others } of open.filter((folder) => !isOpen(folder)).toReversed()) {
      for (const name of others.values()) {
        const names = [...path, name]
        if (!this.#isMeant(names)) continue
        this.totals.new += 1
        events.onDifference({ path: toPath(names), changes: ['new'] })
      }
    }
    return open.filter(isOpen)
  }

  #isMeant(names: Names): boolean {
    const { patterns, isIncluded } = this.#parts
    const { include } = patterns
    if (!isEntered(names, patterns) || !isIncluded(names)) return false
    return include.length === 0 || include.some((pattern) => pattern.covers(names))
  }

  /** @returns the folder that was found there, if it is one */
  async #one(
    found: FoundEntry,
    events: CompareEvents,
    signal: AbortSignal,
  ): Promise<OpenFolder | undefined> {
    const path = toPath(found.path)
    const { files, below } = this.#parts
    const live = below.length === 1 ? path : join(below, path.subarray(1))
    try {
      const there = await statusOf(files, live)
      const changes = await this.#changes(found, live, there, signal)
      this.totals[changes.length === 0 ? 'same' : 'different'] += 1
      if (changes.length > 0) events.onDifference({ path, changes })
      events.onEntry(path, found.entry.version?.size ?? 0)
      // Above the sources there is much that was never to be backed up.
      if (there?.kind !== 'folder' || found.entry.span.what.kind !== 'folder') return undefined
      const names = await files.list(live)
      return { path: found.path, others: new Map(names.map((name) => [toHex(name), name])) }
    } catch (error) {
      signal.throwIfAborted()
      if (!(error instanceof CairnError)) throw error
      events.onFailure({ path, error })
      return undefined
    }
  }

  async #changes(
    found: FoundEntry,
    live: PathBytes,
    there: FileStatus | undefined,
    signal: AbortSignal,
  ): Promise<LiveChange[]> {
    if (there === undefined) return ['missing']
    const { attributes, what } = found.entry.span
    if (what.kind !== there.kind) return ['type']
    const changes: LiveChange[] = []
    if (!(await this.#isSameContent(found, live, there, signal))) {
      const isOther = what.kind === 'file' && found.entry.version?.size !== there.size
      changes.push(isOther ? 'size' : what.kind === 'file' ? 'content' : 'target')
    }
    // A link's mode means nothing, and nobody can set it.
    if (what.kind !== 'symlink' && attributes.mode !== there.mode) changes.push('mode')
    if (attributes.uid !== there.uid || attributes.gid !== there.gid) changes.push('owner')
    if (compareTimes(attributes.mtime, there.mtime) !== 0) changes.push('time')
    const { xattrs } = decodeFileExtras(attributes.extra)
    if (!isSameXattrs(xattrs, await this.#parts.files.xattrs(live))) changes.push('attributes')
    return changes
  }

  async #isSameContent(
    found: FoundEntry,
    live: PathBytes,
    there: FileStatus,
    signal: AbortSignal,
  ): Promise<boolean> {
    const { files, method } = this.#parts
    const { span, version } = found.entry
    const { what } = span
    if (what.kind === 'symlink') return equal(await files.readLink(live), what.target)
    if ('device' in what) {
      const { deviceNumber: number } = there
      return number?.major === what.device.major && number.minor === what.device.minor
    }
    if (version === undefined) return true
    if (version.size !== there.size) return false
    if (method === 'meta' || version.size === 0) return true
    return method === 'hash'
      ? await this.#isSameDigest(found.path, version, live, signal)
      : await this.#isSameBytes(found.path, version, live, signal)
  }

  async #isSameDigest(
    path: Names,
    version: Version,
    live: PathBytes,
    signal: AbortSignal,
  ): Promise<boolean> {
    const { files, source, knownContent } = this.#parts
    const digest = await hashFile(files, live, signal)
    if (version.digest !== undefined) return equal(version.digest, digest)
    const known = knownContent(path, version, digest)
    return known ?? equal(digest, sha256(await wholeObject(version, source)))
  }

  async #isSameBytes(
    path: Names,
    version: Version,
    live: PathBytes,
    signal: AbortSignal,
  ): Promise<boolean> {
    const { files, tree, versions, temporary } = this.#parts
    const isOriginal = version.content.type === 'original'
    const chain = isOriginal ? [version] : await tree.chain(this.#root, path, version.id)
    const stored = versions.stream(chain, temporary, signal)
    let rest: Uint8Array = new Uint8Array(0)
    for await (const bytes of readFile(files, live, signal)) {
      for (let at = 0; at < bytes.length;) {
        if (rest.length === 0) {
          const { done, value } = await stored.next()
          if (done === true) return false
          rest = value
        }
        const size = Math.min(rest.length, bytes.length - at)
        if (!equal(rest.subarray(0, size), bytes.subarray(at, at + size))) {
          await stored.return(undefined)
          return false
        }
        rest = rest.subarray(size)
        at += size
      }
    }
    // It ends here too, and only now its digest is checked.
    return rest.length === 0 && (await stored.next()).done === true
  }
}
