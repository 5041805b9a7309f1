/**
 * The dump: what stood under some paths at a snapshot, as one tar archive.
 *
 * A file whose content cannot be had is told and left out, and the rest goes on. Where that turns out in
 * the middle of a large file, its header has been written and cannot be taken back: the archive ends
 * there, and says so.
 */

import { concat, equal } from '../../protocol/bytes.ts'
import { sha256 } from '../../protocol/hash.ts'
import type { FolderNode, Version } from '../../protocol/tree.ts'
import { CairnError, RecoveryError } from '../base/errors.ts'
import { tarEnd, tarHeader, tarPadding, type TarEntry } from '../codec/tar.ts'
import { fileAttributes, isSameFile } from '../history/file-attributes.ts'
import type { ObjectSource } from '../history/objects.ts'
import type { TreeReader } from '../history/tree-reader.ts'
import type { FoundEntry, VisibleEntry } from '../history/visible.ts'
import { toPath, type Names } from '../source/path.ts'
import { Collisions } from './collisions.ts'
import { readAhead } from './read-ahead.ts'
import type { Temporary } from './temporary.ts'
import { DigestMismatchError, type VersionReader } from './version-reader.ts'
import {
  isEntered,
  isMapping,
  nameless,
  placeOf,
  selected,
  type PathMap,
  type Patterns,
} from './wanted.ts'

/** Files up to this size are whole in memory before their header is written, bytes. */
const SMALL_SIZE_MAX = 512 * 1024

/** Small files fetched while one is written. */
const AHEAD_COUNT = 16

/** The archive ends in the middle of a file. */
export class DumpCutShortError extends RecoveryError {
  override readonly name = 'DumpCutShortError'
}

export interface DumpTotals {
  files: number
  folders: number
  symlinks: number
  /** FIFOs and devices. */
  specials: number
  /** Of the archive. */
  bytes: number
}

export interface DumpParts {
  readonly tree: TreeReader
  readonly source: ObjectSource
  readonly versions: VersionReader
  readonly temporary: () => Promise<Temporary>
  readonly isIncluded: (names: Names) => boolean
  readonly patterns: Patterns
  readonly map: PathMap
}

export type OnFailure = (failure: { readonly path: Uint8Array; readonly error: CairnError }) => void

/** An entry with its content, as far as it is at hand. */
interface Prepared {
  readonly found: FoundEntry
  readonly content: Uint8Array | AsyncIterable<Uint8Array> | CairnError
}

export class Dump {
  readonly #parts: DumpParts
  readonly #root: FolderNode
  readonly #sequence: number
  readonly #links = new Map<string, FoundEntry>()
  /** Of two entries of one name the first would be lost to whoever unpacks them. */
  readonly #collisions: Collisions | undefined
  readonly totals: DumpTotals = { files: 0, folders: 0, symlinks: 0, specials: 0, bytes: 0 }

  constructor(parts: DumpParts, root: FolderNode, sequence: number) {
    this.#parts = parts
    this.#root = root
    this.#sequence = sequence
    this.#collisions = isMapping(parts.map) ? new Collisions({ isFolding: false }) : undefined
  }

  /**
   * @param paths - what to write, each with all that is in it
   * @returns the archive's bytes, at the reader's pace
   * @throws {DumpCutShortError}
   */
  async *tar(
    paths: readonly Names[],
    onFailure: OnFailure,
    signal: AbortSignal,
  ): AsyncGenerator<Uint8Array> {
    for await (const part of this.#entries(paths, onFailure, signal)) {
      this.totals.bytes += part.length
      yield part
    }
    const end = tarEnd(this.totals.bytes)
    this.totals.bytes += end.length
    yield end
  }

