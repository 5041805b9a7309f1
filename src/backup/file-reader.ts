/**
 * The file reader: one file becomes a new version, whatever somebody does to it meanwhile.
 *
 * An adapter that knows this kind of file decides its bytes. Others are read, and looked at before and after: what changed
 * is read again, then copied and the copy read. What came of it is the version's label (docs/operations.md).
 */

import type { VersionLabel } from '../../protocol/tree.ts'
import type { Hole, Xattr } from '../../protocol/file-extras.ts'
import { assert } from '../base/assert.ts'
import { isSameTime } from '../base/entry-status.ts'
import { FilesError } from '../base/errors.ts'
import { formatBytes } from '../base/size-words.ts'
import { CHAIN_LENGTH_LIMIT } from '../history/chain-bounds.ts'
import type { Clock } from '../ports/clock.ts'
import type { FileReader as OpenFile, Files, FileStatus, FileTime } from '../ports/files.ts'
import { HEAD_SIZE } from '../source/adapters/source-adapter.ts'
import { isSqlite } from '../source/adapters/sqlite.ts'
import type { SafeSources } from '../source/safe-sources.ts'
import type { EntryRow } from '../store/entries.ts'
import {
  ContentReader,
  type ContentReaderParts,
  type FileContent,
  type FileSecrets,
} from './content-reader.ts'
import { copyFile, type OpenedFile } from './file-copy.ts'
import { HOLES_ASKED } from './file-details.ts'
import { racyForMs, type SeenTime } from './racy.ts'
import { isSameState } from './same-state.ts'

/** Attempts at a file that changes while it is read; then it is copied. */
const ATTEMPTS_MAX = 2

/** Zeros of holes in one file: an hour's work and more. */
const HOLES_SIZE_MAX = 2 ** 40

/** Holes that are added up of a file that is larger than that. */
const HOLES_LOOKED_AT = 100_000

/** What reading one file gave. */
export interface ReadVersion extends FileContent {
  readonly status: FileStatus
  readonly label: VersionLabel
  /** Whether the file held still while it was read, or at last while its copy was. */
  readonly isCalm: boolean
  /** Whether every change that is not in it bears another change time than `status`. */
  readonly isSettled: boolean
  readonly xattrs: readonly Xattr[]
  /** Up to `HOLES_ASKED`. */
  readonly holes: readonly Hole[]
  /** The end alone was read, and what was stored before is trusted: it is to be read another time. */
  readonly isQuick?: boolean
  /** What kept something beside the content from being read. */
  readonly trouble?: FilesError | undefined
}

export interface FileReaderParts extends Omit<ContentReaderParts, 'onBytes'> {
  readonly clock: Clock
  readonly files: Files
  /** Who knows a kind of file decides its bytes. */
  readonly sources?: Pick<SafeSources, 'open'> | undefined
  /** A file up to this, bytes, is copied if it does not hold still. */
  readonly copySizeMax: number
}

export interface FileToRead {
  /** The path as the last snapshot has it. */
  readonly known: EntryRow | undefined
  /** The file is known to change all the time: it is copied at once. */
  readonly isHot?: boolean
  /** Of a file that only grew the end is enough. */
  readonly isQuick?: boolean
  /** Gives what was read already under another name. */
  readonly linked?: ((status: FileStatus) => Promise<ReadVersion | undefined>) | undefined
  /** Its change time as it was seen before, if it was. */
  readonly seen?: SeenTime | undefined
}

type WantedVersion = Pick<FileToRead, 'known' | 'linked' | 'seen'>

export class FileReader {
  readonly #parts: FileReaderParts
  readonly #contents: ContentReader
  /** No adapter looked at a database before; monotonic. */
  #groupsFrom: number | undefined
  /** Bytes of the file under way read in this attempt. */
  bytesOfFile = 0

  constructor(parts: FileReaderParts, secrets: FileSecrets) {
    this.#parts = parts
    const onBytes = (size: number): void => {
      this.bytesOfFile = size
    }
    this.#contents = new ContentReader({ ...parts, onBytes }, secrets)
  }

  /** Bytes read from the person's files. */
  get bytesRead(): number {
    return this.#contents.bytesRead
  }

  /**
   * @throws {FilesError} the file cannot be read, or is gone, or is no regular file any more
   */
  async read(
    path: Uint8Array,
    { known, isHot = false, isQuick = false, linked, seen }: FileToRead,
    signal: AbortSignal,
  ): Promise<ReadVersion> {
    const safe = await this.#readSafe(path, { known, isQuick, seen }, signal)
    if (safe !== undefined) return safe
    const wanted = { known, linked, seen }
    const grown = isQuick ? await this.#readGrown(path, wanted, signal) : undefined
    if (grown !== undefined) return grown
    let fuzzy: ReadVersion | undefined
    for (let attempt = isHot ? ATTEMPTS_MAX : 0; attempt < ATTEMPTS_MAX; attempt += 1) {
      const read = await this.#readOnce(path, wanted, signal)
      if (read.isCalm) return attempt === 0 ? read : retried(read)
      // What was read is what is kept, and the label says that it may never have been whole.
      fuzzy = toFuzzy(read)
    }
    return await this.#readCopy(path, { ...wanted, fuzzy }, signal)
  }

