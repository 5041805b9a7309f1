/**
 * The folder source: what a person asked to back up.
 *
 * First come the sources themselves and the folders above them, in tree order (src/source/path.ts),
 * then what is in them, stretch by stretch, folders in tree order. What cannot be read is told, and the
 * walk goes on.
 */

import { FilesError } from '../base/errors.ts'
import type { Files, FileStatus } from '../ports/files.ts'
import type { Stretch, Unlisted } from '../ports/scan.ts'
import { isWithin, outermost, pathToKey, toNames, toPath, type Names } from './path.ts'

export type Found = FoundEntry | FoundStretch | FoundFailure

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
  /** In batches, in tree order, at the reader's pace. */
  walk(signal: AbortSignal): AsyncGenerator<readonly Found[]>
}

export class FolderSource implements Source {
  readonly #files: Files
  readonly #sources: readonly Names[]
  readonly #excluded: readonly Uint8Array[]

  /**
   * @param paths - absolute paths; those within another are left out
   * @param excluded - absolute paths that are passed over with all that is in them
   */
  constructor(files: Files, paths: readonly Uint8Array[], excluded: readonly Uint8Array[] = []) {
    this.#files = files
    this.#sources = outermost(paths.map(toNames))
    this.#excluded = excluded.map((path) => toPath(toNames(path)))
  }

  /** The sources as absolute paths, in tree order. */
  get paths(): readonly Uint8Array[] {
    return this.#sources.map(toPath)
  }

  /**
   * Make sure that there is something to walk; a source that is missing beside others is told as a
   * failure by the walk.
   *
   * @throws {FilesError} if not one of the sources is there
   */
  async assertPresent(): Promise<void> {
    const checks = this.#sources.map((source) => this.#files.status(toPath(source)))
    const results = await Promise.allSettled(checks)
    const missing = results.find((result) => result.status === 'rejected')
    if (missing !== undefined && results.every(({ status }) => status === 'rejected')) {
      throw missing.reason
    }
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
    }
    if (folders.length === 0) return
    for await (const batch of this.#files.scan({ folders, excluded: this.#excluded }, signal)) {
      yield batch.map((scanned) => {
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
      return { type: 'entry', key, path, status: await this.#files.status(path) }
    } catch (error) {
      if (!(error instanceof FilesError)) throw error
      return { type: 'failure', key, path, error }
    }
  }
}

function errorOf({ folder, code }: Unlisted): FilesError {
  return new FilesError(code, `${new TextDecoder().decode(folder)}: ${code}`)
}
