/**
 * A given source: one file that is on no disk, but what a program wrote.
 *
 * It has a path in the tree like any other. Folders above it are as they are here, or made up where there
 * are none.
 */

import { FilesError } from '../base/errors.ts'
import type { Files, FileStatus } from '../ports/files.ts'
import type { Found, FoundEntry, Source } from './folder-source.ts'
import { pathToKey, toNames, toPath } from './path.ts'

const FOLDER_MODE = 0o700

export class GivenSource implements Source {
  readonly #files: Pick<Files, 'status'>
  readonly #path: Uint8Array
  readonly #status: FileStatus

  /**
   * @param path - absolute
   * @param status - as it is recorded
   */
  constructor(files: Pick<Files, 'status'>, path: Uint8Array, status: FileStatus) {
    this.#files = files
    this.#path = toPath(toNames(path))
    this.#status = status
  }

  get paths(): readonly Uint8Array[] {
    return [this.#path]
  }

  get walked(): readonly Uint8Array[] {
    return this.paths
  }

  async *walk(signal: AbortSignal): AsyncGenerator<readonly Found[]> {
    const names = toNames(this.#path)
    for (let depth = 1; depth < names.length; depth += 1) {
      signal.throwIfAborted()
      const folder = toPath(names.slice(0, depth))
      yield [entry(folder, await this.#folder(folder))]
    }
    yield [entry(this.#path, this.#status)]
  }

  async #folder(path: Uint8Array): Promise<FileStatus> {
    try {
      const status = await this.#files.status(path)
      if (status.kind === 'folder') return status
    } catch (error) {
      if (!(error instanceof FilesError)) throw error
    }
    return { ...this.#status, kind: 'folder', mode: FOLDER_MODE, size: 0 }
  }
}

function entry(path: Uint8Array, status: FileStatus): FoundEntry {
  return { type: 'entry', key: pathToKey(path), path, status }
}
