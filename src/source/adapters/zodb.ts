/**
 * ZODB: a FileStorage (`Data.fs`) that is being committed to.
 *
 * What is kept ends with the last complete transaction. With every version goes an index that speaks up to
 * just there, made here whether or not one is on disk, so that ZODB opens what is restored without reading all
 * of it. Writers are not held up: what is before the end of a transaction never changes.
 */

import { CairnError, FilesError } from '../../base/errors.ts'
import type { ByteReader, Files, FileStatus, PathBytes } from '../../ports/files.ts'
import { FileStorage, isFileStorage } from './file-storage.ts'
import { FsIndex } from './fs-index.ts'
import { withSuffix } from './same-state.ts'
import {
  bytesSource,
  type Companion,
  type SafeGroup,
  type SafeSource,
  type SourceAdapter,
} from './source-adapter.ts'

const INDEX_SUFFIX = '.index'

/** Bytes of an index that is read: some 8 for each object. What is larger is made anew. */
const INDEX_SIZE_MAX = 1024 ** 3

const SLASH = 0x2f

/** Bytes of a name that any file system holds. */
const NAME_SIZE_MAX = 255

/** How often a storage may turn out to have been rewritten while it was read. */
const OPENED_MAX = 3

export function zodbAdapter(): SourceAdapter {
  return {
    name: 'zodb',
    suffixes: [INDEX_SUFFIX],
    madeSuffixes: [INDEX_SUFFIX],
    claims: isFileStorage,
    group: (files, path) => new ZodbGroup(files, path),
  }
}

/** A storage, open, as far as it was complete when it was opened. */
interface Moment {
  readonly file: ByteReader
  readonly status: FileStatus
  readonly end: number
  readonly index: FsIndex
}

class ZodbGroup implements SafeGroup {
  readonly #files: Files
  readonly #path: PathBytes
  #moment: Moment | undefined
  #openedCount = 0
  /** Of the index on disk, if there is one, before the storage was looked at. */
  #indexStatus: FileStatus | undefined
  trouble: string | undefined

  constructor(files: Files, path: PathBytes) {
    this.#files = files
    this.#path = path
  }

  async open(): Promise<SafeSource | undefined> {
    const moment = await this.#prepare()
    if (moment === undefined) return undefined
    const { file, status, end } = moment
    return {
      recorded: status,
      status: async () => ({ ...status, size: end }),
      read: (offset, length) => file.read(offset, Math.max(0, Math.min(length, end - offset))),
      isWhole: () => this.#isWhole(moment),
      onlyGrows: true,
      // Packing makes a new file, in which everything lies elsewhere.
      isNew: (known) => known.inode !== status.inode || known.size > status.size,
      close: async () => undefined,
    }
  }

  async openCompanion(): Promise<SafeSource | undefined> {
    const moment = await this.#prepare()
    if (moment === undefined) return undefined
    const { index, end } = moment
    return bytesSource(this.#statusOfIndex(moment), index.encode(end))
  }

  async companions(): Promise<readonly Companion[]> {
    const path = withSuffix(this.#path, INDEX_SUFFIX)
    if (path.length - path.lastIndexOf(SLASH) - 1 > NAME_SIZE_MAX) return []
    const status =
      this.#moment === undefined ? this.#indexStatus : this.#statusOfIndex(this.#moment)
    if (status === undefined) return []
    return [{ path, isEmpty: false, status }]
  }

  async close(): Promise<void> {
    await this.#moment?.file.close()
    this.#moment = undefined
  }

  #statusOfIndex({ status }: Moment): FileStatus {
    return this.#indexStatus ?? status
  }

  async #prepare(): Promise<Moment | undefined> {
    if (this.#moment !== undefined || this.trouble !== undefined) return this.#moment
    this.#openedCount += 1
    const known = await this.#readIndex()
    const file = await this.#files.open(this.#path)
    try {
      const status = await file.status()
      const storage = new FileStorage(file)
      const isStart = known !== undefined && (await storage.endsAt(known.end, status.size))
      const end = await storage.findEnd(status.size, isStart ? known.end : undefined)
      const index = await storage.index(end, known)
      this.#moment = { file, status, end, index }
      return this.#moment
    } catch (error) {
      await file.close()
      if (!(error instanceof CairnError) || error instanceof FilesError) throw error
      this.trouble = error.message
      return undefined
    }
  }

  async #isWhole(moment: Moment): Promise<boolean> {
    const { size } = await moment.file.status()
    if (await new FileStorage(moment.file).endsAt(moment.end, size)) return true
    await this.close()
    if (this.#openedCount >= OPENED_MAX) this.trouble = 'it was rewritten each time it was read'
    return false
  }

  /** @returns the index on disk, of an earlier moment; undefined if there is none of use */
  async #readIndex(): Promise<{ index: FsIndex; end: number } | undefined> {
    try {
      const file = await this.#files.open(withSuffix(this.#path, INDEX_SUFFIX))
      try {
        const status = await file.status()
        this.#indexStatus = status
        if (status.size > INDEX_SIZE_MAX) return undefined
        return FsIndex.decode(await file.read(0, status.size))
      } finally {
        await file.close()
      }
    } catch (error) {
      if (error instanceof FilesError) return undefined
      throw error
    }
  }
}
