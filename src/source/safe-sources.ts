/**
 * Safe sources: the adapters that a backup asks before it reads a file.
 *
 * One lives for one backup. A database and its companions form a group, which is opened once and keeps its
 * moment; where the adapter cannot give one, the files are read as they are and the person is told.
 */

import { toHex } from '../../protocol/bytes.ts'
import { FilesError } from '../base/errors.ts'
import type { Files, PathBytes } from '../ports/files.ts'
import { isWithin, toNames, type Names } from './path.ts'
import { withoutSuffix } from './adapters/same-state.ts'
import {
  HEAD_SIZE,
  type Companion,
  type SafeGroup,
  type SafeSource,
  type SourceAdapter,
} from './adapters/source-adapter.ts'

export interface SafeSourcesOptions {
  /** Files, or folders with all in them, that are read as they are. */
  readonly except?: readonly PathBytes[]
}

/** A database that no safe moment was found for. */
export interface UnsafeFile {
  readonly path: PathBytes
  readonly why: string
}

export class SafeSources {
  readonly #files: Files
  readonly #adapters: readonly SourceAdapter[]
  readonly #except: Names[]
  readonly #given = new Map<string, SafeSource>()
  readonly #groups = new Map<string, SafeGroup>()
  readonly #bases = new Map<string, PathBytes>()
  /** How names of companions end. */
  readonly suffixes: readonly string[]
  /** Of those, what is kept although no such file may be on disk. */
  readonly madeSuffixes: readonly string[]

  constructor(
    files: Files,
    adapters: readonly SourceAdapter[],
    { except = [] }: SafeSourcesOptions = {},
  ) {
    this.#files = files
    this.#adapters = adapters
    this.#except = except.map(toNames)
    this.suffixes = adapters.flatMap(({ suffixes }) => suffixes)
    this.madeSuffixes = adapters.flatMap(({ madeSuffixes }) => madeSuffixes)
  }

  /** Databases that were read as they are, against what the person may expect. */
  get unsafe(): readonly UnsafeFile[] {
    return [...this.#groups].flatMap(([key, { trouble }]) => {
      const path = this.#bases.get(key)
      return trouble === undefined || path === undefined ? [] : [{ path, why: trouble }]
    })
  }

  /**
   * @param head - the file's first bytes, `HEAD_SIZE` of them or more, or all there are
   * @returns whether the file is a database for an adapter
   */
  claims(path: PathBytes, head: Uint8Array): boolean {
    const first = head.subarray(0, HEAD_SIZE)
    return this.#adapters.some((adapter) => adapter.claims(first)) && !this.#isExcepted(path)
  }

  /**
   * @returns whether the file must be opened here whatever it holds: its bytes were given, or its name is
   *   that of a companion
   */
  mayHave(path: PathBytes): boolean {
    if (this.#given.size > 0 && this.#given.has(toHex(path))) return true
    return this.suffixes.some((suffix) => withoutSuffix(path, suffix) !== undefined)
  }

  /** These bytes are what is at a path, whatever is there on disk. */
  give(path: PathBytes, source: SafeSource): void {
    this.#given.set(toHex(path), source)
  }

  /** Read a file as it is, and all below it. */
  leave(path: PathBytes): void {
    this.#except.push(toNames(path))
  }

  /**
   * @param onGroup - called with the path of a database before it is looked at for the first time
   * @returns the bytes to keep; undefined where the file is read as it is
   */
  async open(
    path: PathBytes,
    signal: AbortSignal,
    onGroup?: (base: PathBytes) => Promise<void>,
  ): Promise<SafeSource | undefined> {
    const given = this.#given.get(toHex(path))
    if (given !== undefined) return given
    const own = await this.#groupOf(path, onGroup)
    if (own !== undefined) return own.open(signal)
    const base = await this.baseOf(path)
    if (base === undefined) return undefined
    return (await this.#groupOf(base, onGroup))?.openCompanion(path, signal)
  }

  /** @returns what must be kept with a file that was opened, if it was a database */
  async companions(path: PathBytes): Promise<readonly Companion[]> {
    if (this.#groups.size === 0) return []
    return (await this.#groups.get(toHex(path))?.companions()) ?? []
  }

  /** Let go of a database that was read with all its companions. */
  async release(path: PathBytes): Promise<void> {
    if (this.#groups.size > 0) await this.#groups.get(toHex(path))?.close()
  }

  /** @returns the database that a path is a companion of, if there is one */
  async baseOf(path: PathBytes): Promise<PathBytes | undefined> {
    if (this.#isExcepted(path)) return undefined
    for (const adapter of this.#adapters) {
      for (const suffix of adapter.suffixes) {
        const base = withoutSuffix(path, suffix)
        if (base === undefined) continue
        const head = await this.#headOf(base)
        if (head !== undefined && !this.#isExcepted(base) && adapter.claims(head)) return base
      }
    }
    return undefined
  }

  /** Let go of everything. */
  async close(): Promise<void> {
    for (const group of this.#groups.values()) await group.close()
  }

  async #groupOf(
    path: PathBytes,
    onGroup?: (base: PathBytes) => Promise<void>,
  ): Promise<SafeGroup | undefined> {
    const key = toHex(path)
    const known = this.#groups.get(key)
    if (known !== undefined) return known
    if (this.#isExcepted(path) || this.#adapters.length === 0) return undefined
    const head = await this.#headOf(path)
    const adapter = head && this.#adapters.find((each) => each.claims(head))
    if (head === undefined || adapter === undefined) return undefined
    await onGroup?.(path)
    const group = adapter.group(this.#files, path, head)
    this.#groups.set(key, group)
    this.#bases.set(key, path)
    return group
  }

  /** @returns undefined if it cannot be read; whoever reads all of it says why */
  async #headOf(path: PathBytes): Promise<Uint8Array | undefined> {
    try {
      const file = await this.#files.open(path)
      try {
        return await file.read(0, HEAD_SIZE)
      } finally {
        // Before SQLite takes a lock: closing any descriptor of a file drops this process's locks on it.
        await file.close()
      }
    } catch (error) {
      if (error instanceof FilesError) return undefined
      throw error
    }
  }

  #isExcepted(path: PathBytes): boolean {
    if (this.#except.length === 0) return false
    const names = toNames(path)
    return this.#except.some((except) => isWithin(except, names))
  }
}
