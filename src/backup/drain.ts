/**
 * The drain: files that wait in the queue become versions in packs.
 *
 * A file is finished when all its objects lie in packs that are durable on our own disk; it is
 * recorded in the same transaction as the last of those packs. So a crash loses at most what was
 * read since the last full pack, and that content is not sent twice.
 */

import type { DatabaseSync } from 'node:sqlite'
import { equal, toHex } from '../../protocol/bytes.ts'
import type { Version } from '../../protocol/tree.ts'
import { assert } from '../base/assert.ts'
import { isSameTime, toEntryStatus } from '../base/entry-status.ts'
import { FilesError } from '../base/errors.ts'
import type { codecs } from '../codec/codecs.ts'
import { SMALL_SIZE_MAX } from '../codec/small-originals.ts'
import type { Clock } from '../ports/clock.ts'
import type { Compute } from '../ports/compute.ts'
import type { Disk } from '../ports/disk.ts'
import type { Files, FileStatus } from '../ports/files.ts'
import { fromKey, toPath } from '../source/path.ts'
import type { SafeSources } from '../source/safe-sources.ts'
import type { Contents } from '../store/contents.ts'
import type { Entries, EntryRow } from '../store/entries.ts'
import type { HotFiles } from '../store/hot-files.ts'
import type { Queue, QueueResult, QueueRow, Weight } from '../store/queue.ts'
import type { Signatures } from '../store/signatures.ts'
import type { Spool } from '../store/spool.ts'
import { encodeVersions } from '../store/version-record.ts'
import { detailsOf } from './file-details.ts'
import { LinkedFiles } from './linked-files.ts'
import { DeltaBuffer } from './delta-buffer.ts'
import { COPY_SIZE_MAX } from './file-copy.ts'
import { mayBeDelta } from './delta-policy.ts'
import { FileReader, type ReadVersion } from './file-reader.ts'
import { FinishedFiles, type Finished } from './finished-files.ts'
import { FreshContents } from './fresh-contents.ts'
import { ContentSink } from './content-sink.ts'
import { Companions } from './companions.ts'
import { chainCost, newVersions } from './new-versions.ts'
import type { SealedPack } from './packer.ts'
import { racyForMs, type SeenTime } from './racy.ts'
import { hasRoom, SmallFiles, type PreparedFile, type SmallItem } from './small-files.ts'
import type { Uploader } from './uploader.ts'

export interface DrainParts {
  readonly clock: Clock
  readonly database: DatabaseSync
  readonly disk: Disk
  readonly files: Files
  readonly sources?: SafeSources | undefined
  readonly compute: Compute<typeof codecs>
  readonly entries: Entries
  readonly queue: Queue
  readonly contents: Contents
  readonly signatures: Signatures
  readonly hotFiles: HotFiles
  readonly spool: Spool
  readonly uploader: Uploader
  readonly nextPackNumber: () => number
  readonly chainOf: (entry: EntryRow) => Promise<readonly Version[] | undefined>
}

export interface DrainOptions {
  /** Of the snapshot being made. */
  readonly sequence: number
  readonly run: number
  readonly contentSecret: Uint8Array
  readonly padKey: Uint8Array
  readonly cutKey: Uint8Array
  /** Bytes of a file that is copied where it does not hold still, at most. */
  readonly copySizeMax?: number | undefined
  /** Asked before each file: whether to stop there, so that what is done can be published. */
  readonly isDue?: () => boolean
  /** What goes before the rest. */
  readonly weights: readonly Weight[]
  /** Of files that only grew the ends are enough. */
  readonly isQuick: boolean
  /** Whether a path belongs to what is backed up. */
  readonly isCovered: (path: Uint8Array) => boolean
}

export interface DrainEvents {
  /** So many bytes of the file under way were read in this attempt. */
  readonly onRead: (path: Uint8Array, size: number) => void
  /** A file was read, or failed. */
  readonly onFile: (path: Uint8Array, size: number) => void
  readonly onFailure: (path: Uint8Array, error: FilesError) => void
}

