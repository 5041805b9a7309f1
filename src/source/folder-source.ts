/**
 * The folder source: a walk over what a person asked to back up.
 *
 * Paths come in tree order (src/source/path.ts): a folder, all that is in it, then its next sibling;
 * the folders above a source come first, without what else is in them. What cannot be read is told,
 * and the walk goes on.
 */

import { compare, concat, equal } from '../../protocol/bytes.ts'
import { FilesError } from '../base/errors.ts'
import type { Files, FileStatus } from '../ports/files.ts'
import { isWithin, join, outermost, toKey, toNames, toPath, type Names } from './path.ts'

export type Found =
  | {
      readonly type: 'entry'
      readonly key: Uint8Array
      readonly path: Uint8Array
      readonly status: FileStatus
      /** A folder above a source: present, but not walked. */
      readonly isAncestor: boolean
    }
  | {
      readonly type: 'failure'
      readonly key: Uint8Array
      readonly path: Uint8Array
      readonly error: FilesError
      /** `entry`: the path itself could not be seen. `listing`: it could, but not what is in it. */
      readonly what: 'entry' | 'listing'
    }

/** Deepest folder walked; deeper ones are told as failures. Names of one byte fill a 4,096-byte path before. */
const DEPTH_MAX = 2_048

export class FolderSource {
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
    this.#excluded = excluded.map((path) => toKey(toNames(path)))
  }

  /** The sources as absolute paths, in tree order. */
  get paths(): readonly Uint8Array[] {
    return this.#sources.map(toPath)
  }

  /** @returns whether the path is itself a source, and not one of what lies in it */
  isSource(key: Uint8Array): boolean {
    return this.#sources.some((source) => equal(toKey(source), key))
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

  async *walk(signal: AbortSignal): AsyncGenerator<Found> {
    let above: Names = []
    for (const source of this.#sources) {
      // An ancestor shared with the source before was told already.
      for (let depth = 1; depth < source.length; depth += 1) {
        const ancestor = source.slice(0, depth)
        if (isWithin(ancestor, above)) continue
        yield await this.#see(toKey(ancestor), toPath(ancestor), true)
      }
      above = source
      yield* this.#walk(toKey(source), toPath(source), source.length, signal)
    }
  }

  async *#walk(
    key: Uint8Array,
    path: Uint8Array,
    depth: number,
    signal: AbortSignal,
  ): AsyncGenerator<Found> {
    signal.throwIfAborted()
    // The root folder has no entry of its own: nothing holds its name.
    const isRoot = key.length === 0
    if (!isRoot) {
      const found = await this.#see(key, path, false)
      yield found
      if (found.type === 'failure' || found.status.kind !== 'folder') return
    }

    const names = await this.#list(key, path, depth)
    if ('type' in names) {
      yield names
      return
    }
    for (const name of names) {
      const childKey = isRoot ? name : concat(key, Uint8Array.of(0), name)
      if (this.#excluded.some((excluded) => equal(excluded, childKey))) continue
      yield* this.#walk(childKey, join(path, name), depth + 1, signal)
    }
  }

  async #see(key: Uint8Array, path: Uint8Array, isAncestor: boolean): Promise<Found> {
    try {
      const status = await this.#files.status(path)
      return { type: 'entry', key, path, status, isAncestor }
    } catch (error) {
      if (!(error instanceof FilesError)) throw error
      return { type: 'failure', key, path, error, what: 'entry' }
    }
  }

  async #list(key: Uint8Array, path: Uint8Array, depth: number): Promise<Uint8Array[] | Found> {
    try {
      if (depth >= DEPTH_MAX) throw new FilesError('ELOOP', 'Folders are nested too deep')
      return (await this.#files.list(path)).toSorted(compare)
    } catch (error) {
      if (!(error instanceof FilesError)) throw error
      return { type: 'failure', key, path, error, what: 'listing' }
    }
  }
}