  /**
   * Read the end of a file that only grew. One that grows on meanwhile is read again, and then kept as it was read:
   * to copy it would take reading all of it.
   *
   * @returns undefined where it must be read
   */
  async #readGrown(
    path: Uint8Array,
    wanted: WantedVersion,
    signal: AbortSignal,
  ): Promise<ReadVersion | undefined> {
    let fuzzy: ReadVersion | undefined
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt += 1) {
      const read = await this.#tryOnce(path, { ...wanted, isQuick: true }, signal)
      if (read === undefined || read.isCalm) return read && attempt > 0 ? retried(read) : read
      fuzzy = toFuzzy(read)
    }
    return fuzzy
  }

  /** @returns what was read, `stable` if it was calm */
  async #readOnce(
    path: Uint8Array,
    wanted: WantedVersion,
    signal: AbortSignal,
  ): Promise<ReadVersion> {
    const read = await this.#tryOnce(path, wanted, signal)
    assert(read !== undefined, 'what is read wholly gives a version')
    return read
  }

  /** @returns what was read, `stable` if it was calm; undefined where a file's end is not enough */
  async #tryOnce(
    path: Uint8Array,
    { known, linked = async () => undefined, seen, isQuick = false }: Omit<FileToRead, 'isHot'>,
    signal: AbortSignal,
  ): Promise<ReadVersion | undefined> {
    const { file, status: before, isSettled } = await this.#open(path, seen, signal)
    try {
      await assertReadable(file, before)
      const same = await linked(before)
      if (same !== undefined) return { ...same, isCalm: true }
      const content = isQuick
        ? await this.#readEnd(file, before, known, signal)
        : await this.#contents.read(file, before, known, signal)
      if (content === undefined) return undefined
      const more = await seeMore(file)
      const status = await file.status()
      const isCalm = isSettled && isSameState(before, status) && content.size === status.size
      return { ...content, ...more, status, label: 'stable', isCalm, isSettled: isCalm, isQuick }
    } finally {
      await file.close()
      await this.#parts.deltaBuffer.reset()
    }
  }

  /** @returns undefined where the end is not enough */
  async #readEnd(
    file: OpenFile,
    status: FileStatus,
    known: EntryRow | undefined,
    signal: AbortSignal,
  ): Promise<FileContent | undefined> {
    // A database that no adapter decides on is changed in its midst, however it grew.
    if (isSqlite(await file.read(0, HEAD_SIZE))) return undefined
    return this.#contents.readGrown(file, status, known, signal)
  }

  /** @returns undefined if no adapter has the file's bytes */
  async #readSafe(
    path: Uint8Array,
    { known, isQuick, seen }: Pick<FileToRead, 'known' | 'isQuick' | 'seen'>,
    signal: AbortSignal,
  ): Promise<ReadVersion | undefined> {
    let settled: FileTime | undefined
    const onGroup = async (base: Uint8Array): Promise<void> => {
      settled = await this.#settle(base, seen, signal)
      this.#groupsFrom ??= this.#parts.clock.monotonic()
    }
    for (;;) {
      const source = await this.#parts.sources?.open(path, signal, onGroup)
      if (source === undefined) return undefined
      try {
        const isNew = known !== undefined && source.isNew?.(known) === true
        const base = isNew ? { ...known, chainLength: CHAIN_LENGTH_LIMIT } : known
        const before = await source.status()
        const grown =
          isQuick === true && source.onlyGrows === true
            ? await this.#contents.readGrown(source, before, base, signal)
            : undefined
        const content = grown ?? (await this.#contents.read(source, before, base, signal))
        const status = source.recorded
        if (!(await source.isWhole())) continue
        const xattrs = await this.#xattrsOf(path)
        const label = 'app-consistent'
        const more = { xattrs, holes: [], isQuick: grown !== undefined }
        const isSettled =
          (settled !== undefined && isSameTime(status.ctime, settled)) ||
          this.#wasSettled(status, seen)
        return { ...content, ...more, status, label, isCalm: true, isSettled }
      } finally {
        await source.close()
        await this.#parts.deltaBuffer.reset()
      }
    }
  }

  /** @returns whether a change time had been seen a tick before any adapter looked */
  #wasSettled({ ctime }: FileStatus, seen: SeenTime | undefined): boolean {
    if (seen === undefined || this.#groupsFrom === undefined) return false
    return isSameTime(ctime, seen.ctime) && racyForMs(seen, this.#groupsFrom) === 0
  }

  /** What an adapter made, or a program wrote, is on no disk and has none. */
  async #xattrsOf(path: Uint8Array): Promise<readonly Xattr[]> {
    try {
      return await this.#parts.files.xattrs(path)
    } catch (error) {
      if (!(error instanceof FilesError)) throw error
      return []
    }
  }

  /**
   * Copy the file, and read the copy.
   *
   * @param fuzzy - what there is if no copy can be had; if absent, the file is read once as it is
   */
  async #readCopy(
    path: Uint8Array,
    {
      known,
      linked = async () => undefined,
      seen,
      fuzzy,
    }: WantedVersion & { readonly fuzzy: ReadVersion | undefined },
    signal: AbortSignal,
  ): Promise<ReadVersion> {
    const onRead = (size: number): void => {
      this.bytesOfFile = size
      this.#parts.onRead()
    }
    const sizeMax = this.#parts.copySizeMax
    const open = () => this.#open(path, seen, signal)
    const copied = await copyFile(this.#parts.files, { open, sizeMax, onRead }, signal)
    if (copied === undefined) {
      if (fuzzy !== undefined) return fuzzy
      const read = await this.#readOnce(path, { known, linked, seen }, signal)
      return read.isCalm ? read : toFuzzy(read)
    }
    const { file, copy } = copied
    try {
      const same = fuzzy === undefined ? await linked(copy.status) : undefined
      if (same !== undefined) return same
      const status = { ...copy.status, size: copy.size }
      const content = await this.#contents.read(copy, status, known, signal)
      const more = await seeMore(file)
      const isCalm = isSameState(copy.status, await file.status())
      const { isSettled } = copy
      const read = { ...content, ...more, status, label: 'copied', isCalm, isSettled } as const
      return copy.isCalm ? read : toFuzzy(read)
    } finally {
      await copy.close()
      await file.close()
      await this.#parts.deltaBuffer.reset()
    }
  }

  /**
   * Open a file, once its last change is a tick ago. The wait comes before the opening, since what the path leads
   * to then is what counts.
   */
  async #open(
    path: Uint8Array,
    seen: SeenTime | undefined,
    signal: AbortSignal,
  ): Promise<OpenedFile> {
    const ctime = await this.#settle(path, seen, signal)
    const file = await this.#parts.files.open(path)
    try {
      const status = await file.status()
      if (status.kind !== 'file') throw new FilesError('EINVAL', 'not a regular file any more')
      return { file, status, isSettled: isSameTime(status.ctime, ctime) }
    } catch (error) {
      await file.close()
      throw error
    }
  }

  /**
   * A file that changed just now may change again within the same tick of its clock, and look the same: what is
   * read after the tick is safe from that.
   *
   * @returns its change time, after which the tick has passed by now
   */
  async #settle(
    path: Uint8Array,
    seen: SeenTime | undefined,
    signal: AbortSignal,
  ): Promise<FileTime> {
    const { clock, files } = this.#parts
    const { ctime } = await files.probe(path)
    const now = clock.monotonic()
    const isSeen = seen !== undefined && isSameTime(seen.ctime, ctime)
    const ms = racyForMs(isSeen ? seen : { ctime, at: now }, now)
    if (ms > 0) await clock.sleep(ms, signal)
    return ctime
  }
}

