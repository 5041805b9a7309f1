/**
 * The folder source: what a person asked to back up.
 *
 * First come the sources themselves and the folders above them, in tree order (src/source/path.ts),
 * then what is in them, stretch by stretch, folders in tree order. What cannot be read is told, and the
 * walk goes on.
 */

import { SOURCES_MAX } from '../../protocol/snapshots.ts'
import { FilesError, UsageError } from '../base/errors.ts'
import type { Files, FileStatus } from '../ports/files.ts'
import type {
  LeftOut,
  PassedFolder,
  Scanned,
  ScanHint,
  ScanRules,
  Stretch,
  Unlisted,
} from '../ports/scan.ts'
import { hintsWithin } from './hints.ts'
import { covering, isWithin, outermost, pathToKey, toNames, toPath, type Names } from './path.ts'
import { NO_RULES } from './rules.ts'

/** Cairn's own state was to be backed up. */
export class OwnStateError extends UsageError {
  override readonly name = 'OwnStateError'
}

export type Found = FoundEntry | FoundStretch | FoundFailure | PassedFolder | LeftOut

/** A source, or a folder above one. */
export interface FoundEntry {
  readonly type: 'entry'
  readonly key: Uint8Array
  readonly path: Uint8Array
  readonly status: FileStatus
}

/** Neighbours in a folder. */
export interface FoundStretch {
  readonly type: 'stretch'
  /** Of the folder. */
  readonly key: Uint8Array
  readonly stretch: Stretch
}

export interface FoundFailure {
  readonly type: 'failure'
  readonly key: Uint8Array
  readonly path: Uint8Array
  readonly error: FilesError
}

/** What there is to back up. */
export interface Source {
  /** What a snapshot says it covers: absolute paths, in tree order. */
  readonly paths: readonly Uint8Array[]
  /** What is walked, in tree order: all of them, or some paths in them. */
  readonly walked: readonly Uint8Array[]
  /** Whether there is more in them than is walked: that counts as unchanged. */
  readonly isPartial?: boolean
  /** Of what is walked, only this is looked at: in tree order, none within a deep one. */
  readonly hints?: readonly ScanHint[] | undefined
  /** In batches, in tree order, at the reader's pace. */
  walk(signal: AbortSignal): AsyncGenerator<readonly Found[]>
}

export class FolderSource implements Source {
  readonly #files: Files
  readonly #sources: readonly Names[]
  readonly #covered: readonly Names[]
  readonly #excluded: readonly Uint8Array[]
  readonly #rules: ScanRules
  readonly hints: readonly ScanHint[] | undefined

  /**
   * @param paths - absolute paths; those within another are left out
   * @param without.paths - absolute paths that are passed over with all that is in them
   * @param without.rules - what else is left out below the sources
   * @param without.hints - look only here
   */
  constructor(
    files: Files,
    paths: readonly Uint8Array[],
    without: {
      readonly paths?: readonly Uint8Array[]
      readonly rules?: ScanRules
      readonly hints?: readonly ScanHint[]
    } = {},
  ) {
    this.#files = files
    this.#sources = outermost(paths.map(toNames))
    this.#covered = covering(this.#sources, SOURCES_MAX)
    this.#excluded = (without.paths ?? []).map((path) => toPath(toNames(path)))
    this.#rules = without.rules ?? NO_RULES
    this.hints = without.hints && hintsWithin(this.#sources, without.hints)
  }

  /** The sources as absolute paths, in tree order; of a long list of paths, the folders that hold them. */
  get paths(): readonly Uint8Array[] {
    return this.#covered.map(toPath)
  }

  /** What is walked, in tree order: the sources, or some paths in them. */
  get walked(): readonly Uint8Array[] {
    return this.#sources.map(toPath)
  }

  /** Whether there is more in the sources than is walked: that counts as unchanged. */
  get isPartial(): boolean {
    return this.#covered !== this.#sources || this.hints !== undefined
  }

  /**
   * Make sure that there is something to walk; a source that is missing beside others is told as a
   * failure by the walk.
   *
   * @throws {FilesError} if not one of the sources is there
   */
  async assertPresent(): Promise<void> {
    let missing: FilesError | undefined
    for (const source of this.#sources) {
      try {
        await this.#files.probe(toPath(source))
        return
      } catch (error) {
        if (!(error instanceof FilesError)) throw error
        missing ??= error
      }
    }
    if (missing !== undefined) throw missing
  }

  /** @throws {OwnStateError} a source is, or lies in, what is always passed over */
  assertNotExcluded(): void {
    for (const source of this.#sources) {
      if (!this.#excluded.some((path) => isWithin(toNames(path), source))) continue
      const shown = new TextDecoder().decode(toPath(source))
      throw new OwnStateError(
        `${shown} is Cairn's own: it holds keys and what is on its way, and comes back by "cairn recover"`,
      )
    }
  }

  /** Walk to one path below a source, and no further; it is told why it is left out, if it is. */
  walkTo(path: Uint8Array, signal: AbortSignal): AsyncIterable<readonly Scanned[]> {
    const folders = this.walked
    const request = { folders, excluded: this.#excluded, rules: this.#rules, only: path }
    return this.#files.scan(request, signal)
  }

  /** In batches, at the reader's pace. */
  async *walk(signal: AbortSignal): AsyncGenerator<readonly Found[]> {
    const folders: Uint8Array[] = []
    for (const { path, isSource } of this.#tops()) {
      signal.throwIfAborted()
      const found = await this.#see(path)
      if (isSource && found.type === 'entry' && found.status.kind === 'folder') folders.push(path)
      // The root folder has no entry of its own: nothing holds its name.
      if (found.key.length > 0 || found.type === 'failure') yield [found]
      const isLink = isSource && found.type === 'entry' && found.status.kind === 'symlink'
      // A long list names each link by itself.
      if (isLink && !this.isPartial) yield [{ type: 'passed', folder: path, why: 'link' }]
    }
    if (folders.length === 0) return
    const hints = this.hints === undefined ? {} : { hints: this.hints }
    const request = { folders, excluded: this.#excluded, rules: this.#rules, ...hints }
    for await (const batch of this.#files.scan(request, signal)) {
      yield batch.map((scanned) => {
        if (scanned.type === 'passed' || scanned.type === 'left-out') return scanned
        const key = pathToKey(scanned.folder)
        if (scanned.type === 'stretch') return { type: 'stretch', key, stretch: scanned }
        return { type: 'failure', key, path: scanned.folder, error: errorOf(scanned) }
      })
    }
  }

  /** Folders above the sources, each once, and the sources. */
  *#tops(): Generator<{ path: Uint8Array; isSource: boolean }> {
    let above: Names = []
    for (const source of this.#sources) {
      for (let depth = 1; depth < source.length; depth += 1) {
        const ancestor = source.slice(0, depth)
        // An ancestor shared with the source before was told already.
        if (!isWithin(ancestor, above)) yield { path: toPath(ancestor), isSource: false }
      }
      above = source
      yield { path: toPath(source), isSource: true }
    }
  }

  async #see(path: Uint8Array): Promise<FoundEntry | FoundFailure> {
    const key = pathToKey(path)
    try {
      return { type: 'entry', key, path, status: await this.#files.probe(path) }
    } catch (error) {
      if (!(error instanceof FilesError)) throw error
      return { type: 'failure', key, path, error }
    }
  }
}

function errorOf({ folder, code }: Unlisted): FilesError {
  return new FilesError(code, `${new TextDecoder().decode(folder)}: ${code}`)
}