/** What the run did, for the person. */
export interface DrainTotals {
  filesNew: number
  filesChanged: number
  /** Touched only: the content is as before. */
  filesSame: number
  /** Changed while they were read, each time: what was read is kept, and labelled. */
  filesFuzzy: number
  /** Did not hold still: a copy of them was read. */
  filesCopied: number
  /** Of one committed moment of the program that writes them. */
  filesConsistent: number
  /** Of which the ends alone were read. */
  filesQuick: number
  deltas: number
}

/** A row of the queue, with what the last snapshot knows of its path. */
interface QueuedFile {
  readonly row: QueueRow
  readonly path: Uint8Array
  readonly folder: string
  readonly isKnownPath: boolean
  readonly known: EntryRow | undefined
}

interface SmallRow extends QueuedFile, SmallItem {}

/** Small files under way. */
interface Batch {
  readonly rows: readonly SmallRow[]
  readonly read: Promise<(PreparedFile | undefined)[]>
}

export class Drain {
  readonly #parts: DrainParts
  readonly #options: DrainOptions
  readonly #writer: ContentSink
  readonly #reader: FileReader
  readonly #small: SmallFiles
  /** No path is known yet: nothing to look up. */
  readonly #isFirst: boolean
  readonly #hasChains: boolean
  #linked = new LinkedFiles(new Set())
  #folder: string | undefined
  #signal: AbortSignal = new AbortController().signal
  #onRead: () => void = () => undefined
  #path: Uint8Array = new Uint8Array(0)
  /** Whether files wait still. */
  isPaused = false
  /** When every row of the queue had been seen; monotonic. */
  #seenAt = 0
  readonly #finished: FinishedFiles
  readonly #fresh: FreshContents
  readonly #companions: Companions

  readonly totals: DrainTotals = {
    filesNew: 0,
    filesChanged: 0,
    filesSame: 0,
    filesFuzzy: 0,
    filesCopied: 0,
    filesConsistent: 0,
    filesQuick: 0,
    deltas: 0,
  }