  async *#entries(
    paths: readonly Names[],
    onFailure: OnFailure,
    signal: AbortSignal,
  ): AsyncGenerator<Uint8Array> {
    const found = this.#found(paths, onFailure)
    const prepared = readAhead(found, AHEAD_COUNT, (one) => this.#prepare(one, signal))
    for await (const { found: one, content } of prepared) {
      signal.throwIfAborted()
      const path = toPath(one.path)
      try {
        const entry = this.#entry(one)
        if (entry === undefined) continue
        if (entry.kind === 'hardLink') yield tarHeader(entry)
        else if (content instanceof CairnError) throw content
        else if (content instanceof Uint8Array) {
          yield concat(tarHeader(entry), content, tarPadding(entry.size))
        } else yield* large(entry, path, content, signal)
        if (entry.kind !== 'hardLink') this.#written(one)
        this.#count(one.entry)
      } catch (error) {
        signal.throwIfAborted()
        if (!(error instanceof CairnError) || error instanceof DumpCutShortError) throw error
        onFailure({ path, error })
      }
    }
  }

  #count({ span: { what } }: VisibleEntry): void {
    const { totals } = this
    if (what.kind === 'file') totals.files += 1
    else if (what.kind === 'folder') totals.folders += 1
    else if (what.kind === 'symlink') totals.symlinks += 1
    else totals.specials += 1
  }

  async *#found(paths: readonly Names[], onFailure: OnFailure): AsyncGenerator<FoundEntry> {
    const { tree, patterns, isIncluded } = this.#parts
    const onUnreadable = (path: Names, error: CairnError) =>
      onFailure({ path: toPath(path), error })
    const enters = (names: Names) => isEntered(names, patterns)
    for (const path of paths) {
      const walk = tree.walk(this.#root, path, this.#sequence, onUnreadable, enters)
      for await (const found of selected(walk, patterns)) if (isIncluded(found.path)) yield found
    }
  }

  async #prepare(found: FoundEntry, signal: AbortSignal): Promise<Prepared> {
    const { version } = found.entry
    if (version === undefined || version.size === 0) return { found, content: new Uint8Array(0) }
    try {
      const one = await this.#oneObject(version)
      if (one !== undefined) return { found, content: one }
      const content = this.#content(found, version, signal)
      const isWholeFirst = version.size <= SMALL_SIZE_MAX
      return { found, content: isWholeFirst ? await gathered(content) : content }
    } catch (error) {
      signal.throwIfAborted()
      if (!(error instanceof CairnError)) throw error
      return { found, content: error }
    }
  }

  /** @returns the content of a small file that is one object, opened right here */
  async #oneObject({ size, digest, content }: Version): Promise<Uint8Array | undefined> {
    const { depth, references } = content.parts
    const [reference, ...more] = references
    if (size > SMALL_SIZE_MAX || content.type !== 'original' || depth > 0) return undefined
    if (reference === undefined || more.length > 0) return undefined
    const bytes = await this.#parts.source.read(reference, 'content')
    const isRight = digest === undefined || equal(sha256(bytes), digest)
    if (bytes.length === size && isRight) return bytes
    throw new DigestMismatchError('The restored bytes are not those backed up')
  }

  async *#content(
    { path, entry }: FoundEntry,
    version: Version,
    signal: AbortSignal,
  ): AsyncGenerator<Uint8Array> {
    const { tree, versions, temporary } = this.#parts
    const id = entry.span.what.kind === 'file' ? entry.span.what.version : 0
    const isOriginal = version.content.type === 'original'
    const chain = isOriginal ? [version] : await tree.chain(this.#root, path, id)
    yield* versions.stream(chain, temporary, signal)
  }

  /**
   * @returns nothing where no name of a folder is left; a hard link where another name of the file was written
   * @throws {FormatError}
   * @throws {FilesError} its name is another's, or none is left
   */
  #entry({ path, entry }: FoundEntry): TarEntry | undefined {
    const place = placeOf(path, this.#parts.map)
    const isFolder = entry.span.what.kind === 'folder'
    if (place.length === 0 && isFolder) return undefined
    if (place.length === 0) throw nameless()
    this.#collisions?.claim(place, isFolder)
    const { linkGroup, target, device, xattrs, kind, ...rest } = fileAttributes(entry.span)
    const first = linkGroup === undefined ? undefined : this.#links.get(linkGroup)
    const isAgain = first !== undefined && isSameFile(first.entry, entry)
    const link = isAgain ? archivePath(placeOf(first.path, this.#parts.map)) : target
    return {
      ...rest,
      path: archivePath(place),
      kind: isAgain ? 'hardLink' : kind,
      size: isAgain ? 0 : (entry.version?.size ?? 0),
      attributes: xattrs,
      ...(link === undefined ? {} : { link }),
      ...(device === undefined ? {} : { device }),
    }
  }

  /** Later names of the same file become links to this one. */
  #written(found: FoundEntry): void {
    const { linkGroup } = fileAttributes(found.entry.span)
    if (linkGroup !== undefined) this.#links.set(linkGroup, found)
  }
}

function archivePath(place: Names): Uint8Array {
  return toPath(place).subarray(1)
}

/** The header comes once there is a first piece: what cannot be had at all is left out whole. */
async function* large(
  entry: TarEntry,
  path: Uint8Array,
  content: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  let isBegun = false
  try {
    for await (const piece of content) {
      if (!isBegun) yield tarHeader(entry)
      isBegun = true
      yield piece
    }
  } catch (cause) {
    signal.throwIfAborted()
    if (!isBegun || !(cause instanceof CairnError)) throw cause
    const name = JSON.stringify(new TextDecoder().decode(path))
    throw new DumpCutShortError(
      `The archive ends in the middle of ${name}; leave that out with --exclude: ${cause.message}`,
      { cause },
    )
  }
  yield tarPadding(entry.size)
}

async function gathered(content: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const parts: Uint8Array[] = []
  for await (const part of content) parts.push(part)
  return concat(...parts)
}