/** What was read may never have been whole: the next scan finds it changed. */
function toFuzzy(read: ReadVersion): ReadVersion {
  return { ...read, label: 'fuzzy', isSettled: false }
}

function retried(read: ReadVersion): ReadVersion {
  return { ...read, label: 'retried' }
}

/** Content counts for more than what is beside it: that may be missing, and is told. */
async function seeMore(file: OpenFile): Promise<Pick<ReadVersion, 'xattrs' | 'holes' | 'trouble'>> {
  const holes = await file.holes(HOLES_ASKED)
  try {
    return { xattrs: await file.xattrs(), holes }
  } catch (error) {
    if (!(error instanceof FilesError)) throw error
    return { xattrs: [], holes, trouble: error }
  }
}

/**
 * Holes are not read, and yet hashed as the zeros that they are: petabytes of them would take days.
 *
 * @throws {FilesError} EFBIG
 */
async function assertReadable(file: OpenFile, { size }: FileStatus): Promise<void> {
  if (size <= HOLES_SIZE_MAX) return
  const holes = await file.holes(HOLES_LOOKED_AT)
  const total = holes.reduce((sum, hole) => sum + hole.size, 0)
  if (total <= HOLES_SIZE_MAX) return
  throw new FilesError(
    'EFBIG',
    `${formatBytes(total)} of its ${formatBytes(size)} are holes, and up to ${formatBytes(HOLES_SIZE_MAX)} ` +
      'are kept: it is left out',
  )
}