  constructor(parts: DrainParts, options: DrainOptions) {
    this.#parts = parts
    this.#options = options
    this.#fresh = new FreshContents(parts.contents)
    this.#writer = new ContentSink(
      {
        spool: parts.spool,
        nextPackNumber: parts.nextPackNumber,
        onPack: (pack) => this.#onPack(pack),
        find: (digest) => this.#fresh.find(digest),
        onSealed: (content) => this.#fresh.add(content),
      },
      options,
    )
    this.#reader = new FileReader(
      {
        clock: parts.clock,
        files: parts.files,
        sources: parts.sources,
        compute: parts.compute,
        writer: this.#writer,
        signatures: parts.signatures,
        deltaBuffer: new DeltaBuffer(parts.disk),
        onRead: () => this.#onRead(),
        copySizeMax: options.copySizeMax ?? COPY_SIZE_MAX,
        contentId: (digest) => parts.contents.id(digest),
        hasChainedOfSize: (size) => parts.entries.hasChainedOfSize(size),
        findContent: (content) => parts.entries.findContent(content),
        chainOf: parts.chainOf,
      },
      options,
    )
    this.#small = new SmallFiles(parts)
    this.#finished = new FinishedFiles(parts)
    this.#companions = new Companions(parts, options)
    this.#isFirst = parts.entries.isEmpty()
    this.#hasChains = parts.entries.hasChained()
  }

  get bytesRead(): number {
    return this.#reader.bytesRead + this.#small.bytesRead
  }

  /** Bytes of objects sealed, before erasure. */
  get bytesAdded(): number {
    return this.#writer.sealedSize
  }

  /** Resolves when no file waits any more, or it is paused, and all packs are on their way. */
  async run(events: DrainEvents, signal: AbortSignal): Promise<void> {
    this.#signal = signal
    this.#onRead = () => events.onRead(this.#path, this.#reader.bytesOfFile)
    try {
      await this.#run(events, signal)
    } finally {
      this.#small.close()
      await this.#writer.abandon()
    }
  }

  async #run(events: DrainEvents, signal: AbortSignal): Promise<void> {
    this.#linked = new LinkedFiles(this.#parts.queue.linkedInodes())
    let count = 0
    let open: SmallRow[] = []
    let begun: Batch | undefined
    // While one batch is written, the next is being read and prepared.
    const begin = async () => {
      const next = open.length === 0 ? undefined : await this.#begin(open)
      open = []
      if (begun !== undefined) await this.#batch(begun, events)
      begun = next
    }
    await this.#companions.pair()
    const { clock, queue } = this.#parts
    this.#seenAt = clock.monotonic()
    for (const row of queue.inOrder({ now: clock.now(), weights: this.#options.weights })) {
      signal.throwIfAborted()
      if (this.#companions.wasKept(row.key)) continue
      // At least one file is done before it is.
      this.isPaused = count > 0 && this.#options.isDue?.() === true
      if (this.isPaused) break
      count += 1
      const file = this.#pathOf(row)
      if (this.#isSimple(file)) {
        if (!hasRoom(open, row.status.size)) await begin()
        open.push({ ...file, size: row.status.size })
        continue
      }
      await begin()
      await begin()
      await this.#enter(file)
      await this.#file(file, events, this.#seenTime(row))
    }
    await begin()
    await begin()
    await this.#flush()
    assert(this.#finished.count === 0, 'with every pack durable, every file can be recorded')
    this.#parts.signatures.trim()
  }

  #pathOf(row: QueueRow): QueuedFile {
    const { entries } = this.#parts
    const names = fromKey(row.key)
    const known = this.#isFirst ? undefined : entries.get(row.key)
    return {
      row,
      path: toPath(names),
      folder: toHex(toPath(names.slice(0, -1))),
      isKnownPath: known !== undefined,
      known: known?.kind === 'file' ? known : undefined,
    }
  }

  /** @returns whether the file is small and becomes an original, whatever it holds */
  #isSimple({ row, known, path }: QueuedFile): boolean {
    const { size, inode } = row.status
    if (size > SMALL_SIZE_MAX || this.#linked.mayBeLinked(inode)) return false
    if (this.#parts.sources?.mayHave(path) === true) return false
    const { entries, signatures } = this.#parts
    if (this.#hasChains && entries.hasChainedOfSize(size)) return false
    if (known?.content === undefined || !mayBeDelta(known, size)) return true
    return !signatures.has(known.content)
  }

  async #begin(rows: readonly SmallRow[]): Promise<Batch> {
    const { clock } = this.#parts
    const now = clock.monotonic()
    // What changed just now is read once its next change would show: see racy.ts.
    const ms = Math.max(...rows.map(({ row }) => racyForMs(this.#seenTime(row), now)))
    if (ms > 0) await clock.sleep(ms, this.#signal)
    const read = this.#small.read(rows)
    // A failure is told when its turn comes.
    read.catch(() => undefined)
    return { rows, read }
  }

  async #batch({ rows, read }: Batch, events: DrainEvents): Promise<void> {
    const prepared = await read
    const readAt = this.#parts.clock.monotonic()
    for (const [index, file] of rows.entries()) {
      await this.#enter(file)
      const found = prepared[index]
      const seen = this.#seenTime(file.row)
      if (found === undefined || !isSameTime(found.status.ctime, seen.ctime)) {
        // All that changed since the scan wait from here, so that they wait together.
        const again = found === undefined ? seen : { ctime: found.status.ctime, at: readAt }
        await this.#file(file, events, again)
        continue
      }
      this.#path = file.path
      const { status, digest, signature, xattrs } = found
      const content = await this.#contentOf(file.known, found, file.size)
      const small = {
        status,
        label: 'stable',
        isCalm: true,
        isSettled: true,
        digest,
        size: file.size,
        signature,
        content,
        xattrs,
        holes: [],
      } as const
      this.#finished.add(this.#finish(file, small, events))
      events.onFile(file.path, file.size)
    }
    this.#signal.throwIfAborted()
    await this.#lookAtFinished()
  }

  async #contentOf(
    known: EntryRow | undefined,
    file: PreparedFile,
    size: number,
  ): Promise<ReadVersion['content']> {
    if (known?.content !== undefined) {
      const id = this.#parts.contents.id(file.digest)
      if (equal(known.content, id)) return { type: 'unchanged' }
    }
    const slots = size === 0 ? [] : [await this.#writer.writeContent({ form: 'plain', ...file })]
    return { type: 'original', slots, sizes: size === 0 ? [] : [size] }
  }

  /** Objects of one folder make runs of their own. */
  async #enter({ folder }: QueuedFile): Promise<void> {
    if (this.#folder !== undefined && folder !== this.#folder) await this.#writer.endRun()
    this.#folder = folder
  }

  async #lookAtFinished(): Promise<void> {
    if (this.#finished.look() === 'full') await this.#flush()
  }

  async #flush(): Promise<void> {
    await this.#writer.flush()
    this.#finished.recordReady()
  }

  #seenTime({ status }: QueueRow): SeenTime {
    return { ctime: status.ctime, at: this.#seenAt }
  }

  /** A file by itself: as a delta, in several objects, or because it is not calm. */
  async #file(file: QueuedFile, events: DrainEvents, seen?: SeenTime): Promise<void> {
    const { row, path, known, isKnownPath } = file
    this.#path = path
    try {
      const { contents, chainOf } = this.#parts
      const parts = { chainOf, contentId: (digest: Uint8Array) => contents.id(digest) }
      const isHot = this.#parts.hotFiles.has(row.key)
      const linked = (status: FileStatus) => this.#linked.find(status, known, parts)
      const { isQuick } = this.#options
      const wanted = { known, isHot, isQuick, linked, seen }
      const read = await this.#reader.read(path, wanted, this.#signal)
      if (isHot || read.label === 'copied' || read.label === 'fuzzy') {
        this.#parts.hotFiles.note(row.key, read.isCalm)
      }
      this.#linked.keep(known, read)
      this.#finished.add(this.#finish(file, read, events))
      await this.#lookAtFinished()
    } catch (error) {
      if (!(error instanceof FilesError)) throw error
      events.onFailure(path, error)
      const { queue, entries } = this.#parts
      const gone = error.code === 'ENOENT' && isKnownPath ? entries.get(row.key) : undefined
      if (gone !== undefined) queue.addGone(this.#options.run, row.key, gone)
      else queue.drop(row.key)
    }
    events.onFile(path, row.status.size)
    for await (const { row: beside, ctime } of this.#companions.with(path)) {
      const before = ctime === undefined ? undefined : { ctime, at: this.#seenAt }
      await this.#file(this.#pathOf(beside), events, before)
    }
    await this.#parts.sources?.release(path)
  }

  #finish({ row, path, known }: QueuedFile, read: ReadVersion, events: DrainEvents): Finished {
    const status = toEntryStatus(read.status)
    assert(status !== undefined, 'only regular files are read')
    const { content } = read
    if (known === undefined) this.totals.filesNew += 1
    else if (content.type === 'unchanged') this.totals.filesSame += 1
    else this.totals.filesChanged += 1
    if (content.type === 'delta') this.totals.deltas += 1
    if (read.label === 'fuzzy') this.totals.filesFuzzy += 1
    if (read.label === 'copied') this.totals.filesCopied += 1
    if (read.label === 'app-consistent') this.totals.filesConsistent += 1
    if (read.isQuick === true) this.totals.filesQuick += 1
    const slots = content.type === 'original' || content.type === 'delta' ? content.slots : []
    const result = () => this.#result(known, read)
    const { details, trouble = read.trouble } = detailsOf(read.status, read.xattrs, read.holes)
    if (trouble !== undefined) events.onFailure(path, trouble)
    const { signature, tail, isSettled, isQuick = false } = read
    return { row, status, isRacy: !isSettled, isQuick, details, slots, signature, tail, result }
  }

  #result(known: EntryRow | undefined, read: ReadVersion): QueueResult {
    const { content, digest } = read
    if (content.type === 'unchanged') {
      assert(known !== undefined, 'only a known file can be unchanged')
      const { version, chainLength, chainSize } = known
      return { versions: undefined, content: known.content, version, chainLength, chainSize }
    }
    const versions = newVersions(this.#options.sequence, known, read)
    return {
      versions: this.#parts.contents.sealRecord(encodeVersions(versions)),
      content: this.#parts.contents.id(digest),
      version: versions.at(-1)?.id ?? 0,
      ...chainCost(known, content, versions),
    }
  }

  async #onPack(pack: SealedPack): Promise<void> {
    await this.#parts.uploader.submit(
      pack,
      () => {
        this.#fresh.record(pack.number)
        this.#finished.record()
      },
      this.#signal,
    )
  }
}
