/**
 * Conflicts: what is done where something is in the way of what is to be restored.
 *
 * `abort` leaves it and counts an error; `skip` leaves it; `overwrite` replaces it, unless its content
 * is the same already; `update` replaces what is older; `identical` accepts what is the same and counts
 * an error for the rest. Nothing ever removes a folder that holds something.
 */

import { equal } from '../../protocol/bytes.ts'
import { sha256 } from '../../protocol/hash.ts'
import type { Time, Version, What } from '../../protocol/tree.ts'
import { FilesError } from '../base/errors.ts'
import type { ObjectSource } from '../history/objects.ts'
import type { FoundEntry, VisibleEntry } from '../history/visible.ts'
import type { Files, FileStatus, PathBytes } from '../ports/files.ts'
import type { Names } from '../source/path.ts'
import { hashFile } from './hash-file.ts'
import { taken } from './in-the-way.ts'

export const CONFLICT_POLICIES = ['abort', 'skip', 'overwrite', 'update', 'identical'] as const

export type ConflictPolicy = (typeof CONFLICT_POLICIES)[number]

/**
 * `write`: nothing is in the way, or a folder where a folder belongs. `unchanged`: it is there already.
 * An error: it stays as it is, and the person is told.
 */
export type Decision = 'write' | 'replace' | 'unchanged' | 'skip' | FilesError

/**
 * What this machine remembers: whether a version of the path has the content with this digest (SHA-256).
 * `undefined` where it has no memory of it.
 */
export type KnownContent = (
  path: Names,
  version: Version,
  digest: Uint8Array,
) => boolean | undefined

export interface ConflictParts {
  readonly files: Files
  readonly source: ObjectSource
  readonly knownContent: KnownContent
}

export class Conflicts {
  readonly #parts: ConflictParts
  readonly policy: ConflictPolicy

  constructor(parts: ConflictParts, policy: ConflictPolicy) {
    this.#parts = parts
    this.policy = policy
  }

  /**
   * @param path - its place in the target
   * @param there - what has the name now
   */
  async decide(
    { path: names, entry }: FoundEntry,
    path: PathBytes,
    there: FileStatus | undefined,
    signal: AbortSignal,
  ): Promise<Decision> {
    if (there === undefined) return 'write'
    if (entry.span.what.kind === 'folder') return this.#folder(there)
    const { policy } = this
    if (policy === 'abort') return taken()
    if (policy === 'skip') return 'skip'
    if (policy === 'update') return this.#update(entry, path, there)
    if ((await this.#isSame(names, entry, { path, there }, signal)) === true) return 'unchanged'
    return policy === 'identical' ? taken() : 'replace'
  }

  #folder({ kind }: FileStatus): Decision {
    if (kind === 'folder') return this.policy === 'skip' ? 'skip' : 'write'
    return this.policy === 'overwrite' ? 'replace' : notFolder()
  }

  async #update(entry: VisibleEntry, path: PathBytes, there: FileStatus): Promise<Decision> {
    const { attributes, what } = entry.span
    if (there.kind === 'folder') return taken()
    const order = compareTimes(attributes.mtime, there.mtime)
    if (order > 0) return 'replace'
    if (order < 0 || what.kind !== there.kind) return 'skip'
    const isSame =
      what.kind === 'file'
        ? there.size === entry.version?.size
        : await this.#isSameSpecial(what, path, there)
    return isSame ? 'unchanged' : 'skip'
  }

  /** @returns `undefined` where only the grid could tell, and asking costs what fetching does */
  /** What is all in its name: where a link leads, what a device stands for. */
  async #isSameSpecial(what: What, path: PathBytes, there: FileStatus): Promise<boolean> {
    if (what.kind === 'symlink') return equal(await this.#parts.files.readLink(path), what.target)
    if (!('device' in what)) return what.kind === there.kind
    const { deviceNumber } = there
    return deviceNumber?.major === what.device.major && deviceNumber.minor === what.device.minor
  }

  async #isSame(
    names: Names,
    { span: { what }, version }: VisibleEntry,
    { path, there }: { readonly path: PathBytes; readonly there: FileStatus },
    signal: AbortSignal,
  ): Promise<boolean | undefined> {
    const { files, source, knownContent } = this.#parts
    if (what.kind !== there.kind) return false
    if (what.kind !== 'file') return await this.#isSameSpecial(what, path, there)
    if (version === undefined || version.size !== there.size) return false
    if (version.size === 0) return true
    const digest = await hashFile(files, path, signal)
    const isSame =
      version.digest === undefined
        ? knownContent(names, version, digest)
        : equal(version.digest, digest)
    if (isSame !== undefined || this.policy !== 'identical') return isSame
    return equal(digest, sha256(await wholeObject(version, source)))
  }
}

/** @returns the content of a version that is one object, which its key commits to */
export async function wholeObject({ content }: Version, source: ObjectSource): Promise<Uint8Array> {
  const [reference] = content.parts.references
  if (reference === undefined) return new Uint8Array(0)
  return await source.read(reference, 'content')
}

export function compareTimes(a: Time, b: Time): number {
  return a.seconds - b.seconds || a.nanoseconds - b.nanoseconds
}

function notFolder(): FilesError {
  return new FilesError('ENOTDIR', 'A folder belongs here and something else is in the way')
}
